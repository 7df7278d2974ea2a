"""A crowd at two server processes on one database: everybody answers at once, one answer counts."""

from __future__ import annotations

import asyncio
import datetime as dt
import resource
import statistics
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from hitl_middleware.testing.fake_slack import FakeSlack
from hitl_middleware.testing.fake_slack.records import Delivery

from tests.chaos.stage import Stage
from tests.kit.databases import Kind
from tests.kit.forks import warm_up

CROWD: Final = {"sqlite": 1_000, "postgresql": 200}
"""How many come; the second time, for the other kind of locks, fewer are enough."""
IN_SLACK: Final = 5
"""One in so many of the crowd clicks in Slack; the others answer over HTTP."""

BURST: Final = 30
REPLAYS: Final = 100

HANGS: Final = 60.0
"""Whoever has no answer by then is taken to hang."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What somebody was answered, and after how long."""

    who: str
    status: int
    body: Any
    seconds: float


@dataclass(frozen=True, slots=True)
class Town:
    """Two servers on one database, and Slack beside them."""

    stage: Stage
    urls: tuple[str, str]
    people: Sequence[str]

    @property
    def in_slack(self) -> int:
        """How many of the people are there; the first ones."""
        return len(self.people) // IN_SLACK

    def at(self, number: int) -> str:
        """One of the two, in turn."""
        return self.urls[number % 2]


@pytest.fixture
def many_connections() -> Iterator[None]:
    """More open files than the usual 1,024, where the system lets us."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = max(soft, 4 * max(CROWD.values()))
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted if hard < 0 else min(wanted, hard), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.fixture
def town(url: str, database_kind: Kind, tmp_path: Path, many_connections: None) -> Iterator[Town]:
    """People in Slack may all decide; nobody dies here, so the lease is the usual one."""
    warm_up()
    people = [person(number) for number in range(CROWD[database_kind])]
    listed = ", ".join(f'"slack:{user}"' for user in people)
    (tmp_path / "hitl.toml").write_text(f"[groups]\ncrowd = [{listed}]\n")
    with FakeSlack(give_up_after=HANGS) as slack:
        for user in people[: len(people) // IN_SLACK]:
            slack.add_user(user, name=user.lower())
        environ = {"HITL_DEFAULT_APPROVERS": "group:crowd", "HITL_LEASE_SECONDS": "30"}
        stage = Stage(tmp_path, url, slack, environ=environ)
        try:
            stage.revive()
            other = stage.start().line()
            assert other is not None
            yield Town(stage, (stage.url, other), people)
        finally:
            stage.close()


def person(number: int) -> str:
    """Somebody's id in Slack."""
    return f"U{number:04}"


# sending -------------------------------------------------------------------------------------------------------------


async def at_once(asks: Sequence[Callable[[httpx.AsyncClient], Awaitable[Answer]]]) -> list[Answer]:
    """Let all of them begin in the same moment, each on a connection of its own, and wait for every answer."""
    start = asyncio.Event()
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=0)
    async with httpx.AsyncClient(trust_env=False, timeout=HANGS, limits=limits) as client:

        async def one(ask: Callable[[httpx.AsyncClient], Awaitable[Answer]]) -> Answer:
            await start.wait()
            return await ask(client)

        waiting = [asyncio.ensure_future(one(ask)) for ask in asks]
        start.set()
        return await asyncio.gather(*waiting)


def over_http(url: str, request: str, user: str) -> Callable[[httpx.AsyncClient], Awaitable[Answer]]:
    """Approve through the API."""

    async def ask(client: httpx.AsyncClient) -> Answer:
        began = time.perf_counter()
        body = {"type": "approve", "reviewer": f"slack:{user}"}
        got = await client.post(f"{url}/api/v1/requests/{request}/decisions", json=body)
        return Answer(user, got.status_code, got.json(), time.perf_counter() - began)

    return ask


def clicks(url: str, click: Delivery, user: str) -> Callable[[httpx.AsyncClient], Awaitable[Answer]]:
    """Deliver a signed click."""

    async def ask(client: httpx.AsyncClient) -> Answer:
        began = time.perf_counter()
        got = await client.post(f"{url}/slack/events", content=click.body, headers=list(click.headers))
        return Answer(user, got.status_code, got.text, time.perf_counter() - began)

    return ask


def click(stage: Stage, request: str, user: str) -> Delivery:
    """A click on Approve, signed and not sent yet."""
    (card,) = stage.cards(request)
    return stage.slack.draft_click(user, card, text="Approve")


# tests ---------------------------------------------------------------------------------------------------------------


