"""A teammate's comment on the conversation corrects the draft that waits there.

    /draft <text>      the text is sent instead of the draft: an ``edit``, which goes through the policy like any other
    anything else      words of somebody who may decide are ``feedback``: the agent writes another draft

It counts as any decision does, only from somebody whom the plan lists: the author is ``front:tea_…`` or ``front:<e-mail>``, whichever
``[people]`` of hitl.toml (or the plan itself) knows. Who wrote ``/draft`` and is refused reads why in a comment; talk is left alone.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence

import structlog

from hitl_graphs.support.front_webhook import InboundMessage, comment_read
from hitl_graphs.support.policy import DRAFT
from hitl_middleware.actions import Decision, EditedAction
from hitl_middleware.errors import AlreadyDecided, DoesNotFit, Refused
from hitl_middleware.hitl import Hitl
from hitl_middleware.records import Delivery, ReviewRequest

log = structlog.get_logger("hitl.support")

COMMAND = "/draft"
CHANNEL = "front"

_COMMAND = re.compile(rf"\s*{COMMAND}(?!\S)[ \t]*\n?", re.IGNORECASE)


class NoSuchDraft(Refused):
    """{why}"""


class DraftCorrections:
    """Acts on comments, each as often as it is told to: a comment that has counted is known by what was decided."""

    def __init__(self, hitl: Hitl) -> None:
        self._hitl = hitl

    async def process(self, comment: InboundMessage, thread_id: str, delivery: Delivery) -> None:
        """One comment on the conversation of ``thread_id``. What it raises is tried again later."""
        if comment.text is None:
            read = await self._read(comment)
            if read is None:
                return
            comment = read
        if not (comment.text or "").strip():
            return
        is_command = _COMMAND.match(comment.text or "") is not None
        requests = await self._hitl.portal.run(self._hitl.views.requests_of_thread, thread_id)
        drafts = [one for one in requests if one.tool == DRAFT]
        if not is_command and not any(one.status == "pending" for one in drafts):
            return  # talk among colleagues
        try:
            decision = correction(comment)
            if not await self._counted(comment, decision, drafts, delivery):
                await self._submit(comment, decision, _waiting(drafts, delivery))
        except Refused as error:
            log.info("comment does not count", conversation=comment.conversation_id, why=type(error).__name__)
            if is_command:
                why = str(error.facts["why"]) if isinstance(error, DoesNotFit) else str(error)
                await self._reply(comment, why, again=delivery.attempts > 1)

    async def _submit(self, comment: InboundMessage, decision: Decision, draft: ReviewRequest) -> None:
        await self._hitl.submit(
            draft.id,
            decision,
            identity=await self._identity(comment, draft.plan.approvers or ()),
            name=comment.author_name or None,
            via=CHANNEL,
        )

    async def _counted(
        self, comment: InboundMessage, decision: Decision, drafts: Sequence[ReviewRequest], delivery: Delivery
    ) -> bool:
        """Whether this very comment decided before a crash: it is not told that it came too late for itself."""
        mine = _names(comment)
        return delivery.attempts > 1 and any(
            one.decided_via == CHANNEL and one.decided_by in mine and one.decision == decision
            for one in drafts
        )

    async def _identity(self, comment: InboundMessage, approvers: Sequence[str]) -> str:
        """The author's name that somebody wrote down; Front's id where nobody did."""
        for name in (names := _names(comment)):
            listed = (await self._hitl.directory.person(name)).name is not None
            if listed or name in approvers:
                return name
        return names[0]

    async def _read(self, comment: InboundMessage) -> InboundMessage | None:
        """A comment whose webhook named nothing but its id (Front's setting "previews"); ``None``: no person wrote it."""
        from hitl_graphs.support.tools import effects

        return comment_read(comment, await asyncio.to_thread(lambda: effects().comment(comment.message_id)))

    async def _reply(self, comment: InboundMessage, why: str, *, again: bool) -> None:
        """Tell who wrote the command why it does not count. ``again``: the first attempt may have said so already."""
        from hitl_graphs.support.tools import effects

        mark = f"[{comment.message_id}]"
        words = f"Not taken over, {comment.author_name or comment.author}. {why} {mark}"

        def post() -> None:
            if not (again and effects().has_comment(comment.conversation_id, mark)):
                effects().add_comment(comment.conversation_id, words)

        await asyncio.to_thread(post)  # not on this loop: it is the one that keeps leases alive


def correction(comment: InboundMessage) -> Decision:
    """A comment as a decision on a draft. Raises ``DoesNotFit`` for a command without its text, or with a part of it."""
    text = comment.text or ""
    found = _COMMAND.match(text)
    if comment.truncated:
        raise DoesNotFit(
            field=COMMAND, why="The comment is too long to be read in full, so nothing of it is sent."
        )
    if found is None:
        return Decision(type="feedback", message=text)
    if not (body := text[found.end() :].strip()):
        raise DoesNotFit(field=COMMAND, why="Write the text that the customer is to read after it.")
    return Decision(type="edit", edited_action=EditedAction(name=DRAFT, args={"body": body}))


def _waiting(drafts: Sequence[ReviewRequest], delivery: Delivery) -> ReviewRequest:
    """The draft that the comment speaks of: the one that waits, and did when the comment was written."""
    pending = [one for one in drafts if one.status == "pending"]
    if len(pending) > 1:
        raise NoSuchDraft(
            why="Several drafts wait on this conversation; correct the one you mean on its card."
        )
    if not pending:
        if drafts and drafts[-1].decided_at is not None:
            last = drafts[-1]
            by = last.decided_by_name or last.decided_by
            raise AlreadyDecided(status=last.status, by=by, at=f"{last.decided_at:%Y-%m-%d %H:%M:%S UTC}")
        raise NoSuchDraft(why="No draft waits on this conversation.")
    if pending[0].created_at > delivery.received_at:
        raise NoSuchDraft(
            why="A new draft was written after this comment; it waits for a decision of its own."
        )
    return pending[0]


def _names(comment: InboundMessage) -> tuple[str, ...]:
    email = comment.author_email.strip().lower()
    return (f"front:{comment.author}", *((f"front:{email}",) if email else ()))
