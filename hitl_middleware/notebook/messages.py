"""Messages of a state, as people read them."""

from __future__ import annotations

import json
from typing import Any, TypeGuard

from hitl_middleware.display import one_line, shown_text
from hitl_middleware.notebook.markup import Html, tag
from hitl_middleware.runs.history import plain as history

MOST = 4_000
"""Characters of one value; more is cut loudly."""


def is_message(value: Any) -> TypeGuard[dict[str, Any]]:
    """Whether a value of a state is a message."""
    return isinstance(value, dict) and history.is_message(value)


def words(message: dict[str, Any]) -> str:
    """What a message says: its text, and the calls in it."""
    content = message["content"]
    if isinstance(content, list):
        parts = [part.get("text", "") if isinstance(part, dict) else str(part) for part in content]
        content = "\n".join(part for part in parts if part)
    lines = [content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)]
    lines += [f"→ {call['name']}({written(call['args'])})" for call in message.get("tool_calls", ())]
    return "\n".join(line for line in lines if line)


def speaker(message: dict[str, Any]) -> str:
    """Who says it."""
    who = {"human": "user", "ai": "agent", "tool": "tool"}.get(message["type"], message["type"])
    name = f" {message['name']}" if message.get("name") else ""
    return f"{who}{name}{' (error)' if message.get('status') == 'error' else ''}"


def written(value: Any) -> str:
    """A value as JSON, in the order it has."""
    return json.dumps(value, ensure_ascii=False, default=str)


def said(message: dict[str, Any], class_: str = "") -> Html:
    """A message in a notebook."""
    shown = shown_text(words(message), MOST).text
    return tag(
        "div",
        tag("span", speaker(message), class_="soft"),
        tag("pre", shown),
        class_=f"said {class_}".strip(),
    )


def value_html(value: Any) -> Html:
    """Any value of a state in a notebook."""
    if is_message(value):
        return said(value)
    if isinstance(value, list) and value and all(map(is_message, value)):
        return tag("div", *map(said, value))
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=2, default=str)
    return tag("pre", shown_text(text, MOST).text)


def value_line(value: Any, limit: int = 160) -> str:
    """Any value of a state on one line."""
    if is_message(value):
        return one_line(f"{speaker(value)}: {words(value)}", limit)
    if isinstance(value, list) and value and all(map(is_message, value)):
        return (
            f"{len(value)} message{'s' if len(value) > 1 else ''}, the last: {value_line(value[-1], limit)}"
        )
    return one_line(value if isinstance(value, str) else written(value), limit)
