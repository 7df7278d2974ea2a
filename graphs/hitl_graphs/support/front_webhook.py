"""Front's application webhooks: bytes and headers in, values out. Pure: no I/O, no clock, no settings.

Sources: Front's "Application webhooks" page (headers, signature, challenge) and its Core API description (event, message, comment).
Front signs ``<X-Front-Request-Timestamp>:<raw body>`` with HMAC-SHA256, keyed with the app's signing key, and sends it as base64 in
``X-Front-Signature``. Rule webhooks (HMAC-SHA1 over the body alone, no time in it) are not accepted: they could be replayed for ever.

    FrontWebhookError          ``status`` is the HTTP answer it deserves
    ├── TooLarge               413
    ├── SignatureMissing       401
    ├── SignatureMalformed     401
    ├── SignatureStale         401
    ├── SignatureWrong         401
    ├── SecretMissing          401
    └── PayloadMalformed       400
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import html
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from hitl_middleware.errors import HitlError

SIGNATURE_HEADER = "X-Front-Signature"
TIMESTAMP_HEADER = "X-Front-Request-Timestamp"
CHALLENGE_HEADER = "X-Front-Challenge"
MAX_BODY_BYTES = 1_048_576
MAX_TEXT_CHARS = 20_000
MAX_LABEL_CHARS = 320
REPLAY_WINDOW_SECONDS = 300.0

_SIGNATURE = re.compile(r"[A-Za-z0-9+/]{43}=")
_TIMESTAMP = re.compile(r"[0-9]{10}|[0-9]{13}")
_CHALLENGE = re.compile(r"[A-Za-z0-9+/=_.~-]{1,256}")
_LINE_END = re.compile(r"<(?:br|/p|/div|/li|/tr)\b[^<>]*>", re.IGNORECASE)
_TAG = re.compile(r"<[^<>]*>")


class FrontWebhookError(HitlError):
    """The Front webhook was refused."""

    status = 401


class TooLarge(FrontWebhookError):
    """The Front webhook has {size} bytes; at most {limit} are read."""

    status = 413


class SignatureMissing(FrontWebhookError):
    """The request has no {header} header. Front sends it with every application webhook."""


class SignatureMalformed(FrontWebhookError):
    """The {header} header does not have Front's form."""


class SignatureStale(FrontWebhookError):
    """The webhook was signed {seconds} seconds away from now; at most {limit} are accepted."""


class SignatureWrong(FrontWebhookError):
    """The signature does not fit the body. Check FRONT_WEBHOOK_SECRET: it is the app's signing key."""


class SecretMissing(FrontWebhookError):
    """FRONT_WEBHOOK_SECRET is not set, so no Front webhook can be believed."""


class PayloadMalformed(FrontWebhookError):
    """The webhook's body is not an event of Front's: {field}: {why}"""

    status = 400


@dataclass(frozen=True, slots=True)
class InboundMessage:
    """Words about a conversation that somebody should act on.

    ``delivery_id`` is the id of Front's event: the same for every redelivery, so the key to take each one once. ``author`` is the
    customer's handle or the teammate's id (``tea_…``; empty in a preview). ``text`` is plain text of at most ``MAX_TEXT_CHARS``
    (``truncated`` says that there was more); ``None`` where the webhook is configured to send previews: read it by its id then.
    """

    kind: Literal["customer_message", "teammate_comment"]
    delivery_id: str
    conversation_id: str
    message_id: str
    author: str
    text: str | None
    author_name: str = ""
    author_email: str = ""
    subject: str = ""
    truncated: bool = False


@dataclass(frozen=True, slots=True)
class Ignored:
    """A true webhook that asks for nothing; ``reason`` is a sentence for the log."""

    event_type: str
    reason: str
    delivery_id: str | None = None


def verify(body: bytes, headers: Mapping[str, str], secret: str, now: float) -> None:
    """Raise a ``FrontWebhookError`` unless Front sent exactly these bytes within five minutes of ``now`` (epoch seconds).

    Checked in the order of cost: size, header syntax, time, HMAC over the raw bytes (compared in constant time). A replay inside the
    window passes: that is what ``InboundMessage.delivery_id`` is for.
    """
    if not secret:
        raise SecretMissing
    if len(body) > MAX_BODY_BYTES:
        raise TooLarge(size=len(body), limit=MAX_BODY_BYTES)
    signature = _one(headers, SIGNATURE_HEADER)
    timestamp = _one(headers, TIMESTAMP_HEADER)
    if _SIGNATURE.fullmatch(signature) is None:
        raise SignatureMalformed(header=SIGNATURE_HEADER)
    if _TIMESTAMP.fullmatch(timestamp) is None:
        raise SignatureMalformed(header=TIMESTAMP_HEADER)
    # Application webhooks say milliseconds; Front's connector page leaves the unit open. The number of digits tells them apart, and
    # reading one as the other would land decades outside the window.
    signed_at = int(timestamp) / (1000 if len(timestamp) == 13 else 1)
    if abs(now - signed_at) > REPLAY_WINDOW_SECONDS:
        raise SignatureStale(seconds=round(abs(now - signed_at)), limit=round(REPLAY_WINDOW_SECONDS))
    expected = hmac.new(secret.encode(), timestamp.encode() + b":" + body, hashlib.sha256).digest()
    if not hmac.compare_digest(expected, base64.b64decode(signature)):
        raise SignatureWrong


def challenge(headers: Mapping[str, str]) -> str | None:
    """The word Front wants back (``{"challenge": word}``) when somebody saves the webhook's address; ask only after ``verify``."""
    values = [value for name, value in headers.items() if name.lower() == CHALLENGE_HEADER.lower()]
    return values[0] if len(values) == 1 and _CHALLENGE.fullmatch(values[0]) else None


