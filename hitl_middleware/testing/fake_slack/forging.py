"""Deliveries by hand: forged, drafted, heard before, sent once more."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from hitl_middleware.testing.fake_slack import payloads
from hitl_middleware.testing.fake_slack.acting import Actor
from hitl_middleware.testing.fake_slack.delivering import Prepared, awaited, blocking
from hitl_middleware.testing.fake_slack.records import Delivery
from hitl_middleware.testing.fake_slack.words import Json


class Forging(Actor):
    """What an attacker, a recorder or a bad network sends."""

    def forge(
        self,
        body: bytes | Json | Delivery,
        *,
        secret: str | None = None,
        at: float | None = None,
        content_type: str | None = None,
        headers: Mapping[str, str | None] | None = None,
    ) -> Delivery:
        """Any bytes as a delivery, to be sent by `send`.

        `body`: bytes as they are, a payload as an interaction, or the body of another delivery. Signed with `secret`
        (by default the right one) for the time `at` (by default now). `headers` then replaces what it names, also a
        signature; None takes a header away.
        """
        if isinstance(body, Delivery):
            content_type = content_type or dict(body.headers).get("Content-Type")
        kind, data = (body.kind, body.body) if isinstance(body, Delivery) else ("forged", body)
        data = data if isinstance(data, bytes) else payloads.as_form(data)
        genuine = self._signed(kind, data, content_type or payloads.FORM, secret=secret, at=at)
        changed = {**dict(genuine.headers), **(headers or {})}
        kept = tuple((name, value) for name, value in changed.items() if value is not None)
        return replace(genuine, headers=kept)

    def _sending(self, delivery: Delivery) -> Prepared:
        """Send a delivery as it is: forged, drafted or heard before. Its answer changes nothing here."""
        return Prepared(delivery)

    send = blocking(_sending)
    asend = awaited(_sending)

    def _replaying(self, delivery: Delivery, *, at: float | None = None) -> Prepared:
        """Send a delivery again: the same bytes and headers, as somebody does who has recorded it.

        With `at`, the same body with the time stamp and the signature of that moment: what it would be to replay it
        so much later (or earlier) than now, without waiting.
        """
        return Prepared(delivery if at is None else self.forge(delivery, at=at))

    replay = blocking(_replaying)
    areplay = awaited(_replaying)

    def _retrying(self, delivery: Delivery, *, number: int = 1, reason: str = "http_timeout") -> Prepared:
        """Deliver an event once more, as Slack does when it was not acknowledged in time: the same event_id."""
        again = {"X-Slack-Retry-Num": str(number), "X-Slack-Retry-Reason": reason}
        return Prepared(self.forge(delivery, headers=again))

    retry = blocking(_retrying)
    aretry = awaited(_retrying)
