"""A form's fields as input blocks, and what was put into those back as entries of the form. Pure.

Limits of Slack (docs.slack.dev, "Reference: Block Kit"): label and hint of an input 2,000 characters; ``plain_text_input`` 3,000; the
text of an option 75; 100 options of a menu, 10 of check boxes and radio buttons; 100 blocks in a modal.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import Any, Final

from hitl_middleware.channels.slack.press import ENTRY, MOST_WORDS, Given
from hitl_middleware.channels.slack.words import Json, code, plain, weight
from hitl_middleware.display import visible
from hitl_middleware.forms import Entered, Field, FormSpec, lines

MOST_FIELDS: Final = 95
MOST_LABEL: Final = 150
MOST_HINT: Final = 600
MOST_OPTION: Final = 75
MOST_OPTIONS: Final = 100
MOST_RADIO: Final = 5
MOST_BOXES: Final = 10
HIDDEN: Final = "⚠️ It holds characters that draw nothing, which cannot be seen here."

_SIMPLE: Final = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,9})?")
"""A number that is safe in a ``number_input``, whatever clients do with it: 15 digits are exact in any of them."""


def unfit(spec: FormSpec) -> str | None:
    """Why a form cannot be shown in Slack, as a sentence in our markup; ``None``: it can."""
    if not spec.fields:
        return "There is nothing in it to fill in."
    if len(spec.fields) > MOST_FIELDS:
        return f"It has {len(spec.fields)} fields, and a form in Slack takes {MOST_FIELDS}."
    for field in spec.fields:
        if _element(field)["type"] != "plain_text_input":
            continue
        shown, name = _text(field), code(field.key) if field.path else "All of it together"
        if len(shown.encode("utf-16-le", "surrogatepass")) // 2 > MOST_WORDS:
            return f"{name} is too long for a form in Slack, which takes {MOST_WORDS:,} characters."
        if any(unicodedata.category(char) in {"Cc", "Cs"} and char not in "\n\r\t" for char in shown):
            return f"{name} holds control characters, which a form in Slack does not carry."
    return None


def blocks(spec: FormSpec) -> list[Json]:
    """One input block for each field."""
    return [_block(number, field) for number, field in enumerate(spec.fields)]


def block_id(spec: FormSpec, key: str) -> str | None:
    """The block in which a field stands."""
    return next((_name(number) for number, field in enumerate(spec.fields) if field.key == key), None)


def entries(spec: FormSpec, given: Mapping[str, Given]) -> dict[str, Entered]:
    """What was entered under each field's key. A block that did not come is a field that nobody touched."""
    return {
        field.key: _entry(field, given[_name(number)])
        for number, field in enumerate(spec.fields)
        if _name(number) in given
    }


def words_input(label: str, hint: str, *, block: str, optional: bool) -> Json:
    """A field for words of several lines."""
    return {
        "type": "input",
        "block_id": block,
        "optional": optional,
        "label": plain(label, MOST_LABEL),
        "hint": plain(hint, MOST_HINT),
        "element": {
            "type": "plain_text_input",
            "action_id": ENTRY,
            "multiline": True,
            "max_length": MOST_WORDS,
            "focus_on_load": True,
        },
    }


def _name(number: int) -> str:
    return f"field-{number}"


def _block(number: int, field: Field) -> Json:
    element = {**_element(field), "action_id": ENTRY}
    hint = field.hint
    if element["type"] == "plain_text_input":
        if field.options:
            hint = f"{hint} One of: {', '.join(option.label for option in field.options)}".strip()
        if visible(shown := _text(field).replace("\t", "")) != shown:
            hint = f"{HIDDEN} {hint}".strip()
    more = {"hint": plain(hint, MOST_HINT)} if hint else {}
    return {
        "type": "input",
        "block_id": _name(number),
        "optional": not field.required,
        "label": plain(field.label, MOST_LABEL),
        "element": element,
        **more,
    }


def _element(field: Field) -> Json:
    """The element that suits a field; a text where Slack has nothing better."""
    match field.kind:
        case "boolean" | "choice" if _fits_menu(field):
            kind = "radio_buttons" if len(field.options) <= MOST_RADIO else "static_select"
            options, chosen = _options(field)
            return {"type": kind, "options": options, **_initially("initial_option", *chosen)}
        case "choices" if _fits_menu(field):
            kind = "checkboxes" if len(field.options) <= MOST_BOXES else "multi_static_select"
            options, chosen = _options(field)
            return {"type": kind, "options": options, **_initially("initial_options", chosen)}
        case "date":
            return {"type": "datepicker", **_initially("initial_date", field.shown)}
        case "integer" | "number" if not field.shown or _SIMPLE.fullmatch(_text(field)):
            return {
                "type": "number_input",
                "is_decimal_allowed": field.kind == "number",
                **_initially("initial_value", field.shown),
            }
    return {
        "type": "plain_text_input",
        "multiline": field.kind in {"lines", "json", "choices"},
        "max_length": MOST_WORDS,
        **_initially("initial_value", _text(field)),
    }


def _initially(name: str, *shown: Any) -> Json:
    return {name: shown[0]} if shown and shown[0] else {}


def _entry(field: Field, given: Given) -> Entered:
    """What stands in a block, in the form's own words."""
    element = _element(field)
    if "options" in element:
        labels = {str(number): option.label for number, option in enumerate(field.options)}
        values = (given,) if isinstance(given, str) else given or ()
        # A value that is none of ours becomes an error at the field.
        chosen = tuple(labels.get(value, value) for value in values)
        return chosen if field.kind == "choices" else next(iter(chosen), None)
    if not isinstance(given, str | None):
        return given
    if lines(given or "").strip() == lines(_text(field)).strip():
        # Some clients send a text without the space around it: that alone is no wish to change it.
        return field.shown
    if field.kind == "choices":
        return tuple(line.strip() for line in (given or "").splitlines() if line.strip())
    return given


def _text(field: Field) -> str:
    return field.shown if isinstance(field.shown, str) else "\n".join(field.shown)


def _fits_menu(field: Field) -> bool:
    return 0 < len(field.options) <= MOST_OPTIONS and all(
        weight(visible(option.label)) <= MOST_OPTION for option in field.options
    )


def _options(field: Field) -> tuple[list[Json], list[Json]]:
    """All options, and those chosen at first. Values are numbers: a label may be longer than the 150 characters that a value takes."""
    shown = (field.shown,) if isinstance(field.shown, str) else field.shown
    options = [
        {"text": plain(option.label, MOST_OPTION), "value": str(number)}
        for number, option in enumerate(field.options)
    ]
    pairs = zip(options, field.options, strict=True)
    return options, [each for each, option in pairs if option.label in shown]
