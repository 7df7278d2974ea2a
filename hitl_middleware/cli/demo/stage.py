"""Everything the demo plays on: the fakes with their memory on disk, the environment that leads to them, the real server."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from hitl_graphs.support import make_graph
from hitl_graphs.support.fakes import Effect, FakeFront, FakePlatform, FakeStripe, Held
from hitl_middleware.cli.demo import script
from hitl_middleware.cli.demo.backstage import Backstage, Unreadable, environment, own
from hitl_middleware.errors import HitlError
from hitl_middleware.hitl import Graph, Hitl
from hitl_middleware.records import ReviewRequest, Run
from hitl_middleware.review import is_final
from hitl_middleware.testing.fake_slack import CannotHappen, FakeSlack, Message
from hitl_middleware.views import RequestDetail, RunDetail
from hitl_server.preview import SlackSeen, preview_router
from hitl_server.serve import running_server

_NAME: Final = re.compile(r"cnv_demo([0-9]{1,9})")


@dataclass(slots=True, kw_only=True)
class Stage(Backstage):
    """The world and the library in it. ``conversation`` is the one that is under way."""

    slack: FakeSlack
    front: FakeFront
    stripe: FakeStripe
    platform: FakePlatform
    conversation: str
    graph: Graph
    _told: set[tuple[str, int]] = field(default_factory=set)
    _slow: dict[str, Held] = field(default_factory=dict)

    # what the customer does ------------------------------------------------------------------------------------------

    def customer_writes(self, words: str) -> None:
        """The customer writes; Front tells the server by a signed webhook."""
        delivery = self.front.customer_writes(
            self.conversation, words, handle=script.ADDRESS, name=script.CUSTOMER, subject=script.SUBJECT
        )
        if delivery.status != 202:
            msg = f"The server did not take Front's webhook: HTTP {delivery.status} {delivery.answer}"
            raise HitlError(msg)

    # what is stored --------------------------------------------------------------------------------------------------

    def runs(self) -> list[RunDetail]:
        """The conversation's runs, oldest first."""
        newest = self.hitl.portal.call(self.hitl.views.runs).items
        return [self.run(run.id) for run in reversed(newest) if _conversation(run) == self.conversation]

    def ended(self, request: ReviewRequest) -> RequestDetail | None:
        """The request once its story is over, and every card says so."""
        detail = self.request(request.id)
        action = detail.action
        over = action is None or action.status in {"denied", "unknown", "succeeded", "failed"}
        over = over or (request.kind == "outcome" and detail.request.status != "pending")
        return detail if over and self.is_shown(self.original_of(request)) else None

    def original_of(self, request: ReviewRequest) -> ReviewRequest:
        """The request whose card tells the story: of an act whose outcome is asked, the one that asked for the act."""
        asked = self.run(request.run_id).requests
        same = [one for one in asked if one.action_id == request.action_id and one.kind == "tool_call"]
        return same[0] if request.kind == "outcome" and same else request

    def note_of(self, run: Run) -> str:
        """The agent's last words on the run's thread; they are for the log, not for the customer."""
        messages = self.graph.get_state({"configurable": {"thread_id": run.thread_id}}).values["messages"]
        return str(messages[-1].text)

    # what Slack and the services show --------------------------------------------------------------------------------

    def card(self, request: ReviewRequest) -> Message | None:
        """The request's card in Slack as it is now; ``is_shown`` says whether that is the truth yet."""
        for card in self.request(request.id).cards:
            if card.target.channel == "slack" and card.ref:
                channel, _, ts = card.ref.partition(":")
                with suppress(CannotHappen):  # somebody took it away
                    return self.slack.message(channel, ts)
        return None

    def news(self) -> list[tuple[str, Effect]]:
        """What the services did since this was asked last, with the service's name."""
        found = [
            (service.service, effect)
            for service in (self.front, self.stripe, self.platform)
            for effect in service.effects
            if (service.service, effect.seq) not in self._told
        ]
        self._told |= {(service, effect.seq) for service, effect in found}
        return sorted(found, key=lambda one: one[1].at)

    def effects_of(self, action_id: str) -> list[tuple[str, Effect]]:
        """What was done under an action's idempotency key, with the service's name."""
        return [
            (service.service.capitalize(), effect)
            for service in (self.front, self.stripe, self.platform)
            for effect in service.effects
            if effect.idempotency_key == action_id
        ]

    def take_time(self, seconds: float) -> None:
        """The next act takes a moment, as it does in life, so that a card can be seen executing."""
        for service, where in ((self.front, "/messages"), (self.stripe, "/refunds")):
            waiting = self._slow.get(service.service)
            if waiting is None or waiting.entered.is_set():
                self._slow[service.service] = Held(seconds=seconds)
                service.script(self._slow[service.service], on=where)


