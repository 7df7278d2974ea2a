import pytest

from hitl_middleware.channels.slack.signature import (
    WINDOW_SECONDS,
    SignatureMissing,
    SignatureTooOld,
    SignatureWrong,
    sign,
    verify,
)

# The example of docs.slack.dev, "Verifying requests from Slack".
SECRET = "8f742231b10e8888abcd99yyyzzz85a5"
STAMP = "1531420618"
BODY = (
    b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar"
    b"&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com"
    b"%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d"
    b"10d2c447fce8b6703c"
)
SIGNATURE = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"
NOW = float(STAMP)


def test_slacks_own_example():
    """The signature in Slack's documentation is the one we compute."""
    assert sign(SECRET, STAMP, BODY) == SIGNATURE
    assert len(verify(SECRET, timestamp=STAMP, signature=SIGNATURE, body=BODY, now=NOW)) == 64


def test_a_repetition_has_the_same_key_and_nothing_else_has():
    """The key is a function of the signature and does not contain it."""
    key = verify(SECRET, timestamp=STAMP, signature=SIGNATURE, body=BODY, now=NOW)
    assert key == verify(SECRET, timestamp=STAMP, signature=SIGNATURE, body=BODY, now=NOW + 60)
    other = sign(SECRET, STAMP, BODY + b"&x=1")
    assert key != verify(SECRET, timestamp=STAMP, signature=other, body=BODY + b"&x=1", now=NOW)
    assert SIGNATURE[3:] not in key


@pytest.mark.parametrize(
    ("timestamp", "signature"),
    [
        (None, SIGNATURE),
        (STAMP, None),
        ("", SIGNATURE),
        ("-1531420618", SIGNATURE),
        ("1531420618.0", SIGNATURE),
        ("1531420618\n", SIGNATURE),
        ("١٥٣١٤٢٠٦١٨", SIGNATURE),
        ("9" * 13, SIGNATURE),
        (STAMP, SIGNATURE.upper()),
        (STAMP, SIGNATURE[3:]),
        (STAMP, "v1=" + SIGNATURE[3:]),
        (STAMP, SIGNATURE + "0"),
        (STAMP, "v0=é" + SIGNATURE[4:]),
    ],
)
def test_headers_that_are_not_slacks(timestamp, signature):
    """Missing or malformed: refused before anything is hashed."""
    with pytest.raises(SignatureMissing):
        verify(SECRET, timestamp=timestamp, signature=signature, body=BODY, now=NOW)


@pytest.mark.parametrize(
    ("secret", "timestamp", "body"),
    [
        (SECRET + "x", STAMP, BODY),
        (SECRET, "1531420619", BODY),
        (SECRET, STAMP, BODY + b" "),
        (SECRET, STAMP, b""),
    ],
)
def test_another_secret_time_or_body(secret, timestamp, body):
    """Any of the three makes it a forgery."""
    with pytest.raises(SignatureWrong):
        verify(secret, timestamp=timestamp, signature=SIGNATURE, body=body, now=NOW)


@pytest.mark.parametrize("late", [WINDOW_SECONDS + 1, -WINDOW_SECONDS - 1])
def test_outside_the_window(late):
    """A genuine signature of more than five minutes ago, or ahead."""
    with pytest.raises(SignatureTooOld):
        verify(SECRET, timestamp=STAMP, signature=SIGNATURE, body=BODY, now=NOW + late)
    assert verify(SECRET, timestamp=STAMP, signature=SIGNATURE, body=BODY, now=NOW + WINDOW_SECONDS)
