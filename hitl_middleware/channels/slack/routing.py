"""Where a request's cards belong in Slack. Pure: from the settings and the plan.

Every place gets a card of its own, and all of them follow the request to its end: a person who got a direct message and reads the channel,
too, finds the same words in both.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

from hitl_middleware.channels.slack import words
from hitl_middleware.channels.slack.settings import SlackSettings
from hitl_middleware.records import ReviewRequest

Members = Callable[[str], Collection[str]]
"""Identities behind a ``group:name`` of ``hitl.toml``."""


def addresses(settings: SlackSettings, request: ReviewRequest, members: Members) -> tuple[str, ...]:
    """The channel, the approvers' own ids, or both, as ``[slack] dm`` says; without a channel always the approvers.

    What became of an unknown act is asked on the card of the act itself, so an ``outcome`` gets none of its own.
    """
    if request.kind == "outcome":
        return ()
    channel, people = channel_of(settings, request), approvers(request, members)
    if channel is None or (settings.dm == "only" and people):
        return people
    return (channel, *people) if settings.dm is True else (channel,)


def channel_of(settings: SlackSettings, request: ReviewRequest) -> str | None:
    """The tool's (or the workflow step's) own channel; else that of its risk; else that of its graph; else the common one."""
    names = (request.tool or request.step, f"risk:{request.plan.risk}", f"graph:{request.graph}")
    routes = (settings.routes.get(name) for name in names if name)
    return next(filter(None, routes), settings.channel)


def approvers(request: ReviewRequest, members: Members) -> tuple[str, ...]:
    """Slack ids of those who may decide, in the plan's order, members of listed groups included.

    A user group of Slack is not among them: whom it holds only Slack knows, and this is asked while the request is being stored.
    """
    found: dict[str, None] = {}
    for approver in request.plan.approvers or ():
        people = sorted(members(approver)) if approver.startswith("group:") else [approver]
        found |= dict.fromkeys(filter(None, map(words.user_of, people)))
    return tuple(found)
