"""A comment as its reader sees it: rendered by a CommonMark renderer that knows nothing of us."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser

from markdown_it import MarkdownIt
from markdown_it.token import Token

MARKDOWN = MarkdownIt("commonmark").enable(["table", "strikethrough"])

_BREAKS = {
    "p", "br", "div", "li", "ul", "ol", "pre", "blockquote", "details", "summary", "table", "tr", "td", "th", "hr",
    "h1", "h2", "h3", "h4", "h5", "h6",
}  # fmt: skip
_EMPTY = {"br", "hr", "img", "input", "wbr"}
_DROPPED = {
    "script",
    "style",
    "title",
    "textarea",
    "template",
    "iframe",
    "noembed",
    "noframes",
    "xmp",
    "plaintext",
}


@dataclass(frozen=True, slots=True)
class Piece:
    """Some text that is seen, and what it stands in (``("blockquote", "p", "code")``)."""

    text: str
    inside: tuple[str, ...]

    @property
    def is_code(self) -> bool:
        """GitHub makes nothing of text in code."""
        return bool({"code", "pre"} & set(self.inside))


@dataclass
class _Reader(HTMLParser):
    pieces: list[Piece] = field(default_factory=list)
    comments: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    open: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name in {"href", "src"}]
        if tag in _BREAKS:
            self.pieces.append(Piece("\n", tuple(self.open)))
        if tag not in _EMPTY:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in self.open:
            while self.open.pop() != tag:
                pass
        if tag in _BREAKS:
            self.pieces.append(Piece("\n", tuple(self.open)))

    def handle_comment(self, data: str) -> None:
        self.comments.append(data)

    def handle_data(self, data: str) -> None:
        if not _DROPPED & set(self.open):
            self.pieces.append(Piece(data, tuple(self.open)))


def seen(body: str) -> _Reader:
    """The comment, rendered and read."""
    reader = _Reader()
    reader.feed(MARKDOWN.render(body))
    reader.close()
    return reader


def text(body: str) -> str:
    """All that is read, line by line."""
    return re.sub(r"\n{2,}", "\n", "".join(piece.text for piece in seen(body).pieces)).strip("\n")


def first_line(body: str) -> tuple[str, tuple[str, ...]]:
    """The first line on which anything is seen, and what its first text stands in."""
    line: list[Piece] = []
    for piece in seen(body).pieces:
        head, *more = piece.text.split("\n")
        line.append(Piece(head, piece.inside))
        if more and "".join(each.text for each in line).strip():
            break
        if more:
            line = [Piece(next((part for part in more if part.strip()), ""), piece.inside)]
            if len([part for part in more if part.strip()]) > 1:
                break
    shown = [piece for piece in line if piece.text.strip()]
    return "".join(piece.text for piece in line), shown[0].inside if shown else ()


def structure(body: str) -> list[tuple[str, str, str]]:
    """The comment's tokens without their text: what it is made of. Of our own HTML the text stays."""
    return list(_shape(MARKDOWN.parse(body)))


def _shape(tokens: list[Token]) -> Iterator[tuple[str, str, str]]:
    for token in tokens:
        own = token.content if token.type.startswith("html") else ""
        if token.type not in {"text", "softbreak"}:
            yield token.type, token.tag, own
        yield from _shape(token.children or [])