def parse(body: bytes) -> InboundMessage | Ignored:
    """What a verified body says; ``TooLarge`` or ``PayloadMalformed`` for anything that is not an event of Front's.

    Broken JSON, wrong types, bytes that are not UTF-8 and nesting of more than 200 levels are all ``PayloadMalformed``; no other
    exception leaves this function.
    """
    if len(body) > MAX_BODY_BYTES:
        raise TooLarge(size=len(body), limit=MAX_BODY_BYTES)
    try:
        envelope = _Envelope.model_validate_json(body)
        if envelope.type == "inbound_received":
            return _customer_message(_Event.model_validate(envelope.payload))
        if envelope.type == "new_comment_added":
            return _teammate_comment(_Event.model_validate(envelope.payload))
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        field = ".".join(str(part) for part in first["loc"]) or "body"
        raise PayloadMalformed(field=_label(field), why=_label(str(first["msg"]))) from None
    if envelope.type == "sync":
        return Ignored(envelope.type, "Front checks that this address answers.")
    return Ignored(_label(envelope.type), "Nothing listens to this kind of event.")


def _customer_message(event: _Event) -> InboundMessage | Ignored:
    message = _Message.model_validate(event.target.data)
    if message.is_inbound is False or message.draft_mode is not None:
        return Ignored("inbound_received", "The message was written on our side.", event.id)
    sender = next(
        (person for person in message.recipients if person.role == "from"), event.conversation.recipient
    )
    text, truncated = words(message.text, message.body)
    return InboundMessage(
        kind="customer_message",
        delivery_id=event.id,
        conversation_id=event.conversation.id,
        message_id=message.id,
        author=_label(sender.handle) if sender else "",
        author_name=_label(sender.name) if sender else "",
        text=text,
        truncated=truncated,
        subject=_label(message.subject or event.conversation.subject),
    )


def _teammate_comment(event: _Event) -> InboundMessage | Ignored:
    comment = _Comment.model_validate(event.target.data)
    told = InboundMessage(
        kind="teammate_comment",
        delivery_id=event.id,
        conversation_id=event.conversation.id,
        message_id=comment.id,
        author="",
        text=None,
        subject=_label(event.conversation.subject),
    )
    if comment.author is None and comment.body is None:
        return told  # a preview: who wrote what has to be read by the comment's id
    return _said(told, comment) or Ignored(
        "new_comment_added", "The comment was not written by a person.", event.id
    )


def comment_read(told: InboundMessage, data: Mapping[str, Any]) -> InboundMessage | None:
    """A comment of which only a preview came, with what Front's API says of it; ``None``: no person wrote it.

    Raises ``PayloadMalformed`` for what is not a comment.
    """
    try:
        return _said(told, _Comment.model_validate(data))
    except ValidationError:
        raise PayloadMalformed(field="comment", why="Front did not answer with a comment") from None


def _said(told: InboundMessage, comment: _Comment) -> InboundMessage | None:
    author = comment.author
    # Front reports our own comments too. They are written by the API token's bot, and must not come back as somebody's wish.
    if author is None or author.type != "user":
        return None
    text, truncated = words(comment.body or "", None)
    return replace(
        told,
        author=author.id,
        author_name=_label(f"{author.first_name or ''} {author.last_name or ''}".strip()),
        author_email=_label(author.email),
        text=text,
        truncated=truncated,
    )


def _one(headers: Mapping[str, str], name: str) -> str:
    values = [value for key, value in headers.items() if key.lower() == name.lower()]
    if not values:
        raise SignatureMissing(header=name)
    if len(values) > 1:  # which of two would a proxy have believed?
        raise SignatureMalformed(header=name)
    return values[0]


def words(text: str | None, markup: str | None) -> tuple[str | None, bool]:
    """Plain text of a message and whether it was cut. Only e-mails come with a text version; other channels have a body alone."""
    if text is None and markup is not None:
        # Linear patterns on purpose: the sender chooses these characters, html.parser can be made to raise and to take its time.
        text = html.unescape(_TAG.sub("", _LINE_END.sub("\n", markup))).strip()
    if text is None:
        return None, False
    return _storable(text[:MAX_TEXT_CHARS]), len(text) > MAX_TEXT_CHARS


def _label(value: str | None) -> str:
    return _storable((value or "")[:MAX_LABEL_CHARS])


def _storable(value: str) -> str:
    """PostgreSQL keeps no NUL; it is shown instead of dropped."""
    return value.replace("\x00", "\N{REPLACEMENT CHARACTER}")


_Id = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]
"""Goes into URLs and thread ids, hence no slash and no leading dot."""


class _Model(BaseModel):
    # Front adds fields without notice, so what is not read here is not checked.
    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)


class _Envelope(_Model):
    type: str
    payload: Any = None


class _Recipient(_Model):
    handle: str = ""
    name: str | None = None
    role: str = ""


class _Conversation(_Model):
    id: _Id
    subject: str | None = None
    recipient: _Recipient | None = None


class _Target(_Model):
    data: dict[str, Any]


class _Event(_Model):
    id: _Id
    conversation: _Conversation
    target: _Target


class _Message(_Model):
    id: _Id
    is_inbound: bool | None = None
    draft_mode: str | None = None
    subject: str | None = None
    text: str | None = None
    body: str | None = None
    recipients: tuple[_Recipient, ...] = ()


class _Author(_Model):
    id: _Id
    type: str = "user"
    email: str | None = None
    first_name: str | None = None
    last_name: str | None = None


class _Comment(_Model):
    id: _Id
    body: str | None = None
    author: _Author | None = None
