"""One play: a storm on one database, then calm, until all is at its end; then everything that can be seen from outside."""

from __future__ import annotations

import contextlib
import json
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, Self

from hitl_middleware.channels.github.words import card_in
from hitl_middleware.testing.fake_github import FakeGitHub
from hitl_middleware.testing.fake_slack import FakeSlack

from tests.chaos.storm import approvals
from tests.chaos.storm.cast import Home, Outages, Place
from tests.chaos.storm.checker import ENDED, Verdict, judge
from tests.chaos.storm.gateway import Gateway
from tests.chaos.storm.outside import Api, Books, Broken, Heard, Unanswered
from tests.chaos.storm.people import People
from tests.chaos.storm.plan import LEASE, errands, fates, gusts, moods
from tests.chaos.storm.seen import ActionSeen, CardSeen, RequestSeen, RunSeen, Seen
from tests.chaos.storm.weather import Weather
from tests.chaos.storm.world import ANN, BOB, LABEL, REVIEWER, SHOP, World, cards_of
from tests.kit.commands import OURS
from tests.kit.lives import Life, run

CHANNEL: Final = "C0MONEY"
OPEN_RUNS: Final = 8
GLANCE: Final = 0.1

QUIET_SECONDS: Final = 90.0
QUIET_LOOKS: Final = 30
"""Stuck is where nothing at all has changed for so long, and in so many looks that were answered. Longer than a card's usual back-off."""

GRAPHS: Final = {"till": "tests.chaos.storm.desks:make_till", "fix": "tests.chaos.storm.desks:make_fix"}
CONFIG: Final = f"""
[github]
poll_seconds = 1

[[triggers]]
label = "{LABEL}"
graph = "fix"
"""


