"""The five effects through their real clients, over loopback, against strict fakes."""

import threading
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
import stripe
from pydantic import SecretStr

from hitl_graphs.support.effects import SupportEffects, SupportSettings
from hitl_graphs.support.effects_http import (
    AmountOutOfRange,
    NotAnId,
    PaymentNotFound,
    SettingMissing,
    StillUnderWay,
    TeammateNotFound,
)
from hitl_graphs.support.fakes import (
    CommentPosted,
    ConversationAssigned,
    EmailTransferred,
    FakeFront,
    MessageSent,
    RefundCreated,
    SupportWorld,
    Teammate,
)


@pytest.fixture
def world(monkeypatch):
    """The three services, with one conversation and one paid order, in the environment."""
    with SupportWorld(conversations=["cnv_1"], orders={"A-1001": 20_000}) as running:
        for name, value in running.environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("SUPPORT_INSTRUCTORS", '{"Lee": "tea_ann"}')
        monkeypatch.setenv("SUPPORT_HTTP_TIMEOUT_SECONDS", "20")
        yield running


@pytest.fixture
def front(world):
    """The one that talks to customers."""
    return world.front


@pytest.fixture
def stripe_fake(world):
    """The one that has the money."""
    return world.stripe


@pytest.fixture
def platform(world):
    """The one that has the accounts."""
    return world.platform


@pytest.fixture
def effects(world):
    """The real clients, set up from the environment."""
    with SupportEffects() as real:
        yield real


def test_settings_come_from_the_environment(monkeypatch):
    """S-05: addresses default to the real services; the mapping of names is JSON; an empty variable is no variable."""
    monkeypatch.setenv("FRONT_API_TOKEN", "secret-front")
    monkeypatch.setenv("STRIPE_API_URL", "http://127.0.0.1:1/")
    monkeypatch.setenv("STRIPE_API_KEY", "")
    monkeypatch.setenv("SUPPORT_INSTRUCTORS", '{"Kim": "tea_kim"}')
    settings = SupportSettings()
    assert settings.front_api_url == "https://api2.frontapp.com"
    assert settings.stripe_api_url == "http://127.0.0.1:1"
    assert settings.stripe_api_key is None
    assert settings.support_instructors == {"Kim": "tea_kim"}
    assert "secret-front" not in repr(settings)


def test_a_reply_goes_to_the_customer(effects, front):
    """S-02: one POST of a message (not a draft); text as it was written, HTML that shows it, the conversation left open."""
    accepted = effects.send_message("cnv_1", "Dear <b>Ann</b> & co,\nall done.", "key-1")
    (sent,) = front.wait_for(MessageSent)
    assert sent.message_uid == accepted.message_uid
    assert sent.text == "Dear <b>Ann</b> & co,\nall done."
    assert sent.body == "Dear &lt;b&gt;Ann&lt;/b&gt; &amp; co,<br />\nall done."
    assert sent.idempotency_key == "key-1"
    assert not sent.archived
    assert front.conversation("cnv_1").messages == ((False, sent.text),)
    assert [(call.method, call.path, call.status) for call in front.calls] == [
        ("POST", "/conversations/cnv_1/messages", 202)
    ]


def test_an_audit_comment_is_posted_in_the_tokens_own_name(effects, front):
    """S-03: the comment stands on the conversation, and nobody's name is borrowed for it."""
    added = effects.add_comment("cnv_1", "Sent without review: policy small-talk.")
    (posted,) = front.wait_for(CommentPosted)
    assert (posted.comment_id, posted.author_id) == (added.comment_id, None)
    assert front.conversation("cnv_1").comments == ("Sent without review: policy small-talk.",)


@pytest.mark.parametrize(
    ("name", "teammate_id"),
    [("Kim", "tea_kim"), (" kim ", "tea_kim"), ("Lee", "tea_ann"), ("tea_ann", "tea_ann")],
)
def test_a_conversation_is_given_to_an_instructor(effects, front, name, teammate_id):
    """S-05: a first name is found in the settings or else in Front; an id is taken as it is."""
    assert effects.assign("cnv_1", name).teammate_id == teammate_id
    (assigned,) = front.wait_for(ConversationAssigned)
    assert assigned.assignee_id == teammate_id
    assert front.conversation("cnv_1").assignee_id == teammate_id


@pytest.mark.parametrize("teammates", [(), (Teammate("tea_1", "Kim"), Teammate("tea_2", "KIM"))])
def test_nobody_is_assigned_when_the_name_is_not_one_persons(teammates):
    """S-05: none or two of that name: nothing happens, and the error says how many."""
    with FakeFront(conversations=["cnv_1"], teammates=teammates) as front:
        settings = SupportSettings(front_api_url=front.url, front_api_token=SecretStr(front.token))
        with (
            SupportEffects(settings) as effects,
            pytest.raises(TeammateNotFound, match=f"{len(teammates)} teammates"),
        ):
            effects.assign("cnv_1", "Kim")
        assert front.effects == ()


def test_a_refund_goes_to_the_orders_payment_under_the_actions_key(effects, stripe_fake):
    """S-05: found by the order's number, made with the official library, the free words in metadata."""
    made = effects.refund("A-1001", 12_000, "arrived broken " * 50, "act-1")
    (refund,) = stripe_fake.wait_for(RefundCreated)
    assert (refund.order_id, refund.amount, refund.currency) == ("A-1001", 12_000, "usd")
    assert (refund.idempotency_key, refund.reason) == ("act-1", "requested_by_customer")
    assert refund.metadata == {"order_id": "A-1001", "reason": ("arrived broken " * 50)[:500]}
    assert (made.refund_id, made.payment, made.amount_cents) == (refund.refund_id, refund.charge, 12_000)
    assert (made.status, made.replayed) == ("succeeded", False)


