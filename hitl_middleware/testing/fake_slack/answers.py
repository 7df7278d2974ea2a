"""What people put into menus and fields: from a test's plain values to Slack's `state.values`, with the checks that
Slack's own client makes before it lets anybody submit. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from hitl_middleware.testing.fake_slack.elements import every_option
from hitl_middleware.testing.fake_slack.errors import CannotHappen
from hitl_middleware.testing.fake_slack.words import Json, interactive, unescaped

# Where each element's content stands in a payload, and which of its fields fills it at first.
_SLOTS: Final[Mapping[str, tuple[str, str]]] = {
    **dict.fromkeys(
        ("plain_text_input", "email_text_input", "url_text_input", "number_input"), ("value", "initial_value")
    ),
    "rich_text_input": ("rich_text_value", "initial_value"),
    **dict.fromkeys(
        ("static_select", "external_select", "radio_buttons", "overflow"),
        ("selected_option", "initial_option"),
    ),
    **dict.fromkeys(
        ("multi_static_select", "multi_external_select", "checkboxes"),
        ("selected_options", "initial_options"),
    ),
    "users_select": ("selected_user", "initial_user"),
    "multi_users_select": ("selected_users", "initial_users"),
    "conversations_select": ("selected_conversation", "initial_conversation"),
    "multi_conversations_select": ("selected_conversations", "initial_conversations"),
    "channels_select": ("selected_channel", "initial_channel"),
    "multi_channels_select": ("selected_channels", "initial_channels"),
    "datepicker": ("selected_date", "initial_date"),
    "timepicker": ("selected_time", "initial_time"),
    "datetimepicker": ("selected_date_time", "initial_date_time"),
}
_STATELESS: Final = frozenset({"button", "overflow"})
_SHAPES: Final = {
    "email_text_input": r"[^@\s]+@[^@\s]+\.[^@\s]+",
    "url_text_input": r"https?://\S+",
    "number_input": r"-?\d+(\.\d+)?",
    "datepicker": r"\d{4}-\d{2}-\d{2}",
    "timepicker": r"\d{2}:\d{2}",
}


def state(blocks: Sequence[Json]) -> dict[str, dict[str, Any]]:
    """`state.values` of blocks that nobody has touched."""
    return _values(blocks, {}, {})


def submitted(
    blocks: Sequence[Json], given: Mapping[str, Any], kept: Mapping[str, Any] | None = None
) -> dict[str, dict[str, Any]]:
    """`state.values` after a person filled in `given`; raises where Slack's client would not let them submit.

    A key is `block_id/action_id`, a block_id, an action_id or the label of the field; an action_id or a label that
    several fields have names none of them. `kept` is what was entered before.
    """
    chosen: dict[tuple[str, str], Any] = {}
    fields = {_place(block, element): (block, element) for block, element in _stateful(blocks)}
    for key, raw in given.items():
        meant = [place for place, (block, element) in fields.items() if key in _keys(block, element)]
        if len(meant) != 1:
            known = "; ".join(" or ".join(sorted(_keys(*each))) for each in fields.values())
            msg = f"{key!r} names {len(meant)} fields of this view. Its fields: {known or 'none'}"
            raise CannotHappen(msg)
        chosen[meant[0]] = raw
    values = _values(blocks, chosen, kept or {})
    for block, element in _stateful(blocks):
        if block["type"] == "input":
            content = values[block["block_id"]][element["action_id"]]
            _check(block, element, content[_SLOTS[element["type"]][0]])
    return values


def action(block: Json, element: Json, raw: Any, *, at: str) -> dict[str, Any]:
    """One entry of `actions`: a button pressed, or something chosen."""
    found = {
        "action_id": element["action_id"],
        "block_id": block["block_id"],
        "type": element["type"],
        "action_ts": at,
    }
    if element["type"] == "button":
        return {**found, **{key: element[key] for key in ("text", "value", "style") if key in element}}
    return {**found, **_content(element, raw)}


def _stateful(blocks: Sequence[Json]) -> list[tuple[Json, Json]]:
    return [each for each in interactive(blocks) if each[1]["type"] not in _STATELESS]


def _place(block: Json, element: Json) -> tuple[str, str]:
    return block["block_id"], element["action_id"]


def _keys(block: Json, element: Json) -> set[str]:
    names = {f"{block['block_id']}/{element['action_id']}", block["block_id"], element["action_id"]}
    return names | ({unescaped(block["label"]["text"])} if "label" in block else set())


def _values(
    blocks: Sequence[Json], chosen: Mapping[tuple[str, str], Any], kept: Mapping[str, Any]
) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for block, element in _stateful(blocks):
        slot, initial = _SLOTS[element["type"]]
        place = _place(block, element)
        before = kept.get(place[0], {}).get(place[1], {})
        if place in chosen:
            content = _content(element, chosen[place])
        elif before.get("type") == element["type"]:
            content = before
        else:
            content = {slot: element.get(initial, [] if slot == "selected_options" else None)}
        found.setdefault(place[0], {})[place[1]] = {"type": element["type"], **content}
    return found


def _content(element: Json, raw: Any) -> dict[str, Any]:
    slot = _SLOTS[element["type"]][0]
    match slot:
        case "selected_option":
            return {slot: None if raw is None else _option(element, raw)}
        case "selected_options":
            return {slot: [_option(element, each) for each in raw]}
        case "value":
            return {slot: None if raw is None or raw == "" else str(raw)}
        case "rich_text_value" if isinstance(raw, str):
            section = {"type": "rich_text_section", "elements": [{"type": "text", "text": raw}]}
            return {slot: {"type": "rich_text", "elements": [section]}}
        case _:
            return {slot: raw}


def _option(element: Json, raw: Any) -> Json:
    """An option by its value or its text; of an external menu, which options there are is not known here."""
    if element["type"].endswith("external_select"):
        return (
            raw
            if isinstance(raw, dict)
            else {"text": {"type": "plain_text", "text": str(raw)}, "value": str(raw)}
        )
    options: list[Json] = every_option(element)
    for each in options:
        if raw in (each["value"], unescaped(each["text"]["text"]), each):
            return each
    known = ", ".join(repr(each["value"]) for each in options)
    msg = f"{element['action_id']} has no option {raw!r}. Its options: {known}"
    raise CannotHappen(msg)


def _check(block: Json, element: Json, content: Any) -> None:
    label = unescaped(block["label"]["text"])
    if content in (None, [], ""):
        if not block.get("optional", False):
            msg = f"{label!r} is required: Slack does not submit the view without it"
            raise CannotHappen(msg)
        return
    shape = _SHAPES.get(element["type"])
    if shape is not None and not re.fullmatch(shape, str(content)):
        msg = f"{label!r} does not take {content!r}"
        raise CannotHappen(msg)
    if element["type"] == "plain_text_input":
        least, most = element.get("min_length", 0), element.get("max_length", 3000)
        if not least <= len(content) <= most:
            msg = f"{label!r} takes {least} to {most} characters, not {len(content)}"
            raise CannotHappen(msg)
    if element["type"] == "number_input":
        if not element["is_decimal_allowed"] and "." in content:
            msg = f"{label!r} takes whole numbers only"
            raise CannotHappen(msg)
        least, most = float(element.get("min_value", "-inf")), float(element.get("max_value", "inf"))
        if not least <= float(content) <= most:
            msg = f"{label!r} takes {least:g} to {most:g}, not {content}"
            raise CannotHappen(msg)
