"""Pages as they are drawn, and that nothing but our own runs on them."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

from hitl_server.pages.drawing import POLICY

from tests.kit.served import Served


class _Elements(HTMLParser):
    """The elements and attributes of a page, and where its scripts come from."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.scripts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.scripts += [dict(attrs).get("src") or "inline"] if tag == "script" else []


def page(server: Served, path: str, given: dict[str, Any] | None = None, *, status: int = 200) -> str:
    """A page that loads and runs nothing but our own, and on which nothing that anybody wrote is more than text."""
    answer = server.http.get(path, params=given)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "text/html; charset=utf-8"), (
        answer.text
    )
    assert answer.headers["content-security-policy"] == POLICY
    text = answer.text
    found = _Elements(text)
    assert not found.tags & {"style", "iframe", "object", "img", "embed", "base"}
    assert not [name for name in found.attributes if name.startswith("on") or name == "style"]
    assert all(source.startswith("/static/") for source in found.scripts)
    # What comes back in a form is what was put there; everywhere else it is made visible.
    assert "\u202e" not in re.sub(r'value="[^"]*"', "", text)
    assert "gnp.exe 49" not in text
    return text
