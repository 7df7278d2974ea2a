"""What is said back to a command that decided nothing, or that only asked. Pure: a sentence or a short list for each case.

Bots get no reply, only a reaction: two programs that answer each other never stop.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from hitl_middleware.channels.github import sentences
from hitl_middleware.channels.github.inbound import Command
from hitl_middleware.channels.github.markdown import code, moment, plain
from hitl_middleware.channels.github.parts import bullets
from hitl_middleware.errors import (
    AlreadyDecided,
    ApprovalNotNeeded,
    DigestMismatch,
    HitlError,
    NotAllowed,
    NotFound,
)
from hitl_middleware.quorum import Approvals
from hitl_middleware.records import ReviewRequest

MOST_LISTED: Final = 20
MOST_WHY: Final = 300

CHANGED: Final = "Nothing was decided: what is asked has changed since you wrote. Please look at the comment again, and decide anew."
EDITED: Final = (
    "Nothing was decided: this comment was edited, and edited comments do not count. Please write a new one."
)

# --------------------------------------------------------------------------------------------------------- which request


def listing(requests: Sequence[ReviewRequest]) -> str:
    """Several wait, and the command names none of them."""
    head = (
        f"Nothing was decided: {len(requests)} requests wait here, so a command has to name one by its code."
    )
    return f"{head}\n\n{_waiting(requests)}\n"


def unknown_code(given: str, requests: Sequence[ReviewRequest]) -> str:
    """The code names nothing on this issue. ``requests``: what waits here."""
    head = f"Nothing was decided: {code(given, 40)} is no code of a request on this issue."
    return (
        f"{head} {'What waits here:' if requests else 'Nothing waits here.'}\n\n{_waiting(requests)}".strip()
        + "\n"
    )


def nothing_pending(last: ReviewRequest | None = None) -> str:
    """Nothing waits on this issue. ``last``: the newest request that did."""
    head = "Nothing was decided: nothing waits for a decision on this issue."
    return f"{head} The last one, {sentences.heading(last)}, was {sentences.decided(last)}." if last else head


# -------------------------------------------------------------------------------------------------------------- refusals


def refusal(error: HitlError, request: ReviewRequest | None) -> str:
    """What somebody is told whose answer did not count: who decided and when, who may, or what has changed."""
    if isinstance(error, NotFound) or request is None:
        return "Nothing was decided: this request is not known here any more."
    if isinstance(error, AlreadyDecided):
        return already_decided(request)
    if isinstance(error, DigestMismatch):
        return CHANGED
    if isinstance(error, NotAllowed):
        return not_allowed(request, str(error.facts.get("why", "")))
    if isinstance(error, ApprovalNotNeeded):
        so_far = plain(str(error.facts.get("progress", "")), MOST_WHY)
        return (
            f"Your approval would change nothing: {so_far}. If it should not happen, you can still reject it."
        )
    return f"Nothing was decided. {code(str(error), MOST_WHY)}"


def already_decided(request: ReviewRequest) -> str:
    """Who was first, and when."""
    return f"Nothing was changed: {sentences.heading(request)} was already {sentences.decided(request)}."


def not_allowed(request: ReviewRequest, why: str = "") -> str:
    """Who may. ``why``: the desk's sentence, where there is more to say than that (whoever asked for it does not decide it)."""
    reason = "" if not why or why.startswith("it is for ") else f": {plain(why.rstrip('.'), MOST_WHY)}"
    return f"This is not yours to decide{reason}. It is for {sentences.may_decide(request)}."


