"""A teammate's comment in Front corrects the draft that waits on its conversation."""

from __future__ import annotations

import pytest

from hitl_graphs.support.fakes import CommentPosted, LostReply, MessageSent, SupportWorld
from hitl_graphs.support.front_drafts import DraftCorrections
from hitl_graphs.support.front_webhook import InboundMessage, parse
from hitl_middleware.settings import ConfigFile
from hitl_middleware.testing.store_contract.case import a_delivery

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


def test_talk_of_somebody_else_is_left_alone(comments, services):
    """S-04: words without /draft from who may not decide correct nothing and are answered with nothing; the draft waits as it was."""
    before = comments.world.only()
    told = services.front.teammate_comments(CONVERSATION, "It is in the second parcel.", teammate="tea_ann")
    assert told.status == 202
    comments.world.step()
    assert comments.world.only() == before
    assert comments.nothing_happened()


def refused(comments, services, text, **how):
    """The one comment with which a command is answered; nothing else has happened."""
    before = comments.world.requests()
    services.front.teammate_comments(CONVERSATION, text, **how)
    comments.world.step()
    assert comments.world.requests() == before
    (comment,) = services.front.made(CommentPosted)
    assert comment.conversation_id == CONVERSATION
    return comment.body


def test_a_command_of_somebody_else_is_refused_aloud(comments, services):
    """S-04: /draft from who may not decide: a comment says so and who may, nothing is decided, nothing is sent."""
    said = refused(comments, services, "/draft Give them everything.", teammate="tea_ann")
    assert said.startswith("Not taken over, Ann Archer. front:tea_ann may not decide this:")
    assert "slack:UKIM" in said
    assert "everything" not in said
    assert services.front.made(MessageSent) == ()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("/draft", "Write the text that the customer is to read after it"),
        ("  /DRAFT \n \n", "Write the text that the customer is to read after it"),
        ("/draft " + "x" * 10_001, "at most 10000 characters"),  # the tool's own limit: 10,000 characters
        (
            "/draft " + "x" * 20_001,
            "too long to be read in full",
        ),  # what a webhook may bring: never send a part of it
    ],
)
def test_a_command_that_does_not_fit_is_refused_aloud(comments, services, text, why):
    """S-04, S-13: without words, or with more than the act takes, it is answered with the reason and the draft waits."""
    assert why in refused(comments, services, text)
    assert services.front.made(MessageSent) == ()


@pytest.mark.parametrize("text", ["/drafty words", "see /draft", "//draft x"])
def test_what_only_looks_like_the_command_is_feedback(comments, services, text):
    """S-04: the command is the first word, whole; everything else is words about the draft and sends nothing."""
    services.front.teammate_comments(CONVERSATION, text)
    comments.world.step()
    assert text in comments.world.only().args["body"]
    assert services.front.made(MessageSent) == ()


def test_a_command_that_comes_too_late_is_told_who_decided(comments, services):
    """S-04, S-10: the draft was approved meanwhile; the comment names who and when."""
    comments.world.decide(comments.world.only(), by="slack:UKIM")
    comments.world.step()
    said = refused(comments, services, "/draft Something else.")
    assert "already approved by kim at 2026-01-01" in said
    assert len(services.front.made(MessageSent)) == 1


def test_a_command_where_nothing_ever_waited_is_told_so(comments, services):
    """S-04: on another conversation there is no draft to correct."""
    services.front.customer_writes("cnv_9", "Thank you so much for your help!")
    comments.world.step()
    sent = services.front.made(MessageSent)
    services.front.teammate_comments("cnv_9", "/draft Hello")
    comments.world.step()
    assert "No draft waits on this conversation." in services.front.made(CommentPosted)[-1].body
    assert services.front.made(MessageSent) == sent


