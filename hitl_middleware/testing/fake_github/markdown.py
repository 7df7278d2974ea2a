"""What a reader sees of a comment: CommonMark with GitHub's tables and strikethrough, sanitised as GitHub does it.

GitHub renders Markdown, throws out what its allow-list does not know (HTML comments, scripts, handlers), and only then looks for
mentions and references – in text, not in code or links. So does this. Sources: github.github.com/gfm, github/markup (its steps),
docs.github.com, "Autolinked references and URLs" and "Basic writing and formatting syntax".
"""

from __future__ import annotations

import functools
import html
import re
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import Final

from markdown_it import MarkdownIt

_BLOCKS: Final = frozenset(
    {
        *("p", "div", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "li", "blockquote"),
        *("pre", "table", "thead", "tbody", "tr", "hr", "details", "summary", "dl", "dt", "dd", "br"),
    }
)
_INLINE: Final = frozenset(
    {
        *("a", "abbr", "b", "bdo", "cite", "code", "del", "dfn", "em", "i", "img", "ins"),
        *("kbd", "mark", "q", "s", "samp", "small", "span", "strike", "strong", "sub", "sup", "td"),
        *("th", "tt", "var", "input"),
    }
)
_ROWS: Final = frozenset({"table", "thead", "tbody", "tr"})
_VOID: Final = frozenset({"br", "hr", "img", "input"})
_GONE: Final = frozenset(
    {"script", "style", "title", "textarea", "xmp", "iframe", "noembed", "noframes", "math", "svg"}
)
_ATTRIBUTES: Final = frozenset(
    {
        *(
            "href",
            "src",
            "alt",
            "title",
            "align",
            "width",
            "height",
            "open",
            "checked",
            "disabled",
            "type",
            "start",
        ),
        *("colspan", "rowspan", "lang", "dir"),
    }
)
_SCHEMES: Final = ("http:", "https:", "mailto:", "#", "/")
_LITERAL: Final = frozenset({"code", "pre", "tt", "a"})

_MENTION: Final = re.compile(
    r"(?<![A-Za-z0-9_`/@.&-])@([A-Za-z0-9](?:[A-Za-z0-9]|-(?=[A-Za-z0-9])){0,38}(?:/[A-Za-z0-9_](?:[A-Za-z0-9_-]*[A-Za-z0-9_])?)?)"
    r"(?![A-Za-z0-9_@/-])"
)
_REFERENCE: Final = re.compile(
    r"(?<![A-Za-z0-9_&/#-])(?:(?P<repo>[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+)?#|GH-)(?P<number>[1-9]\d{0,9})(?![A-Za-z0-9_])",
    re.IGNORECASE,
)
_BARE: Final = re.compile(r"(?<![A-Za-z0-9])(?:https?://|www\.)[^\s<]+", re.IGNORECASE)
_ADDRESS: Final = re.compile(
    r"https?://[^\s/]+/(?P<repo>[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+)/(?:issues|pull)/(?P<number>[1-9]\d{0,9})\b"
)


@dataclass(frozen=True, slots=True)
class Seen:
    """A comment as a reader has it before them.

    `text`: the words, a block a line, nothing that is hidden. `mentions`: who is told ("ann", "acme/architects"), whether they exist or
    not. `references`: issues that get a line "mentioned this" – ("", 12) for this repository's – as GitHub links them.
    `links` and `images`: where they lead.
    """

    html: str
    text: str
    mentions: tuple[str, ...]
    references: tuple[tuple[str, int], ...]
    links: tuple[str, ...]
    images: tuple[str, ...]

    @property
    def lines(self) -> list[str]:
        """The lines that have something in them."""
        return [line for line in self.text.splitlines() if line.strip()]


@functools.cache
def _renderer() -> MarkdownIt:
    # Comments, unlike files, keep every line break.
    return MarkdownIt("commonmark", {"html": True, "breaks": True}).enable(["table", "strikethrough"])


def seen(body: str) -> Seen:
    """Render a comment."""
    reading = _Reading()
    reading.feed(_renderer().render(body))
    reading.finish()
    return reading.result()


class _Reading(HTMLParser):
    """Goes through rendered HTML once: keeps what is allowed, and notes what a reader gets of it."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._html: list[str] = []
        self._text: list[str] = []
        self._run: list[str] = []  # text since the last tag that counts, outside code and links
        self._open: list[str] = []
        self._gone: list[str] = []
        self._mentions: dict[str, None] = {}
        self._references: dict[tuple[str, int], None] = {}
        self._links: list[str] = []
        self._images: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if self._gone or tag in _GONE:
            self._gone.append(tag)
            return
        if tag not in _BLOCKS | _INLINE:
            return
        self._end_run()
        kept = {name: value or "" for name, value in attrs if name in _ATTRIBUTES}
        for name in ("href", "src"):
            if name in kept and not kept[name].strip().lower().startswith(_SCHEMES):
                del kept[name]
        if "href" in kept:
            self._links.append(kept["href"])
            self._refer(kept["href"])
        if tag == "img":
            self._images.append(kept.get("src", ""))
            self._text.append(kept.get("alt", ""))
        spelled = "".join(f' {name}="{html.escape(value)}"' for name, value in kept.items())
        self._html.append(f"<{tag}{spelled}>")
        if tag in _BLOCKS:
            self._text.append("\n")
        elif tag in {"td", "th"}:
            self._text.append("\t")
        if tag not in _VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if self._gone:
            if tag in self._gone:
                while self._gone.pop() != tag:
                    pass
            return
        if tag not in self._open:
            return
        self._end_run()
        while (inner := self._open.pop()) != tag:
            self._html.append(f"</{inner}>")
        self._html.append(f"</{tag}>")
        if tag in _BLOCKS:
            self._text.append("\n")

    def handle_data(self, data: str) -> None:
        if self._gone or (not data.strip() and self._open[-1:] and self._open[-1] in _ROWS):
            return
        self._html.append(html.escape(data, quote=False))
        self._text.append(data if "pre" in self._open else re.sub(r"[ \t]*\n", "\n", data))
        if not _LITERAL & set(self._open):
            self._run.append(data)

    def finish(self) -> None:
        """What is left is unfinished: for a browser, a comment without an end reaches to the end."""
        if self.rawdata.startswith("<!"):
            self.rawdata = ""
        self.close()

    def result(self) -> Seen:
        """Everything, once all is fed."""
        self._end_run()
        self._html += [f"</{tag}>" for tag in reversed(self._open)]
        text = re.sub(r"\n{2,}", "\n", "".join(self._text)).strip("\n")
        return Seen(
            html="".join(self._html),
            text=text,
            mentions=tuple(self._mentions),
            references=tuple(self._references),
            links=tuple(self._links),
            images=tuple(self._images),
        )

    def _end_run(self) -> None:
        """Text between two tags is one text, whatever comment stood in it; a mention does not reach across a tag."""
        text = "".join(self._run)
        self._run.clear()
        for found in _MENTION.finditer(text):
            self._mentions.setdefault(found[1])
        # A bare address is a link, too; what follows a sentence does not belong to it (github.github.com/gfm, "Autolinks").
        self._links += [each.rstrip("?!.,:*_~'\")") for each in _BARE.findall(text)]
        self._refer(text)

    def _refer(self, text: str) -> None:
        for pattern in (_ADDRESS, _REFERENCE):
            for found in pattern.finditer(text):
                self._references.setdefault((found["repo"] or "", int(found["number"])))
