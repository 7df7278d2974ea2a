"""Whether GitHub sent these bytes. docs.github.com, "Validating webhook deliveries". It proves the sender, not who the person is. Pure."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from hitl_middleware.errors import HitlError

_SIGNATURE: Final = re.compile(r"sha256=[0-9a-f]{64}")
_EVENT: Final = re.compile(r"[a-z_]{1,64}")
_DELIVERY: Final = re.compile(r"[0-9A-Za-z-]{1,64}")
"""GitHub sends a UUID; nothing in it is relied on but that a repetition has the same one."""


class NotFromGitHub(HitlError):
    """The delivery is not signed with this server's secret."""


class SignatureMissing(NotFromGitHub):
    """The header X-Hub-Signature-256 is missing or malformed; does the webhook have a secret?"""


class SignatureWrong(NotFromGitHub):
    """X-Hub-Signature-256 does not fit the body; is the webhook's secret that of GITHUB_WEBHOOK_SECRET?"""


class HeadersMalformed(HitlError):
    """X-GitHub-Event or X-GitHub-Delivery is missing or malformed."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """What the headers of a delivery say. None of them is signed: the event's name is held against the body, the id only saves work."""

    event: str
    delivery: str
    signature: str


def check_headers(*, event: str | None, delivery: str | None, signature: str | None) -> Envelope:
    """The three headers, if they look like GitHub's. Raises ``SignatureMissing`` or ``HeadersMalformed``."""
    if signature is None or not _SIGNATURE.fullmatch(signature):
        raise SignatureMissing
    if event is None or delivery is None or not _EVENT.fullmatch(event) or not _DELIVERY.fullmatch(delivery):
        raise HeadersMalformed
    return Envelope(event, delivery, signature)


def verify(secrets: Sequence[str], signature: str, body: bytes) -> None:
    """Raises ``SignatureWrong`` unless one of the secrets (the present one, and the one before) made the signature.

    Every secret is tried, so the time says nothing of which one fits.
    """
    fits = [hmac.compare_digest(sign(secret, body), signature) for secret in secrets]
    if not any(fits):
        raise SignatureWrong


def sign(secret: str, body: bytes) -> str:
    """The signature that GitHub puts on ``body``."""
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
