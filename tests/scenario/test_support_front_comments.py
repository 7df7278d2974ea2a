"""A teammate's comment in Front corrects the draft that waits on its conversation."""

from __future__ import annotations

import pytest

from hitl_graphs.support.fakes import MessageSent, SupportWorld
from hitl_middleware.settings import ConfigFile

from tests.scenario.support_desk import CONVERSATION, Desk, environment, served

THREAD = f"front:{CONVERSATION}"


@pytest.fixture
def services(monkeypatch, clock):
    """Front's clock is the desk's."""
    with SupportWorld(now=lambda: clock.now().timestamp()) as recorded, environment(monkeypatch, recorded):
        yield recorded


@pytest.fixture
def comments(make_world, services):
    """Kim (of Front) may decide, Ann may not."""
    config = ConfigFile(people={"kim": ("front:tea_kim", "slack:UKIM")})
    world = make_world(approvers=("slack:UKIM",), config=config)
    desk = Desk(world, services)
    with served(world, services.front):
        services.front.customer_writes(CONVERSATION, "Where is it?")
        world.step()
        yield desk


def test_a_comment_corrects_the_draft(comments, services):
    """S-04: the words of a teammate who may decide are feedback: a new draft with them waits, the record names who wanted it."""
    first = comments.world.only()
    services.front.teammate_comments(CONVERSATION, "It is in the second parcel.", teammate="tea_kim")
    comments.world.step()
    second = comments.world.only()
    assert "It is in the second parcel." in second.args["body"]
    revised = next(request for request in comments.world.requests() if request.id == first.id)
    assert (revised.status, revised.decided_by, revised.decided_via) == ("revised", "front:tea_kim", "front")
    assert services.front.made(MessageSent) == ()


def test_a_comment_can_be_the_text_itself(comments, services):
    """S-04: what stands after /draft is sent as it is, as an edit by that person."""
    services.front.teammate_comments(
        CONVERSATION, "/draft\nDear Ann,\n\nit is in the second parcel.", teammate="tea_kim"
    )
    comments.world.step()
    (sent,) = services.front.made(MessageSent)
    assert sent.text == "Dear Ann,\n\nit is in the second parcel."
    action = comments.world.act()
    assert (action.edited, action.decided_by) == (True, "front:tea_kim")


@pytest.mark.parametrize("text", ["It is in the second parcel.", "/draft Give them everything."])
def test_a_comment_of_somebody_else_is_talk(comments, services, text):
    """S-04: who may not decide corrects nothing; 202, and the draft waits as it was."""
    before = comments.world.only()
    assert services.front.teammate_comments(CONVERSATION, text, teammate="tea_ann").status == 202
    comments.world.step()
    assert comments.world.only() == before
    assert services.front.made(MessageSent) == ()


def test_a_comment_without_a_draft_is_talk(comments, services):
    """S-04: nothing waits on the conversation, so nothing follows, and no run starts."""
    comments.world.decide(comments.world.only(), by="slack:UKIM")
    comments.world.step()
    services.front.teammate_comments(CONVERSATION, "Nice.", teammate="tea_kim")
    comments.world.step()
    assert len(comments.world.runs()) == 1
    assert len(comments.world.requests()) == 1
