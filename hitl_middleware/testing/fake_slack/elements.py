"""Block Kit's composition objects and block elements, and what Slack demands of each.

Limits: docs.slack.dev, "Reference: Block Kit" (composition objects; block elements), one page per object. Known here:
buttons, images, overflow menus, check boxes, radio buttons, date and time pickers, every select menu and every input
but `file_input`. `workflow_button` and the elements of newer blocks are refused as unsupported.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from hitl_middleware.testing.fake_slack.schema import (
    Check,
    array,
    boolean,
    choice,
    exactly_one,
    integer,
    kind,
    record,
    string,
    subset,
    tagged,
)

# ------------------------------------------------------------------------------------------------ composition objects

MOST_TEXT: Final = 3000


def plain_text(most: int = MOST_TEXT) -> Check:
    """A text object in which Slack interprets nothing but emoji."""
    return kind("plain_text", {"text": string(most)}, {"emoji": boolean})


def mrkdwn(most: int = MOST_TEXT) -> Check:
    """A text object in Slack's markup."""
    return kind("mrkdwn", {"text": string(most)}, {"verbatim": boolean})


def text(most: int = MOST_TEXT) -> Check:
    """Either of the two text objects."""
    return tagged({"plain_text": plain_text(most), "mrkdwn": mrkdwn(most)})


def option(label: Check) -> Check:
    """One entry of a menu or a group of boxes; its value is at most 150 characters."""
    return record({"text": label, "value": string(150)}, {"description": text(75)})


STYLE = choice("primary", "danger")
CONFIRM = record(
    {"title": plain_text(100), "text": text(300), "confirm": plain_text(30), "deny": plain_text(30)},
    {"style": STYLE},
)
MENU_OPTION = option(plain_text(75))
BOX_OPTION = option(text(75))
LINK_OPTION = record(
    {"text": plain_text(75), "value": string(150)}, {"description": plain_text(75), "url": string(3000)}
)
OPTION_GROUP = record({"label": plain_text(75), "options": array(MENU_OPTION, least=1, most=100)})
DISPATCH = record(
    {"trigger_actions_on": array(choice("on_enter_pressed", "on_character_entered"), least=1, most=2)}
)
SLACK_FILE = record({}, {"id": string(), "url": string()}, exactly_one("id", "url"))
CONVERSATION_FILTER = record(
    {},
    {
        "include": array(choice("im", "mpim", "private", "public"), least=1),
        "exclude_external_shared_channels": boolean,
        "exclude_bot_users": boolean,
    },
)


def every_option(element: Mapping[str, Any]) -> list[Any]:
    """All options of a menu or a group of boxes, those inside groups too."""
    groups = element.get("option_groups", [])
    return [*element.get("options", []), *(each for group in groups for each in group["options"])]


def _preselected(element: Mapping[str, Any]) -> Iterator[str]:
    """What is selected at first has to be one of the options, to the letter."""
    initial = [*element.get("initial_options", [])]
    if "initial_option" in element:
        initial.append(element["initial_option"])
    if any(each not in every_option(element) for each in initial):
        yield "initial option must match exactly one of the options"


def _ordered(least: str, most: str) -> Any:
    def rule(element: Mapping[str, Any]) -> Iterator[str]:
        if least in element and most in element and float(element[least]) > float(element[most]):
            yield f"{least} must not be greater than {most}"

    return rule


# ----------------------------------------------------------------------------------------------------------- elements

_ACTION = {"action_id": string(255)}
_FOCUS = {"focus_on_load": boolean}
_HINTED = {**_ACTION, **_FOCUS, "placeholder": plain_text(150)}
_CONFIRMED = {**_ACTION, **_FOCUS, "confirm": CONFIRM}
_SELECT = {**_HINTED, "confirm": CONFIRM}
_OPTIONS = {
    "options": array(MENU_OPTION, least=1, most=100),
    "option_groups": array(OPTION_GROUP, least=1, most=100),
}
_MANY = {"max_selected_items": integer(1)}
_BOXES = {"options": array(BOX_OPTION, least=1, most=10)}
_TYPED = {**_HINTED, "dispatch_action_config": DISPATCH}
_NUMBER = string(pattern=r"-?\d+(\.\d+)?")
_DATE = string(pattern=r"\d{4}-\d{2}-\d{2}")
_TIME = string(pattern=r"\d{2}:\d{2}")
_IDS = array(string())
_QUERY = {"min_query_length": integer(0)}