def test_a_refund_repeated_with_its_key_is_made_once(effects, stripe_fake):
    """S-05: the second answer is the first one again, and says so."""
    first = effects.refund("A-1001", 12_000, "broken", "act-1")
    again = effects.refund("A-1001", 12_000, "broken", "act-1")
    assert again.refund_id == first.refund_id
    assert again.replayed
    assert stripe_fake.refunded("A-1001") == 12_000


@pytest.mark.parametrize("prefix", ["ch_", "pi_"])
def test_stripes_own_ids_need_no_look_up(effects, stripe_fake, prefix):
    """S-05: a charge's or a payment's id is refunded as it is."""
    charge = stripe_fake.add_order("B-2", 500)
    effects.refund(prefix + charge.removeprefix("ch_"), 500, "broken", "act-2")
    assert stripe_fake.refunded("B-2") == 500
    assert [call.method for call in stripe_fake.calls] == ["POST"]


def test_an_order_nobody_paid_is_not_refunded(effects, stripe_fake):
    """S-05: unknown or unpaid: Stripe itself refuses the order id as a payment; ambiguous: nothing is asked for."""
    stripe_fake.add_order("unpaid", 500, status="failed")
    stripe_fake.add_order("twice", 500)
    stripe_fake.add_order("twice", 500)
    for order in ("A-9", "unpaid"):
        with pytest.raises(stripe.InvalidRequestError, match="No such payment_intent"):
            effects.refund(order, 100, "broken", f"act-{order}")
    with pytest.raises(PaymentNotFound, match="2 successful payments"):
        effects.refund("twice", 100, "broken", "act-twice")
    assert stripe_fake.effects == ()


def test_purchases_move_once_per_key(effects, platform):
    """S-05: from one address to the other, once however often the key comes."""
    first = effects.transfer_email("a@x.org", "b@x.org", "act-1")
    again = effects.transfer_email("a@x.org", "b@x.org", "act-1")
    assert (again.transfer_id, first.replayed, again.replayed) == (first.transfer_id, False, True)
    (moved,) = platform.wait_for(EmailTransferred)
    assert (moved.from_email, moved.to_email, moved.idempotency_key) == ("a@x.org", "b@x.org", "act-1")


def test_a_preview_is_completed_from_front(effects, front):
    """S-01: where the webhook carried no words, they are read by the message's id."""
    front.customer_writes("cnv_1", "Where is my parcel?", post=False)
    listed = httpx.get(
        f"{front.url}/conversations/cnv_1/messages", headers={"Authorization": f"Bearer {front.token}"}
    ).json()
    assert effects.message_text(listed["_results"][0]["id"]) == "Where is my parcel?"


def test_one_client_serves_many_threads(effects, stripe_fake, front):
    """S-05: effects may be shared; 8 threads with one key make one refund, with keys of their own one each."""
    start = threading.Barrier(8)

    def act(number):
        start.wait(10)
        effects.send_message("cnv_1", f"number {number}", f"key-{number}")
        try:
            return effects.refund("A-1001", 100, "broken", "act-1").refund_id
        except StillUnderWay:
            return None

    with ThreadPoolExecutor(8) as pool:
        ids = set(pool.map(act, range(8))) - {None}
    assert len(ids) == 1
    assert len(stripe_fake.effects) == 1
    assert sorted(sent.text for sent in front.made(MessageSent)) == [
        f"number {number}" for number in range(8)
    ]
    assert [sent.seq for sent in front.effects] == list(range(1, 9))


@pytest.mark.parametrize(
    ("name", "act"),
    [
        ("FRONT_API_TOKEN", lambda effects: effects.send_message("cnv_1", "hello", "key-1")),
        ("FRONT_API_TOKEN", lambda effects: effects.assign("cnv_1", "Kim")),
        ("STRIPE_API_KEY", lambda effects: effects.refund("A-1001", 100, "broken", "act-1")),
        ("PLATFORM_API_URL", lambda effects: effects.transfer_email("a@x.org", "b@x.org", "act-1")),
    ],
)
def test_a_missing_setting_is_named_and_nothing_is_asked(name, act):
    """S-05: without its secret or address an effect is NotExecuted."""
    with SupportEffects(SupportSettings()) as effects, pytest.raises(SettingMissing, match=name):
        act(effects)


@pytest.mark.parametrize(
    "identifier", ["../me", "cnv_1/assignee", "cnv_1?x=1", "", "cnv 1", "cnv_1\n", "x" * 65]
)
def test_an_id_that_would_name_something_else_is_not_used(effects, front, stripe_fake, identifier):
    """S-05: neither a conversation nor an order can lead a request astray."""
    with pytest.raises(NotAnId):
        effects.send_message(identifier, "hello", "key-1")
    with pytest.raises(NotAnId):
        effects.refund(identifier, 100, "broken", "act-1")
    assert front.calls == ()
    assert stripe_fake.calls == ()


@pytest.mark.parametrize("amount", [0, -1, 100_000_000, True])
def test_an_amount_that_is_none_is_not_asked_for(effects, stripe_fake, amount):
    """S-05: outside 1 … 99,999,999 cents nothing is sent."""
    with pytest.raises(AmountOutOfRange):
        effects.refund("A-1001", amount, "broken", "act-1")
    assert stripe_fake.calls == ()
