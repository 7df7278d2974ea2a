"""Deliveries of GitHub as values: what of it concerns us, and why the rest is ignored. Pure.

Shapes: docs.github.com, "Webhook events and payloads". A delivery is only a hint that there is something to read: who wrote what is read
from the API again before it counts. Here stands where to look, and what must still be the same then.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from hitl_middleware.channels.github.hints import explain
from hitl_middleware.channels.github.inbound import parse_command
from hitl_middleware.channels.github.words import Address, is_ours, is_repository
from hitl_middleware.channels.payload import Json, Malformed, payload_of

CHANNEL: Final = "github"
"""Under which deliveries are kept."""


@dataclass(frozen=True, slots=True)
class Ignored:
    """Nothing of ours; ``why`` is for GitHub's list of deliveries, where whoever set up the webhook reads it."""

    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Labeled:
    """Somebody put a label on an issue. ``payload`` is the whole delivery, for the mapping of a trigger; ``key`` names this very act."""

    repository: str
    number: int
    label: str
    payload: Json
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Commented:
    """Somebody wrote a comment that may be a command; as it was when GitHub told of it."""

    address: Address
    comment: int
    author: str
    body: str
    created_at: dt.datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Reviewed:
    """Somebody approved a pull request, or wants changes."""

    address: Address
    review: int


Event = Labeled | Commented | Reviewed


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True)


def _repository(name: Any) -> Any:
    if not isinstance(name, str) or not is_repository(name):
        msg = "no name of a repository"
        raise ValueError(msg)
    return name


_Number = Annotated[int, Field(gt=0, lt=2**63)]


class _Repository(_Model):
    full_name: Annotated[str, BeforeValidator(_repository)]


class _User(_Model):
    login: str = Field(max_length=100)


class _Issue(_Model):
    number: _Number


class _Label(_Model):
    name: str = Field(max_length=200)


class _Comment(_Model):
    id: _Number
    user: _User | None
    body: str | None
    created_at: dt.datetime


class _Review(_Model):
    id: _Number
    state: str = Field(max_length=50)


class _Labeled(_Model):
    action: Literal["labeled"]
    repository: _Repository
    issue: _Issue
    label: _Label


class _Commented(_Model):
    action: Literal["created"]
    repository: _Repository
    issue: _Issue
    comment: _Comment


class _Reviewed(_Model):
    action: Literal["submitted"]
    repository: _Repository
    pull_request: _Issue
    review: _Review


_ACTIONS: Final = {"issues": "labeled", "issue_comment": "created", "pull_request_review": "submitted"}


def read_event(event: str, content_type: str, body: bytes) -> Event | Ignored:
    """What a verified delivery tells. Raises ``Malformed`` for a body that is none of GitHub's."""
    payload = payload_of(body, content_type)
    if event == "ping":
        return Ignored("pong")
    wanted = _ACTIONS.get(event)
    if wanted is None:
        return Ignored(f"events of the kind {event} are of no concern here")
    action = payload.get("action")
    if not isinstance(action, str):
        raise Malformed(why="The payload has no action.")
    if action != wanted:
        return Ignored(f"of {event} only {wanted} is of concern here")
    try:
        if event == "issues":
            return _labeled(_Labeled.model_validate(payload), payload)
        if event == "issue_comment":
            return _commented(_Commented.model_validate(payload))
        return _reviewed(_Reviewed.model_validate(payload))
    except ValidationError as error:
        where = ".".join(str(part) for part in error.errors()[0]["loc"])
        raise Malformed(why=f"This is no payload of GitHub's {event}: {where}.") from None


def stored(event: str, content_type: str, body: bytes) -> bytes:
    """A verified delivery as it is kept: what the headers said of it on a line of its own, then its bytes."""
    return f"{event} {content_type.partition(';')[0].strip().lower()[:100]}\n".encode() + body


def reopened(kept: bytes) -> Event | Ignored:
    """A kept delivery, read again."""
    head, _, body = kept.partition(b"\n")
    event, _, content_type = head.decode().partition(" ")
    return read_event(event, content_type, body)


def _labeled(told: _Labeled, payload: Json) -> Labeled:
    return Labeled(
        repository=told.repository.full_name,
        number=told.issue.number,
        label=told.label.name,
        payload=payload,
        key=_key(payload),
    )


def _key(payload: Json) -> str:
    """What is told, by whichever webhook. Not the delivery's id: no signature covers it, and a copy under another id begins no second run.

    A repository may be told of by its own webhook, by its organization's and by an App's, which differ in these.
    """
    said = {name: value for name, value in payload.items() if name not in _OF_THE_HOOK}
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


_OF_THE_HOOK: Final = frozenset({"enterprise", "installation", "organization"})


def _commented(told: _Commented) -> Commented | Ignored:
    comment = told.comment
    body = comment.body or ""
    if comment.user is None:
        return Ignored("the comment has no author any more")
    # One that is edited later does not count either, so what is no command now never is.
    if is_ours(body) or (parse_command(body) is None and explain(body) is None):
        return Ignored("the comment is no command")
    return Commented(
        address=Address(told.repository.full_name, told.issue.number),
        comment=comment.id,
        author=comment.user.login,
        body=body,
        created_at=comment.created_at,
    )


def _reviewed(told: _Reviewed) -> Reviewed | Ignored:
    if told.review.state.lower() not in {"approved", "changes_requested"}:
        return Ignored("the review neither approves nor wants changes")
    return Reviewed(
        address=Address(told.repository.full_name, told.pull_request.number), review=told.review.id
    )
