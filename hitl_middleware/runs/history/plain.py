"""A graph's state as plain JSON values, whatever stands in it: to be shown, compared and exported. Pure."""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
from collections.abc import Collection, Mapping
from typing import Any, Final

from langchain_core.messages import BaseMessage
from pydantic import BaseModel

DEEPEST: Final = 24
LONGEST_REPR: Final = 500

OF_MESSAGE: Final = ("type", "content", "name", "id", "tool_calls", "tool_call_id", "status")
"""What is kept of a message: what people said, and what was called. The rest is the provider's book-keeping."""


def plain(value: Any, depth: int = 0) -> Any:
    """``value`` in JSON's types. What cannot be is its ``repr``, cut; what lies too deep is a mark."""
    if value is None or type(value) in {bool, int, str}:
        return value
    if isinstance(value, float):
        return value if value - value == 0 else str(value)  # JSON knows neither nan nor infinity
    if depth >= DEEPEST:
        return "⟦deeper than is shown⟧"
    if (fields := _fields(value)) is not None:
        return message(fields, depth) if is_message(fields) else _mapping(fields, depth)
    if isinstance(value, Collection) and not isinstance(value, str | bytes | bytearray):
        each = [plain(item, depth + 1) for item in value]
        return sorted(each, key=repr) if isinstance(value, set | frozenset) else each
    return _word(value, depth)


def _fields(value: Any) -> dict[str, Any] | None:
    """What an object is made of, where it has parts with names."""
    if isinstance(value, BaseMessage):
        return {**value.__dict__, "type": value.type}
    if isinstance(value, Mapping):
        return {str(key): each for key, each in value.items()}
    if isinstance(value, BaseModel):
        return dict(value.__dict__)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name, None) for field in dataclasses.fields(value)}
    return None


def _word(value: Any, depth: int) -> Any:
    if isinstance(value, enum.Enum):
        return plain(value.value, depth + 1)
    if isinstance(value, str | int):  # a kind of its own
        return str(value) if isinstance(value, str) else int(value)
    if isinstance(value, dt.datetime | dt.date | dt.time):
        return value.isoformat()
    if isinstance(value, bytes | bytearray):
        return f"⟦{len(value):,} bytes⟧"
    return _repr(value)


def is_message(found: Mapping[str, Any]) -> bool:
    """Whether an object is a message as JSON."""
    return isinstance(found.get("type"), str) and "content" in found and found["type"] in _TYPES


_TYPES: Final = frozenset({"human", "ai", "system", "tool", "function", "chat", "remove", "developer"})


def message(found: Mapping[str, Any], depth: int) -> dict[str, Any]:
    """A message without what only its provider reads."""
    kept = {key: plain(found.get(key), depth + 1) for key in OF_MESSAGE}
    return {
        key: value for key, value in kept.items() if value not in (None, "", []) or key in {"type", "content"}
    }


def _mapping(found: Mapping[str, Any], depth: int) -> dict[str, Any]:
    return {key: plain(value, depth + 1) for key, value in found.items()}


def _repr(value: object) -> str:
    try:
        told = repr(value)
    except Exception as error:  # noqa: BLE001 – somebody else's code; it is only shown
        return f"⟦{type(value).__name__}: its repr raises {type(error).__name__}⟧"
    return told if len(told) <= LONGEST_REPR else f"{told[:LONGEST_REPR]}…"
