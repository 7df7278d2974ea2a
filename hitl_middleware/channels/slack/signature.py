"""Slack's signature over a request: ``v0=`` and HMAC-SHA256 over ``v0:<timestamp>:<body>``. Pure.

docs.slack.dev, "Verifying requests from Slack". A signature proves that Slack sent these bytes, not who the person is.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from typing import Final

from hitl_middleware.errors import HitlError

WINDOW_SECONDS: Final = 5 * 60
"""Slack's own advice: a request that is older (or newer) than five minutes may be a replay."""

_TIMESTAMP: Final = re.compile(r"[0-9]{1,12}")
_SIGNATURE: Final = re.compile(r"v0=[0-9a-f]{64}")


class NotFromSlack(HitlError):
    """The request is not signed by Slack."""


class SignatureMissing(NotFromSlack):
    """The headers X-Slack-Request-Timestamp and X-Slack-Signature are missing or malformed."""


class SignatureWrong(NotFromSlack):
    """The signature does not fit the body; is SLACK_SIGNING_SECRET that of this app?"""


class SignatureTooOld(NotFromSlack):
    """The request was signed more than five minutes from now; is the clock of this machine right?"""


def check_syntax(timestamp: str | None, signature: str | None) -> tuple[str, str]:
    """The two headers, if they look like Slack's; done before a byte of the body is hashed. Raises ``SignatureMissing``."""
    if (
        timestamp is None
        or signature is None
        or not _TIMESTAMP.fullmatch(timestamp)
        or not _SIGNATURE.fullmatch(signature)
    ):
        raise SignatureMissing
    return timestamp, signature


def verify(secret: str, *, timestamp: str | None, signature: str | None, body: bytes, now: float) -> str:
    """Check a request; the key under which a repetition of it is recognised.

    Raises ``SignatureMissing``, ``SignatureWrong`` or ``SignatureTooOld``.
    """
    timestamp, signature = check_syntax(timestamp, signature)
    if not hmac.compare_digest(sign(secret, timestamp, body), signature):
        raise SignatureWrong
    if abs(now - int(timestamp)) > WINDOW_SECONDS:
        raise SignatureTooOld
    return hashlib.sha256(signature.encode()).hexdigest()


def sign(secret: str, timestamp: str, body: bytes) -> str:
    """The signature that Slack puts on ``body``."""
    return (
        "v0="
        + hmac.new(secret.encode(), b"v0:" + timestamp.encode() + b":" + body, hashlib.sha256).hexdigest()
    )
