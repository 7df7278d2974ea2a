"""How a service's answer becomes a value or an error; what the effects have in common on the wire.

NotExecuted                 nothing happened, for certain
├── SettingMissing
├── NotAnId
├── AmountOutOfRange
├── LookUpFailed
├── PaymentNotFound
├── TeammateNotFound
└── RefundRefused
OutcomeUnknown
└── StillUnderWay
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import httpx
from pydantic import SecretStr

from hitl_middleware.errors import NotExecuted, OutcomeUnknown

if TYPE_CHECKING:
    import stripe

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_MAX_REASON = 300


class SettingMissing(NotExecuted):
    """{name} is not set; nothing was done."""


class NotAnId(NotExecuted):
    """{value!r} is not {what}; nothing was done."""


class AmountOutOfRange(NotExecuted):
    """An amount of {cents} cents cannot be refunded."""


class LookUpFailed(NotExecuted):
    """{what} could not be looked up ({why}); nothing was done."""


class PaymentNotFound(NotExecuted):
    """{count} successful payments in Stripe carry order {order_id}, one is needed; nothing was refunded."""


class TeammateNotFound(NotExecuted):
    """Front knows {count} teammates called {name!r}, one is needed; nothing was assigned. SUPPORT_INSTRUCTORS maps names to ids."""


class RefundRefused(NotExecuted):
    """Stripe did not refund order {order_id}: {why}"""


class StillUnderWay(OutcomeUnknown):
    """{service} is still working on a request with the same key, so whether it is done is not known yet."""


def checked_id(value: str, what: str) -> str:
    """An id that goes into a path or a query: one with a slash or a quote in it would mean something else."""
    if _ID.fullmatch(value) is None:
        raise NotAnId(value=value[:80], what=what)
    return value


def bearer(name: str, token: SecretStr | None) -> dict[str, str]:
    """The header that carries ``token``; ``name`` is the variable to set when there is none."""
    if token is None:
        raise SettingMissing(name=name)
    return {"Authorization": f"Bearer {token.get_secret_value()}"}


def keyed(idempotency_key: str) -> dict[str, str]:
    """The header that carries the action's key."""
    return {"Idempotency-Key": idempotency_key}


def said(service: str, answer: httpx.Response) -> dict[str, Any]:
    """The answer's JSON object (empty for 204), or ``HTTPStatusError`` in the service's own words: a card shows them to people."""
    try:
        content = answer.json() if answer.content else {}
    except ValueError:  # a proxy's HTML page; its status is what counts
        content = {}
    content = content if isinstance(content, dict) else {}
    if answer.is_success:
        return content
    error = content.get("_error") or content.get("error")
    reason = error.get("message") or error.get("title") if isinstance(error, dict) else None
    words = f"{service} answered {answer.status_code} {answer.reason_phrase}: {str(reason or 'no reason given')[:_MAX_REASON]}"
    raise httpx.HTTPStatusError(words, request=answer.request, response=answer)


def why(error: Exception) -> str:
    """An error in few words."""
    return (str(error) or type(error).__name__)[:_MAX_REASON]


def stripe_client(key: str, url: str, http: httpx.Client) -> stripe.StripeClient:
    """Stripe's official library over our own connections and time-outs."""
    import stripe

    class OverHttpx(stripe.HTTPClient):
        """Lets httpx's errors through: the library's own would hide whether anything had been sent."""

        name = "httpx"

        def request(
            self,
            method: str,
            url: str,
            headers: Mapping[str, str] | None,
            post_data: Any = None,
            **_usage: Any,
        ) -> tuple[Any, int, Mapping[str, str]]:
            answer = http.request(method, url, headers=headers, content=post_data)
            return answer.content, answer.status_code, answer.headers

    # With telemetry the library writes an id of this machine into the home directory and sends it along.
    stripe.enable_telemetry = False
    return stripe.StripeClient(
        key, base_addresses={"api": url}, http_client=OverHttpx(), max_network_retries=0
    )
