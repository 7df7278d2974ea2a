"""The workspace: people, channels, messages, views, and everything that happened. In memory, for many threads."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Final

from hitl_middleware.testing.fake_slack.faults import Fault, RateLimited, Script
from hitl_middleware.testing.fake_slack.openid import OpenId
from hitl_middleware.testing.fake_slack.records import (
    Call,
    Channel,
    Delivery,
    Installation,
    Message,
    Reply,
    User,
    UserGroup,
    View,
)
from hitl_middleware.testing.fake_slack.sockets import Sockets
from hitl_middleware.testing.fake_slack.words import Json
from hitl_middleware.testing.watched import Watched

TRIGGER_SECONDS: Final = 3
_ALPHABET: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@dataclass(slots=True)
class Trigger:
    """The right to open one view for one person, soon."""

    user: str
    issued: float
    container: Json | None
    used: bool = False


@dataclass(slots=True)
class ResponseUrl:
    """The right to answer one interaction a few times."""

    user: str
    channel: str
    issued: float
    message: tuple[str, str] | None
    uses: int = 0


class Workspace(Watched):
    """All state."""

    def __init__(self, app: Installation, now: Callable[[], float]) -> None:
        super().__init__()
        self.app = app
        self.base_url = ""
        self.now = now
        self.script = Script()
        self.posts_at_once: int | None = None
        self._room: dict[
            str, tuple[float, float]
        ] = {}  # by channel: how many messages it takes now, and when that was so
        self.openid = OpenId()
        self.users: dict[str, User] = {}
        self.usergroups: dict[str, UserGroup] = {}
        self.channels: dict[str, Channel] = {}
        self.messages: dict[tuple[str, str], Message] = {}
        self.deleted: list[Message] = []
        self.views: dict[str, View] = {}
        self.triggers: dict[str, Trigger] = {}
        self.response_urls: dict[str, ResponseUrl] = {}
        self.calls: list[Call] = []
        self.deliveries: list[Delivery] = []
        self.replies: list[Reply] = []
        self._names: dict[str, str] = {}
        self.names = MappingProxyType(self._names)  # live: whoever holds it sees people who come later
        self._micros: dict[str, int] = {}
        self.numbered = 0
        self.sockets = Sockets(app, now, self._touch)

    # ------------------------------------------------------------------------------------------------------ changing

    def _touch(self) -> None:
        """Wake whoever waits."""
        with self.changing():
            pass

    def _listed(self) -> Mapping[str, Sequence[str]]:
        return {
            "messages": [
                f"{each.channel} {each.ts}{' (ephemeral)' if each.visible_to else ''}: {each.plain()!r}"
                for each in self.messages.values()
            ],
            "views": [f"{each.id} ({each.status}): {each.title!r}" for each in self.views.values()],
            "last calls": [
                f"{each.method}: {each.outcome}{f', {each.fault}' if each.fault else ''}"
                for each in self.calls[-20:]
            ],
        }

    def new_id(self, prefix: str) -> str:
        """An id that looks like Slack's and tells the order in which things came to be."""
        number, digits = self._number(), ""
        while number:
            number, digit = divmod(number, len(_ALPHABET))
            digits = _ALPHABET[digit] + digits
        return prefix + digits.rjust(9, "0")

    def _number(self) -> int:
        with self._changed:
            self.numbered += 1
            return self.numbered

    def new_ts(self, channel: str) -> str:
        """A time stamp that is later than any other in its channel: that is what makes it an id."""
        micros = max(int(self.now() * 1_000_000), self._micros.get(channel, 0) + 1)
        self._micros[channel] = micros
        return f"{micros // 1_000_000}.{micros % 1_000_000:06d}"

    # -------------------------------------------------------------------------------------------------- people, places

    def add_user(self, user: User) -> User:
        """Add somebody, or change them."""
        with self.changing():
            self.users[user.id] = user
            self._names[user.id] = f"@{user.name}"
        return user

    def add_channel(self, channel: Channel) -> Channel:
        """Add a conversation, or change it."""
        with self.changing():
            self.channels[channel.id] = channel
            self._names[channel.id] = f"#{channel.name}"
        return channel

    def add_usergroup(self, group: UserGroup) -> UserGroup:
        """Add a group of people, or change it."""
        with self.changing():
            self.usergroups[group.id] = group
            self._names[group.id] = f"@{group.handle}"
        return group

    def direct(self, people: tuple[str, ...]) -> Channel:
        """The conversation of the bot with these people, opened if there is none."""
        members = frozenset({*people, self.app.bot_user_id})
        for channel in self.channels.values():
            if channel.kind in {"im", "mpim"} and channel.members == members:
                return channel
        kind, prefix = ("im", "D") if len(people) == 1 else ("mpim", "G")
        return self.add_channel(
            Channel(id=self.new_id(prefix), name="-".join(people), kind=kind, members=members)
        )

    def home_of(self, user: str) -> View | None:
        """What the app has published for this person."""
        homes = (each for each in self.views.values() if each.user == user and each.type == "home")
        return next(homes, None)

    # ------------------------------------------------------------------------------------------------------- messages

    def limit(self, method: str, channel: str) -> Fault | None:
        """What a message suffers that comes too soon after others in its channel."""
        if self.posts_at_once is None or method != "chat.postMessage":
            return None
        room, at = self._room.get(channel, (self.posts_at_once, self.now()))
        room = min(self.posts_at_once, room + self.now() - at)
        self._room[channel] = (room - 1 if room >= 1 else room, self.now())
        return None if room >= 1 else RateLimited(retry_after=1)

    def post(self, channel: str, text: str, *, user: str, **fields: Any) -> Message:
        """Store a new message."""
        with self.changing():
            ts = self.new_ts(channel)
            message = Message(
                channel=channel, ts=ts, text=text, user=user, at=self.now(), names=self.names, **fields
            )
            self.messages[channel, ts] = message
        return message

    def put(self, message: Message) -> None:
        """Store a message as it once was; later ones get later time stamps."""
        with self.changing():
            seconds, _, micros = message.ts.partition(".")
            at = int(seconds) * 1_000_000 + int(micros)
            self._micros[message.channel] = max(at, self._micros.get(message.channel, 0))
            self.messages[message.channel, message.ts] = message

    def change(self, message: Message, **fields: Any) -> Message:
        """Store a message's new state and keep the old one among its versions."""
        with self.changing():
            now = self.now()
            versions = (*message.versions, replace(message, versions=()))
            message = replace(message, **{"edited": now, "at": now, "versions": versions, **fields})
            self.messages[message.channel, message.ts] = message
        return message

    def delete(self, message: Message) -> None:
        """Take a message away."""
        with self.changing():
            del self.messages[message.channel, message.ts]
            self.deleted.append(message)

    # --------------------------------------------------------------------------------------------------- interactions

    def issue_trigger(self, user: str, container: Json | None = None) -> str:
        """A trigger for what this person just did."""
        with self.changing():
            trigger_id = f"{int(self.now())}.{self._number()}.{secrets.token_hex(8)}"
            self.triggers[trigger_id] = Trigger(user, self.now(), container)
        return trigger_id

    def issue_response_url(self, user: str, channel: str, message: tuple[str, str] | None) -> str:
        """The secret part of a new response_url."""
        with self.changing():
            key = f"{self.app.team_id}/{self._number()}/{secrets.token_hex(12)}"
            self.response_urls[key] = ResponseUrl(user, channel, self.now(), message)
        return key

    def log(self, method: str, arguments: Json, outcome: str, fault: Fault | None = None) -> None:
        """Remember a call."""
        with self.changing():
            self.calls.append(
                Call(method=method, arguments=arguments, outcome=outcome, at=self.now(), fault=fault)
            )
