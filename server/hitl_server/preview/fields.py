"""The elements of a Slack form: what stands in each, and what a page's form sent, as ``FakeSlack.submit_view`` takes it. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from hitl_middleware.testing.fake_slack.elements import every_option
from hitl_middleware.testing.fake_slack.words import interactive
from hitl_server.pages.fields import Sent

Json = Mapping[str, Any]

MANY: Final = ("checkboxes", "multi_")
_AT_FIRST: Final = (
    *("initial_value", "initial_date", "initial_time", "initial_date_time", "initial_user"),
    *("initial_channel", "initial_conversation"),
)


@dataclass(frozen=True, slots=True)
class Drawn:
    """An element as it stands: ``text`` of a field, ``chosen`` values of a choice."""

    name: str
    kind: str
    text: str
    chosen: frozenset[str]
    options: Sequence[Json]


def drawn(block: Json, element: Json, entered: Mapping[str, Any], typed: Sent | None = None) -> Drawn:
    """An element with what was ``typed`` and not taken, else what was ``entered`` before, else what it holds at first."""
    name = name_of(block, element)
    options = every_option(element)
    before = entered.get(block["block_id"], {}).get(element["action_id"])
    if typed is not None:
        values = list(typed.get(name, ()))
    elif before is not None:
        values = _values(before)
    else:
        initial = [*element.get("initial_options", ())] + [
            element[key] for key in ("initial_option",) if key in element
        ]
        values = [str(each["value"]) for each in initial]
        values += [str(element[key]) for key in _AT_FIRST if key in element]
    return Drawn(name, element["type"], values[-1] if values else "", frozenset(values), options)


def values_of(blocks: Sequence[Json], sent: Sent) -> dict[str, Any]:
    """What a person put into the fields of a form, under ``block_id/action_id``."""
    return {
        name_of(block, element): _given(element, sent.get(name_of(block, element), ()))
        for block, element in interactive(blocks)
        if block["type"] == "input"
    }


def name_of(block: Json, element: Json) -> str:
    """What an element is called in a page's form, and by ``FakeSlack``."""
    return f"{block['block_id']}/{element['action_id']}"


def _given(element: Json, values: Sequence[str]) -> Any:
    if element["type"].startswith(MANY):
        return list(values)
    # Browsers send line ends as CRLF, Slack's clients do not.
    text = values[-1].replace("\r\n", "\n") if values else ""
    if not text:
        return None
    return int(text) if element["type"] == "datetimepicker" and text.isdecimal() else text


def _values(content: Mapping[str, Any]) -> list[str]:
    """The values in one entry of ``state.values``."""
    held = (value for key, value in content.items() if key != "type" and value is not None)
    each_of = (each for value in held for each in (value if isinstance(value, list) else [value]))
    return [
        str(each["value"]) if isinstance(each, dict) and "value" in each else str(each) for each in each_of
    ]
