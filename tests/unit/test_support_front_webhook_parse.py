"""Front's webhook: what is read from a body that was believed."""

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hitl_graphs.support import front_webhook
from hitl_graphs.support.fakes import FakeFront
from hitl_graphs.support.front_webhook import (
    FrontWebhookError,
    Ignored,
    InboundMessage,
    PayloadMalformed,
    parse,
)

NOW = 1_760_000_000.0
SECRET = "signing-key"
BODY = b'{"type":"sync","authorization":{"id":"cmp_abc"}}'


@pytest.fixture
def front():
    """Never started: it only makes deliveries."""
    return FakeFront(webhook_secret=SECRET, now=lambda: NOW)


def test_a_customers_message_is_read(front):
    """S-01: conversation, event id, words and author of a customer's message."""
    delivery = front.customer_writes(
        "cnv_7", "Refund order A-1001, 120.00\nThanks <3", handle="ann@x.org", name="Ann", post=False
    )
    message = parse(delivery.body)
    assert isinstance(message, InboundMessage)
    assert message.kind == "customer_message"
    assert message.delivery_id == delivery.event_id
    assert message.conversation_id == "cnv_7"
    assert message.message_id.startswith("msg_")
    assert (message.author, message.author_name, message.subject) == ("ann@x.org", "Ann", "A question")
    assert message.text == "Refund order A-1001, 120.00\nThanks <3"
    assert not message.truncated


def test_a_teammates_comment_is_read_with_who_wrote_it(front):
    """S-04: a correction comes with the teammate's id and e-mail, so that the person can be resolved."""
    front.customer_writes("cnv_7", "hello", post=False)
    comment = parse(front.teammate_comments("cnv_7", "Say Tuesday, not Monday.", post=False).body)
    assert isinstance(comment, InboundMessage)
    assert (comment.kind, comment.author, comment.author_email) == (
        "teammate_comment",
        "tea_kim",
        "kim@desk.example",
    )
    assert (comment.author_name, comment.text) == ("Kim Keller", "Say Tuesday, not Monday.")


def test_a_preview_has_no_words_but_says_where_they_are():
    """S-01: with previews the text is None, which is not an empty message."""
    front = FakeFront(previews=True)
    message = parse(front.customer_writes("cnv_7", "hello", post=False).body)
    assert isinstance(message, InboundMessage)
    assert message.text is None
    assert message.message_id


def test_other_events_are_ignored_with_a_reason(front):
    """S-01: the subscription check and events nobody listens to are true webhooks that start nothing."""
    assert parse(BODY) == Ignored("sync", "Front checks that this address answers.")
    archived = parse(b'{"type":"conversation_archived","payload":{"anything":["goes"]}}')
    assert isinstance(archived, Ignored)


@pytest.mark.parametrize(
    ("path", "value"),
    [("payload.target.data.is_inbound", False), ("payload.target.data.draft_mode", "shared")],
)
def test_our_own_words_do_not_start_a_run(front, path, value):
    """S-01: a message written on our side, or a draft, is ignored although the event says inbound."""
    envelope = json.loads(front.customer_writes("cnv_7", "hello", post=False).body)
    _set(envelope, path, value)
    assert isinstance(parse(json.dumps(envelope).encode()), Ignored)


@pytest.mark.parametrize(
    "author", [None, {"id": "tea_bot", "type": "api"}, {"id": "tea_rule", "type": "rule"}]
)
def test_a_comment_by_a_machine_is_not_a_correction(front, author):
    """S-04: our audit comment comes back as a webhook and must not be taken for a teammate's wish."""
    front.customer_writes("cnv_7", "hello", post=False)
    envelope = json.loads(front.teammate_comments("cnv_7", "Sent by policy.", post=False).body)
    _set(envelope, "payload.target.data.author", author)
    assert isinstance(parse(json.dumps(envelope).encode()), Ignored)


def test_html_becomes_text_where_there_is_only_html(front):
    """S-01: channels without a text version are read from the body, tags dropped and entities resolved."""
    envelope = json.loads(front.customer_writes("cnv_7", "x", post=False).body)
    _set(envelope, "payload.target.data.text", None)
    _set(
        envelope, "payload.target.data.body", "<p>Talk to <b>Kim</b></p><div>1 &lt; 2<br/>bye</div><![if x]>"
    )
    message = parse(json.dumps(envelope).encode())
    assert isinstance(message, InboundMessage)
    assert message.text == "Talk to Kim\n1 < 2\nbye"


