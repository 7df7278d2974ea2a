"""A workspace, our Slack route over loopback, one card in a channel, and a desk without a database."""

import asyncio
import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from fastapi import FastAPI

from hitl_middleware.actions import Decision
from hitl_middleware.channels.slack.channel import SlackChannel
from hitl_middleware.channels.slack.settings import SlackSettings
from hitl_middleware.clock import SystemClock
from hitl_middleware.desk.waiting import Waiting
from hitl_middleware.errors import AlreadyDecided, DigestMismatch, DoesNotFit, NotAllowed, NotFound
from hitl_middleware.records import Action, CardView, Notice, ReviewRequest, Target
from hitl_middleware.review import STATUS_AFTER
from hitl_middleware.settings import Reactions
from hitl_middleware.testing.channel_contract import sample_view
from hitl_middleware.testing.fake_slack import Delivery, FakeSlack, Message, Reply
from hitl_middleware.testing.loopback import Loopback
from hitl_server.routes.slack import slack_router

CHANNEL, ANN, BOB, EVE = "C0REVIEWS1", "U024BE7LH", "U0BOB12345", "U0EVE12345"
REVIEWS = Target(channel="slack", address=CHANNEL)


@dataclass
class SmallDesk:
    """A desk without a database: one person decides, the first answer counts."""

    requests: dict[str, ReviewRequest] = field(default_factory=dict)
    told: list[Notice] = field(default_factory=list)
    known: set[tuple[str, str]] = field(default_factory=set)
    kept: dict[str, bytes] = field(default_factory=dict)
    cards: dict[str, CardView] = field(default_factory=dict)
    waiting: Waiting | None = None
    pages: str | None = None
    submissions: list[tuple[str, str]] = field(default_factory=list)
    unknown: dict[str, Action] = field(default_factory=dict)
    matched: list[str | None] = field(default_factory=list)
    broken: bool = False
    changes_after_look: bool = False
    """Each request becomes another one right after somebody has read it."""

    async def submit(
        self,
        request_id: str,
        decision: Decision,
        *,
        identity: str,
        name: str | None,
        via: str,
        if_match: str | None,
    ) -> ReviewRequest:
        request = await self.look(request_id, identity=identity, name=name, if_match=if_match)
        self.matched.append(if_match)
        if decision.message == "no words":
            raise DoesNotFit(field="message", why="say more than that")
        if decision.edited_action is not None and decision.edited_action.args.get("order_id") == "A-0":
            raise DoesNotFit(field="edited_action.args.order_id", why="there is no such order")
        self.submissions.append((identity, decision.type))
        now = SystemClock().now()
        decided = replace(
            request,
            status=STATUS_AFTER[decision.type],
            version=request.version + 1,
            decision=decision,
            decided_by=identity,
            decided_by_name=name,
            decided_at=now,
            decided_via=via,
        )
        self.requests[request_id] = decided
        return decided

    async def look(
        self, request_id: str, *, identity: str, name: str | None, if_match: str | None
    ) -> ReviewRequest:
        self._reachable()
        request = self.requests.get(request_id)
        if request is None:
            raise NotFound(kind="request", key=request_id)
        if request.status != "pending":
            raise AlreadyDecided(status=request.status, by=request.decided_by, at=request.decided_at)
        if if_match is not None and if_match != request.digest:
            raise DigestMismatch(digest=request.digest)
        self._allowed(identity)
        return request

    async def unsettled(
        self, request_id: str, *, identity: str, name: str | None
    ) -> tuple[ReviewRequest, int]:
        self._reachable()
        request = self.requests.get(request_id)
        if request is None or request.action_id not in self.unknown:
            raise DoesNotFit(field="action", why="the outcome is known by now")
        self._allowed(identity)
        return request, self.unknown[request.action_id].attempts

    async def settle(
        self,
        request_id: str,
        what: Literal["done", "failed", "retry"],
        *,
        identity: str,
        name: str | None,
        via: str,
        message: str | None,
        attempt: int | None,
    ) -> Action:
        request, attempts = await self.unsettled(request_id, identity=identity, name=name)
        if attempt != attempts:
            raise DoesNotFit(
                field="action", why="it was tried again since this was asked; look at it once more"
            )
        self.submissions.append((identity, f"{what}: {message}"))
        return self.unknown.pop(request.action_id or "")

    async def request(self, request_id: str) -> ReviewRequest | None:
        self._reachable()
        found = self.requests.get(request_id)
        if found is not None and self.changes_after_look:
            self.requests[request_id] = replace(found, digest="f" * 64)
        return found

    async def tell(self, *, key: str, channel: str, address: str, body: dict[str, Any]) -> None:
        if key not in {each.key for each in self.told}:
            now = SystemClock().now()
            self.told.append(
                Notice(id=key, key=key, channel=channel, address=address, body=body, created_at=now)
            )

    async def keep(self, channel: str, key: str, body: bytes) -> bool:
        self._reachable()
        if key in self.kept:
            return False
        self.kept[key] = body
        return True

    async def card_at(self, channel: str, ref: str) -> CardView | None:
        view = self.cards.get(ref)
        return view and replace(view, request=self.requests[view.request.id])

    async def waiting_for(self, identity: str, *, most: int) -> Waiting:
        assert self.waiting is not None
        return self.waiting

    async def first_time(self, channel: str, key: str) -> bool:
        self._reachable()
        if (channel, key) in self.known:
            return False
        self.known.add((channel, key))
        return True

    async def forget(self, channel: str, key: str) -> None:
        self.known.discard((channel, key))

    def _allowed(self, identity: str) -> None:
        if identity == f"slack:{EVE}":
            raise NotAllowed(who=identity, why=f"it is for slack:{ANN} or slack:{BOB} to decide.")

    def _reachable(self) -> None:
        if self.broken:
            msg = "the database is gone"
            raise ConnectionError(msg)


