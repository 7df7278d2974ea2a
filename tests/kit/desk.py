"""A support desk that runs: fake Slack, recorded services, and the real server over loopback on an SQLite file.

Everything moves by itself, as in life; ``settle`` sees it to the end at once, and the clock is the machine's, turned on by tests.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import APIRouter
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import BaseMessage, ToolMessage

from hitl_graphs.support import build_graph, hitl_router
from hitl_graphs.support.fakes import SupportWorld
from hitl_graphs.support.tools import effects
from hitl_middleware.actions import Decision, EditedAction
from hitl_middleware.channels.slack.channel import SlackChannel
from hitl_middleware.channels.slack.client import web_client
from hitl_middleware.channels.slack.settings import SlackSettings
from hitl_middleware.hitl import Graph, Hitl
from hitl_middleware.settings import load_settings
from hitl_middleware.testing import fake_slack
from hitl_middleware.testing.fake_slack import FakeSlack, Message
from hitl_server.serve import running_server

from tests.kit.clocks import TurnedClock, within
from tests.kit.databases import open_turned, sqlite_in
from tests.kit.models import check_history
from tests.kit.plain import NO_TLS

CHANNEL, ANN, BOB, EVE = "C0SUPPORT1", "U024BE7LH", "U0BOB12345", "U0EVE12345"
CONVERSATION, ELSEWHERE = "cnv_1", "cnv_2"
ORDERS = {"A-1001": 20_000, "A-1002": 20_000}
PATIENCE = 1
"""Seconds that the card's channel waits for Slack where a test has Slack keep silent."""
SETTLE_SECONDS = 60

Json = dict[str, Any]
Graphs = Callable[[Hitl], Mapping[str, Graph]]


@dataclass
class RunningDesk:
    """``hitl`` serves ``support`` at ``url``; Ann and Bob decide, Eve may not. ``api``: whoever sits at the machine."""

    slack: FakeSlack
    services: SupportWorld
    hitl: Hitl
    clock: TurnedClock
    url: str
    api: httpx.Client

    # what happens ----------------------------------------------------------------------------------------------------

    def customer(self, text: str, *, conversation: str = CONVERSATION) -> Any:
        """A customer writes; Front's signed webhook is taken, and what follows from it is seen to the end."""
        delivery = self.services.front.customer_writes(conversation, text)
        assert delivery.status == 202, delivery.answer
        self.settle()
        return delivery

    def settle(self) -> None:
        """See everything that is due to its end, instead of waiting for the next sweep."""
        within(SETTLE_SECONDS, self.hitl.settle_all, "nothing is due any more")

    def later(self, seconds: float) -> None:
        """Let time pass, and then what is due by then."""
        self.clock.advance(seconds)
        self.settle()

    def press(self, button: str, card: Message | None = None, *, by: str = ANN) -> fake_slack.Reply:
        """Somebody clicks, Slack is content with the answer, and what follows is seen to the end."""
        reply = self.slack.click(by, card or self.card(), text=button)
        assert (reply.status, reply.trouble) == (200, ""), reply
        self.settle()
        return reply

    def reject(self, reason: str, card: Message | None = None, *, by: str = ANN) -> fake_slack.Reply:
        """Reject with a reason in Slack's form."""
        self.press("Reject", card, by=by)
        reply = self.slack.submit_view(by, self.slack.views[-1], {"Reason": reason})
        assert (reply.status, reply.trouble) == (200, ""), reply
        self.settle()
        return reply

    def decide(self, key: str, type: str, *, reviewer: str | None = f"slack:{ANN}", **more: Any) -> Json:  # noqa: A002 – the API's word
        """A decision by the API, and what follows; the request as it stands then."""
        body = {"type": type, **({"reviewer": reviewer} if reviewer else {}), **more}
        answer = self.api.post(f"/api/v1/requests/{key}/decisions", json=body)
        assert answer.status_code == 200, answer.text
        self.settle()
        return self.request(key)

    def say(self, key: str, type: Any, *, edit: Json | None = None, **more: Any) -> Json:  # noqa: A002 – as above
        """A decision as the command line and the notebook give it: by whoever sits here."""
        edited = EditedAction(name=self.request(key)["tool"], args=edit) if edit is not None else None
        decision = Decision(type=type, edited_action=edited, **more)
        self.hitl.portal.call(self.hitl.submit, key, decision, identity="local:kim", via="cli")
        self.settle()
        return self.request(key)

    # what is there ---------------------------------------------------------------------------------------------------

    @property
    def cards(self) -> list[Message]:
        """Every card in Slack, oldest first."""
        return self.slack.messages

    def card(self, words: str = "") -> Message:
        """The one card that shows these words."""
        found = [card for card in self.cards if words in card.plain()]
        assert len(found) == 1, f"{len(found)} cards show {words!r}: {[card.plain() for card in self.cards]}"
        return found[0]

    def notes(self) -> list[tuple[str | None, str]]:
        """What single people were told: who, and the words."""
        return [(each.visible_to, each.plain()) for each in self.slack.ephemerals]

    def get(self, path: str, **params: Any) -> Json:
        """What the API answers."""
        answer = self.api.get(path, params=params)
        assert answer.status_code == 200, answer.text
        found: Json = answer.json()
        return found

    def requests(self, **params: Any) -> list[Json]:
        """Requests, oldest first."""
        return list(reversed(self.get("/api/v1/requests", limit=200, **params)["items"]))

    def request(self, key: str) -> Json:
        """One request as it stands."""
        return self.get(f"/api/v1/requests/{key}")

    def only(self) -> Json:
        """The one request there is."""
        (request,) = self.requests()
        return request

    def only_pending(self) -> Json:
        """The one request that waits."""
        (request,) = self.requests(status="pending")
        return request

    def runs(self) -> list[Json]:
        """Runs with their requests and acts, oldest first."""
        items = self.get("/api/v1/runs", limit=200)["items"]
        return [self.get(f"/api/v1/runs/{each['id']}") for each in reversed(items)]

    def run(self) -> Json:
        """The one run there is."""
        (run,) = self.runs()
        return run

    def act(self) -> Json:
        """The one act there is."""
        (act,) = self.acts()
        return act

    def acts(self) -> list[Json]:
        """All acts, oldest first."""
        return sorted((act for run in self.runs() for act in run["actions"]), key=lambda act: act["id"])

    def audit(self, **params: Any) -> list[Json]:
        """The sealed events, oldest first."""
        self.settle()
        found: list[Json] = self.get("/api/v1/audit", limit=1_000, **params)["items"]
        return found

    def history(self, thread_id: str) -> list[BaseMessage]:
        """All that was said on a thread; every tool call in it has its answer."""
        graph = build_graph(self.hitl).copy({"checkpointer": self.hitl.checkpointer()})
        state = graph.get_state({"configurable": {"thread_id": thread_id}})
        messages: list[BaseMessage] = state.values["messages"]
        check_history(messages)
        return messages

    def told(self, thread_id: str) -> list[ToolMessage]:
        """What the agent was told by its tools."""
        return [message for message in self.history(thread_id) if isinstance(message, ToolMessage)]

    def effects(self) -> list[Any]:
        """Everything that was done to the world."""
        return [effect for service in self.services.services for effect in service.effects]


