"""The body of a webhook as JSON, once its sender is known: whatever is malformed is said in a sentence. Pure."""

from __future__ import annotations

import json
from typing import Any, Final
from urllib.parse import parse_qsl

from hitl_middleware.errors import HitlError

DEEPEST: Final = 64
"""Levels of JSON; payloads of Slack and GitHub stay below 20."""

MOST_FORM_FIELDS: Final = 50
"""Fields of a form body: an interaction has one, a slash command about a dozen."""

Json = dict[str, Any]


class Malformed(HitlError):
    """{why}"""


def payload_of(body: bytes, content_type: str) -> Json:
    """The JSON object (or the form's fields) of a webhook. Raises ``Malformed`` for anything else, however it is malformed."""
    try:
        text = body.decode("utf-8")
        if content_type.partition(";")[0].strip().lower() == "application/json" or text.startswith("{"):
            found = json.loads(text)
        else:
            fields = dict(
                parse_qsl(text, keep_blank_values=True, max_num_fields=MOST_FORM_FIELDS, errors="strict")
            )
            found = json.loads(fields["payload"]) if "payload" in fields else fields
        json.dumps(found, ensure_ascii=False).encode()  # half of a surrogate pair is legal JSON and no text
    except UnicodeError:
        raise Malformed(why="The body is not UTF-8.") from None
    except RecursionError:
        raise Malformed(why="The JSON is nested too deeply.") from None
    except ValueError:
        raise Malformed(why="The body is neither JSON nor a form.") from None
    if not isinstance(found, dict):
        raise Malformed(why="The JSON is not an object.")
    check_depth(found)
    return found


def check_depth(payload: object) -> None:
    """Raises ``Malformed`` for JSON that is nested more deeply than anything of Slack's."""
    if _deeper_than(payload, DEEPEST):
        raise Malformed(why="The JSON is nested too deeply.")


def _deeper_than(value: object, levels: int) -> bool:
    """Level by level, because a recursive walk would fall over what it looks for."""
    level: list[object] = [value]
    for _ in range(levels):
        level = [
            inner
            for outer in level
            if isinstance(outer, dict | list)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
        if not level:
            return False
    return True
