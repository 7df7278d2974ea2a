"""A comment as HTML: rendered and sanitised as the fake does it (``FakeGitHub.seen``), and then narrowed to what a page of ours may hold.

GitHub takes raw HTML in Markdown and lets an allow-list of it through; our cards fold long texts by it (``<details>``). So it is not
turned off here, it is taken apart: of what the fake's allow-list leaves, only elements without any power are written anew, with attributes
of ours. No image is loaded (its description stands there), no input is one, links leave this page and say nothing of it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from typing import Final

from markupsafe import Markup, escape

from hitl_middleware.display import visible
from hitl_middleware.testing.fake_github import seen
from hitl_server.preview.slack_text import is_web

_PLAIN: Final = frozenset(
    {
        *(
            "p",
            "h1",
            "h2",
            "h3",
            "h4",
            "h5",
            "h6",
            "ul",
            "ol",
            "li",
            "blockquote",
            "pre",
            "code",
            "details",
            "summary",
        ),
        *(
            "table",
            "thead",
            "tbody",
            "tr",
            "th",
            "td",
            "dl",
            "dt",
            "dd",
            "br",
            "hr",
            "strong",
            "b",
            "em",
            "i",
            "del",
            "s",
            "strike",
        ),
        *("ins", "sub", "sup", "kbd", "q", "samp", "var", "mark", "small"),
    }
)
_VOID: Final = frozenset({"br", "hr"})
_LITERAL: Final = frozenset({"code", "pre", "a"})
_WORDS: Final = re.compile(
    r"(?P<person>(?<![\w`/@.&-])@[A-Za-z0-9](?:[A-Za-z0-9]|-(?=[A-Za-z0-9])){0,38}(?:/[\w-]+)?(?![\w@/-]))"
    r"|(?P<issue>(?<![\w&/#-])#(?P<number>[1-9]\d{0,9})(?!\w))"
)
_PATCH: Final = re.compile(r"\A--- .+\n\+\+\+ .+\n@@ ", re.MULTILINE)

Link = Callable[[int], str | None]


def comment(body: str, issue: Link = lambda _: None) -> Markup:
    """A comment or an issue's text. ``issue``: the page of an issue by its number, where it is there."""
    reading = _Reading(issue)
    reading.feed(seen(body).html)
    reading.close()
    return reading.result()


class _Reading(HTMLParser):
    """Writes anew what may stay. What it reads is well-formed, so what it writes is, too."""

    def __init__(self, issue: Link) -> None:
        super().__init__(convert_charrefs=True)
        self._issue = issue
        self._html: list[Markup] = []
        self._open: list[str] = []
        self._pre: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "a":
            address = given.get("href") or ""
            web = is_web(address)
            self._html.append(
                Markup('<a href="{}" target="_blank" rel="nofollow noopener noreferrer">').format(address)
                if web
                else Markup("<a>")
            )
        elif tag == "img":
            self._html.append(Markup("🖼 {}").format(visible(given.get("alt") or "image")))
        elif tag == "input":
            self._html.append(escape("☑ " if "checked" in given else "☐ "))
        elif tag in _PLAIN:
            opened = " open" if tag == "details" and "open" in given else ""
            self._html.append(Markup(f"<{tag}{opened}>"))  # noqa: S704 – a name of ours
        else:
            return
        if tag not in {*_VOID, "img", "input"}:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in self._open:
            return
        while self._open:
            inner = self._open.pop()
            if inner == "pre":
                self._html.append(_lines("".join(self._pre)))
                self._pre.clear()
            self._html.append(Markup(f"</{inner}>"))  # noqa: S704 – a name of ours
            if inner == tag:
                return

    def handle_data(self, data: str) -> None:
        if "pre" in self._open:
            self._pre.append(data)
        elif _LITERAL & set(self._open):
            self._html.append(escape(visible(data)))
        else:
            self._html += self._words(data)

    def result(self) -> Markup:
        """Everything, once all is fed."""
        for tag in [*self._open]:
            self.handle_endtag(tag)
        return Markup().join(self._html)

    def _words(self, text: str) -> Iterator[Markup]:
        """Text with the people and issues that GitHub finds in it."""
        at = 0
        for found in _WORDS.finditer(text):
            yield escape(visible(text[at : found.start()]))
            page = self._issue(int(found["number"])) if found["issue"] else None
            if page:
                yield Markup('<a href="{}">{}</a>').format(page, found[0])
            elif found["person"]:
                yield Markup('<b class="mention">{}</b>').format(found[0])
            else:
                yield escape(found[0])
            at = found.end()
        yield escape(visible(text[at:]))


def _lines(text: str) -> Markup:
    """Code; the lines of a patch in the colours of one."""
    if not _PATCH.search(text):
        return escape(visible(text))
    found = Markup()
    for line in text.splitlines(keepends=True):
        kind = {"+": "plus", "-": "minus", "@": "at"}.get(line[:1], "")
        found += (
            Markup('<span class="{}">{}</span>').format(kind, visible(line))
            if kind
            else escape(visible(line))
        )
    return found
