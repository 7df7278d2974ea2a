"""Reminders, and who else is asked now: a reply in the card's thread that mentions whom it concerns. Pure.

A changed card wakes nobody, and a message that only one person sees is gone when they were away: so it is a reply. In a direct message it
needs no mention; it is left out where it does not concern that person.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from hitl_middleware.channels.slack import words
from hitl_middleware.channels.slack.routing import Members
from hitl_middleware.records import Card, NoticeDraft, Occasion, ReviewRequest
from hitl_middleware.wording import late_words

MOST_PEOPLE: Final = 10


def replies(
    request: ReviewRequest, card: Card, occasion: Occasion, members: Members
) -> Sequence[NoticeDraft]:
    """At most one, below the card, or in its place where it is not known to be posted."""
    people = _people(occasion.to, members)
    person = words.user_of(f"{words.PREFIX}{card.target.address}")
    if person is not None and (occasion.kind == "escalated" or f"{words.PREFIX}{person}" not in people):
        return ()  # who is asked now has the card itself
    channel, _, thread = (card.ref or card.target.address).partition(":")
    text = late_words(
        request, occasion, _called(people), words.code(request.title or words.tool_name(request), 150)
    )
    return (NoticeDraft(key=occasion.kind, address=channel, body={"text": text, "thread": thread or None}),)


def _people(to: Sequence[str], members: Members) -> Sequence[str]:
    """With the people of listed groups in the place of the group, where they are known."""
    found: dict[str, None] = {}
    for each in to:
        found |= dict.fromkeys((sorted(members(each)) if each.startswith("group:") else ()) or [each])
    return tuple(found)


def _called(people: Sequence[str]) -> str:
    named = [words.mention(each) or "" for each in people[:MOST_PEOPLE]]
    more = [f"{len(people) - MOST_PEOPLE} more"] if len(people) > MOST_PEOPLE else []
    return ", ".join([*named, *more]) or "whoever may decide"
