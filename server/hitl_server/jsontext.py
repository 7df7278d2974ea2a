"""JSON at the edge: read strictly, written so that anything stored can be shown. Pure."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, Final

DEEPEST: Final = 64
"""Levels of nesting that are read. No tool has arguments that deep, and a parser that recurses has to stop somewhere."""

DEEPEST_SHOWN: Final = 100
"""Levels that are written: what a model wrote was never read by us, and the serializer has a limit of its own."""

CUT: Final = "⟦CUT – nested too deeply to be shown⟧"

_SMALLEST, _LARGEST = -(2**63), 2**64 - 1
_MOST_DIGITS: Final = 20


class NotJson(ValueError):
    """A body that is not JSON as we take it; the message is a sentence."""


def read_json(body: bytes) -> Any:
    """The value of a JSON text.

    Raises ``NotJson`` for whatever could mean something else to the next reader, or could not be stored: other encodings, a name given
    twice, NaN and Infinity, integers beyond 64 bits, lone surrogates, more than ``DEEPEST`` levels.
    """
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        msg = "The body is not UTF-8."
        raise NotJson(msg) from None
    try:
        value = json.loads(
            text, parse_int=_integer, parse_float=_number, parse_constant=_constant, object_pairs_hook=_object
        )
    except NotJson:
        raise
    except json.JSONDecodeError as error:
        msg = f"The body is not JSON: {error.msg} at line {error.lineno}, column {error.colno}."
        raise NotJson(msg) from None
    except RecursionError:
        raise _too_deep() from None
    _check(value)
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        msg = "A name stands twice in one object of the body."
        raise NotJson(msg)
    return found


def _integer(digits: str) -> int:
    if len(digits) <= _MOST_DIGITS + 1 and _SMALLEST <= (number := int(digits)) <= _LARGEST:
        return number
    msg = "The body has an integer of more than 64 bits; send it as text."
    raise NotJson(msg)


def _number(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        msg = "The body has a number that is too large."
        raise NotJson(msg)
    return number


def _constant(name: str) -> Any:
    msg = f"{name} is not JSON."
    raise NotJson(msg)


def _check(value: Any) -> None:
    waiting: list[tuple[Any, int]] = [(value, 1)]
    while waiting:
        item, level = waiting.pop()
        match item:
            case str():
                _check_text(item)
            case dict() | list():
                if level > DEEPEST:
                    raise _too_deep()
                if isinstance(item, dict):
                    waiting += ((part, level + 1) for pair in item.items() for part in pair)
                else:
                    waiting += ((part, level + 1) for part in item)


def _check_text(text: str) -> None:
    if not text.isascii() and any("\ud800" <= char <= "\udfff" for char in text):
        msg = "A text of the body has half a character (a lone surrogate)."
        raise NotJson(msg)


def _too_deep() -> NotJson:
    return NotJson(f"The body is nested more than {DEEPEST} levels deep.")


def plain(value: Any, *, level: int = 1) -> Any:
    """``value`` as every JSON reader takes it: numbers that JSON lacks as text, U+FFFD for half a character, a loud cut where too deep."""
    match value:
        case str():
            return _whole(value)
        case float() if not math.isfinite(value):
            return repr(value)
        case Mapping() | list() | tuple() if level > DEEPEST_SHOWN:
            return CUT
        case Mapping():
            return {_whole(str(key)): plain(item, level=level + 1) for key, item in value.items()}
        case list() | tuple():
            return [plain(item, level=level + 1) for item in value]
        case _:
            return value


def _whole(text: str) -> str:
    if text.isascii():
        return text
    return "".join("\N{REPLACEMENT CHARACTER}" if "\ud800" <= char <= "\udfff" else char for char in text)
