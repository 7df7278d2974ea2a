"""Several calls in one turn, and what the agent says when they are done."""

from __future__ import annotations

import pytest

from hitl_graphs.support.fakes import (
    ConversationAssigned,
    EmailTransferred,
    MessageSent,
    RefundCreated,
    SupportWorld,
)
from hitl_middleware.actions import Decision

from tests.kit.models import call, says, script
from tests.scenario.support_desk import CONVERSATION, Desk, environment

THREE = "Refund order A-1001, 120.00. Move my purchases from a@x.org to b@x.org, and let me talk to instructor Kim."


@pytest.fixture
def services(monkeypatch):
    """Front with one conversation, Stripe with two paid orders."""
    orders = {"A-1001": 20_000, "A-1002": 9_000}
    with (
        SupportWorld(orders=orders, conversations=[CONVERSATION]) as recorded,
        environment(monkeypatch, recorded),
    ):
        yield recorded


@pytest.fixture
def desk(world, services):
    """On memory and on SQLite."""
    return Desk(world, services)


@pytest.fixture
def quick_desk(quick, services):
    """Where the database makes no difference."""
    return Desk(quick, services)


def by_tool(desk):
    """The open requests."""
    return {request.tool: request for request in desk.world.pending()}


def test_each_call_is_asked_and_answered_alone(desk, services):
    """S-07: three requests; the answered one runs, the others wait; a rejected sibling stops nobody."""
    run = desk.write(THREE)
    asked = by_tool(desk)
    assert set(asked) == {"process_refund", "update_email", "assign_to_instructor"}
    desk.world.decide(asked["update_email"])
    desk.world.step()
    assert len(services.platform.made(EmailTransferred)) == 1
    assert set(by_tool(desk)) == {"process_refund", "assign_to_instructor"}
    assert desk.world.run_now(run).status == "suspended"
    desk.world.decide(asked["process_refund"], "reject", message="Paid back last week.")
    desk.world.step()
    desk.world.decide(asked["assign_to_instructor"])
    desk.world.step()
    assert services.stripe.made(RefundCreated) == ()
    assert len(services.platform.made(EmailTransferred)) == 1
    assert len(services.front.made(ConversationAssigned)) == 1
    refund, transfer, handover = desk.closing(run).splitlines()
    assert refund == "process_refund was not done: local:ann rejected it, saying: “Paid back last week.”."
    assert transfer.startswith("The purchases of a@x.org belong to b@x.org now")
    assert handover.startswith("The conversation belongs to Kim (tea_kim) now")


def test_two_equal_calls_are_two_acts(quick_desk, services):
    """S-07: the same refund asked for twice in one message is two actions with two keys."""
    quick_desk.write("Refund order A-1001, 60.00 and refund order A-1001, 60.00")
    first, second = quick_desk.world.pending()
    assert first.args == second.args
    quick_desk.world.decide(first)
    quick_desk.world.step()
    assert len(services.stripe.made(RefundCreated)) == 1
    quick_desk.world.decide(second)
    quick_desk.world.step()
    one, two = services.stripe.made(RefundCreated)
    assert one.idempotency_key != two.idempotency_key


def test_a_small_call_beside_a_large_one_does_not_wait(quick_desk, services):
    """S-06, S-07: the small refund is made at once, the large one waits; the small one is not made again when the large one is."""
    quick_desk.write("Refund order A-1001, 20.00 and refund order A-1002, 80.00")
    assert [refund.order_id for refund in services.stripe.made(RefundCreated)] == ["A-1001"]
    quick_desk.world.decide(quick_desk.world.only())
    quick_desk.world.step()
    assert [refund.order_id for refund in services.stripe.made(RefundCreated)] == ["A-1001", "A-1002"]


