"""HTML for notebooks: everything is escaped and made visible, nothing is fetched. Pure.

Jupyter, VS Code and exported pages each bring their own colours; the style takes theirs where they have some.
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from typing import Final

from hitl_middleware.display import visible

STYLE: Final = """
.hitl{--ink:var(--jp-ui-font-color1,var(--vscode-foreground,#1b1f24));--soft:var(--jp-ui-font-color2,#667085);
--line:var(--jp-border-color2,#d0d5dd);--tint:var(--jp-layout-color2,#f4f5f7);--bad:#b42318;--good:#067647;--wait:#b54708;
color:var(--ink);font:13px/1.5 system-ui,sans-serif;max-width:72rem}
.hitl h3{font-size:15px;margin:0 0 4px}.hitl h4{font-size:13px;margin:12px 0 4px}.hitl p{margin:2px 0}
.hitl .soft{color:var(--soft)}.hitl .bad{color:var(--bad)}.hitl .good{color:var(--good)}.hitl .wait{color:var(--wait)}
.hitl .badge{display:inline-block;border:1px solid currentColor;border-radius:9px;padding:0 8px;font-size:12px;margin-right:6px}
.hitl .box{border:1px solid var(--line);border-radius:6px;padding:10px 12px;margin:6px 0}
.hitl .waiting{border-left:4px solid var(--wait)}
.hitl .wrong{border-left:4px solid var(--bad)}.hitl .over{border-left:4px solid var(--good)}
.hitl pre{background:var(--tint);color:var(--ink);border-radius:4px;padding:6px 8px;margin:4px 0;
white-space:pre-wrap;overflow-wrap:anywhere;
font:12px/1.45 ui-monospace,monospace;max-height:26em;overflow:auto}
.hitl code{font:12px ui-monospace,monospace;overflow-wrap:anywhere}
.hitl table{border-collapse:collapse;margin:4px 0;font-size:12px}.hitl th{text-align:left;color:var(--soft);font-weight:600}
.hitl th,.hitl td{border-bottom:1px solid var(--line);padding:3px 10px 3px 0;text-align:left;vertical-align:top;overflow-wrap:anywhere}
.hitl th[data-sort]{cursor:pointer}.hitl th[data-sort]::after{content:" ↕";color:var(--soft)}
.hitl .runs{overflow-x:auto}.hitl .runs td,.hitl .runs th{white-space:nowrap;overflow-wrap:normal}
.hitl .runs td.bad{white-space:normal;min-width:14em;max-width:24em}
.hitl .two{display:grid;grid-template-columns:1fr 1fr;gap:12px}.hitl .two>*{min-width:0}
.hitl .said{border-left:3px solid var(--line);padding:1px 8px;margin:4px 0}
.hitl .gone{border-left-color:var(--bad)}.hitl .new{border-left-color:var(--good)}
.hitl details{margin:6px 0}.hitl summary{cursor:pointer;color:var(--soft)}.hitl svg{max-width:100%;height:auto}
"""


class Html(str):
    """Markup: text that is not escaped again. Made by ``tag`` alone, and by whoever has drawn an SVG."""

    __slots__ = ()


def text(value: object) -> Html:
    """Anything as text: markup as it is, all else escaped, with nothing in it that draws nothing."""
    return value if isinstance(value, Html) else Html(html.escape(visible(str(value))))


def tag(name: str, *inside: object, **attributes: str | None) -> Html:
    """An element. ``class_`` is the attribute ``class``, ``data_x`` is ``data-x``; ``None`` leaves one out, as it does inside."""
    given = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{html.escape(visible(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    return Html(f"<{name}{given}>{joined(inside)}</{name}>")


def joined(parts: Iterable[object]) -> Html:
    """Several things one after the other."""
    return Html("".join(text(part) for part in parts if part is not None))


def rows(head: Sequence[str], body: Iterable[Sequence[object]]) -> Html:
    """A table."""
    return tag(
        "table",
        tag("thead", tag("tr", *(tag("th", name) for name in head))),
        tag("tbody", *(tag("tr", *(tag("td", cell) for cell in row)) for row in body)),
    )


def facts(pairs: Iterable[tuple[str, object]]) -> Html:
    """Names and values under each other."""
    return tag("table", *(tag("tr", tag("th", name), tag("td", value)) for name, value in pairs))


def more(summary: str, *inside: object) -> Html:
    """What opens at a click."""
    return tag("details", tag("summary", summary), *inside)


class Shown:
    """An object that shows itself: ``as_html`` in a notebook, ``as_text`` wherever there is only text."""

    def as_html(self) -> Html:
        raise NotImplementedError

    def as_text(self) -> str:
        raise NotImplementedError

    def _repr_html_(self) -> str:
        return tag("div", tag("style", Html(STYLE)), self.as_html(), class_="hitl")

    def __repr__(self) -> str:
        return visible(self.as_text())


def columns(head: Sequence[str], body: Sequence[Sequence[str]], *, most: int = 40) -> str:
    """A table in plain text; a cell is cut at ``most`` characters."""
    from hitl_middleware.display import one_line

    cells = [list(head), *([one_line(cell, most) for cell in row] for row in body)]
    widths = [max(len(row[place]) for row in cells) for place in range(len(head))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in cells
    )


def indented(words: str, by: str = "  ") -> str:
    """Text of several lines, each moved to the right."""
    return "\n".join(f"{by}{line}" if line else line for line in words.split("\n"))
