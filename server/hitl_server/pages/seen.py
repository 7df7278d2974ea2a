"""What is shown of what was asked: the arguments of a call, or the data of a workflow step – in full, or cut loudly."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

from markupsafe import Markup, escape

from hitl_middleware.display import Shown, hidden_from, shown_args, shown_changes, shown_data, shown_text
from hitl_middleware.records import ReviewRequest

MOST_ON_PAGE: Final = 100_000
"""Characters of arguments that a page of one request shows; beyond, it says loudly that they are cut."""

DEEPEST: Final = 6
"""From this level on, lines are wrapped as far in as those of it: a phone is narrow."""


@dataclass(frozen=True, slots=True)
class Seen:
    """``words``: what is said beyond the title. ``parts``: texts under their headings (``""``: none). Both are ready to be written.

    ``complete``: they are all there is to decide on.
    """

    words: Markup
    parts: tuple[tuple[str, Markup], ...]
    complete: bool


def seen(request: ReviewRequest, *, limit: int = MOST_ON_PAGE) -> Seen:
    """What a request shows."""
    words = shown_text("" if request.description == request.title else request.description, limit)
    parts: Collection[tuple[str, Shown]] = ()
    if request.kind == "step":
        parts = shown_data(request.args or {}, limit)
    elif request.tool is not None or request.args:
        parts = [("", shown_args(request.args or {}, limit, redact=request.plan.redact))]
    # Of a call its arguments run; the tool's own description only explains them. A question is its words.
    asked = [shown for _, shown in parts] + ([] if request.tool else [words])
    return Seen(
        # Made visible already, and not twice: so it leaves as markup.
        words=escape(words.text),
        parts=tuple((heading, _lines(shown.text)) for heading, shown in parts),
        complete=all(shown.complete for shown in asked),
    )


def seen_args(args: Mapping[str, Any] | None, redact: Collection[str] = ()) -> Markup:
    """Arguments alone."""
    return _lines(shown_args(args or {}, MOST_ON_PAGE, redact=redact).text)


def seen_changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> Markup:
    """What an edit changed."""
    return _lines(shown_changes(before, after, MOST_ON_PAGE).text)


def hidden(request: ReviewRequest) -> str | None:
    """What whoever decides has to know of what they do not see."""
    return hidden_from(request)


def _lines(text: str) -> Markup:
    """Line by line, each with how far it is indented, so that what is wrapped is seen to go on: no text can look like a line of its own."""
    return Markup("").join(
        Markup('<span class="line in-{}">{}\n</span>').format(
            min((len(line) - len(line.lstrip(" "))) // 2, DEEPEST), line
        )
        for line in text.split("\n")
    )
