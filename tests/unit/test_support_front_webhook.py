"""Front's webhook: what is believed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hitl_graphs.support import front_webhook
from hitl_graphs.support.fakes import FakeFront
from hitl_graphs.support.front_webhook import (
    FrontWebhookError,
    SecretMissing,
    SignatureMalformed,
    SignatureMissing,
    SignatureStale,
    SignatureWrong,
    TooLarge,
    parse,
    verify,
)

NOW = 1_760_000_000.0
SECRET = "signing-key"
BODY = b'{"type":"sync","authorization":{"id":"cmp_abc"}}'
# Made with openssl, not with code of ours: printf '1760000000000:<body>' | openssl dgst -sha256 -hmac signing-key -binary | base64
SIGNED = {
    "X-Front-Request-Timestamp": "1760000000000",
    "X-Front-Signature": "OLf2GNUvFU+Ehixa3nCqji/11HzWcGyOM5Rq4NjsA4Y=",
}


@pytest.fixture
def front():
    """Never started: it only makes deliveries."""
    return FakeFront(webhook_secret=SECRET, now=lambda: NOW)


def test_a_signature_made_by_another_tool_is_accepted():
    """S-01: timestamp, colon and raw body under HMAC-SHA256 in base64 pass, whatever the case of the header names."""
    verify(BODY, SIGNED, SECRET, NOW)
    verify(BODY, {name.lower(): value for name, value in SIGNED.items()}, SECRET, NOW)


def test_what_the_fake_signs_is_accepted(front):
    """S-01: the fake Front and the verifier, written apart, agree."""
    delivery = front.customer_writes("cnv_1", "Grüße – refund order A-1001, 120.00", post=False)
    verify(delivery.body, delivery.headers, SECRET, NOW)


@pytest.mark.parametrize("seconds", [-300, -299.5, 0, 299.5, 300])
def test_a_replay_inside_the_window_passes(seconds):
    """S-01: up to five minutes either way; taking a delivery once is done by its id."""
    verify(BODY, SIGNED, SECRET, NOW + seconds)


@pytest.mark.parametrize("seconds", [-301, 301, 86_400, -1_760_000_000, 10**12])
def test_outside_the_window_it_is_stale(seconds):
    """S-01: older or newer than five minutes is refused with 401."""
    with pytest.raises(SignatureStale) as caught:
        verify(BODY, SIGNED, SECRET, NOW + seconds)
    assert caught.value.status == 401


@pytest.mark.parametrize(
    ("body", "secret"),
    [(BODY + b" ", SECRET), (BODY.replace(b"sync", b"sinc"), SECRET), (BODY, "signing-kez"), (b"", SECRET)],
)
def test_another_body_or_another_key_is_a_wrong_signature(body, secret):
    """S-01: a forged request is refused with 401."""
    with pytest.raises(SignatureWrong) as caught:
        verify(body, SIGNED, secret, NOW)
    assert caught.value.status == 401


def test_another_timestamp_is_a_wrong_signature():
    """S-01: the time is under the signature, so an old request cannot be dated anew."""
    with pytest.raises(SignatureWrong):
        verify(BODY, SIGNED | {"X-Front-Request-Timestamp": "1760000000001"}, SECRET, NOW)


@pytest.mark.parametrize("missing", list(SIGNED))
def test_a_missing_header_is_named(missing):
    """S-01: no signature or no time: 401, and the message says which."""
    with pytest.raises(SignatureMissing, match=missing):
        verify(BODY, {name: value for name, value in SIGNED.items() if name != missing}, SECRET, NOW)


@pytest.mark.parametrize(
    "change",
    [
        {"X-Front-Signature": ""},
        {"X-Front-Signature": "sha1=abc"},
        {"X-Front-Signature": "A" * 44},
        {"X-Front-Signature": "A" * 43 + "=\n"},
        {"X-Front-Signature": "Ä" * 43 + "="},
        {"X-Front-Request-Timestamp": ""},
        {"X-Front-Request-Timestamp": "-1760000000000"},
        {"X-Front-Request-Timestamp": "1.76e12"},
        {"X-Front-Request-Timestamp": "١٧٦٠٠٠٠٠٠٠٠٠٠"},
        {"X-Front-Request-Timestamp": "9" * 5000},
        {"x-front-signature": SIGNED["X-Front-Signature"]},
    ],
)
def test_a_header_that_is_not_of_fronts_form_is_malformed(change):
    """S-01: syntax is checked before any hash is computed; two signatures count as none."""
    with pytest.raises(SignatureMalformed) as caught:
        verify(BODY, {**SIGNED, **change}, SECRET, NOW)
    assert caught.value.status == 401


def test_without_a_secret_nothing_is_believed():
    """S-01: an empty FRONT_WEBHOOK_SECRET fails closed."""
    with pytest.raises(SecretMissing):
        verify(BODY, SIGNED, "", NOW)


def test_an_oversized_body_is_refused_before_it_is_hashed_or_read():
    """S-01: more than 1 MiB is 413 from both functions."""
    body = b" " * (front_webhook.MAX_BODY_BYTES + 1)
    for refuse in (lambda: verify(body, SIGNED, SECRET, NOW), lambda: parse(body)):
        with pytest.raises(TooLarge) as caught:
            refuse()
        assert caught.value.status == 413


def test_no_error_repeats_the_secret_or_the_signature():
    """S-01: refusals can be logged as they are."""
    for headers in ({}, {**SIGNED, "X-Front-Signature": "nonsense"}, SIGNED):
        with pytest.raises(FrontWebhookError) as caught:
            verify(BODY + b"!", headers, SECRET, NOW)
        assert SECRET not in str(caught.value)
        assert "nonsense" not in str(caught.value)


@given(
    st.dictionaries(st.sampled_from([*SIGNED, "x-front-signature", "Host"]), st.text(max_size=60)),
    st.binary(max_size=40),
)
def test_arbitrary_headers_never_pass_and_never_raise_anything_else(headers, body):
    """S-01: verify refuses whatever it does not know with a FrontWebhookError."""
    with pytest.raises(FrontWebhookError):
        verify(body, headers, SECRET, NOW)


def test_the_challenge_is_found_only_if_it_is_plain():
    """S-01: what is sent back to Front is one short word; anything else is not echoed."""
    assert front_webhook.challenge({"x-front-challenge": "abc123"}) == "abc123"
    assert front_webhook.challenge({}) is None
    assert front_webhook.challenge({"X-Front-Challenge": "<script>"}) is None
    assert front_webhook.challenge({"X-Front-Challenge": "a", "x-front-challenge": "b"}) is None
