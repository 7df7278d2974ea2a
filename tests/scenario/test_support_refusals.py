"""What is not done: calls that do not fit, calls past the gate, acts whose settings are missing."""

from __future__ import annotations

import pytest

from hitl_graphs.support.fakes import (
    SupportWorld,
)
from hitl_graphs.support.tools import effects, process_refund
from hitl_middleware import Ungated
from hitl_middleware.errors import DoesNotFit

from tests.kit.models import call, says, script
from tests.scenario.support_desk import CONVERSATION, Desk, environment

REFUND = "refund order A-1001, 120.00"
TRANSFER = "Please move my purchases from a@x.org to b@x.org."
HANDOVER = "I want to talk to instructor Kim"


@pytest.fixture
def services(monkeypatch):
    """Front with one conversation, Stripe with one paid order."""
    with (
        SupportWorld(orders={"A-1001": 20_000}, conversations=[CONVERSATION]) as recorded,
        environment(monkeypatch, recorded),
    ):
        yield recorded


@pytest.fixture
def quick_desk(quick, services):
    """Where the database makes no difference."""
    return Desk(quick, services)


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("refund order A-1001, 0.00", "amount_cents"),
        ("refund order A-1001, -120.00", "amount_cents"),
        ("refund order A-1001, 9,999,999.00", "amount_cents"),
        ("move my purchases from nonsense to b@x.org", "from_email"),
        ("move my purchases from a@x.org to b@", "to_email"),
    ],
)
def test_malformed_parameters_change_nothing(quick_desk, text, field):
    """S-13: no request, no action, no effect; the agent is told which field does not fit and says so."""
    run = quick_desk.write(text)
    assert quick_desk.world.requests() == []
    assert quick_desk.world.actions() == []
    assert quick_desk.nothing_happened()
    (told,) = quick_desk.told(run)
    assert told.status == "error"
    assert field in quick_desk.closing(run)


@pytest.mark.parametrize("amount", [True, "12000", 120.5, None])
def test_an_amount_is_a_whole_number(quick, services, amount):
    """S-13: what a model gives as something else than an integer is refused before anybody is asked."""
    args = {"order_id": "A-1001", "amount_cents": amount, "reason": "because"}
    desk = Desk(quick, services, script(says(call("process_refund", **args)), says(text="It did not work.")))
    desk.write("hello")
    assert desk.world.requests() == []
    assert desk.nothing_happened()


def test_an_edit_that_does_not_fit_is_refused(quick_desk):
    """S-13: an edited address that is none is refused with its field; the request stays open."""
    quick_desk.write(TRANSFER)
    request = quick_desk.world.only()
    with pytest.raises(DoesNotFit, match=r"edited_action\.args\.to_email"):
        quick_desk.world.decide(request, "edit", edit={"from_email": "a@x.org", "to_email": "nonsense"})
    assert quick_desk.world.only().id == request.id
    assert quick_desk.nothing_happened()


def test_a_model_cannot_name_the_conversation(quick, services):
    """S-05: the conversation is the run's; a call that brings one of its own is never carried out."""
    services.front.customer_writes("cnv_other", "mine", post=False)
    draft = call("send-draft", body="Your password is hunter2", conversation_id="cnv_other")
    desk = Desk(quick, services, script(says(draft)))
    desk.write("hello")
    for request in desk.world.pending():
        desk.world.decide(request)
    desk.world.step()
    assert desk.nothing_happened()


def test_a_tool_that_is_entered_past_the_gate_refuses(services):
    """S-05: a gated tool never runs unapproved, not even by hand."""
    with pytest.raises(Ungated, match="process_refund needs approval"):
        process_refund.invoke({"order_id": "A-1001", "amount_cents": 1, "reason": "test"})
    assert services.stripe.effects == ()


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        ("STRIPE_API_KEY", REFUND),
        ("PLATFORM_API_URL", TRANSFER),
        ("PLATFORM_API_TOKEN", TRANSFER),
        ("FRONT_API_TOKEN", HANDOVER),
        ("FRONT_API_TOKEN", "Where is my course?"),
    ],
)
def test_a_missing_setting_is_named_when_it_is_needed(quick_desk, monkeypatch, variable, text):
    """E-04: the run starts and parks without it; the approved act fails with the variable's name, and nothing was done."""
    monkeypatch.delenv(variable)
    effects.cache_clear()
    run = quick_desk.write(text)
    quick_desk.world.decide(quick_desk.world.only())
    quick_desk.world.step()
    action = quick_desk.world.act()
    assert action.status == "failed"
    assert f"{variable} is not set" in (action.error or "")
    assert variable in quick_desk.closing(run)
    assert quick_desk.nothing_happened()


def test_a_setting_that_makes_no_sense_is_named_too(quick_desk, monkeypatch):
    """E-04: a broken SUPPORT_INSTRUCTORS fails the act with its name and without its value."""
    monkeypatch.setenv("SUPPORT_INSTRUCTORS", "{secret")
    effects.cache_clear()
    quick_desk.write(HANDOVER)
    quick_desk.world.decide(quick_desk.world.only())
    quick_desk.world.step()
    error = quick_desk.world.act().error or ""
    assert "SUPPORT_INSTRUCTORS cannot be used" in error
    assert "secret" not in error
    monkeypatch.delenv("SUPPORT_INSTRUCTORS")


@pytest.mark.parametrize("text", [HANDOVER, "Where is my course?"])
def test_what_needs_a_conversation_says_so(quick_desk, text):
    """E-04: without a conversation the approved act fails with a sentence, and nothing was done."""
    quick_desk.world.begin_run("support", {"messages": [{"role": "user", "content": text}]})
    quick_desk.world.decide(quick_desk.world.only())
    quick_desk.world.step()
    assert "belongs to no conversation" in (quick_desk.world.act().error or "")
    assert quick_desk.nothing_happened()