class Play:
    """On the database at ``url``, in ``folder``. ``restart``: takes the database's server away and brings it back. ``graphs``: as in
    ``langgraph.json``.

    Use it as a context: whatever happens, nothing is left running.
    """

    def __init__(
        self,
        folder: Path,
        url: str,
        seed: str,
        restart: Callable[[], None] | None = None,
        *,
        graphs: Mapping[str, str] = GRAPHS,
    ) -> None:
        self.folder = folder
        self.heard = Heard()
        self.seed = seed
        self._stack = contextlib.ExitStack()
        self._url = url
        self._restart = restart
        self._graphs = graphs
        self._pause = threading.Event()

    def __enter__(self) -> Self:
        try:
            self._open()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, *_exc: object) -> None:
        self._stack.close()

    def _open(self) -> None:
        enter, later = self._stack.enter_context, self._stack.callback
        self._slack = enter(FakeSlack(give_up_after=5))
        self._github = enter(FakeGitHub(give_up_after=5))
        gateway = self._gateway = Gateway(moods(f"{self.seed}/moods"), f"{self.seed}/ways")
        later(gateway.close)
        self._api = Api(gateway.url)
        later(self._api.close)
        self._furnish()
        self._books = Books(self.folder / "paid.jsonl")
        self._environ = self._environment()
        home = Home(self.folder, self._environ, gateway, self.heard)
        outages = Outages()
        self._cast = [
            Place(
                name, "server", ["serve", "--port", "0", "--no-worker"], fates(f"{self.seed}/{name}", "server", works=False),
                home, outages,
            )
            for name in ("server-1", "server-2")
        ] + [
            Place(name, "worker", ["worker"], fates(f"{self.seed}/{name}", "worker", works=True), home, outages)
            for name in ("worker-1", "worker-2")
        ]  # fmt: skip
        later(self._end_cast)
        what = gusts(f"{self.seed}/gusts", postgres=self._restart is not None)
        self._weather = Weather(what, self._slack, self._github, self._restart, outages, self.heard)
        later(self._weather.calm)
        world = World(self._api, self._slack, self._github, self._books, self.heard, f"{self.seed}/answers")
        self.people = People(world, errands(f"{self.seed}/errands"), self._cast, open_runs=OPEN_RUNS)
        later(self.people.rest)

    def _furnish(self) -> None:
        self._slack.connect(f"{self._gateway.url}/slack/events")
        self._slack.add_channel(CHANNEL, "money")
        self._slack.add_user(ANN, name="ann")
        self._slack.add_user(BOB, name="bob")
        self._github.repository(SHOP)
        self._github.person(REVIEWER, permission="write")
        self._github.person("bob", permission="read")
        self._github.connect(f"{self._gateway.url}/github/webhooks")
        (self.folder / "langgraph.json").write_text(json.dumps({"graphs": self._graphs}))
        (self.folder / "hitl.toml").write_text(CONFIG)

    def _environment(self) -> Mapping[str, str]:
        return {
            **{key: value for key, value in os.environ.items() if not key.startswith(OURS)},
            **self._slack.environ,
            **self._github.environ,
            "HITL_DATABASE_URL": self._url,
            "HITL_PUBLIC_URL": self._gateway.url,
            "HITL_LEASE_SECONDS": str(LEASE),
            "HITL_DEFAULT_APPROVERS": f"slack:{ANN},slack:{BOB}",
            "HITL_SLACK_CHANNEL": CHANNEL,
            "PAID_IN": str(self._books.path),
        }

    # storm and calm --------------------------------------------------------------------------------------------------

    def storm(self, enough: Callable[[], bool]) -> None:
        """People want things, and everybody dies all the time."""
        for place in self._cast:
            place.begin()
        self._weather.begin()
        while not enough():
            self._look(begin=True)

    def calm(self) -> Verdict:
        """Nothing goes wrong any more; people go on until all is at its end, or nothing moves. What the checker says then."""
        self._weather.calm()
        self._end_cast()
        self._gateway.calm()
        with self._healthy():
            self._until_still(self._standing, lambda standing: not standing)
            seen = self._until_still(self.seen, lambda seen: not judge(seen).may_heal)
        self.people.rest()
        return judge(replace(seen, audit=self._audited()))

    def _audited(self) -> str:
        """What is wrong with the audit: its chain, or what a checker of approvals that is not ours finds in it; nothing, if all is well."""
        log, trace = self.folder / "audit.log", self.folder / "trace.jsonl"
        for words in (["verify"], ["export", "--format", "agentack", "--to", str(trace)]):
            if run(["audit", *words], self._environ, self.folder, log) != 0:
                return log.read_text()[-2_000:]
        return approvals.problems(trace)

    def _end_cast(self) -> None:
        for place in self._cast:
            place.end()
        for place in self._cast:
            place.join()

    @contextlib.contextmanager
    def _healthy(self) -> Iterator[None]:
        """A server and a worker whom nobody kills; they leave in order."""
        lives = [
            Life(words, self._environ, self.folder, self.folder / f"calm-{words[0]}.log")
            for words in (["serve", "--port", "0"], ["worker"])
        ]
        try:
            urls = [life.line() for life in lives]
            assert all(urls), [life.told() for life in lives]
            self._gateway.add(str(urls[0]).strip())
            yield
            for life in lives:
                if not life.alive:
                    self.heard.troubles.append(f"ended by itself in the calm:\n{life.told()}")
                else:
                    life.leave()
        finally:
            for life in lives:
                life.bury()

    def _look(self, *, begin: bool) -> bool:
        try:
            self.people.look(begin=begin)
        except Unanswered:
            return False
        except Broken as error:
            self.heard.troubles.append(str(error))
            return False
        finally:
            self._pause.wait(GLANCE)
        return True

    def _until_still(self, find: Callable[[], Any], is_over: Callable[[Any], bool]) -> Any:
        """What is found when it is over, or when nothing has changed for too long."""
        last: Any = None
        looks, since = 0, time.monotonic()
        while True:
            answered = self._look(begin=False)
            try:
                found = find()
            except Unanswered:
                continue
            if is_over(found):
                return found
            looks += answered
            if found != last:
                last, looks, since = found, 0, time.monotonic()
            if looks >= QUIET_LOOKS and time.monotonic() - since >= QUIET_SECONDS:
                return found

    def _standing(self) -> list[Any]:
        """What is not at its end."""
        runs = [(each["id"], each["status"]) for each in self._api.pages("/runs")]
        left: list[Any] = [each for each in runs if each[1] not in ENDED]
        left += [(each["id"], each["version"]) for each in self.people.pending]
        return left if self.people.idle else [*left, "somebody is at it"]

    # looking ---------------------------------------------------------------------------------------------------------

    def seen(self) -> Seen:
        """Everything that can be seen from outside. Raises ``Unanswered``."""
        runs = [self._run_seen(each["id"]) for each in self._api.pages("/runs")]
        comments = [each for each in self._github.comments(SHOP) if each.user == self._github.bot_login]
        cards: dict[str, list[CardSeen]] = {}
        for request in (request for each in runs for request in each.requests):
            found = [
                CardSeen("slack", card.plain(), bool(card.buttons))
                for card in cards_of(self._slack, request.id)
            ]
            link = f"/requests/{request.id}"
            found += [
                CardSeen("github", each.body, open=False)
                for each in comments
                if card_in(each.body) and link in each.body
            ]
            cards[request.id] = found
        reacted = frozenset(
            comment
            for comment in self.heard.commands
            if any(
                who == self._github.bot_login and what in {"rocket", "-1"}
                for who, what in self._github.reactions(comment)
            )
        )
        return Seen(runs=runs, books=self._books.entries(), heard=self.heard, cards=cards, reacted=reacted)

    def _run_seen(self, key: str) -> RunSeen:
        told = self._api.get(f"/runs/{key}")
        requests = [
            RequestSeen.of(each, self._api.get(f"/requests/{each['id']}/cards")["items"])
            for each in told["requests"]
        ]
        issue = told["labels"].get("issue")
        return RunSeen(
            id=key,
            status=told["status"],
            issue=int(issue) if issue else None,
            error=told["error"],
            requests=requests,
            actions=[ActionSeen.of(each) for each in told["actions"]],
        )
