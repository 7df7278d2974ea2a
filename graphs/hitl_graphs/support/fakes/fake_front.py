"""A fake of Front: the conversations that the desk answers, and the webhooks that tell it of them. Source: Front's Core API description."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, ClassVar, TypeVar
from urllib.parse import parse_qs

from pydantic import BaseModel, ValidationError

from hitl_graphs.support.fakes.calls import ApiError, Call, Effect, Reply
from hitl_graphs.support.fakes.front_shapes import (
    AssigneeBody,
    Comment,
    CommentBody,
    Conversation,
    Message,
    ReplyBody,
    Teammate,
    as_markup,
)
from hitl_graphs.support.fakes.front_state import (
    DESK,
    CommentPosted,
    ConversationAssigned,
    ConversationView,
    FrontState,
    MessageSent,
    listed,
)
from hitl_graphs.support.fakes.front_webhooks import Delivery, WebhookSender, event
from hitl_graphs.support.fakes.service import FakeService, system_now

_TITLES = {
    400: "Bad request",
    401: "Unauthenticated",
    403: "Forbidden",
    404: "Not found",
    429: "Too many requests",
}

_B = TypeVar("_B", bound=BaseModel)


class FakeFront(FakeService):
    """Front's Core API for replies, comments and assignees, and its application webhooks.

    ``app_url`` is the address under which the app has ``/front/webhooks``; it can be set later. With ``previews`` the webhooks carry ids
    and no words.
    """

    service: ClassVar[str] = "front"
    kinds: ClassVar[tuple[type[Effect], ...]] = (MessageSent, CommentPosted, ConversationAssigned)

    def __init__(
        self,
        *,
        token: str = "front-recorded",  # noqa: S107 - opens nothing but this fake
        webhook_secret: str = "front-signing-key",  # noqa: S107 - as above
        conversations: Iterable[str] = (),
        teammates: Iterable[Teammate] = DESK,
        app_url: str | None = None,
        previews: bool = False,
        ledger_path: Path | None = None,
        now: Callable[[], float] = system_now,
    ) -> None:
        # First, because the ledger is read back into it by super().
        self._state = FrontState(conversations, teammates, now())
        self._sender = WebhookSender(webhook_secret, now)
        self.app_url = app_url
        self.previews = previews
        super().__init__(token, ledger_path=ledger_path, now=now)

    @property
    def webhook_secret(self) -> str:
        """The app's signing key."""
        return self._sender.secret

    def conversation(self, conversation_id: str) -> ConversationView:
        """How a conversation stands."""
        with self._lock:
            return self._state.view(conversation_id)

    # What happens in Front and is told to the app

    def customer_writes(
        self,
        conversation_id: str,
        text: str,
        *,
        handle: str = "customer@shop.example",
        name: str | None = None,
        subject: str = "A question",
        post: bool = True,
    ) -> Delivery:
        """The customer writes, in a new conversation if need be, and the app is told; with ``post=False`` the delivery is only made."""
        with self._lock:
            conversation = self._state.opened(conversation_id, self.now(), handle, name, subject)
            message = Message(
                id=f"msg_{uuid.uuid4().hex[:12]}",
                uid=uuid.uuid4().hex,
                inbound=True,
                body=as_markup(text),
                text=text,
                at=self.now(),
            )
            conversation.messages.append(message)
            told = message.json(self._link, conversation)
            delivery = self._tell("inbound_received", "inbound", conversation, ("message", told))
        return self._sender.post(delivery, self.app_url) if post else delivery

    def teammate_comments(
        self, conversation_id: str, text: str, *, teammate: str = "tea_kim", post: bool = True
    ) -> Delivery:
        """A teammate comments on a conversation, and the app is told."""
        with self._lock:
            conversation = self._state.conversation(conversation_id)
            author = self._state.teammate(teammate)
            comment = Comment(f"com_{uuid.uuid4().hex[:12]}", author, text, self.now())
            conversation.comments.append(comment)
            delivery = self._tell_comment(conversation, comment)
        return self._sender.post(delivery, self.app_url) if post else delivery

    def echo(self, effect: MessageSent | CommentPosted, *, post: bool = True) -> Delivery:
        """Tell the app of a message or comment that it made itself, as Front does when the webhook listens to such events."""
        with self._lock:
            conversation = self._state.conversation(effect.conversation_id)
            if isinstance(effect, CommentPosted):
                comment = next(one for one in conversation.comments if one.id == effect.comment_id)
                delivery = self._tell_comment(conversation, comment)
            else:
                _, message = self._state.message(effect.message_id)
                told = message.json(self._link, conversation)
                delivery = self._tell("outbound_sent", "outbound", conversation, ("message", told))
        return self._sender.post(delivery, self.app_url) if post else delivery

    def replay(self, delivery: Delivery) -> Delivery:
        """The same bytes with the same headers once more, as somebody who listened could send them."""
        return self._sender.post(delivery, self.app_url)

    def redeliver(self, delivery: Delivery) -> Delivery:
        """The same event, signed again, as Front does when the app did not answer."""
        return self._sender.post(self._sender.sign_again(delivery), self.app_url)

    def subscribe(self) -> Delivery:
        """What Front does when somebody saves the webhook's address; the answer must bring the challenge back."""
        challenge = {"X-Front-Challenge": uuid.uuid4().hex}
        return self._sender.post(self._sender.sign("sync", None, challenge), self.app_url)

    # What the app asks of Front

    def authenticate(self, call: Call) -> None:
        """A bearer token."""
        if call.headers.get("authorization") != f"Bearer {self.token}":
            raise ApiError(401, "The bearer token is missing or unknown.")

    def refusal(self, error: ApiError) -> Reply:
        """Front's ``_error``."""
        title = _TITLES.get(error.status, "Error")
        return Reply(
            error.status, {"_error": {"status": error.status, "title": title, "message": error.message}}
        )

    def route(self, call: Call) -> Reply:
        """The addresses that exist."""
        with self._lock:
            match call.method, call.path.strip("/").split("/"):
                case "GET", ["teammates"]:
                    everybody = [one.json(self._link) for one in self._state.teammates.values()]
                    return Reply(200, listed(self._link, "/teammates", everybody))
                case "GET", ["messages" | "comments" as kind, item_id]:
                    return self._look_at(kind, item_id)
                case "GET", ["conversations", conversation_id, *rest]:
                    return self._look(call, self._state.conversation(conversation_id), rest)
                case "POST", ["conversations", conversation_id, "messages"]:
                    return self._send(call, self._state.conversation(conversation_id))
                case "POST", ["conversations", conversation_id, "comments"]:
                    return self._comment(call, self._state.conversation(conversation_id))
                case "PUT", ["conversations", conversation_id, "assignee"]:
                    return self._assign(call, self._state.conversation(conversation_id))
        raise ApiError(404, f"There is no {call.method} {call.path}.")

    def restore(self, effect: Effect, answer: Any) -> None:
        """The conversation as the effect left it."""
        del answer
        self._state.apply(effect)

    def _look_at(self, kind: str, item_id: str) -> Reply:
        if kind == "messages":
            conversation, message = self._state.message(item_id)
            return Reply(200, message.json(self._link, conversation))
        conversation, comment = self._state.comment(item_id)
        return Reply(200, comment.json(self._link, conversation.id))

    def _look(self, call: Call, conversation: Conversation, rest: list[str]) -> Reply:
        match rest:
            case []:
                return Reply(200, conversation.json(self._link))
            case ["messages"]:
                newest_first = [one.json(self._link, conversation) for one in reversed(conversation.messages)]
                limit = parse_qs(call.query).get("limit", ["50"])[0]
                if not limit.isdecimal():
                    raise ApiError(400, "limit: must be a number")
                return Reply(200, listed(self._link, call.path, newest_first[: int(limit)]))
            case ["comments"]:
                newest_first = [
                    one.json(self._link, conversation.id) for one in reversed(conversation.comments)
                ]
                return Reply(200, listed(self._link, call.path, newest_first))
        raise ApiError(404, f"There is no {call.method} {call.path}.")

    def _send(self, call: Call, conversation: Conversation) -> Reply:
        wanted = _read(call, ReplyBody)
        self._state.author(wanted.author_id)
        sent = MessageSent(
            **self.stamp(call),
            conversation_id=conversation.id,
            message_id=f"msg_{uuid.uuid4().hex[:12]}",
            message_uid=uuid.uuid4().hex,
            body=wanted.body,
            text=wanted.text,
            author_id=wanted.author_id,
            archived=wanted.options.archive,
        )
        return self._done(sent, Reply(202, {"status": "accepted", "message_uid": sent.message_uid}))

    def _comment(self, call: Call, conversation: Conversation) -> Reply:
        wanted = _read(call, CommentBody)
        posted = CommentPosted(
            **self.stamp(call),
            conversation_id=conversation.id,
            comment_id=f"com_{uuid.uuid4().hex[:12]}",
            body=wanted.body,
            author_id=wanted.author_id,
        )
        comment = Comment(posted.comment_id, self._state.author(wanted.author_id), posted.body, posted.at)
        return self._done(posted, Reply(201, comment.json(self._link, conversation.id)))

    def _assign(self, call: Call, conversation: Conversation) -> Reply:
        wanted = _read(call, AssigneeBody)
        self._state.author(wanted.assignee_id)
        assigned = ConversationAssigned(
            **self.stamp(call), conversation_id=conversation.id, assignee_id=wanted.assignee_id
        )
        return self._done(assigned, Reply(204))

    def _done(self, effect: Effect, reply: Reply) -> Reply:
        self.record(effect, reply)
        self._state.apply(effect)
        return reply

    def _tell_comment(self, conversation: Conversation, comment: Comment) -> Delivery:
        told = comment.json(self._link, conversation.id)
        return self._tell("new_comment_added", "comment", conversation, ("comment", told))

    def _tell(
        self, webhook: str, kind: str, conversation: Conversation, target: tuple[str, dict[str, Any]]
    ) -> Delivery:
        about = conversation.json(self._link)
        return self._sender.sign(
            webhook, event(kind, about, target, self._link, self.now(), preview=self.previews)
        )

    @property
    def _link(self) -> str:
        return self.url if self._server is not None else "https://api2.frontapp.com"


def _read(call: Call, shape: type[_B]) -> _B:
    try:
        return shape.model_validate_json(call.body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        field = ".".join(str(part) for part in first["loc"]) or "body"
        raise ApiError(400, f"{field}: {first['msg']}") from None