@contextmanager
def running_desk(
    where: Path | str,
    environment: pytest.MonkeyPatch,
    *,
    model: BaseChatModel | None = None,
    graphs: Graphs | None = None,
    patience: int | None = None,
    slack: FakeSlack | None = None,
    **variables: str,
) -> Iterator[RunningDesk]:
    """Everything set up by environment variables; ``variables`` are further ones. ``where``: a folder to make a database in, or its URL.

    ``model`` instead of the scripted one; ``graphs`` beside ``support``. ``patience``: how many seconds the cards' channel waits for Slack.
    ``slack``: a workspace that its owner starts and stops.
    """
    clock = TurnedClock()
    with ExitStack() as stack:
        workspace = slack or stack.enter_context(FakeSlack(now=clock.seconds))
        people(workspace)
        services = SupportWorld(orders=ORDERS, conversations=(CONVERSATION, ELSEWHERE), now=clock.seconds)
        stack.enter_context(services)
        configure(environment, where, workspace, services, **variables)
        effects.cache_clear()
        stack.callback(_close_clients)
        settings = load_settings()
        store = open_turned(settings.database_url, clock)
        hitl = Hitl(settings, clock=clock, store=store, channels=_channels(patience))
        served: dict[str, Graph] = {"support": build_graph(hitl, model), **(graphs(hitl) if graphs else {})}
        routers: tuple[APIRouter, ...] = (hitl_router(hitl),)
        server = stack.enter_context(running_server(hitl, graphs=served, routers=routers))
        services.front.app_url = server.url
        workspace.connect(f"{server.url}/slack/events")
        api = stack.enter_context(
            httpx.Client(base_url=server.url, timeout=30, trust_env=False, verify=NO_TLS)
        )
        yield RunningDesk(workspace, services, hitl, clock, server.url, api)


def people(slack: FakeSlack) -> None:
    """Who is in the workspace, and where the cards go."""
    for user, name in ((ANN, "ann"), (BOB, "bob"), (EVE, "eve")):
        slack.add_user(user, name=name)
    slack.add_channel(CHANNEL, "support")


def configure(
    environment: pytest.MonkeyPatch,
    where: Path | str,
    slack: FakeSlack | None,
    services: SupportWorld | None,
    **variables: str,
) -> None:
    """The variables of a desk, and none of those that the machine happens to have."""
    for name in list(os.environ):
        if name.startswith(("HITL_", "SLACK_", "FRONT_", "STRIPE_", "PLATFORM_", "SUPPORT_", "GITHUB_")):
            environment.delenv(name)
    settings = {
        "HITL_DATABASE_URL": where if isinstance(where, str) else sqlite_in(where),
        "HITL_DEFAULT_APPROVERS": f"slack:{ANN}, slack:{BOB}",
        "HITL_SLACK_CHANNEL": CHANNEL,
        "SUPPORT_HTTP_TIMEOUT_SECONDS": "5",
        **(slack.environ if slack else {}),
        **(services.environment if services else {}),
        **variables,
    }
    for name, value in settings.items():
        environment.setenv(name, value)


def _channels(patience: int | None) -> tuple[SlackChannel, ...] | None:
    settings = SlackSettings.from_env() if patience is not None else None
    if settings is None or patience is None:
        return None
    return (SlackChannel(settings, web_client(settings, timeout=patience)),)


def _close_clients() -> None:
    effects().close()
    effects.cache_clear()