def test_a_crowd_answers_one_request_at_once(town: Town, record_property: Callable[[str, object], None]):
    """S-10, O-08, rule 2: one decision, one execution; all others hear who was first and when; no 5xx, nobody hangs; the audit holds."""
    stage, crowd, in_slack = town.stage, len(town.people), town.in_slack
    run = stage.begin(5)
    (request,) = stage.asked(run)
    asks = [
        clicks(town.at(number), click(stage, request, person(number)), person(number))
        if number < in_slack
        else over_http(town.at(number), request, person(number))
        for number in range(crowd)
    ]
    began = time.perf_counter()
    answers = asyncio.run(at_once(asks))
    took = time.perf_counter() - began

    detail = stage.ended(run)
    (said,) = detail["requests"]
    winner = said["decided_by"].removeprefix("slack:")
    assert (said["status"], len(stage.paid())) == ("approved", 1)
    clicked, asked = answers[:in_slack], answers[in_slack:]
    won_in_slack = winner in {answer.who for answer in clicked}
    assert Counter(answer.status for answer in clicked) == {200: in_slack}
    assert Counter(answer.status for answer in asked) == Counter(
        {200: 0 if won_in_slack else 1, 409: crowd - in_slack - (0 if won_in_slack else 1)}
    ) - Counter({200: 0})
    for answer in asked:
        if answer.status == 409:
            assert answer.body["decided_by"] == f"slack:{winner}"
            assert dt.datetime.fromisoformat(answer.body["decided_at"]).tzinfo is not None
            assert f"slack:{winner}" in answer.body["detail"]
    losers = {answer.who for answer in clicked} - {winner}
    stage.until("every loser in Slack is told", lambda: told(stage) == losers, seconds=HANGS)
    for note in stage.slack.ephemerals:
        assert "This was already approved by" in note.plain()
    stage.shows(request, "Approved by", "Executed")
    assert len(stage.events("submission.received")) == len(stage.events("action.claimed")) == 1
    finish(town, [request])

    seconds = sorted(answer.seconds for answer in answers)
    p50, p99 = statistics.median(seconds), seconds[int(0.99 * len(seconds))]
    record_property("answers a second", round(crowd / took))
    record_property("p99/p50", round(p99 / p50, 2))
    print(f"{crowd} answers in {took:.1f} s: p50 {p50:.2f} s, p99 {p99:.2f} s, p99/p50 {p99 / p50:.2f}")  # noqa: T201


def test_a_burst_of_answers_to_as_many_requests(town: Town):
    """S-10, rule 2: every answer is another request's: all are decided, each act happens once, every card says so."""
    stage = town.stage
    runs = [stage.begin(amount) for amount in range(1, BURST + 1)]
    requests = [stage.asked(run)[0] for run in runs]
    asks = [
        clicks(town.at(number), click(stage, request, person(number)), person(number))
        if number % 2
        else over_http(town.at(number), request, person(number))
        for number, request in enumerate(requests)
    ]
    answers = asyncio.run(at_once(asks))
    assert Counter(answer.status for answer in answers) == {200: BURST}
    for number, run in enumerate(runs):
        (said,) = stage.ended(run)["requests"]
        assert (said["status"], said["decided_by"]) == ("approved", f"slack:{person(number)}")
    for request in requests:
        stage.shows(request, "Approved by", "Executed")
    assert sorted(paid["amount"] for paid in stage.paid()) == [*range(1, BURST + 1)]
    finish(town, requests)


def test_a_click_that_is_replayed_a_hundred_times(town: Town):
    """S-10, O-08: the same signed bytes again and again, at both servers: 200 each time, one decision, one execution, no note."""
    stage = town.stage
    run = stage.begin(5)
    (request,) = stage.asked(run)
    recorded = click(stage, request, person(0))
    answers = asyncio.run(
        at_once([clicks(town.at(number), recorded, person(0)) for number in range(REPLAYS)])
    )
    assert Counter(answer.status for answer in answers) == {200: REPLAYS}
    assert stage.ended(run)["status"] == "succeeded"
    stage.shows(request, f"Approved by @{person(0).lower()}", "Executed")
    assert len(stage.paid()) == len(stage.events("submission.received")) == 1
    assert stage.slack.ephemerals == []
    finish(town, [request])


def told(stage: Stage) -> set[str | None]:
    """Who was told something in Slack that only they see."""
    return {note.visible_to for note in stage.slack.ephemerals}


def finish(town: Town, requests: Sequence[str]) -> None:
    """Both servers end in order; what is left is as it must be."""
    town.stage.lives[1].leave()
    town.stage.check_at_the_end(requests)
