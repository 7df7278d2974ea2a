"""What is shown of what was asked: the arguments of a call, or the data of a workflow step – in full, or cut loudly."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

from markupsafe import Markup

from hitl_middleware.display import Shown, hidden_from, shown_args, shown_changes, shown_data
from hitl_middleware.records import ReviewRequest

MOST_ON_PAGE: Final = 100_000
"""Characters of arguments that a page of one request shows; beyond, it says loudly that they are cut."""


DEEPEST: Final = 6
"""From this level on, lines are wrapped as far in as those of it: a phone is narrow."""


@dataclass(frozen=True, slots=True)
class Seen:
    """``parts``: texts under their headings (``""``: none), ready to be written. ``complete``: they are all there is."""

    parts: tuple[tuple[str, Markup], ...]
    complete: bool


def seen(request: ReviewRequest, *, limit: int = MOST_ON_PAGE) -> Seen:
    """What a request shows."""
    if request.kind == "step":
        return _seen(shown_data(request.args or {}, limit))
    if request.tool is None and not request.args:
        return Seen((), complete=True)
    return _seen([("", shown_args(request.args or {}, limit, redact=request.plan.redact))])


def seen_args(args: Mapping[str, Any] | None, redact: Collection[str] = ()) -> Markup:
    """Arguments alone."""
    return _lines(shown_args(args or {}, MOST_ON_PAGE, redact=redact).text)


def seen_changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> Markup:
    """What an edit changed."""
    return _lines(shown_changes(before, after, MOST_ON_PAGE).text)


def hidden(request: ReviewRequest) -> str | None:
    """What whoever decides has to know of what they do not see."""
    return hidden_from(request)


def _seen(parts: Collection[tuple[str, Shown]]) -> Seen:
    # Made visible already, and not twice: so it leaves as markup.
    written = tuple((heading, _lines(shown.text)) for heading, shown in parts)
    return Seen(written, all(shown.complete for _, shown in parts))


def _lines(text: str) -> Markup:
    """Line by line, each with how far it is indented, so that what is wrapped is seen to go on: no text can look like a line of its own."""
    return Markup("").join(
        Markup('<span class="line in-{}">{}\n</span>').format(
            min((len(line) - len(line.lstrip(" "))) // 2, DEEPEST), line
        )
        for line in text.split("\n")
    )
