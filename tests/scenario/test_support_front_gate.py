"""Which webhooks are believed, and what the others are told."""

from __future__ import annotations

import json
from dataclasses import replace

import httpx
import pytest
from fastapi import FastAPI

from hitl_graphs.support import hitl_router
from hitl_graphs.support.fakes import FakeFront, SupportWorld
from hitl_graphs.support.settings import SettingUnusable

from tests.scenario.support_desk import CONVERSATION, Desk, environment, served


@pytest.fixture
def services(monkeypatch, clock):
    """Front's clock is the desk's."""
    with SupportWorld(now=lambda: clock.now().timestamp()) as recorded, environment(monkeypatch, recorded):
        yield recorded


@pytest.fixture
def quick_desk(quick, services):
    """Where the database makes no difference."""
    made = Desk(quick, services)
    with served(quick, services.front):
        yield made


def test_forged_and_stale_webhooks_are_refused(quick_desk, services, clock):
    """O-08: a wrong signature, none, one that is none, and one of six minutes ago are 401, and nothing is stored."""
    front = services.front
    good = front.customer_writes(CONVERSATION, "Where is it?", post=False)
    forged = replace(good, body=good.body.replace(b"Where", b"There"))
    unsigned = replace(good, headers={"Content-Type": "application/json"})
    garbled = replace(good, headers={**good.headers, "X-Front-Signature": "nonsense"})
    assert [front.replay(delivery).status for delivery in (forged, unsigned, garbled)] == [401, 401, 401]
    clock.advance(360)
    late = front.replay(good)
    assert late.status == 401
    problem = json.loads(late.answer)
    assert (problem["status"], problem["title"]) == (401, "Unauthorized")
    assert "360 seconds" in problem["detail"]
    quick_desk.world.step()
    assert quick_desk.world.runs() == []


@pytest.mark.parametrize(
    "body", [b"", b"\xff\xfe", b"[]", b"{}", b"[" * 100_000, b'{"type": "inbound_received", "payload": {}}']
)
def test_signed_nonsense_is_400(quick_desk, services, body):
    """O-08: true signature over something else than an event: 400 with a sentence, never 5xx."""
    answer = services.front._sender.post(
        services.front._sender.sign_again(replace(services.front.subscribe(), body=body)),
        services.front.app_url,
    )
    assert answer.status == 400
    assert "not an event of Front's" in json.loads(answer.answer)["detail"]


def test_a_body_beyond_the_cap_is_413(quick_desk, services):
    """O-08: more than 1 MiB is refused by its declared length, and while it is read when none is declared."""
    url = services.front.app_url + "/front/webhooks"
    with httpx.Client(trust_env=False) as http:
        assert http.post(url, content=b"x" * 1_048_577).status_code == 413
        assert http.post(url, content=(b"x" * 65_536 for _ in range(17))).status_code == 413
        assert http.post(url, content=b"x" * 1_048_576).status_code == 401


def test_front_may_save_the_address(quick_desk, services):
    """S-01: the challenge comes back, so that Front accepts the webhook's address."""
    saved = services.front.subscribe()
    assert saved.status == 200
    assert json.loads(saved.answer) == {"challenge": saved.headers["X-Front-Challenge"]}


def test_without_a_secret_the_route_is_off(quick, services, monkeypatch):
    """E-04: 404 with a sentence that names the variable, also for a webhook that is signed."""
    monkeypatch.delenv("FRONT_WEBHOOK_SECRET")
    Desk(quick, services)
    with served(quick, services.front):
        answer = services.front.customer_writes(CONVERSATION, "Where is it?")
    assert answer.status == 404
    assert "FRONT_WEBHOOK_SECRET" in json.loads(answer.answer)["detail"]
    quick.step()
    assert quick.runs() == []


@pytest.mark.parametrize(
    ("variable", "value"), [("FRONT_ON_NEW_INPUT", "sometimes"), ("SUPPORT_INSTRUCTORS", "{")]
)
def test_a_setting_that_makes_no_sense_stops_the_server(quick, services, monkeypatch, variable, value):
    """E-04: the router is not made; the sentence names the variable."""
    monkeypatch.setenv(variable, value)
    with pytest.raises(SettingUnusable, match=variable):
        hitl_router(quick)
    monkeypatch.delenv(variable)


def test_the_route_is_documented(quick, services):
    """O-08: OpenAPI names every answer the route gives."""
    app = FastAPI()
    app.include_router(hitl_router(quick))
    answers = app.openapi()["paths"]["/front/webhooks"]["post"]["responses"]
    assert {"200", "202", "400", "401", "404", "408", "413"} <= set(answers)


def test_a_fake_of_another_app_is_not_believed(quick_desk, services, clock):
    """S-01: a webhook signed with another app's key is 401."""
    stranger = FakeFront(webhook_secret="another key", now=lambda: clock.now().timestamp())
    stranger.app_url = services.front.app_url
    assert stranger.customer_writes(CONVERSATION, "Where is it?").status == 401