def _selects() -> dict[str, Check]:
    """The five menus, for one choice and for many."""
    one_of = exactly_one("options", "option_groups")
    talks = {"default_to_current_conversation": boolean, "filter": CONVERSATION_FILTER}
    reply = {"response_url_enabled": boolean}
    forms: dict[str, tuple[dict[str, Check], dict[str, Check]]] = {
        "static_select": (
            {**_OPTIONS, "initial_option": MENU_OPTION},
            {**_OPTIONS, "initial_options": array(MENU_OPTION)},
        ),
        "external_select": (
            {**_QUERY, "initial_option": MENU_OPTION},
            {**_QUERY, "initial_options": array(MENU_OPTION)},
        ),
        "users_select": ({"initial_user": string()}, {"initial_users": _IDS}),
        "conversations_select": (
            {"initial_conversation": string(), **talks, **reply},
            {"initial_conversations": _IDS, **talks},
        ),
        "channels_select": ({"initial_channel": string(), **reply}, {"initial_channels": _IDS}),
    }
    found: dict[str, Check] = {}
    for name, (single, many) in forms.items():
        rules = (one_of, _preselected) if name == "static_select" else ()
        found[name] = kind(name, {}, {**_SELECT, **single}, *rules)
        found[f"multi_{name}"] = kind(f"multi_{name}", {}, {**_SELECT, **_MANY, **many}, *rules)
    return found


IMAGE = kind(
    "image",
    {"alt_text": string(2000)},
    {"image_url": string(3000), "slack_file": SLACK_FILE},
    exactly_one("image_url", "slack_file"),
)
BUTTON = kind(
    "button",
    {"text": plain_text(75)},
    {
        **_ACTION,
        "value": string(2000, least=0),
        "url": string(3000),
        "style": STYLE,
        "confirm": CONFIRM,
        "accessibility_label": string(75),
    },
)

ELEMENTS: Final[Mapping[str, Check]] = {
    "button": BUTTON,
    "image": IMAGE,
    "overflow": kind(
        "overflow", {"options": array(LINK_OPTION, least=1, most=5)}, {**_ACTION, "confirm": CONFIRM}
    ),
    "checkboxes": kind(
        "checkboxes", _BOXES, {**_CONFIRMED, "initial_options": array(BOX_OPTION, least=1)}, _preselected
    ),
    "radio_buttons": kind(
        "radio_buttons", _BOXES, {**_CONFIRMED, "initial_option": BOX_OPTION}, _preselected
    ),
    "datepicker": kind("datepicker", {}, {**_SELECT, "initial_date": _DATE}),
    "timepicker": kind("timepicker", {}, {**_SELECT, "initial_time": _TIME, "timezone": string()}),
    "datetimepicker": kind(
        "datetimepicker", {}, {**_CONFIRMED, "initial_date_time": integer(1_000_000_000, 9_999_999_999)}
    ),
    "plain_text_input": kind(
        "plain_text_input",
        {},
        {
            **_TYPED,
            "initial_value": string(least=0),
            "multiline": boolean,
            "min_length": integer(0, 3000),
            "max_length": integer(1, 3000),
        },
        _ordered("min_length", "max_length"),
    ),
    "email_text_input": kind("email_text_input", {}, {**_TYPED, "initial_value": string()}),
    "url_text_input": kind("url_text_input", {}, {**_TYPED, "initial_value": string()}),
    "number_input": kind(
        "number_input",
        {"is_decimal_allowed": boolean},
        {**_TYPED, "initial_value": _NUMBER, "min_value": _NUMBER, "max_value": _NUMBER},
        _ordered("min_value", "max_value"),
    ),
    **_selects(),
}

_MENUS = tuple(name for name in ELEMENTS if name.endswith("_select"))
_MULTIPLE = tuple(name for name in _MENUS if name.startswith("multi_"))
_SINGLE = tuple(name for name in _MENUS if name not in _MULTIPLE)
_PICKERS = ("checkboxes", "radio_buttons", "datepicker", "timepicker")

# Which elements stand where: the "Works with block types" line of each element's page.
IN_ACTIONS = subset(ELEMENTS, "button", "overflow", *_PICKERS, "datetimepicker", *_SINGLE, *_MULTIPLE)
IN_SECTION = subset(ELEMENTS, "button", "image", "overflow", *_PICKERS, *_MENUS)
IN_INPUT_NAMES = (
    *_PICKERS,
    "datetimepicker",
    *_MENUS,
    "plain_text_input",
    "email_text_input",
    "url_text_input",
    "number_input",
)
IN_CONTEXT = tagged({"image": IMAGE, "plain_text": plain_text(), "mrkdwn": mrkdwn()})
