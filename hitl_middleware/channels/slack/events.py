"""What Slack's events mean to us, as values. Pure: JSON in; a reaction, an opened home, or a reason why it is ignored out.

Shapes: docs.slack.dev, "reaction_added event", "app_home_opened event" and "Events API". An event is stored as what it means and acted on
from there: unlike a click it may come again, so it must be known by its id, and what follows it may take Slack's time.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, TypeAdapter, ValidationError

from hitl_middleware.channels.slack.inbound import Ignored
from hitl_middleware.channels.slack.words import PREFIX

REACTION_ADDED: Final = "reaction_added"
APP_HOME_OPENED: Final = "app_home_opened"

HEARD: Final = (APP_HOME_OPENED, REACTION_ADDED)
"""The events we act on; the app's manifest subscribes to these and to no others."""

_ANSWERS: Final[Mapping[str, Literal["approve", "reject"]]] = {
    "+1": "approve",
    "thumbsup": "approve",
    "x": "reject",
}
"""👍 by both of its names, and ❌."""

_Id = Annotated[str, StringConstraints(pattern=r"^[A-Z0-9]{2,40}$")]
_UserId = Annotated[str, StringConstraints(pattern=r"^[UW][A-Z0-9]{1,30}$")]
_Ts = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,20}\.[0-9]{1,20}$")]
_EventId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9]{2,60}$")]


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)


class Reacted(_Value):
    """Somebody put 👍 or ❌ on a message of the app's. ``answer`` is what that would say; whether it counts is judged later."""

    kind: Literal["reaction"] = "reaction"
    id: _EventId
    user_id: _UserId
    channel_id: _Id
    message_ts: _Ts
    answer: Literal["approve", "reject"]

    @property
    def identity(self) -> str:
        """The person, as everywhere else in this library."""
        return PREFIX + self.user_id

    @property
    def ref(self) -> str:
        """The message, as a card's ref."""
        return f"{self.channel_id}:{self.message_ts}"


class HomeOpened(_Value):
    """Somebody opened the app's home tab."""

    kind: Literal["home"] = "home"
    id: _EventId
    user_id: _UserId

    @property
    def identity(self) -> str:
        """The person, as everywhere else in this library."""
        return PREFIX + self.user_id


Heard = Reacted | HomeOpened
_STORED: Final[TypeAdapter[Heard]] = TypeAdapter(Annotated[Heard, Field(discriminator="kind")])


def read(payload: Mapping[str, Any]) -> Heard | Ignored:
    """What an event means. Never raises."""
    try:
        envelope = _Envelope.model_validate(payload)
        match envelope.event.get("type"):
            case "reaction_added":
                return _reaction(envelope, _Reaction.model_validate(envelope.event))
            case "app_home_opened":
                opened = _Opened.model_validate(envelope.event)
                if opened.tab != "home":
                    return Ignored("the messages tab")
                return HomeOpened(id=envelope.event_id, user_id=opened.user)
            case _:
                return Ignored("not an event of ours")
    except ValidationError as error:
        return Ignored(
            "; ".join(".".join(map(str, each["loc"])) for each in error.errors(include_input=False)[:5])
        )


def _reaction(envelope: _Envelope, reaction: _Reaction) -> Heard | Ignored:
    # A skin tone stands behind the name: "+1::skin-tone-4".
    answer = _ANSWERS.get(reaction.reaction.partition("::")[0])
    if answer is None:
        return Ignored("another reaction")
    us = {each.user_id for each in envelope.authorizations if each.is_bot}
    if reaction.user in us:
        return Ignored("our own reaction")
    if reaction.item.type != "message" or reaction.item_user not in us:
        return Ignored("a reaction to what others wrote")
    return Reacted(
        id=envelope.event_id,
        user_id=reaction.user,
        channel_id=reaction.item.channel,
        message_ts=reaction.item.ts,
        answer=answer,
    )


def stored(body: bytes) -> Heard:
    """What ``kept`` wrote. Raises ``ValidationError`` for anything else."""
    return _STORED.validate_json(body)


def kept(heard: Heard) -> bytes:
    """An event as it is stored: what it means, nothing of what else Slack sent."""
    return heard.model_dump_json().encode()


# --------------------------------------------------------------------------------------------------------------- shapes


class _Authorization(_Value):
    user_id: _UserId
    is_bot: bool


class _Envelope(_Value):
    event_id: _EventId
    event: dict[str, Any]
    authorizations: Annotated[list[_Authorization], Field(max_length=10)]


class _Item(_Value):
    type: Annotated[str, StringConstraints(max_length=40)]
    channel: _Id
    ts: _Ts


class _Reaction(_Value):
    user: _UserId
    reaction: Annotated[str, StringConstraints(max_length=200)]
    item: _Item
    item_user: _UserId | None = None


class _Opened(_Value):
    user: _UserId
    tab: Annotated[str, StringConstraints(max_length=40)]
