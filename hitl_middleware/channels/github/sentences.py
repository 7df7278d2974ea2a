"""The sentences that a card and our replies share: who may decide, what to write, where else to decide. Pure.

Everything here is Markdown that may stand in the middle of a line; what is not our own has gone through ``markdown``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from hitl_middleware.actions import DecisionType
from hitl_middleware.channels.github import words
from hitl_middleware.channels.github.markdown import code, link, moment, plain
from hitl_middleware.forms import misfits
from hitl_middleware.quorum import Approvals, progress
from hitl_middleware.records import ReviewRequest
from hitl_middleware.review import RequestKind
from hitl_middleware.wording import person, status_words

MOST_NAME: Final = 80
MOST_TITLE: Final = 150
MOST_PEOPLE: Final = 8

_ACCESS: Final[Mapping[words.Role, str]] = {
    "read": "anybody who can read",
    "triage": "anybody with triage access to",
    "write": "anybody with write access to",
    "maintain": "anybody who maintains",
    "admin": "anybody who administers",
}
_VIA: Final[Mapping[str, str]] = {
    "api": "through the API",
    "caller": "by the program that runs it",
    "cli": "in a terminal",
    "slack": "in Slack",
    "web": "on its page",
}

# --------------------------------------------------------------------------------------------------------------- people


def who(identity: str | None, name: str | None = None) -> str | None:
    """Somebody, as they are known here: ``@ann`` in code, so that nobody is called each time a comment changes."""
    if login := words.login_of(identity):
        return code(f"@{login}", MOST_NAME)
    shown = person(identity, name)
    return shown if identity == "policy" else None if shown is None else code(shown, MOST_NAME)


def approver(identity: str, labels: Mapping[str, str]) -> str:
    """Whoever is behind one entry of a plan's approvers, in words."""
    repository = labels.get(words.REPOSITORY, "")
    where = code(repository) if words.is_repository(repository) else "the repository"
    if role := words.role_of(identity):
        return f"{_ACCESS[role]} {where}"
    if words.is_assignee(identity):
        return "whoever the issue is assigned to"
    if team := words.team_of(identity):
        return f"the team {code('/'.join(team), MOST_NAME)}"
    if identity == "api":
        return "whoever holds the API token"
    if identity.startswith("group:"):
        return f"the group {code(identity.removeprefix('group:'), MOST_NAME)}"
    return who(identity) or code(identity, MOST_NAME)


def may_decide(request: ReviewRequest) -> str:
    """Everybody who may, as one phrase: “`@ann` or anybody with write access to `acme/shop`”."""
    named = [approver(identity, request.labels) for identity in request.plan.approvers or ()]
    if not named:
        return "an operator"
    more = len(named) - MOST_PEOPLE
    *some, last = [*named[:MOST_PEOPLE], f"{more} more"] if more > 0 else named
    return f"{', '.join(some)} or {last}" if some else last


def so_far(found: Approvals, labels: Mapping[str, str]) -> str:
    """“1 of 2 approvals – still needed from the team `acme/security`”."""
    return progress(found, lambda role: approver(role, labels))


def still_needed(found: Approvals, labels: Mapping[str, str]) -> str:
    """What follows “1 of 2”: “ – still needed from the team `acme/security`”; nothing where nobody is."""
    _, dash, still = so_far(found, labels).partition(" – ")
    return f"{dash}{still}"


# -------------------------------------------------------------------------------------------------------------- requests


def heading(request: ReviewRequest) -> str:
    """What a request is about."""
    return plain(request.title or request.tool or request.step or "A request", MOST_TITLE)


def page(url: str | None, label: str) -> str | None:
    """A link to the request's page, where one is served."""
    return link(url, label)


def elsewhere(request: ReviewRequest, url: str | None) -> str:
    """Where to decide what cannot be decided by a comment; follows “decide it”."""
    terminal = f"in a terminal with {code(f'hitl requests show {request.code}')}"
    on_page = link(url, "on its page")
    return f"{on_page}, or {terminal}" if on_page else terminal


def decided(request: ReviewRequest) -> str:
    """Who decided a request, when, and where if not here: “approved by `@ann` at 2026-03-01 09:30 UTC in Slack”."""
    done = "sent back" if request.status == "revised" else status_words(request, None).decision.lower()
    if request.decision is not None and request.decision.type == "edit":
        done = f"{done} with changes"
    by = who(request.decided_by, request.decided_by_name)
    ended = request.deadline_at if request.status == "expired" else request.decided_at
    at = f"at {moment(ended)}" if ended else None
    return " ".join(filter(None, (done, f"by {by}" if by else None, at, via(request))))


def via(request: ReviewRequest) -> str | None:
    """Where a decision was made, if not on GitHub."""
    if request.decided_via in {None, "github"}:
        return None
    return _VIA.get(request.decided_via or "") or f"through {code(request.decided_via or '', MOST_NAME)}"


# -------------------------------------------------------------------------------------------------------------- commands

_TAKES: Final[Mapping[DecisionType, str]] = {"approve": "", "reject": " <reason>", "feedback": " <text>"}

_GOES_ON: Final = "the run goes on"
_MEANS: Final[Mapping[DecisionType, Mapping[RequestKind, str]]] = {
    "approve": {"tool_call": "it is done as shown", "step": "the workflow goes on"},
    "reject": {
        "tool_call": "it is not done; the agent is told the reason",
        "step": "the workflow is stopped here, with the reason",
        "breakpoint": "the run is cancelled",
    },
    "feedback": {
        "tool_call": "it is not done; the agent gets your words and may come back with something better",
        "step": "this step is done again with your words, and asks again",
    },
}
_OTHERWISE: Final[Mapping[DecisionType, str]] = {
    "approve": _GOES_ON,
    "reject": "the run is told no, with the reason",
    "feedback": "the run gets your words",
}


def commands(request: ReviewRequest, *, approve: bool = True) -> Iterator[str]:
    """What can be written, each with what it does. ``approve``: whether that may be done by a comment."""
    if request.kind == "outcome":
        return
    needed, roles = request.plan.required_approvals, request.plan.required_from
    for kind, takes in _TAKES.items():
        if kind not in request.plan.allowed_decisions or (kind == "approve" and not approve):
            continue
        means = _MEANS[kind].get(request.kind, _OTHERWISE[kind])
        if kind == "approve" and needed > 1:
            means = f"counts as one of {needed} approvals; with all of them {means}"
        elif kind == "approve" and roles:
            means = f"counts as one of the approvals; with all of them {means}" if len(roles) > 1 else means
        yield f"{code(f'/{kind} {request.code}{takes}')} – {means}"


def form_answer(request: ReviewRequest) -> object:
    """What ``approve`` by a comment answers to the form of a step: ``{}`` where nothing in it has to be filled in, else ``None``."""
    schema = request.response_schema if request.kind == "step" else None
    return {} if schema is not None and not misfits({}, schema) else None


def needs_form(request: ReviewRequest) -> bool:
    """Whether approving takes values that a comment cannot give."""
    return request.kind == "step" and request.response_schema is not None and form_answer(request) is None
