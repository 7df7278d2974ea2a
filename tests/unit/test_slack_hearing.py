"""Events of Slack as values, and which of them are stored. Most of it pure; the rest over the real route."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hitl_middleware.channels.slack import events
from hitl_middleware.channels.slack.inbound import Ignored
from hitl_middleware.testing.fake_slack import payloads
from hitl_middleware.testing.fake_slack.records import Installation, Message

from tests.kit.slack_stage import ANN, CHANNEL, SmallDesk, staged

APP = Installation(bot_token="xoxb-1", signing_secret="s", scopes=frozenset())
CARD = Message(channel=CHANNEL, ts="1700000000.000100", text="", user=APP.bot_user_id, at=0.0)


def callback(event: dict[str, Any], **envelope: Any) -> dict[str, Any]:
    """An event as Slack wraps it."""
    return {**payloads.event_callback(event, APP, event_id="Ev0001", at=1.0), **envelope}


def reaction(name: str, *, who: str = ANN, kind: str = "reaction_added", **more: Any) -> dict[str, Any]:
    """A reaction to a card of ours."""
    return {**payloads.reaction(kind, who, name, CARD), **more}


@pytest.mark.parametrize(
    ("name", "answer"),
    [("+1", "approve"), ("thumbsup", "approve"), ("+1::skin-tone-4", "approve"), ("x", "reject")],
)
def test_what_a_reaction_would_say(name, answer):
    """S-11: 👍 by both names and in every skin, and ❌."""
    assert events.read(callback(reaction(name))) == events.Reacted(
        id="Ev0001", user_id=ANN, channel_id=CHANNEL, message_ts=CARD.ts, answer=answer
    )


@pytest.mark.parametrize(
    ("event", "why"),
    [
        (reaction("-1"), "another reaction"),
        (reaction("+1", who=APP.bot_user_id), "our own reaction"),
        (reaction("+1", item_user="U0BOB12345"), "a reaction to what others wrote"),
        (
            reaction("+1", item={"type": "file", "channel": CHANNEL, "ts": CARD.ts}),
            "a reaction to what others wrote",
        ),
        (reaction("+1", item={"type": "file", "file": "F1"}), "channel; ts"),
        (reaction("+1", kind="reaction_removed"), "not an event of ours"),
        (reaction("+1", who="ann"), "user"),
        (reaction("+1", item={"type": "message", "channel": "C1; DROP", "ts": CARD.ts}), "item.channel"),
        ({"type": "app_home_opened", "user": ANN, "tab": "messages"}, "the messages tab"),
        ({"type": "app_home_opened", "user": 5, "tab": "home"}, "user"),
        ({"type": "message", "user": ANN, "text": "+1"}, "not an event of ours"),
        ({}, "not an event of ours"),
    ],
    ids=range(12),
)
def test_what_is_not_heard(event, why):
    """S-11: other emoji, our own and removed reactions, what stands on messages of others; whatever is malformed."""
    heard = events.read(callback(event))
    assert isinstance(heard, Ignored)
    assert why in heard.reason or all(part in heard.reason for part in why.split("; "))


def test_whose_app_it_is_has_to_be_said():
    """Without authorizations nobody knows which reactions are our own: none counts."""
    assert isinstance(events.read(callback(reaction("+1"), authorizations=[])), Ignored)
    assert isinstance(events.read({"type": "event_callback", "event": reaction("+1")}), Ignored)


def test_what_is_stored_comes_back():
    """An event is stored as what it means; nothing of the rest that Slack sent is kept."""
    for event in (reaction("x"), {"type": "app_home_opened", "user": ANN, "tab": "home"}):
        heard = events.read(callback(event))
        assert not isinstance(heard, Ignored)
        assert events.stored(events.kept(heard)) == heard
        assert b"token" not in events.kept(heard)


@settings(max_examples=60, deadline=None)
@given(
    st.recursive(
        st.none() | st.text(max_size=9) | st.integers(),
        lambda each: (
            st.lists(each, max_size=3)
            | st.dictionaries(
                st.sampled_from(["type", "event", "user", "item", "ts", "authorizations", "event_id"]),
                each,
                max_size=5,
            )
        ),
        max_leaves=9,
    )
)
def test_reading_never_raises(value):
    """O-08: for any JSON."""
    payload = value if isinstance(value, dict) else {"event": value}
    assert isinstance(events.read(payload), Ignored)
    assert isinstance(events.read(callback({"type": "reaction_added", "item": value})), Ignored)


def test_an_event_is_stored_once_and_answered():
    """S-11: by its event_id, over the signed route: Slack's own retry and a replay change nothing; other events are not stored."""
    with staged(SmallDesk(), reactions=True) as stage:
        reply = stage.fake.react(ANN, stage.card, "+1")
        assert (reply.status, reply.body) == (200, b"")
        again = stage.fake.retry(stage.fake.deliveries[-1])
        assert (again.status, again.body) == (200, b"")
        assert stage.fake.replay(stage.fake.deliveries[-1]).status == 200
        stage.fake.react(ANN, stage.card, "eyes")
        stage.fake.unreact(ANN, stage.card, "+1")
        stage.fake.react_as_bot(stage.card, "+1")
        stage.fake.open_home(ANN, tab="messages")
        (body,) = stage.desk.kept.values()
        assert json.loads(body)["answer"] == "approve"
        stage.fake.open_home(ANN)
        assert len(stage.desk.kept) == 2


def test_reactions_are_off_by_default():
    """S-11: without the setting a reaction is taken and nothing is stored of it."""
    with staged(SmallDesk()) as stage:
        assert stage.fake.react(ANN, stage.card, "+1").status == 200
        assert stage.desk.kept == {}


def test_an_event_that_cannot_be_stored_comes_again():
    """503, so that Slack delivers it once more; then it counts."""
    with staged(SmallDesk(), reactions=True) as stage:
        stage.desk.broken = True
        assert stage.fake.react(ANN, stage.card, "+1").status == 503
        stage.desk.broken = False
        assert stage.fake.retry(stage.fake.deliveries[-1]).status == 200
        assert len(stage.desk.kept) == 1
