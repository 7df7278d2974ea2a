"""Front's JSON, as its Core API description has it: what it takes (strict) and what it gives."""

from __future__ import annotations

import html
from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, StringConstraints

_Words = Annotated[str, StringConstraints(min_length=1, max_length=1_000_000)]


@dataclass(frozen=True, slots=True)
class Teammate:
    """Somebody on our side of Front. ``type`` is ``user`` for people and names the kind of bot otherwise."""

    id: str
    first_name: str
    last_name: str = ""
    email: str = ""
    type: str = "user"

    def json(self, url: str) -> dict[str, Any]:
        """A TeammateResponse."""
        return {
            "_links": {"self": f"{url}/teammates/{self.id}"},
            "id": self.id,
            "email": self.email or f"{self.first_name.lower()}@desk.example",
            "username": self.first_name.lower(),
            "first_name": self.first_name,
            "last_name": self.last_name,
            "license_type": "full",
            "is_admin": False,
            "is_available": True,
            "is_blocked": False,
            "type": self.type,
            "custom_fields": {},
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A message of a conversation, in or out."""

    id: str
    uid: str
    inbound: bool
    body: str
    text: str
    at: float
    author: Teammate | None = None

    def json(self, url: str, conversation: Conversation) -> dict[str, Any]:
        """A MessageResponse."""
        customer, desk = ("from", "to") if self.inbound else ("to", "from")
        return {
            "_links": {
                "self": f"{url}/messages/{self.id}",
                "related": {"conversation": f"{url}/conversations/{conversation.id}"},
            },
            "id": self.id,
            "message_uid": self.uid,
            "type": "email",
            "is_inbound": self.inbound,
            "draft_mode": None,
            "error_type": None,
            "version": None,
            "created_at": self.at,
            "subject": conversation.subject,
            "blurb": self.text[:100],
            "author": self.author.json(url) if self.author else None,
            "recipients": [
                _recipient(conversation.customer_name, conversation.customer, customer),
                _recipient(None, "help@desk.example", desk),
            ],
            "body": self.body,
            "text": self.text,
            "attachments": [],
            "signature": None,
            "metadata": {},
        }


@dataclass(frozen=True, slots=True)
class Comment:
    """A word among teammates."""

    id: str
    author: Teammate
    body: str
    at: float

    def json(self, url: str, conversation_id: str) -> dict[str, Any]:
        """A CommentResponse."""
        return {
            "_links": {
                "self": f"{url}/comments/{self.id}",
                "related": {"conversation": f"{url}/conversations/{conversation_id}"},
            },
            "id": self.id,
            "author": self.author.json(url),
            "body": self.body,
            "posted_at": self.at,
            "attachments": [],
            "is_pinned": False,
        }


@dataclass(slots=True)
class Conversation:
    """A conversation as it is now."""

    id: str
    customer: str
    customer_name: str | None
    subject: str
    created_at: float
    status: str = "unassigned"
    assignee: Teammate | None = None
    messages: list[Message] = field(default_factory=list)
    comments: list[Comment] = field(default_factory=list)

    def json(self, url: str) -> dict[str, Any]:
        """A ConversationResponse."""
        link = f"{url}/conversations/{self.id}"
        related = {
            name: f"{link}/{name}" for name in ("events", "followers", "messages", "comments", "inboxes")
        }
        return {
            "_links": {"self": link, "related": related},
            "id": self.id,
            "type": "conversation",
            "subject": self.subject,
            "status": self.status,
            "ticket_ids": [],
            "assignee": self.assignee.json(url) if self.assignee else None,
            "recipient": _recipient(self.customer_name, self.customer, "from"),
            "tags": [],
            "links": [],
            "custom_fields": {},
            "created_at": self.created_at,
            "is_private": False,
            "scheduled_reminders": [],
            "metadata": {},
        }


def as_markup(text: str) -> str:
    """The HTML that a mail program makes of typed words."""
    return html.escape(text, quote=False).replace("\n", "<br />\n")


def _recipient(name: str | None, handle: str, role: str) -> dict[str, Any]:
    return {"_links": {"related": {"contact": None}}, "name": name, "handle": handle, "role": role}


class _Body(BaseModel):
    # Front may forgive an unknown field; a misspelt one would go unnoticed there and is found here.
    model_config = ConfigDict(extra="forbid", strict=True)


class ReplyOptions(_Body):
    """``options`` of a reply."""

    tag_ids: list[str] = []
    archive: bool = True


class ReplyBody(_Body):
    """OutboundReplyMessage, without attachments."""

    body: _Words
    text: str | None = None
    author_id: str | None = None
    channel_id: str | None = None
    sender_name: str | None = None
    subject: str | None = None
    quote_body: str | None = None
    signature_id: str | None = None
    should_add_default_signature: bool = False
    to: list[str] | None = None
    cc: list[str] | None = None
    bcc: list[str] | None = None
    options: ReplyOptions = ReplyOptions()


class CommentBody(_Body):
    """CreateComment, without attachments."""

    body: _Words
    author_id: str | None = None
    is_pinned: bool = False


class AssigneeBody(_Body):
    """UpdateConversationAssignee; null unassigns."""

    assignee_id: str | None
