"""The other direction: events that Front posts to the app, signed as Front signs application webhooks."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import ssl
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import httpx

from hitl_middleware.errors import HitlError

WEBHOOK_PATH = "/front/webhooks"
_NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""The app is on loopback, over plain HTTP; reading the system's certificates would take longer than the delivery."""

_SECONDS = 10.0
"""Longer than Front waits; a slow answer should fail a test for being slow, not for being lost."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One POST to the app: its exact bytes and headers, and what came back (``status`` is ``None`` until it was posted)."""

    event_id: str
    body: bytes = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    status: int | None = None
    answer: str = ""


class AppUnknown(HitlError):
    """FakeFront does not know where the app is: set app_url."""


class WebhookSender:
    """Signs and posts. Our own few lines of HMAC, not the ones under test."""

    def __init__(self, secret: str, now: Callable[[], float]) -> None:
        self.secret = secret
        self._now = now

    def sign(
        self, event_type: str, event: Mapping[str, Any] | None, headers: Mapping[str, str] | None = None
    ) -> Delivery:
        """An envelope around ``event``, signed now."""
        envelope: dict[str, Any] = {"type": event_type, "authorization": {"id": "cmp_recorded"}}
        if event is not None:
            envelope["payload"] = event
        body = json.dumps(envelope, ensure_ascii=False).encode()
        event_id = str(event["id"]) if event is not None else ""
        return Delivery(
            event_id, body, {"Content-Type": "application/json", **self._signature(body), **(headers or {})}
        )

    def sign_again(self, delivery: Delivery) -> Delivery:
        """The same event at a later time, as when Front tries again."""
        fresh = {**delivery.headers, **self._signature(delivery.body)}
        return replace(delivery, headers=fresh, status=None, answer="")

    def post(self, delivery: Delivery, app_url: str | None) -> Delivery:
        """Send it as it is; ``httpx`` errors are the app's."""
        if app_url is None:
            raise AppUnknown
        with httpx.Client(trust_env=False, timeout=_SECONDS, verify=_NO_TLS) as http:
            answer = http.post(
                app_url.rstrip("/") + WEBHOOK_PATH, content=delivery.body, headers=dict(delivery.headers)
            )
        return replace(delivery, status=answer.status_code, answer=answer.text)

    def _signature(self, body: bytes) -> dict[str, str]:
        stamp = str(round(self._now() * 1000))
        digest = hmac.new(self.secret.encode(), stamp.encode() + b":" + body, hashlib.sha256).digest()
        return {"X-Front-Request-Timestamp": stamp, "X-Front-Signature": base64.b64encode(digest).decode()}


def event(
    kind: str,
    conversation: Mapping[str, Any],
    target: tuple[str, Mapping[str, Any]],
    url: str,
    now: float,
    *,
    preview: bool,
) -> dict[str, Any]:
    """An EventResponse. A preview names its conversation and its target and says nothing of what is in them."""
    event_id = f"evt_{uuid.uuid4().hex[:12]}"
    target_type, data = target
    if preview:
        conversation = {key: conversation[key] for key in ("_links", "id", "subject")}
        data = {key: data[key] for key in ("_links", "id")}
    return {
        "_links": {"self": f"{url}/events/{event_id}"},
        "id": event_id,
        "type": kind,
        "emitted_at": now,
        "conversation": conversation,
        "source": {"_meta": {"type": "inboxes"}, "data": [{"id": "inb_recorded", "name": "Help"}]},
        "target": {"_meta": {"type": target_type}, "data": data},
    }