def test_the_same_comment_twice_counts_once(comments, services):
    """S-04: redelivered, it is known; and taken up again after a crash it does not come too late for itself."""
    told = services.front.teammate_comments(CONVERSATION, "/draft Dear Ann, it is there.")
    comments.world.step()
    assert services.front.redeliver(told).status == 200
    correct = DraftCorrections(comments.world).process
    again = a_delivery(channel="front", body=told.body, attempts=2, received_at=comments.world.clock.now())
    comment = parse(told.body)
    assert isinstance(comment, InboundMessage)
    comments.world.portal.call(correct, comment, THREAD, again)
    comments.world.step()
    assert len(services.front.made(MessageSent)) == 1
    assert services.front.made(CommentPosted) == ()


def test_a_refusal_is_said_once_though_it_is_tried_again(comments, services):
    """S-04: Front took the refusal and its answer was lost; the second attempt finds the comment and does not repeat it."""
    services.front.script(LostReply(performed=True), on="/comments")
    services.front.teammate_comments(CONVERSATION, "/draft Mine.", teammate="tea_ann")
    comments.world.step()
    comments.world.wait(60)
    comments.world.step()
    assert len(services.front.made(CommentPosted)) == 1
    (asked,) = [
        call for call in services.front.calls if (call.method, "/comments" in call.path) == ("GET", True)
    ]
    assert asked.path == f"/conversations/{CONVERSATION}/comments"


def test_a_teammate_is_known_by_e_mail_too(make_world, services):
    """S-04, P-01: where the directory lists a teammate by e-mail, the comment counts as that one person's."""
    config = ConfigFile(people={"kim": ("front:kim@desk.example", "slack:UKIM")})
    desk = Desk(make_world(approvers=("slack:UKIM",), config=config), services)
    with served(desk.world, services.front):
        services.front.customer_writes(CONVERSATION, "Where is it?")
        desk.world.step()
        services.front.teammate_comments(CONVERSATION, "/draft It is there.", teammate="tea_kim")
        desk.world.step()
    (sent,) = services.front.made(MessageSent)
    assert (sent.text, desk.world.act().decided_by) == ("It is there.", "front:kim@desk.example")


def test_previews_are_read_by_their_id(comments, services):
    """S-04: where Front's webhooks name only the comment's id, its author and words are asked of Front; a bot's is no correction."""
    services.front.previews = True
    services.front.teammate_comments(CONVERSATION, "/draft It is there.")
    comments.world.step()
    (sent,) = services.front.made(MessageSent)
    assert sent.text == "It is there."
    services.front.customer_writes(CONVERSATION, "And now?")
    comments.world.step()
    before = comments.world.only()
    services.front.teammate_comments(CONVERSATION, "/draft I am a bot.", teammate="tea_bot")
    comments.world.step()
    assert comments.world.only() == before


def test_the_record_has_both_texts(comments, services):
    """S-04: the audit names who edited, from where, and the digests before and after; the request keeps both texts."""
    before = comments.world.only()
    services.front.teammate_comments(CONVERSATION, "/draft It is there.")
    comments.world.step()
    action, (request,) = comments.world.act(), comments.world.requests()
    assert (request.edited_from, request.args) == (before.args, {"body": "It is there."})
    (approved,) = [event for event in comments.world.trail() if event.kind == "request.approved"]
    assert (approved.actor, approved.via) == ("front:tea_kim", "front")
    assert approved.data["decision"] == "edit"
    assert (approved.data["proposed_digest"], approved.data["digest"]) == (before.digest, action.digest)
    assert (action.edited, action.proposed_digest, action.args) == (
        True,
        before.digest,
        {"body": "It is there."},
    )


def test_a_comment_without_a_draft_is_talk(comments, services):
    """S-04: nothing waits on the conversation, so nothing follows, and no run starts."""
    comments.world.decide(comments.world.only(), by="slack:UKIM")
    comments.world.step()
    services.front.teammate_comments(CONVERSATION, "Nice.", teammate="tea_kim")
    comments.world.step()
    assert len(comments.world.runs()) == 1
    assert len(comments.world.requests()) == 1
