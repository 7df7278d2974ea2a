"""What all recorded effect services have in common: logs, faults, the ledger."""

import json
from pathlib import Path

import httpx
import pytest
import stripe

from hitl_graphs.support.fakes import (
    EffectNotSeen,
    FakeFront,
    FakePlatform,
    FakeStripe,
    LostReply,
    MessageSent,
    ServerError,
)
from hitl_graphs.support.fakes.service import NotRunning


@pytest.fixture
def front():
    """Front with one conversation."""
    with FakeFront(conversations=["cnv_1"]) as fake:
        yield fake


@pytest.fixture
def http(front):
    """A plain client with Front's token."""
    with httpx.Client(base_url=front.url, headers={"Authorization": f"Bearer {front.token}"}) as client:
        yield client


def test_waiting_for_what_does_not_come_says_what_did(front, http):
    """S-15: the error lists effects and requests, so that a failing test explains itself."""
    http.post("/conversations/cnv_1/comments", json={"body": "hello"})
    with pytest.raises(
        EffectNotSeen, match=r"without 1 MessageSent.*CommentPosted.*/conversations/cnv_1/comments"
    ):
        front.wait_for(MessageSent, timeout=0.01)


def test_a_fault_meets_the_request_it_is_meant_for(front, http):
    """S-15: reads pass a fault by unless it names them, and each fault is used once."""
    front.script(ServerError(502))
    front.script(ServerError(504), on="GET /teammates")
    assert http.get("/conversations/cnv_1").status_code == 200
    assert http.get("/teammates").status_code == 504
    assert http.post("/conversations/cnv_1/comments", json={"body": "x"}).status_code == 502
    assert http.post("/conversations/cnv_1/comments", json={"body": "x"}).status_code == 201


def test_a_reply_lost_before_the_work_leaves_no_effect(front, http):
    """S-15: with performed=False the connection closes and nothing was done: the caller cannot tell the two apart."""
    front.script(LostReply(performed=False))
    with pytest.raises(httpx.RemoteProtocolError):
        http.post("/conversations/cnv_1/comments", json={"body": "x"})
    assert front.effects == ()
    assert [call.status for call in front.calls] == [None]


def test_an_effect_is_on_disk_before_its_answer_is_sent(tmp_path: Path):
    """S-15: even with a lost reply the ledger has exactly one line for it, which an outside checker can read."""
    path = tmp_path / "deep" / "effects.jsonl"
    with FakeFront(conversations=["cnv_1"], ledger_path=path) as front:
        front.script(LostReply())
        with pytest.raises(httpx.RemoteProtocolError):
            httpx.post(
                f"{front.url}/conversations/cnv_1/messages",
                json={"body": "Grüße"},
                headers={"Authorization": f"Bearer {front.token}", "Idempotency-Key": "act-1"},
            )
        (line,) = path.read_text(encoding="utf-8").splitlines()
    entry = json.loads(line)
    assert (entry["service"], entry["kind"], entry["seq"]) == ("front", "MessageSent", 1)
    assert (entry["conversation_id"], entry["body"], entry["idempotency_key"]) == ("cnv_1", "Grüße", "act-1")


def test_fakes_go_on_from_their_ledger(tmp_path: Path, monkeypatch):
    """S-15: made anew on the same file (also one file for all), they know their effects, keys and conversations."""
    monkeypatch.setattr(stripe, "enable_telemetry", False)  # it would write into the home directory
    path = tmp_path / "effects.jsonl"
    orders = {"A-1001": 20_000}

    def act():
        with (
            FakeFront(conversations=["cnv_1"], ledger_path=path) as front,
            FakeStripe(orders=orders, ledger_path=path) as money,
            FakePlatform(ledger_path=path) as platform,
        ):
            bearer = {"Authorization": f"Bearer {front.token}"}
            httpx.post(f"{front.url}/conversations/cnv_1/messages", json={"body": "Hi"}, headers=bearer)
            httpx.put(
                f"{front.url}/conversations/cnv_1/assignee", json={"assignee_id": "tea_kim"}, headers=bearer
            )
            client = stripe.StripeClient(money.token, base_addresses={"api": money.url})
            (charge,) = client.v1.charges.search({"query": "metadata['order_id']:'A-1001'"}).data
            refund = client.v1.refunds.create(
                {"charge": charge.id, "amount": 100}, {"idempotency_key": "act-1"}
            )
            client._requestor._get_http_client().close()
            moved = httpx.post(
                f"{platform.url}/email-transfers",
                json={"from_email": "a@x.org", "to_email": "b@x.org"},
                headers={"Authorization": f"Bearer {platform.token}", "Idempotency-Key": "act-2"},
            )
            return front, money, platform, refund.id, moved.json()["id"]

    first, again = act(), act()
    assert again[3:] == first[3:]
    front, money, platform = again[:3]
    assert [effect.seq for effect in front.effects] == [1, 2, 3, 4]
    assert front.effects[:2] == first[0].effects
    assert len(front.conversation("cnv_1").messages) == 2
    assert front.conversation("cnv_1").assignee_id == "tea_kim"
    assert money.refunded("A-1001") == 100
    assert len(platform.effects) == 1


def test_a_line_cut_short_by_a_kill_does_not_count(tmp_path: Path):
    """S-15: half a line was never answered; the next effect stands on a line of its own."""
    path = tmp_path / "effects.jsonl"
    path.write_text('{"service": "front", "kind": "Comm')
    with FakeFront(conversations=["cnv_1"], ledger_path=path) as front:
        assert front.effects == ()
        headers = {"Authorization": f"Bearer {front.token}"}
        httpx.post(f"{front.url}/conversations/cnv_1/comments", json={"body": "x"}, headers=headers)
    assert len(FakeFront(ledger_path=path).effects) == 1


def test_a_fake_that_is_closed_keeps_its_address_and_state():
    """S-15: closed it is unreachable and still tells what happened; started again it is the same service."""
    front = FakeFront(conversations=["cnv_1"])
    with pytest.raises(NotRunning, match="front"):
        _ = front.url
    headers = {"Authorization": f"Bearer {front.token}"}
    with front:
        url = front.url
        httpx.post(f"{url}/conversations/cnv_1/comments", json={"body": "x"}, headers=headers)
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{url}/teammates", headers=headers)
    assert len(front.effects) == 1
    with front:
        assert front.url == url
        assert (
            httpx.get(f"{url}/conversations/cnv_1/comments", headers=headers).json()["_results"][0]["body"]
            == "x"
        )
