"""What the fake shows to tests: frozen records of people, messages, views, calls and deliveries."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from hitl_middleware.testing.fake_slack import words
from hitl_middleware.testing.fake_slack.faults import Fault
from hitl_middleware.testing.fake_slack.words import Button, Json

OK = "ok"


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """The app, as it is installed in the one workspace that the fake is."""

    bot_token: str
    signing_secret: str
    scopes: frozenset[str]
    app_token: str = ""
    app_scopes: frozenset[str] = frozenset({"connections:write"})
    team_name: str = "Fake Workspace"
    team_domain: str = "fake-workspace"
    team_id: str = "T0FAKETEAM"
    app_id: str = "A0FAKEAPP1"
    bot_id: str = "B0FAKEBOT1"
    bot_user_id: str = "U0FAKEBOT1"
    bot_name: str = "hitl"


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """A person (or a bot) of the workspace."""

    id: str
    name: str
    real_name: str
    email: str
    is_bot: bool = False
    deleted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class UserGroup:
    """People who are mentioned together."""

    id: str
    handle: str
    users: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """A conversation; `members` None means everybody."""

    id: str
    name: str
    kind: str = "channel"  # or "group" (private), "im", "mpim": the words Slack's events and scopes use
    archived: bool = False
    bot_is_member: bool = True
    members: frozenset[str] | None = None

    def has(self, user: str) -> bool:
        """Whether this person sees the conversation."""
        return self.members is None or user in self.members


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A message as Slack has it since `at`; `versions` are its earlier states, the oldest first."""

    channel: str
    ts: str
    text: str
    user: str
    at: float
    blocks: tuple[Json, ...] = ()
    metadata: Json | None = None
    bot_id: str | None = None
    thread_ts: str | None = None
    broadcast: bool = False
    visible_to: str | None = None  # the one person who sees an ephemeral message
    edited: float | None = None  # when it was last changed
    reactions: tuple[tuple[str, str], ...] = ()  # (name, user)
    versions: tuple[Message, ...] = ()
    names: Mapping[str, str] = field(default_factory=dict, repr=False, compare=False)

    def plain(self) -> str:
        """All visible words as one string: mentions by name, entities as the characters they stand for."""
        return words.plain(self.blocks, self.text, self.names)

    @property
    def buttons(self) -> list[Button]:
        """The buttons that can be clicked, from top to bottom."""
        return words.buttons(self.blocks)


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """A modal, or somebody's home tab; `payload` is what Slack returns for it."""

    id: str
    user: str
    payload: Json
    status: str = "open"  # or "submitted", "closed"
    errors: Mapping[str, str] = field(default_factory=dict)  # block_id → sentence, from the last submission
    entered: Mapping[str, Any] = field(
        default_factory=dict, repr=False
    )  # state.values of that submission: it stays
    opened_from: Json | None = None  # the container of the interaction that opened it
    names: Mapping[str, str] = field(default_factory=dict, repr=False, compare=False)

    @property
    def type(self) -> str:
        """`modal` or `home`."""
        return str(self.payload["type"])

    @property
    def title(self) -> str:
        """The title of a modal; a home tab has none."""
        return str(self.payload.get("title", {}).get("text", ""))

    @property
    def callback_id(self) -> str:
        """What the app calls it."""
        return str(self.payload["callback_id"])

    @property
    def private_metadata(self) -> str:
        """What the app keeps in it, unseen."""
        return str(self.payload["private_metadata"])

    @property
    def blocks(self) -> tuple[Json, ...]:
        """The blocks it consists of."""
        return tuple(self.payload["blocks"])

    @property
    def fields(self) -> list[str]:
        """The labels of its input blocks, from top to bottom."""
        return [words.unescaped(block["label"]["text"]) for block in self.blocks if block["type"] == "input"]

    @property
    def problems(self) -> dict[str, str]:
        """The errors as a person sees them: each below the field with this label."""
        inputs = [block for block in self.blocks if block["type"] == "input"]
        labels = {block["block_id"]: words.unescaped(block["label"]["text"]) for block in inputs}
        return {labels[block_id]: sentence for block_id, sentence in self.errors.items()}

    @property
    def buttons(self) -> list[Button]:
        """The buttons inside it; submit and close are not among them."""
        return words.buttons(self.blocks)

    def plain(self) -> str:
        """All visible words, the title first and the errors last."""
        labels = [self.payload[key]["text"] for key in ("submit", "close") if self.payload.get(key)]
        shown = [self.title, words.plain(self.blocks, "", self.names), *labels, *self.errors.values()]
        return "\n".join(line for line in shown if line)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request that reached the fake: what it asked for and what came of it.

    `outcome` is `ok`, Slack's error name, or `http 500` and the like where a scripted fault answered in its stead.
    A fault that does the work and spoils only the answer leaves `ok` here: that is what makes it nasty.
    """

    method: str
    arguments: Json
    outcome: str
    at: float
    fault: Fault | None = None

    @property
    def ok(self) -> bool:
        """Whether the work was done."""
        return self.outcome == OK


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One request from Slack to the app, to the byte."""

    kind: str
    url: str
    body: bytes
    headers: tuple[tuple[str, str], ...]
    at: float

    @property
    def payload(self) -> dict[str, Any]:
        """What the body says: an event, the one field of an interaction, or the fields of a command."""
        text = self.body.decode()
        if not text.startswith("{"):
            fields = dict(parse_qsl(text, keep_blank_values=True))
            if "payload" not in fields:
                return fields
            text = fields["payload"]
        decoded: dict[str, Any] = json.loads(text)
        return decoded


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """The app's answer to a delivery; `trouble` is what the person is told when Slack is not content with it."""

    delivery: Delivery
    status: int
    body: bytes
    headers: Mapping[str, str]
    seconds: float
    trouble: str = ""

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode(errors="replace")

    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)
