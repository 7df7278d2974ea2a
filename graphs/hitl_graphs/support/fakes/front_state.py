"""Conversations and teammates of the fake Front, and what the app did to them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from hitl_graphs.support.fakes.calls import ApiError, Effect
from hitl_graphs.support.fakes.front_shapes import Comment, Conversation, Message, Teammate

DESK = (Teammate("tea_ann", "Ann", "Archer"), Teammate("tea_kim", "Kim", "Keller"))
BOT = Teammate("tea_bot", "API", "token", type="api")
"""Who Front names as the author of what an API token does in its own name."""

_CUSTOMER = "customer@shop.example"
_SUBJECT = "A question"


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageSent(Effect):
    """A message to the customer. ``body`` is the HTML that was posted, ``text`` the plain version beside it."""

    conversation_id: str
    message_id: str
    message_uid: str
    body: str
    text: str | None
    author_id: str | None
    archived: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CommentPosted(Effect):
    """A comment for teammates. ``author_id`` is ``None`` for one in the API token's own name."""

    conversation_id: str
    comment_id: str
    body: str
    author_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationAssigned(Effect):
    """Somebody has the conversation now, or nobody."""

    conversation_id: str
    assignee_id: str | None


@dataclass(frozen=True, slots=True)
class ConversationView:
    """A conversation at one moment. ``messages`` are (inbound, text) from the oldest on."""

    id: str
    status: str
    assignee_id: str | None
    messages: tuple[tuple[bool, str], ...]
    comments: tuple[str, ...]


class FrontState:
    """Not thread-safe; the fake holds its lock."""

    def __init__(self, conversations: Iterable[str], teammates: Iterable[Teammate], now: float) -> None:
        self.conversations: dict[str, Conversation] = {}
        self.teammates = {one.id: one for one in (*teammates, BOT)}
        for conversation_id in conversations:
            self.opened(conversation_id, now)

    def opened(
        self,
        conversation_id: str,
        now: float,
        handle: str = _CUSTOMER,
        name: str | None = None,
        subject: str = _SUBJECT,
    ) -> Conversation:
        """The conversation, new if there is none with this id."""
        return self.conversations.setdefault(
            conversation_id, Conversation(conversation_id, handle, name, subject, now)
        )

    def conversation(self, conversation_id: str) -> Conversation:
        """One that exists; 404 otherwise."""
        if conversation_id not in self.conversations:
            raise ApiError(404, f"No conversation {conversation_id}.")
        return self.conversations[conversation_id]

    def teammate(self, teammate_id: str) -> Teammate:
        """One that exists; 404 otherwise."""
        if teammate_id not in self.teammates:
            raise ApiError(404, f"No teammate {teammate_id}.")
        return self.teammates[teammate_id]

    def author(self, teammate_id: str | None) -> Teammate:
        """Who speaks: a teammate that exists, or the token itself."""
        return BOT if teammate_id is None else self.teammate(teammate_id)

    def message(self, message_id: str) -> tuple[Conversation, Message]:
        """One that exists, and where; 404 otherwise."""
        for conversation in self.conversations.values():
            for message in conversation.messages:
                if message.id == message_id:
                    return conversation, message
        raise ApiError(404, f"No message {message_id}.")

    def comment(self, comment_id: str) -> tuple[Conversation, Comment]:
        """One that exists, and where; 404 otherwise."""
        for conversation in self.conversations.values():
            for comment in conversation.comments:
                if comment.id == comment_id:
                    return conversation, comment
        raise ApiError(404, f"No comment {comment_id}.")

    def apply(self, effect: Effect) -> None:
        """The conversation as the effect leaves it; ids that came from an older ledger are made up for."""
        match effect:
            case MessageSent():
                conversation = self.opened(effect.conversation_id, effect.at)
                conversation.messages.append(self._sent(effect))
                if effect.archived:
                    conversation.status = "archived"
            case CommentPosted():
                author = self.teammates.get(effect.author_id or "", BOT)
                comment = Comment(effect.comment_id, author, effect.body, effect.at)
                self.opened(effect.conversation_id, effect.at).comments.append(comment)
            case ConversationAssigned():
                conversation = self.opened(effect.conversation_id, effect.at)
                conversation.assignee = self.teammates.get(effect.assignee_id or "")
                conversation.status = "assigned" if conversation.assignee else "unassigned"

    def view(self, conversation_id: str) -> ConversationView:
        """How a conversation stands."""
        one = self.conversations[conversation_id]
        return ConversationView(
            id=one.id,
            status=one.status,
            assignee_id=one.assignee.id if one.assignee else None,
            messages=tuple((message.inbound, message.text) for message in one.messages),
            comments=tuple(comment.body for comment in one.comments),
        )

    def _sent(self, effect: MessageSent) -> Message:
        return Message(
            id=effect.message_id,
            uid=effect.message_uid,
            inbound=False,
            body=effect.body,
            text=effect.text if effect.text is not None else re.sub(r"<[^<>]*>", "", effect.body),
            at=effect.at,
            author=self.teammates.get(effect.author_id or "", BOT),
        )


def listed(url: str, path: str, results: list[dict[str, Any]]) -> dict[str, Any]:
    """Front's form of a list; everything fits on one page here."""
    return {"_pagination": {"next": None}, "_links": {"self": url + path}, "_results": results}