@dataclass
class Stage:
    """A workspace, our route, and one card in the channel."""

    fake: FakeSlack
    desk: SmallDesk
    channel: SlackChannel
    view: CardView
    card: Message
    url: str

    @property
    def request(self) -> ReviewRequest:
        return self.desk.requests[self.view.request.id]

    def notes(self) -> list[str]:
        """What people were told, as Slack shows it once the notices are delivered."""

        async def deliver() -> None:
            for notice in self.desk.told:
                await self.channel.notify(notice)

        asyncio.run(deliver())
        return [f"{each.visible_to}: {each.plain()}" for each in self.fake.ephemerals]

    def send(self, body: bytes | dict[str, Any] | Delivery, **how: Any) -> Reply:
        return self.fake.send(self.fake.forge(body, **how))


def app_of(configured: SlackSettings | None, desk: SmallDesk, **more: Any) -> FastAPI:
    """A server with nothing but the route."""
    app = FastAPI()
    app.include_router(slack_router(configured, desk, **more))
    return app


@contextlib.contextmanager
def staged(desk: SmallDesk, *, reactions: Reactions = False, **request: Any) -> Iterator[Stage]:
    """Everything set up, with a request that differs from the sample in these fields."""
    with FakeSlack() as fake:
        for user, name in ((ANN, "ann"), (BOB, "bob"), (EVE, "eve")):
            fake.add_user(user, name=name)
        fake.add_channel(CHANNEL, "reviews")
        settings = SlackSettings.model_validate(
            {
                "bot_token": fake.bot_token,
                "signing_secret": fake.signing_secret,
                "api_url": fake.url,
                "channel": CHANNEL,
                "reactions": reactions,
            }
        )
        with Loopback(app_of(settings, desk)) as server:
            fake.connect(f"{server.url}/slack/events")
            channel = SlackChannel(settings)
            view = sample_view(REVIEWS, SystemClock().now(), **request)
            desk.requests[view.request.id] = view.request
            asyncio.run(channel.post(view))
            yield Stage(fake, desk, channel, view, fake.messages[0], server.url)
