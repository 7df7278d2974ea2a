"""One comment, one review: judged once, in the order they were written. What follows is a decision, a reply, or nothing.

The signature of a delivery proves that GitHub sent it; who wrote the comment says GitHub's API, and whether that person may decide says the
desk. Bots, our own account and edited comments never decide (G-09). Everything that is said back is stored first and sent by the same
path as all messages, so a crash at any moment loses nothing and says nothing twice.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Literal

import structlog

from hitl_middleware.actions import MAX_MESSAGE, Decision
from hitl_middleware.channels.github import render, replies, sentences, words
from hitl_middleware.channels.github.desk import GitHubDesk, Judged
from hitl_middleware.channels.github.events import Commented
from hitl_middleware.channels.github.hints import explain
from hitl_middleware.channels.github.inbound import Command, parse_command
from hitl_middleware.channels.github.markdown import code
from hitl_middleware.channels.github.places import Conversation
from hitl_middleware.channels.github.reading import Comment, Review
from hitl_middleware.channels.github.words import Address
from hitl_middleware.errors import AlreadyDecided, NotFound, Refused
from hitl_middleware.quorum import shows
from hitl_middleware.records import ReviewRequest

log = structlog.get_logger("hitl.github")

Reaction = Literal["eyes", "rocket", "-1"]

NO_REASON: Final = "Rejected without a reason."
NO_WORDS: Final = (
    "Changes were requested in a review without words; the review's comments on single lines say which."
)
OWN_ACCOUNT: Final = (
    "Nothing was decided: this account is the one that this server writes with, so what it says may not be a person's word. "
    "Please decide from another account, or run the server with a GitHub App or an account of its own."
)
TOO_EARLY: Final = (
    "Nothing was decided: what waits here now was asked after this was written. "
    "Please look at the newest request, and decide anew."
)


class Judge:
    """``login``: who we are on GitHub; asked when it is first needed."""

    def __init__(self, desk: GitHubDesk, login: Callable[[], Awaitable[str]]) -> None:
        self._desk = desk
        self._login = login

    # comments --------------------------------------------------------------------------------------------------------

    async def comment(self, where: Conversation, comment: Comment, told: Commented | None = None) -> None:
        """Judge one comment. ``told``: the same as a webhook told of it; it must not have changed since."""
        command, hint = parse_command(comment.body), explain(comment.body)
        pending = await self._waiting(where)
        if command is None and hint is None and not _changed(comment, told):
            return
        if command is None and told is None and not pending:
            return  # a slip of the pen where nothing is asked is nobody's business
        if not comment.author.login or words.is_ours(comment.body):
            return
        if not comment.author.person or comment.author.app is not None:
            # No words: two programs that answer each other never stop.
            await self._react(where, comment, "-1")
            return
        if await self._is_us(comment.author.login):
            await self._refuse(where, comment, OWN_ACCOUNT)
        elif _changed(comment, told):
            await self._refuse(where, comment, replies.EDITED)
        elif command is None or hint is not None:
            if pending and hint is not None:
                await self._refuse(where, comment, hint, outcome="not_understood")
        elif command.name == "hitl":
            await self._inform(where, comment, command, pending)
        else:
            await self._react(where, comment, "eyes")
            await self._decide(where, comment, command, pending)

    async def _inform(
        self, where: Conversation, comment: Comment, command: Command, pending: Sequence[ReviewRequest]
    ) -> None:
        asked_help = command.text == "help"
        text = replies.help_text(pending) if asked_help else await self._status(where, pending)
        await self._reply(where, comment, text)
        await self._react(where, comment, "rocket")
        await self._on_record(comment, "carried_out")
        _log(where, comment, command.name, None, command.text)

    async def _status(self, where: Conversation, pending: Sequence[ReviewRequest]) -> str:
        found = await self._desk.approvals([request for request in pending if shows(request)])
        return replies.status_text(await self._all(where), found)

    async def _decide(
        self, where: Conversation, comment: Comment, command: Command, pending: Sequence[ReviewRequest]
    ) -> None:
        source = f"github:comment:{comment.id}"
        if (before := await self._desk.counted(source)) is not None:  # a crash came before the last word
            await self._carried_out(where, comment, command, before)
            return
        request = await self._meant(where, comment, command, pending)
        if request is None:
            return
        why = await self._why_not(command, request)
        if why is not None:
            await self._refuse(where, comment, why, request, command)
            return
        decision = _decision(command, request)
        login = comment.author.login
        try:
            decided = await self._desk.submit(
                request.id, decision, identity=f"{words.PREFIX}{login}", name=login, source=source
            )
        except (Refused, NotFound) as error:
            now = await self._desk.request(request.id)
            await self._refuse(where, comment, replies.refusal(error, now), request, command)
            return
        await self._carried_out(where, comment, command, decided)

    async def _meant(
        self, where: Conversation, comment: Comment, command: Command, pending: Sequence[ReviewRequest]
    ) -> ReviewRequest | None:
        """The request a command is for; where that is not plain, a reply says so and nothing is decided."""
        if command.code is not None:
            found = await self._desk.with_code(command.code)
            if found is None or not where.concerns(found):
                await self._refuse(where, comment, replies.unknown_code(command.code, pending))
                return None
            if found.status != "pending":
                await self._refuse(where, comment, replies.already_decided(found), found, command)
                return None
            return found
        seen = [request for request in pending if await self._was_asked(request, comment)]
        if not seen:
            last = next(iter(await self._all(where)), None)
            ended = last if last is not None and last.status != "pending" else None
            reply = TOO_EARLY if pending else replies.nothing_pending(ended)
            await self._refuse(where, comment, reply)
            return None
        if len(seen) > 1:
            await self._refuse(where, comment, replies.listing(seen))
            return None
        return seen[0]

    async def _was_asked(self, request: ReviewRequest, comment: Comment) -> bool:
        """Whether the request's own comment stood there already: nobody decides on what they have not seen.

        GitHub numbers comments as they are written. Where ours is not known to be there yet, the times say it, in whole seconds: one of
        the very second in which it was asked may be older.
        """
        card = await self._desk.card(request.id)
        if card is not None and card.card.ref is not None:
            return comment.id > words.CommentRef.parse(card.card.ref).comment
        return comment.created_at > request.created_at

    async def _carried_out(
        self, where: Conversation, comment: Comment, command: Command, request: ReviewRequest
    ) -> None:
        await self._react(where, comment, "rocket")
        await self._on_record(comment, "carried_out", request)
        _log(where, comment, command.name, request, "carried out")

    async def _refuse(
        self,
        where: Conversation,
        comment: Comment,
        text: str,
        request: ReviewRequest | None = None,
        command: Command | None = None,
        outcome: Judged = "refused",
    ) -> None:
        await self._reply(where, comment, text)
        await self._react(where, comment, "-1")
        await self._on_record(comment, outcome, request)
        _log(where, comment, command.name if command else None, request, outcome.replace("_", " "))

    async def _on_record(
        self, comment: Comment, outcome: Judged, request: ReviewRequest | None = None
    ) -> None:
        identity = f"{words.PREFIX}{comment.author.login}"
        await self._desk.judged(outcome, identity=identity, request_id=request.id if request else None)

    # reviews ---------------------------------------------------------------------------------------------------------

    async def review(self, where: Conversation, review: Review) -> None:
        """Judge one review of a pull request: "approve" approves, "request changes" sends back (or rejects), of the commit it looked at."""
        login = review.author.login
        if not login or not review.author.person or review.author.app is not None:
            return
        if review.state not in {"APPROVED", "CHANGES_REQUESTED"} or await self._is_us(login):
            return
        source = f"github:review:{review.id}"
        asked = [
            request for request in await self._asked_of(where) if review.submitted_at > request.created_at
        ]
        if not asked or await self._desk.counted(source) is not None:
            return  # reviews are written every day; only those are meant that somebody waits for
        key = f"review:{review.id}"
        if len(asked) > 1:
            await self._say(where, key, replies.listing(asked))
            return
        (request,) = asked
        looked_at, shown = review.commit_id, request.labels.get(words.HEAD_SHA)
        if shown is not None and looked_at != shown:
            await self._say(where, key, _other_commit(looked_at, shown))
            return
        command = _said_in_review(review, request)
        why = await self._why_not(command, request)
        if why is None:
            try:
                await self._desk.submit(
                    request.id,
                    _decision(command, request),
                    identity=f"{words.PREFIX}{login}",
                    name=login,
                    source=source,
                )
            except (Refused, NotFound) as error:
                if isinstance(error, AlreadyDecided):
                    return
                why = replies.refusal(error, await self._desk.request(request.id))
        if why is not None:
            await self._say(where, key, why)
        log.info(
            "review processed", repository=where.address.repository, issue=request.labels.get(words.ISSUE),
            pull_request=where.address.number,
            run=request.run_id, step=request.step, request=request.id, decision=command.name, person=login,
            outcome="refused" if why else "carried out",
        )  # fmt: skip

    # what both do ----------------------------------------------------------------------------------------------------

    async def _waiting(self, where: Conversation) -> Sequence[ReviewRequest]:
        """What waits on an issue or a pull request, oldest first."""
        return [request for request in reversed(await self._all(where)) if request.status == "pending"]

    async def _asked_of(self, where: Conversation) -> Sequence[ReviewRequest]:
        """What waits for a decision about a pull request."""
        return [
            request
            for name in where.names
            for request in await self._desk.requests(_of_pull_request(name), pending=True)
        ]

    async def _all(self, where: Conversation) -> Sequence[ReviewRequest]:
        """The newest first."""
        found = [
            request
            for name in where.names
            for labels in (_of_issue(name), _of_pull_request(name))
            for request in await self._desk.requests(labels, pending=False)
        ]
        return sorted({each.id: each for each in found}.values(), key=lambda each: each.id, reverse=True)

    async def _why_not(self, command: Command, request: ReviewRequest) -> str | None:
        """Why a request does not take this command here. Nobody decides here what is not shown here."""
        card = await self._desk.card(request.id)
        if card is None:
            return f"Nothing was decided: what is asked is not shown on GitHub. Decide it {sentences.elsewhere(request, None)}."
        return replies.cannot(command, request, card.url, complete=render.complete(card))

    async def _is_us(self, login: str) -> bool:
        return login.lower() == (await self._login()).lower()

    async def _react(self, where: Conversation, comment: Comment, reaction: Reaction) -> None:
        body = {"reaction": reaction, "to": str(comment.id)}
        key = f"github:{comment.id}:{reaction}"
        await self._desk.tell(key=key, address=str(where.address), body=body)

    async def _reply(self, where: Conversation, comment: Comment, text: str) -> None:
        await self._say(where, str(comment.id), text)

    async def _say(self, where: Conversation, to: str, text: str) -> None:
        key = f"github:{to}:reply"
        await self._desk.tell(key=key, address=str(where.address), body={"comment": text})


def _changed(comment: Comment, told: Commented | None) -> bool:
    """Edited, or not what GitHub told of. Its times have whole seconds, so an edit within the first one shows only by the words."""
    if comment.edited:
        return True
    return told is not None and (told.body, told.author.lower(), told.created_at) != (
        comment.body,
        comment.author.login.lower(),
        comment.created_at,
    )


def _other_commit(looked_at: str | None, shown: str) -> str:
    here, there = code((looked_at or "no commit")[:12]), code(shown[:12])
    return (
        f"Nothing was decided: the review is about {here}, and what waits for a decision is about {there}. "
        "Please look at that commit, or decide by a comment."
    )


def _of_issue(address: Address) -> dict[str, str]:
    return {words.REPOSITORY: address.repository, words.ISSUE: str(address.number)}


def _of_pull_request(address: Address) -> dict[str, str]:
    return {words.REPOSITORY: address.repository, words.PULL_REQUEST: str(address.number)}


def _decision(command: Command, request: ReviewRequest) -> Decision:
    match command.name:
        case "approve":
            return Decision(
                type="approve", message=command.text or None, answer=sentences.form_answer(request)
            )
        case "reject":
            return Decision(type="reject", message=command.text or NO_REASON)
        case _:
            return Decision(type="feedback", message=command.text)


def _said_in_review(review: Review, request: ReviewRequest) -> Command:
    text = review.body.strip()[:MAX_MESSAGE]
    if review.state == "APPROVED":
        return Command("approve", request.code, text)
    kind: Literal["feedback", "reject"] = (
        "feedback" if "feedback" in request.plan.allowed_decisions else "reject"
    )
    return Command(kind, request.code, text or NO_WORDS)


def _log(
    where: Conversation, comment: Comment, command: str | None, request: ReviewRequest | None, outcome: str
) -> None:
    log.info(
        "slash command processed", repository=where.address.repository, issue=where.address.number, comment=comment.id,
        command=command, person=comment.author.login, outcome=outcome,
        run=request.run_id if request else None, step=request.step if request else None,
        request=request.id if request else None, decision=command if request and outcome == "carried out" else None,
    )  # fmt: skip
