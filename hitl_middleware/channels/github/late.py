"""The comment that reminds, or says that others are asked now. Pure.

The one place where we mention people, so that GitHub tells them: those whom the plan names, never a name out of anybody's text.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from hitl_middleware.channels.github import sentences, words
from hitl_middleware.channels.github.markdown import code
from hitl_middleware.records import Occasion, ReviewRequest
from hitl_middleware.wording import late_words

_SIGN: Final[Mapping[str, str]] = {"escalated": "📣"}


def comment(request: ReviewRequest, occasion: Occasion) -> str:
    """Without a hidden mark."""
    named = [_called(identity, request.labels) for identity in occasion.to]
    more = len(named) - sentences.MOST_PEOPLE
    shown = [*named[: sentences.MOST_PEOPLE], f"{more} more"] if more > 0 else named
    who = ", ".join(shown) or sentences.may_decide(request)
    said = late_words(request, occasion, who, sentences.heading(request))
    return f"{_SIGN.get(occasion.kind, '⏰')} {said}\n\n<sub>Code {code(request.code)}</sub>\n"


def _called(identity: str, labels: Mapping[str, str]) -> str:
    if login := words.login_of(identity):
        return f"@{login}"
    if team := words.team_of(identity):
        return f"@{'/'.join(team)}"
    return sentences.approver(identity, labels)