def cannot(command: Command, request: ReviewRequest, url: str | None, *, complete: bool) -> str | None:
    """Why a pending request does not take this command by a comment, and where it can be decided; ``None``: it takes it.

    ``complete``: whether the request's comment shows all there is (``render.complete``).
    """
    where = sentences.elsewhere(request, url)
    if request.kind == "outcome":
        settle = code(f"hitl actions settle {request.action_id}")
        return f"Nothing was decided: this asks what became of an act. Say so on the request's page, or in a terminal with {settle}."
    if command.name not in request.plan.allowed_decisions:
        offered = list(sentences.commands(request))
        head = f"Nothing was decided: {code(f'/{command.name}')} is not taken here."
        return f"{head} What is:\n\n{bullets(offered)}\n" if offered else f"{head} Answer it {where}."
    if command.name != "approve":
        return None
    if not complete:
        return f"Nothing was decided: this is too long to be shown here in full, so it cannot be approved by a comment. Approve it {where}."
    if sentences.needs_form(request):
        return f"Nothing was decided: approving this takes a form that a comment cannot fill in. Fill it in {where}."
    return None


# ------------------------------------------------------------------------------------------------------------- /hitl …


def help_text(requests: Sequence[ReviewRequest]) -> str:
    """What can be written, and what it could be written for. ``requests``: what waits here."""
    forms = (
        f"{code('/approve [code] [words]')} – go on",
        f"{code('/reject [code] [reason]')} – stop, or go on without it",
        f"{code('/feedback [code] <text>')} – have it done again, with your words; they may have several lines",
        f"{code('/hitl status')} – what waits here, and for whom",
    )
    rules = (
        "A command is in lower case and begins a comment's first line; after it comes a space or the end of the line. "
        "The code may be left out while only one request waits. Edited comments and bots decide nothing."
    )
    waiting = f"**Waiting here:**\n\n{_waiting(requests)}" if requests else "Nothing waits here."
    return f"**Commands**\n\n{bullets(forms)}\n\n{rules}\n\n{waiting}\n"


def status_text(requests: Sequence[ReviewRequest], found: Mapping[str, Approvals] = {}) -> str:
    """Where the requests of an issue stand: those that wait, and how the others ended, as they are given (newest first).

    ``found``: how far those are that several have to approve, by id.
    """
    pending = [request for request in requests if request.status == "pending"]
    others = [request for request in requests if request.status != "pending"]
    waiting = (
        f"**Waiting here:**\n\n{bullets(_with_people(pending, found))}" if pending else "Nothing waits here."
    )
    ended = (
        f"{sentences.heading(each)} {code(each.code)} was {sentences.decided(each)}"
        for each in others[:MOST_LISTED]
    )
    decided = f"**Decided:**\n\n{bullets(ended)}" if others else ""
    return "\n\n".join(filter(None, (waiting, decided))) + "\n"


def _waiting(requests: Sequence[ReviewRequest]) -> str:
    return bullets(_lines(requests))


def _lines(requests: Sequence[ReviewRequest]) -> Iterator[str]:
    """Each with its code, its title and where in the workflow it stands."""
    for request in requests[:MOST_LISTED]:
        place = ", ".join(
            filter(
                None,
                (
                    plain(request.step, 80)
                    if request.step
                    else code(request.tool, 80)
                    if request.tool
                    else "",
                    _since(request),
                ),
            )
        )
        yield f"{code(request.code)} – {sentences.heading(request)} ({place})"
    if len(requests) > MOST_LISTED:
        yield f"and {len(requests) - MOST_LISTED} more"


def _with_people(requests: Sequence[ReviewRequest], found: Mapping[str, Approvals]) -> Iterator[str]:
    for request, line in zip(requests, _lines(requests[:MOST_LISTED]), strict=False):
        since = "overdue since" if request.overdue else "until"
        until = f", {since} {moment(request.deadline_at)}" if request.deadline_at else ""
        so_far = f", {sentences.so_far(found[request.id], request.labels)}" if request.id in found else ""
        yield f"{line}: it is for {sentences.may_decide(request)}{until}{so_far}"
    if len(requests) > MOST_LISTED:
        yield f"and {len(requests) - MOST_LISTED} more"


def _since(request: ReviewRequest) -> str:
    return f"since {moment(request.created_at)}"