@contextmanager
def staged(folder: Path, database: Path) -> Iterator[Stage]:
    """Build it up, give it to the block, take it down. Raises ``ConfigurationError`` where the folder is another demo's, or no good."""
    with ExitStack() as stack:
        log = stack.enter_context(own(folder))
        try:
            slack = FakeSlack(kept_in=folder / "slack.json", team_name="Demo")
        except (ValueError, KeyError, TypeError):
            raise Unreadable(folder=folder, database=database) from None
        stack.enter_context(slack)
        _people(slack)
        environment(folder, database)
        os.environ |= slack.environ | {
            "HITL_SLACK_CHANNEL": script.CHANNEL[0],
            "HITL_DEFAULT_APPROVERS": ",".join(f"slack:{user}" for user in script.PEOPLE),
        }
        (folder / "hitl.toml").write_text(script.CONFIG, encoding="utf-8")
        hitl = Hitl.from_env()
        stack.callback(hitl.stop)
        number = _number(hitl)
        conversation = f"cnv_demo{number}"
        ledger = folder / f"effects-{number}.jsonl"  # each conversation finds its orders unrefunded
        front = stack.enter_context(FakeFront(conversations=[conversation], ledger_path=ledger))
        stripe = stack.enter_context(FakeStripe(orders=script.ORDERS, ledger_path=ledger))
        platform = stack.enter_context(FakePlatform(ledger_path=ledger))
        os.environ |= {
            "FRONT_API_URL": front.url,
            "FRONT_API_TOKEN": front.token,
            "FRONT_WEBHOOK_SECRET": front.webhook_secret,
            "STRIPE_API_URL": stripe.url,
            "STRIPE_API_KEY": stripe.token,
            "PLATFORM_API_URL": platform.url,
            "PLATFORM_API_TOKEN": platform.token,
        }
        preview = preview_router(slack=SlackSeen(fake=slack, people=script.ROLES))
        server = stack.enter_context(running_server(hitl, routers=[preview]))
        slack.connect(f"{server.url}/slack/events")
        front.app_url = server.url
        graph = make_graph().copy({"checkpointer": hitl.checkpointer()})
        stage = Stage(
            hitl=hitl,
            url=server.url,
            log=log,
            slack=slack,
            front=front,
            stripe=stripe,
            platform=platform,
            conversation=conversation,
            graph=graph,
        )
        hitl.settle_all()  # whatever an earlier demo left half-way is where it belongs before anybody looks
        stage.news()
        yield stage


def _people(slack: FakeSlack) -> None:
    for user_id, (name, real_name) in {**script.PEOPLE, **script.OTHERS}.items():
        slack.add_user(user_id, name=name, real_name=real_name)
    slack.add_channel(*script.CHANNEL)


def _number(hitl: Hitl) -> int:
    """Which conversation is under way: the last one, unless all of it was played to its end."""
    newest = hitl.portal.call(hitl.views.runs).items
    number = max(
        (int(found[1]) for run in newest if (found := _NAME.fullmatch(_conversation(run)))), default=1
    )
    played = [run for run in newest if _conversation(run) == f"cnv_demo{number}"]
    ended = len(played) >= len(script.SCRIPT) and all(is_final("run", run.status) for run in played)
    return number + 1 if ended else number


def _conversation(run: Run) -> str:
    return run.labels.get("conversation", "")