def test_hostile_markup_is_read_in_linear_time(front):
    """S-01: a megabyte of opening brackets is answered at once, not in minutes."""
    envelope = json.loads(front.customer_writes("cnv_7", "x", post=False).body)
    _set(envelope, "payload.target.data.text", None)
    _set(envelope, "payload.target.data.body", "<br" * 300_000)
    assert isinstance(parse(json.dumps(envelope).encode()), InboundMessage)


def test_long_words_are_cut_and_the_cut_is_said(front):
    """S-01: 20,000 characters are kept; ``truncated`` tells that there were more."""
    message = parse(front.customer_writes("cnv_7", "x" * 20_001, subject="y" * 999, post=False).body)
    assert isinstance(message, InboundMessage)
    assert message.text == "x" * 20_000
    assert message.truncated
    assert len(message.subject) == front_webhook.MAX_LABEL_CHARS


def test_a_nul_does_not_reach_the_database(front):
    """S-01: PostgreSQL stores no NUL, so it is replaced where it comes in."""
    message = parse(front.customer_writes("cnv_7", "a\x00b", post=False).body)
    assert isinstance(message, InboundMessage)
    assert message.text == "a\N{REPLACEMENT CHARACTER}b"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b'"sync"',
        b"{",
        b'{"type":"sync"} {"type":"sync"}',
        b"\xff\xfe{}",
        b'{"type":"\xff"}',
        b'{"type":"\\ud800"}',
        b'{"type":7}',
        b'{"type":null}',
        b"{}",
        b'{"type":"sync","x":' + b"[" * 200_000 + b"]" * 200_000 + b"}",
        b'{"type":"sync","x":' + b'{"a":' * 150_000 + b"1" + b"}" * 150_000 + b"}",
        b'{"type":"sync","x":' + b"9" * 500_000 + b"}",
        b'{"type":"inbound_received"}',
        b'{"type":"inbound_received","payload":null}',
        b'{"type":"inbound_received","payload":"evt"}',
        b'{"type":"inbound_received","payload":{"id":"evt_1","conversation":{"id":"../x"},"target":{"data":{"id":"msg_1"}}}}',
        b'{"type":"inbound_received","payload":{"id":"evt_1","conversation":{"id":"a/b"},"target":{"data":{"id":"msg_1"}}}}',
        b'{"type":"inbound_received","payload":{"id":"","conversation":{"id":"cnv_1"},"target":{"data":{"id":"msg_1"}}}}',
        b'{"type":"inbound_received","payload":{"id":"evt_1","conversation":{"id":"cnv_1"},"target":{"data":[]}}}',
        b'{"type":"new_comment_added","payload":{"id":"evt_1","conversation":{"id":"cnv_1"},"target":{"data":{"id":7}}}}',
    ],
)
def test_what_is_no_event_is_one_typed_error(body):
    """S-01: broken, deep, huge or mistyped JSON is PayloadMalformed (400), never another exception."""
    with pytest.raises(PayloadMalformed) as caught:
        parse(body)
    assert caught.value.status == 400
    assert len(str(caught.value)) < 1000


@given(st.binary(max_size=300) | st.text(max_size=300).map(str.encode))
def test_arbitrary_bytes_never_raise_anything_else(body):
    """S-01: parse answers any bytes with a value or with a FrontWebhookError."""
    with contextlib.suppress(FrontWebhookError):
        assert isinstance(parse(body), InboundMessage | Ignored)


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=10,
)


@given(
    st.sampled_from(["inbound_received", "new_comment_added"]),
    st.fixed_dictionaries(
        {},
        optional={
            "id": _json | st.just("evt_1"),
            "conversation": _json
            | st.fixed_dictionaries({"id": st.just("cnv_1")}, optional={"recipient": _json}),
            "target": _json
            | st.fixed_dictionaries(
                {
                    "data": st.fixed_dictionaries(
                        {"id": st.just("msg_1")}, optional={"text": _json, "body": _json, "author": _json}
                    )
                }
            ),
        },
    ),
)
def test_arbitrary_events_never_raise_anything_else(kind, payload):
    """S-01: nor does JSON that is nearly an event."""
    body = json.dumps({"type": kind, "payload": payload}).encode()
    with contextlib.suppress(FrontWebhookError):
        assert isinstance(parse(body), InboundMessage | Ignored)


def _set(envelope, path, value):
    *parents, last = path.split(".")
    for part in parents:
        envelope = envelope[part]
    envelope[last] = value
