"""The support desk under SIGKILL: from Front's signed webhook to the money, over HTTP all the way, with the real clients.

The outside world here is a Stripe that writes every refund to disk before it answers. It knows idempotency keys, as the real one does.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from hitl_graphs.support.fakes import SupportWorld

from tests.chaos.stage import Stage
from tests.kit.databases import on_each

pytestmark = pytest.mark.chaos

CONVERSATION = "cnv_1"
WORDS = "Please refund order A-1001, 120.00"


@pytest.fixture
def books(tmp_path: Path) -> Path:
    """What Front, Stripe and the platform did, on disk."""
    return tmp_path / "effects.jsonl"


@pytest.fixture
def services(books: Path) -> Iterator[SupportWorld]:
    """They live in this process, which nobody kills."""
    with SupportWorld(orders={"A-1001": 20_000}, conversations=[CONVERSATION], ledger_path=books) as recorded:
        yield recorded


@pytest.fixture
def desk(make_stage: Callable[..., Stage], services: SupportWorld) -> Stage:
    """A database and its Slack, with the support graph and its own webhook."""
    return make_stage(graph=("support", "hitl_graphs.support:graph"), environ=services.environment)


def written(desk: Stage, services: SupportWorld) -> str:
    """The customer writes; Front tells the app until it has heard a 2xx; the run that follows."""
    told = services.front.customer_writes(CONVERSATION, WORDS, post=False)

    def tell() -> bool:
        services.front.app_url = desk.url
        return services.front.redeliver(told).status in {200, 202}

    def started() -> str | None:
        runs = desk.get("/runs")["items"]
        return str(runs[0]["id"]) if runs else None

    desk.until("Front's webhook is acknowledged", tell)
    return desk.until("the message's run is there", started)


def refunds(books: Path) -> list[Any]:
    """Every refund that was made."""
    lines = [json.loads(line) for line in books.read_bytes().splitlines()] if books.exists() else []
    return [line for line in lines if line["kind"] == "RefundCreated"]


@on_each(
    "point",
    # Not while a card is changed: the refund may be under way then, and so in doubt.
    sqlite=["lease.before", "open.after", "submit.after", "settle.after"],
    postgresql=["submit.after"],
)
def test_a_refund_is_made_once(desk: Stage, services: SupportWorld, books: Path, point: str):
    """S-01, S-05, S-08, rule 2: killed on the way, one message is one run, one card, one approval, one refund, and the card says so."""
    desk.die_at(point)
    run = written(desk, services)
    (request,) = desk.asked(run)
    desk.approve(request)
    assert desk.ended(run)["status"] == "succeeded"
    desk.shows(request, "Approved by @ann", "Executed", "Refunded 120.00 USD")
    assert len(desk.get("/runs")["items"]) == 1
    assert [refund["amount"] for refund in refunds(books)] == [12_000]
    assert desk.deaths == [point]
    desk.check_at_the_end([request])


@on_each("point,made", sqlite=[("effect.before", 0), ("effect.after", 1)], postgresql=[("effect.after", 1)])
def test_a_refund_in_doubt_is_tried_again_by_a_person(
    desk: Stage, services: SupportWorld, books: Path, point: str, made: int
):
    """Rule 2, S-08: unknown until a person says; their "retry" carries the same key, so money that has moved does not move again."""
    desk.die_at(point)
    run = written(desk, services)
    (request,) = desk.asked(run)
    desk.approve(request)
    action = desk.in_doubt(run)
    desk.shows(request, "Approved by @ann", "Unknown")
    assert len(refunds(books)) == made
    desk.settle(action["id"], "retry")
    assert desk.ended(run)["status"] == "succeeded"
    desk.shows(request, "Executed", "It had been done before" if made else "Refunded 120.00 USD")
    assert [refund["idempotency_key"] for refund in refunds(books)] == [action["idempotency_key"]]
    assert desk.deaths == [point]
    desk.check_at_the_end([request])
