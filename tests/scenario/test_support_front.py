"""From Front's webhook to a run on the conversation."""

from __future__ import annotations

import pytest

from hitl_graphs.support.fakes import MessageSent, SupportWorld
from hitl_graphs.support.front_runs import FrontDeliveries
from hitl_graphs.support.settings import load_settings
from hitl_middleware.records import Delivery

from tests.scenario.support_desk import CONVERSATION, Desk, environment, served

THREAD = f"front:{CONVERSATION}"


@pytest.fixture
def services(monkeypatch, clock):
    """Front's clock is the desk's."""
    with SupportWorld(now=lambda: clock.now().timestamp()) as recorded, environment(monkeypatch, recorded):
        yield recorded


@pytest.fixture
def desk(world, services):
    """On memory and on SQLite, with its route."""
    made = Desk(world, services)
    with served(world, services.front):
        yield made


@pytest.fixture
def quick_desk(quick, services):
    """Where the database makes no difference."""
    made = Desk(quick, services)
    with served(quick, services.front):
        yield made


def test_a_message_starts_a_run_on_its_conversation(desk, services):
    """S-01: 202 at once; the run of ``support`` has the words, the conversation and its thread; the reply goes to that conversation."""
    delivery = services.front.customer_writes(CONVERSATION, "Where is it?", handle="ann@shop.example")
    assert delivery.status == 202
    assert desk.world.runs() == []
    desk.world.step()
    (run,) = desk.world.runs()
    link = f"https://app.frontapp.com/open/{CONVERSATION}"
    labels = {"conversation": CONVERSATION, "conversation_url": link}
    assert (run.graph, run.thread_id, run.labels) == ("support", THREAD, labels)
    assert (run.requester, run.started_by, run.status) == (None, "front", "suspended")
    desk.world.decide(desk.world.only())
    desk.world.step()
    (sent,) = services.front.made(MessageSent)
    assert sent.conversation_id == CONVERSATION
    assert desk.history(run)[0].additional_kwargs == {"author": "ann@shop.example"}


def test_the_same_delivery_twice_starts_one_run(desk, services):
    """S-01: replayed, and signed anew: 200 each time; processed twice: one run."""
    delivery = services.front.customer_writes(CONVERSATION, "Where is it?")
    assert services.front.replay(delivery).status == 200
    desk.world.step()
    assert services.front.redeliver(delivery).status == 200
    desk.world.step()
    (run,) = desk.world.runs()
    again = Delivery(
        id=run.id, channel="front", key="again", body=delivery.body, received_at=desk.world.clock.now()
    )
    desk.world.portal.call(FrontDeliveries(desk.world, load_settings()).process, again)
    desk.world.step()
    assert [one.id for one in desk.world.runs()] == [run.id]
    assert len(desk.world.pending()) == 1


def test_a_message_in_between_waits_for_its_turn(desk, services):
    """S-16: the second message waits, the card says so; when the first run ends the next one starts, with a whole history."""
    services.front.customer_writes(CONVERSATION, "Where is it?")
    desk.world.step()
    services.front.customer_writes(CONVERSATION, "Please refund order A-1001, 120.00")
    desk.world.step()
    first, second = desk.world.runs()
    assert (first.status, second.status) == ("suspended", "queued")
    request = desk.world.only()
    assert (request.tool, request.notes) == ("send-draft", ("Customer wrote again",))
    desk.world.decide(request)
    desk.world.step()
    assert [desk.world.run_now(run).status for run in (first, second)] == ["succeeded", "suspended"]
    assert desk.world.only().tool == "process_refund"
    desk.world.decide(desk.world.only(), "reject")
    desk.world.step()
    kinds = [message.type for message in desk.history(second)]
    assert kinds == ["human", "ai", "tool", "ai", "human", "ai", "tool", "ai"]


def test_a_newer_message_may_supersede(services, quick, monkeypatch):
    """S-16: FRONT_ON_NEW_INPUT=supersede takes the open draft back; the next run answers; the history is whole."""
    monkeypatch.setenv("FRONT_ON_NEW_INPUT", "supersede")
    desk = Desk(quick, services)
    with served(quick, services.front):
        services.front.customer_writes(CONVERSATION, "Where is it?")
        quick.step()
        services.front.customer_writes(CONVERSATION, "I found it, but it is broken.")
        quick.step()
    old, new = quick.requests()
    assert (old.status, new.status) == ("superseded", "pending")
    assert "Customer wrote again" in old.notes
    assert "broken" in new.args["body"]
    quick.decide(new)
    quick.step()
    first, second = quick.runs()
    assert (first.status, second.status) == ("succeeded", "succeeded")
    assert len(services.front.made(MessageSent)) == 1
    desk.history(second)


def test_a_newer_message_may_be_refused(services, quick, monkeypatch):
    """S-16: FRONT_ON_NEW_INPUT=refuse starts no run, now or later, and the card says so."""
    monkeypatch.setenv("FRONT_ON_NEW_INPUT", "refuse")
    Desk(quick, services)
    with served(quick, services.front):
        services.front.customer_writes(CONVERSATION, "Where is it?")
        quick.step()
        assert services.front.customer_writes(CONVERSATION, "Hello?").status == 202
        quick.step()
    assert len(quick.runs()) == 1
    (note,) = quick.only().notes
    assert note.startswith("Customer wrote again; FRONT_ON_NEW_INPUT=refuse")
    quick.wait(3_600)
    quick.step()
    assert len(quick.runs()) == 1


def test_other_conversations_do_not_wait(quick_desk, services):
    """S-16: each conversation has a thread of its own."""
    services.front.customer_writes("cnv_1", "Where is it?")
    services.front.customer_writes("cnv_2", "Where is it?")
    quick_desk.world.step()
    assert [run.status for run in quick_desk.world.runs()] == ["suspended", "suspended"]


def test_a_webhook_without_words_is_read_up(quick, clock, monkeypatch):
    """S-01: where Front sends previews the message is fetched by its id."""
    with SupportWorld(now=lambda: clock.now().timestamp()) as services, environment(monkeypatch, services):
        services.front.previews = True
        Desk(quick, services)
        with served(quick, services.front):
            assert services.front.customer_writes(CONVERSATION, "Where is it?").status == 202
            quick.step()
        assert "Where is it?" in quick.only().args["body"]


def test_a_message_without_words_is_answered_all_the_same(quick_desk, services):
    """S-01: somebody who sends only a picture gets a draft too."""
    services.front.customer_writes(CONVERSATION, " ")
    quick_desk.world.step()
    assert "The message has no text." in quick_desk.world.only().args["body"]


def test_our_own_comment_starts_nothing(quick_desk, services):
    """S-03: the audit comment that Front tells us of is ignored with 200."""
    services.front.customer_writes(CONVERSATION, "Thanks!")
    quick_desk.world.step()
    for effect in services.front.effects:
        assert services.front.echo(effect).status == 200
    quick_desk.world.step()
    assert len(quick_desk.world.runs()) == 1
