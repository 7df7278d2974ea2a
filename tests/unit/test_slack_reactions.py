"""When a reaction counts: the rule, pure; and what becomes of it, over the memory of a small desk."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from hitl_middleware.channels.slack import events, reactions
from hitl_middleware.channels.slack.heed import Heed
from hitl_middleware.channels.slack.settings import SlackSettings
from hitl_middleware.clock import SystemClock
from hitl_middleware.policy import ReviewPlan
from hitl_middleware.records import CardView, Delivery, Target
from hitl_middleware.settings import Reactions
from hitl_middleware.testing.channel_contract import sample_view

from tests.kit.slack_stage import ANN, BOB, CHANNEL, EVE, REVIEWS, SmallDesk

REF = f"{CHANNEL}:1700000000.000100"
LONG = {"note": "x" * 9_000}


def shown(**changes: Any) -> CardView:
    """A card as Slack shows it: the newest version, unless something else is said."""
    view = sample_view(REVIEWS, SystemClock().now(), **changes)
    card = replace(view.card, ref=REF, shown=view.request.version, wanted=view.request.version)
    return replace(view, card=card, url="https://hitl.example.com/requests/1")


def settings(on: Reactions = True) -> SlackSettings:
    """Everything as usual, and reactions as said."""
    return SlackSettings.model_validate(
        {"bot_token": "xoxb-1", "signing_secret": "s", "channel": CHANNEL, "reactions": on}
    )


def behind(view: CardView) -> CardView:
    """The request has gone on; the message has not followed yet."""
    return replace(view, request=replace(view.request, version=view.request.version + 1))


def plan(*allowed: str) -> ReviewPlan:
    """What may be answered."""
    return ReviewPlan.model_validate(
        {"verdict": "ask", "approvers": [f"slack:{ANN}"], "allowed_decisions": allowed}
    )


def test_a_card_that_shows_everything_takes_both():
    """S-11: 👍 and ❌ on the newest version of a card with both buttons."""
    assert reactions.why_not(shown(), "approve") is None
    assert reactions.why_not(shown(), "reject") is None


@pytest.mark.parametrize(
    ("view", "approve", "reject"),
    [
        (behind(shown()), reactions.CHANGED, reactions.CHANGED),
        (shown(args=LONG), f"{reactions.CUT} <https://hitl.example.com/requests/1|Decide on its page>", None),
        (shown(plan=plan("reject")), reactions.NO_APPROVE, None),
        (shown(plan=plan("approve")), None, reactions.NO_REJECT),
        (shown(plan=plan("respond"), kind="question", tool=None), reactions.NO_APPROVE, reactions.NO_REJECT),
        (shown(kind="step", tool=None, response_schema={"type": "object"}), reactions.FORM, None),
    ],
    ids=["older version", "cut", "approving not allowed", "rejecting not allowed", "question", "form"],
)
def test_what_a_reaction_cannot_say(view, approve, reject):
    """S-11: an older version, a card that was cut, an answer that is not allowed or needs more than a thumb."""
    assert reactions.why_not(view, "approve") == approve
    assert reactions.why_not(view, "reject") == reject


def test_without_the_version_an_old_card_would_decide():
    """Why the version is looked at: the same card, were it shown as it is now, takes the reaction."""
    old = behind(shown())
    now = replace(old, card=replace(old.card, shown=old.request.version))
    assert reactions.why_not(old, "approve") is not None
    assert reactions.why_not(now, "approve") is None


@pytest.mark.parametrize(
    ("setting", "counts"),
    [
        (False, False),
        (True, True),
        ((CHANNEL,), True),
        (("#reviews",), True),
        (("C0OTHER",), False),
        ((), False),
    ],
)
def test_where_reactions_count(setting, counts):
    """S-11: everywhere, nowhere, or in the channels that are named, by id or as the routes name them."""
    card = replace(shown().card, target=Target(channel="slack", address="#reviews"))
    assert reactions.counts_in(settings(setting), card) is counts


def heeded(
    desk: SmallDesk, view: CardView, *who: str, answer: str = "approve", on: Reactions = True
) -> list[str]:
    """Everybody's reaction acted on as it is stored, each twice, as after a crash; what they were told."""
    desk.requests.setdefault(view.request.id, view.request)
    desk.cards[REF] = view
    heed = Heed(settings(on), desk)
    for user in who:
        reacted = events.Reacted.model_validate(
            {
                "id": f"Ev{user}{answer}",
                "user_id": user,
                "channel_id": CHANNEL,
                "message_ts": REF.partition(":")[2],
                "answer": answer,
            }
        )
        delivery = Delivery(
            id=f"d{user}",
            channel="slack",
            key=f"event:{user}",
            body=events.kept(reacted),
            received_at=SystemClock().now(),
        )
        for _ in range(2):
            asyncio.run(heed.act(delivery))
    return [f"{each.body['user']}: {each.body['text']}" for each in desk.told]


def test_a_reaction_decides_as_a_click():
    """S-11, P-01: by the person's identity, through the desk; a rejection has no reason."""
    desk, view = SmallDesk(), shown()
    heeded(desk, view, BOB, answer="reject")
    assert desk.submissions == [(f"slack:{BOB}", "reject")]
    decision = desk.requests[view.request.id].decision
    assert decision is not None
    assert decision.message is None


def test_who_may_not_is_told_and_who_was_late():
    """S-10, S-11: refused by a note that only they see, with who may decide, or who did and when; one note each."""
    desk, view = SmallDesk(), shown()
    told = heeded(desk, view, EVE)
    assert told == [f"{EVE}: This is not yours to decide: it is for <@{ANN}> or <@{BOB}> to decide."]
    told = heeded(desk, view, ANN, BOB)
    assert desk.submissions == [(f"slack:{ANN}", "approve")]
    # Not Ann, though her own event is looked at twice.
    assert [each.split(" (")[0] for each in told[1:]] == [f"{BOB}: This was already approved by <@{ANN}>"]
    told = heeded(desk, view, ANN, answer="reject")
    assert told[2].startswith(f"{ANN}: This was already approved by <@{ANN}>")


def test_what_is_no_card_and_where_it_is_off():
    """S-11: a message that is no card, and a setting that was switched off after the event was stored: nothing, and nobody is told."""
    desk, view = SmallDesk(), shown()
    assert heeded(desk, view, ANN, on=("C0OTHER",)) == []
    del desk.cards[REF]
    heed = Heed(settings(), desk)
    reacted = events.Reacted(id="Ev9", user_id=ANN, channel_id=CHANNEL, message_ts="1.1", answer="approve")
    body = events.kept(reacted)
    asyncio.run(
        heed.act(Delivery(id="d", channel="slack", key="k", body=body, received_at=SystemClock().now()))
    )
    assert (desk.submissions, desk.told) == ([], [])