def test_the_request_names_the_person(quick_desk):
    """S-08: who decided, by name, is with the request, and the action went from approved to executed."""
    quick_desk.write("refund order A-1001, 120.00")
    request = quick_desk.world.only()
    quick_desk.world.portal.call(
        quick_desk.world.submit,
        request.id,
        Decision(type="approve"),
        identity="local:ann",
        name="ann",
        via="test",
    )
    quick_desk.world.step()
    (decided,) = quick_desk.world.requests()
    assert (decided.status, decided.decided_by, decided.decided_by_name) == ("approved", "local:ann", "ann")
    kinds = [
        event.kind for event in quick_desk.world.trail() if event.kind.startswith(("action.", "request."))
    ]
    assert kinds == [
        "action.proposed",
        "request.opened",
        "request.approved",
        "action.claimed",
        "action.succeeded",
    ]


def test_an_unknown_tool_is_an_error_and_nothing_else(quick, services):
    """S-13: the model is told which tools there are; nobody is asked, nothing happens."""
    desk = Desk(quick, services, script(says(call("delete_everything", sure=True))))
    run = desk.write("hello")
    (told,) = desk.told(run)
    assert told.status == "error"
    assert "process_refund" in str(told.text)
    assert desk.world.requests() == []
    assert desk.nothing_happened()


def test_a_turn_without_calls_ends_the_run(quick, services):
    """S-13: there is nothing to approve; the run ends with the model's words and no message goes out."""
    desk = Desk(quick, services, script(says(text="Nothing to do.")))
    run = desk.write("hello")
    assert desk.closing(run) == "Nothing to do."
    assert desk.world.requests() == []
    assert desk.nothing_happened()


def test_call_ids_never_repeat_on_a_thread(quick_desk):
    """S-07: a second run on the thread counts on; the history answers every call."""
    first = quick_desk.write("refund order A-1001, 20.00", thread_id="t-1")
    quick_desk.write("Refund order A-1001, 30.00 and refund order A-1002, 10.00", thread_id="t-1")
    ids = [message.tool_call_id for message in quick_desk.told(first)]
    assert ids == ["call_1", "call_2", "call_3"]
    assert len(quick_desk.world.actions()) == 3


@pytest.mark.parametrize(
    "given",
    [
        {"conversation_id": CONVERSATION, "text": "Where is it?"},
        {"conversation_id": CONVERSATION, "message": "Where is it?", "author": "ann@x.org"},
        {"conversation_id": CONVERSATION, "messages": [{"role": "user", "content": "Where is it?"}]},
        {
            "conversation_id": CONVERSATION,
            "messages": [{"role": "user", "content": [{"type": "text", "text": "Where is it?"}]}],
        },
    ],
)
def test_every_form_of_input_is_understood(quick_desk, services, given):
    """S-01: text, message or messages, as JSON: the words reach the agent, the conversation the tool."""
    quick_desk.world.begin_run("support", given)
    request = quick_desk.world.only()
    assert "Where is it?" in request.args["body"]
    quick_desk.world.decide(request)
    quick_desk.world.step()
    assert services.front.made(MessageSent)[0].conversation_id == CONVERSATION


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"conversation_id": CONVERSATION}, "no new message"),
        ({"text": "  "}, "not text, or empty"),
        ({"text": 7}, "not text, or empty"),
        ({"text": "hello", "conversation_id": ["cnv_1"]}, "conversation_id is not text"),
        ({"messages": []}, "no new message"),
        ({"messages": [{"role": "assistant", "content": "hello"}]}, "no new message"),
        ({"messages": [{"nonsense": 1}]}, "nonsense"),
        ({"nonsense": 1}, ""),
        ("hello", ""),
    ],
)
def test_an_input_that_makes_no_sense_fails_the_run(quick_desk, given, why):
    """S-13: the run ends with a sentence, nothing is asked or done."""
    run = quick_desk.world.begin_run("support", given)
    ended = quick_desk.world.run_now(run)
    assert ended.status == "failed"
    assert why in (ended.error or "")
    assert quick_desk.world.requests() == []
    assert quick_desk.nothing_happened()


def test_a_failed_run_does_not_spoil_its_thread(quick_desk):
    """S-13: after an input that made no sense the next message on the thread is answered as if nothing had been."""
    quick_desk.world.begin_run("support", {"text": 7}, thread_id="t-1")
    quick_desk.write("Where is it?", thread_id="t-1")
    assert "Where is it?" in quick_desk.world.only().args["body"]
