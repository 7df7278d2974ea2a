"""The page of ``/preview/slack``: a ``FakeSlack``'s workspace as one of its people has it before them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final

from hitl_middleware.testing.fake_slack import Channel, FakeSlack, Message, Reply, User, View
from hitl_server.pages.fields import Sent
from hitl_server.preview.drawing import drawn_page
from hitl_server.problems import Problem

HOME: Final = "home"
"""In the place of a conversation: the app's home tab."""

ON_THE_WIRE: Final = 4
"""How many of somebody's last deliveries the page tells of."""

LOOKED_AT: Final = 100
"""Among how many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SlackSeen:
    """A workspace to look at. ``people``: a word on each of those who matter, by user id, the first of whom one is at first."""

    fake: FakeSlack
    people: Mapping[str, str] = field(default_factory=dict)

    def listed(self) -> list[User]:
        """Those one can be, whoever is named first. Raises ``Problem`` 404 where nobody is there."""
        there = [user for user in self.fake.users if not (user.is_bot or user.deleted)]
        if not there:
            raise Problem(404, "Nobody is in this workspace yet.")
        order = [*self.people]
        return sorted(there, key=lambda user: order.index(user.id) if user.id in order else len(order))

    def places(self, user: str) -> list[Channel]:
        """The conversations that somebody sees, channels first. Raises ``Problem`` 404 for who is not there or sees none."""
        if user not in {each.id for each in self.listed()}:
            raise Problem(404, "There is no such person in this workspace.")
        mine = [channel for channel in self.fake.channels if channel.has(user)]
        if not mine:
            raise Problem(404, "This person sees no conversation.")
        return sorted(mine, key=lambda channel: channel.kind in {"im", "mpim"})

    def channel(self, user: str, place: str) -> Channel | None:
        """The conversation that is looked at; ``None``: the app's home tab. Raises ``Problem`` 404."""
        found = next((each for each in self.places(user) if each.id == place), None)
        if found is None and place != HOME:
            raise Problem(404, "There is no such conversation, or not for this person.")
        return found


def slack_page(
    seen: SlackSeen, user: str, place: str, *, csrf: str, note: str = "", typed: Sent | None = None
) -> str:
    """The page as ``user`` has it. ``note``: what Slack would not let them do; ``typed``: what they had put into the form then.

    Raises ``Problem`` 404 for a person or a place that is not there.
    """
    fake, channel = seen.fake, seen.channel(user, place)
    users = {each.id: each for each in fake.users}
    wire = _wire(fake, user)
    facts: dict[str, Any] = {
        "csrf": csrf,
        "app": fake.app,
        "me": users[user],
        "users": users,
        "people": seen.listed(),
        "notes": seen.people,
        "places": seen.places(user),
        "place": place,
        "channel": channel,
        "base": f"/preview/slack/{user}/{place}",
        "threads": _threads(_said(fake, user, place)),
        "home": fake.home_of(user) if place == HOME else None,
        "view": _open_view(fake, user),
        "typed": typed,
        # What Slack shows somebody with whose last act the app did not get along.
        "note": note or (wire[0].trouble if wire else ""),
        "wire": wire,
    }
    return drawn_page("slack.html", facts)


def _said(fake: FakeSlack, user: str, place: str) -> list[Message]:
    """What stands in a conversation for somebody, with what only they see."""
    there = (each for each in (*fake.messages, *fake.ephemerals) if each.channel == place)
    return sorted((each for each in there if each.visible_to in {None, user}), key=lambda each: each.ts)


def _threads(messages: Sequence[Message]) -> list[tuple[Message, list[Message]]]:
    """Messages in their order, each with what was answered in its thread."""
    there = {each.ts for each in messages}
    answers: dict[str, list[Message]] = {}
    roots = []
    for each in messages:
        if each.thread_ts is None or each.thread_ts == each.ts or each.thread_ts not in there:
            roots.append(each)
        else:
            answers.setdefault(each.thread_ts, []).append(each)
    return [(root, answers.get(root.ts, [])) for root in roots]


def _open_view(fake: FakeSlack, user: str) -> View | None:
    """The modal that somebody has before them: of a stack the one on top."""
    mine = [each for each in fake.views if (each.user, each.type, each.status) == (user, "modal", "open")]
    return mine[-1] if mine else None


def _wire(fake: FakeSlack, user: str) -> list[Reply]:
    """The last deliveries about somebody's acts with their answers, the newest first."""
    mine = (each for each in reversed(fake.replies[-LOOKED_AT:]) if _author(each.delivery.payload) == user)
    return [*islice(mine, ON_THE_WIRE)]


def _author(payload: Mapping[str, Any]) -> str | None:
    who = payload.get("user") or payload.get("event", {}).get("user")
    found = who.get("id") if isinstance(who, dict) else who
    return found if isinstance(found, str) else None
