"""``/api/v1/events``: what changes, as it changes."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import httpx
import pytest

from hitl_server.watching import Watch

from tests.kit.effects import Effects
from tests.kit.served import ANN, Served, served
from tests.kit.world import World


@contextmanager
def listening(server: Served, **headers: str) -> Iterator[Iterator[dict[str, Any]]]:
    """A listener who is heard by now."""
    with server.http.stream("GET", "/api/v1/events", headers=headers) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
        lines = answer.iter_lines()
        assert next(lines) == ": listening"
        yield _events(lines)


def _events(lines: Iterator[str]) -> Iterator[dict[str, Any]]:
    event: dict[str, Any] = {}
    for line in lines:
        name, _, value = line.partition(": ")
        if name in {"event", "id"}:
            event[name] = value
        elif name == "data":
            event |= json.loads(value)
        elif not line and "kind" in event:
            yield event
            event = {}


def kinds(events: Iterator[dict[str, Any]], last: str) -> list[str]:
    """What is heard until ``last``."""
    heard = []
    for event in events:
        heard.append(event["kind"])
        if event["kind"] == last:
            break
    return heard


def test_what_changes_is_told(open_server: Served):
    """Item 5: as soon as it is committed, sealed or not; what it is about, by whom, and nothing of what it says."""
    request = open_server.asked()
    with listening(open_server) as events:
        open_server.decide(request["id"], type="reject", message="secret words", reviewer=ANN)
        heard = [next(events), next(events)]
    assert [event["kind"] for event in heard] == ["submission.received", "request.rejected"]
    assert {event["request_id"] for event in heard} == {request["id"]}
    assert {event["run_id"] for event in heard} == {request["run_id"]}
    assert (heard[1]["actor"], heard[1]["via"], heard[1]["event"]) == (ANN, "api", "change")
    assert "secret words" not in json.dumps(heard)


def test_it_is_told_once(open_server: Served):
    """Sealed a moment later, it is not told again."""
    with listening(open_server) as events:
        runs = [open_server.started()["id"] for _ in range(2)]
        open_server.world.step()
        open_server.http.post(
            "/api/v1/runs", json={"graph": "poll", "input": {"colour": 1}, "thread_id": "last"}
        )
        heard = []
        for event in events:
            if event["run_id"] not in runs:
                break
            heard.append((event["run_id"], event["kind"]))
    assert len(heard) == len(set(heard)) > 4
    assert {run for run, _ in heard} == set(runs)


def test_who_comes_back_hears_what_they_missed(open_server: Served):
    """``Last-Event-ID``: everything since, in order."""
    request = open_server.asked()
    last = open_server.http.get("/api/v1/audit").json()["items"][-1]["seq"]
    open_server.decide(request["id"], type="approve")
    open_server.world.step()
    missed = open_server.http.get("/api/v1/audit", params={"cursor": str(last)}).json()["items"]
    with listening(open_server, **{"Last-Event-ID": str(last)}) as events:
        heard = [next(events) for _ in missed]
    assert [event["seq"] for event in heard] == [event["seq"] for event in missed]
    assert heard[-1]["id"] == str(missed[-1]["seq"])


def test_head_has_an_end(open_server: Served):
    """As GET, without the body and without waiting for one."""
    answer = open_server.http.head("/api/v1/events")
    assert (answer.status_code, answer.content) == (200, b"")


@pytest.mark.parametrize("odd", ["x", "-1", "9" * 30, "1.5"])
def test_odd_numbers_to_come_back_from(open_server: Served, odd: str):
    """O-08: one that was never given is none."""
    with listening(open_server, **{"Last-Event-ID": odd}) as events:
        open_server.started()
        assert "request.opened" in kinds(events, "request.opened")


def test_a_server_that_stops_lets_its_listeners_go(make_world: Callable[..., World], effects: Effects):
    """They hear the end, and do not hold the server up until they are cut."""
    with ExitStack() as running:
        server = running.enter_context(served(make_world(), effects))
        with (
            httpx.Client(base_url=server.url, timeout=20) as http,
            http.stream("GET", "/api/v1/events") as answer,
        ):
            lines = answer.iter_lines()
            assert next(lines) == ": listening"
            stopping = threading.Thread(target=running.close)
            stopping.start()
            assert not [line for line in lines if line == "event: change"]  # to its end, which is one
            stopping.join()


async def test_nobody_is_told_for_ever(open_server: Served):
    """Whoever listens has to come back now and then: who was signed out meanwhile is not let in again."""
    watch = Watch(open_server.world, lasts=0.0)
    async with watch.listening() as heard:
        assert [event async for event in heard] == []
    request = open_server.asked()
    async with watch.listening(after=0) as heard:
        assert [event.kind async for event, _ in heard if event.request_id == request["id"]]


async def test_what_is_not_sealed_yet_is_missed_too(open_server: Served):
    """Who comes back hears also of what is so new that it has no number."""
    request = open_server.asked()
    last = open_server.http.get("/api/v1/audit").json()["items"][-1]["seq"]
    open_server.decide(request["id"], type="reject")
    async with Watch(open_server.world, lasts=0.0).listening(after=last) as heard:
        told = [event async for event, _ in heard]
    assert "request.rejected" in [event.kind for event in told if event.seq is None]
