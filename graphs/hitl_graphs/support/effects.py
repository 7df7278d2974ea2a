"""What the support desk does to the world: five effects over HTTP, one plain function each.

Sources: Front's Core API description, Stripe's API reference ("Create a refund", "Idempotent requests", "Search query language").

Nothing here tries twice: whether an act may be repeated is the ledger's decision. What comes out of a call says what is known:

- it returns: the service said yes;
- ``NotExecuted``: it was never asked (a setting is missing, the order or the person is not found, a look-up before the act failed);
- ``httpx.HTTPStatusError`` or ``stripe.StripeError``: the service said no; the message carries its reason;
- any other ``httpx.HTTPError``: no answer came (``httpx.ConnectError`` and ``httpx.ConnectTimeout``: nothing was sent). Stripe's calls
  raise these too, not the library's ``APIConnectionError``, so that the caller tells a lost answer in one way;
- ``OutcomeUnknown``: the service says that another request with this key is still under way.

No message contains a token: they are secrets in the settings and travel in headers only.
"""

from __future__ import annotations

import html
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from typing import TYPE_CHECKING, Annotated, Any, Self

import httpx
from pydantic import AfterValidator, Field, SecretStr, StringConstraints
from pydantic_settings import BaseSettings, SettingsConfigDict

from hitl_graphs.support.effects_http import (
    AmountOutOfRange,
    LookUpFailed,
    PaymentNotFound,
    RefundRefused,
    SettingMissing,
    StillUnderWay,
    TeammateNotFound,
    bearer,
    checked_id,
    keyed,
    said,
    stripe_client,
    why,
)
from hitl_graphs.support.front_webhook import words

if TYPE_CHECKING:
    import stripe
    from stripe import RequestOptions
    from stripe.params import RefundCreateParams

_STRIPE_REASON = 500
"""Stripe's limit for one metadata value."""


BaseUrl = Annotated[
    str, StringConstraints(pattern=r"^https?://[^\s/]\S*$"), AfterValidator(lambda url: url.rstrip("/"))
]


class SupportSettings(BaseSettings):
    """``FRONT_*``, ``STRIPE_*``, ``PLATFORM_*`` and ``SUPPORT_*`` from the environment.

    Every address can point at a loopback server. ``SUPPORT_INSTRUCTORS`` is JSON, first name → Front's teammate id, for example
    ``{"Kim": "tea_kim"}``; who is not in it is looked up in Front. A secret that is missing stops only the effects that need it.
    """

    model_config = SettingsConfigDict(
        frozen=True, extra="ignore", env_ignore_empty=True, hide_input_in_errors=True
    )

    front_api_url: BaseUrl = "https://api2.frontapp.com"
    front_api_token: SecretStr | None = None
    front_webhook_secret: SecretStr | None = None
    stripe_api_url: BaseUrl = "https://api.stripe.com"
    stripe_api_key: SecretStr | None = None
    platform_api_url: BaseUrl | None = None
    platform_api_token: SecretStr | None = None
    support_instructors: dict[str, str] = Field(default_factory=dict)
    support_http_timeout_seconds: float = Field(default=20.0, gt=0, le=120)


@dataclass(frozen=True, slots=True)
class MessageAccepted:
    """Front took a message to the customer; it sends it in a moment."""

    message_uid: str


@dataclass(frozen=True, slots=True)
class CommentAdded:
    """A comment stands on the conversation, visible to teammates only."""

    comment_id: str


@dataclass(frozen=True, slots=True)
class Assigned:
    """The conversation belongs to this teammate now."""

    teammate_id: str


@dataclass(frozen=True, slots=True)
class RefundMade:
    """Stripe made the refund. ``replayed``: it had been made before, under the same idempotency key."""

    refund_id: str
    payment: str
    amount_cents: int
    currency: str
    status: str
    replayed: bool = False


@dataclass(frozen=True, slots=True)
class TransferMade:
    """The purchases belong to the other address now. ``replayed`` as for refunds."""

    transfer_id: str
    replayed: bool = False


@cache
def _trust() -> ssl.SSLContext:
    """Whose certificates are believed. Read once: that takes longer than anything else here but the network."""
    return httpx.create_ssl_context()


class SupportEffects:
    """The five effects and the two look-ups they need. Safe to share between threads; close it when the process ends."""

    def __init__(self, settings: SupportSettings | None = None) -> None:
        self.settings = settings or SupportSettings()
        seconds = self.settings.support_http_timeout_seconds
        # No redirects: Front answers 301 for a merged conversation, and a POST that follows one becomes a GET that says 200.
        self._http = httpx.Client(
            timeout=httpx.Timeout(seconds, connect=min(seconds, 5.0)), follow_redirects=False, verify=_trust()
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the connections back."""
        self._http.close()

    def send_message(self, conversation_id: str, body: str, idempotency_key: str) -> MessageAccepted:
        """Send ``body`` (plain text) to the customer as a reply on the conversation.

        Front keeps no idempotency keys: the header only makes the request recognisable in its log and ours. Sending twice is
        prevented by the claim that the caller holds, not here.
        """
        payload = {
            # Front reads the body as HTML. What a model wrote is text, so it is made text: no tag of it reaches the customer's mail.
            "body": html.escape(body, quote=False).replace("\n", "<br />\n"),
            "text": body,
            # Front archives on reply unless told otherwise; whether a case is closed is not ours to say.
            "options": {"archive": False},
        }
        answer = self._front("POST", f"{_conversation(conversation_id)}/messages", payload, idempotency_key)
        return MessageAccepted(message_uid=str(answer.get("message_uid", "")))

    def add_comment(self, conversation_id: str, body: str) -> CommentAdded:
        """Comment on the conversation for teammates to read. Written as the API token's bot, so that it is never taken for a person's."""
        answer = self._front("POST", f"{_conversation(conversation_id)}/comments", {"body": body})
        return CommentAdded(comment_id=str(answer.get("id", "")))

    def assign(self, conversation_id: str, teammate: str) -> Assigned:
        """Give the conversation to ``teammate``: a first name, or an id of Front's (``tea_…``)."""
        path = f"{_conversation(conversation_id)}/assignee"
        teammate_id = self.teammate_id(teammate)
        self._front("PUT", path, {"assignee_id": teammate_id})
        return Assigned(teammate_id=teammate_id)

    def refund(self, order_id: str, amount_cents: int, reason: str, idempotency_key: str) -> RefundMade:
        """Refund ``amount_cents`` (1 … 99,999,999) of the payment that carries ``order_id``.

        The words of ``reason`` go into metadata (500 characters). Stripe's own ``reason`` is always ``requested_by_customer``: its
        value ``fraudulent`` would put the customer on a block list, which nobody approved.
        """
        if isinstance(amount_cents, bool) or not 1 <= amount_cents <= 99_999_999:
            raise AmountOutOfRange(cents=amount_cents)
        import stripe

        payment = self.payment_of(order_id)
        params: RefundCreateParams = {
            "amount": amount_cents,
            "reason": "requested_by_customer",
            "metadata": {"order_id": order_id, "reason": reason[:_STRIPE_REASON]},
        }
        if payment.startswith(("ch_", "py_")):
            params["charge"] = payment
        else:
            params["payment_intent"] = payment
        try:
            refund = self._stripe.v1.refunds.create(params, _once(idempotency_key))
        except stripe.APIError as error:
            if error.http_status == httpx.codes.CONFLICT:
                raise StillUnderWay(service="Stripe") from error
            raise
        # From here on the refund exists: an answer that lacks a field is thin, not a "no".
        told = refund.to_dict()
        status = str(told.get("status") or "")
        if status in {"failed", "canceled"}:
            raise RefundRefused(order_id=order_id, why=told.get("failure_reason") or status)
        headers = refund.last_response.headers if refund.last_response else {}
        return RefundMade(
            refund_id=str(told.get("id") or ""),
            payment=payment,
            amount_cents=told.get("amount") or amount_cents,
            currency=str(told.get("currency") or ""),
            status=status,
            replayed=headers.get("idempotent-replayed") == "true",
        )

    def transfer_email(self, from_email: str, to_email: str, idempotency_key: str) -> TransferMade:
        """Move the purchases of the account ``from_email`` to ``to_email`` on our own platform."""
        url = self.settings.platform_api_url
        if url is None:
            raise SettingMissing(name="PLATFORM_API_URL")
        headers = bearer("PLATFORM_API_TOKEN", self.settings.platform_api_token) | keyed(idempotency_key)
        addresses = {"from_email": from_email, "to_email": to_email}
        answer = self._http.post(f"{url}/email-transfers", json=addresses, headers=headers)
        made = said("The platform", answer)
        replayed = answer.headers.get("idempotent-replayed") == "true"
        return TransferMade(transfer_id=str(made.get("id", "")), replayed=replayed)

    def message_text(self, message_id: str) -> str:
        """The words of one message, for webhooks that are configured to send previews."""
        message = self._front("GET", f"/messages/{checked_id(message_id, 'a message in Front')}")
        text, _ = words(message.get("text"), message.get("body"))
        return text or ""

    def comment(self, comment_id: str) -> dict[str, Any]:
        """One comment as Front has it, for webhooks that are configured to send previews."""
        return self._front("GET", f"/comments/{checked_id(comment_id, 'a comment in Front')}")

    def has_comment(self, conversation_id: str, mark: str) -> bool:
        """Whether one of the conversation's newest comments carries ``mark``."""
        newest = self._front("GET", f"{_conversation(conversation_id)}/comments").get("_results", [])
        return any(mark in str(one.get("body") or "") for one in newest)

    def teammate_id(self, teammate: str) -> str:
        """Front's id of a first name: from ``SUPPORT_INSTRUCTORS``, else the one teammate in Front who is called so."""
        if teammate.startswith("tea_"):
            return checked_id(teammate, "a teammate in Front")
        wanted = teammate.strip().casefold()
        for name, known in self.settings.support_instructors.items():
            if name.casefold() == wanted:
                return known
        try:
            everybody = self._front("GET", "/teammates").get("_results", [])
        except httpx.HTTPError as error:
            if (
                isinstance(error, httpx.HTTPStatusError)
                and error.response.status_code == httpx.codes.NOT_FOUND
            ):
                return checked_id(teammate, "a teammate in Front")
            raise LookUpFailed(what=f"Who {teammate!r} is", why=why(error)) from error
        found = [one["id"] for one in everybody if str(one.get("first_name", "")).casefold() == wanted]
        if len(found) != 1:
            raise TeammateNotFound(count=len(found), name=teammate)
        return str(found[0])

    def payment_of(self, order_id: str) -> str:
        """The one successful charge whose metadata says ``order_id``; where there is none, the order id stands for the payment itself.

        Some shops write ``metadata.order_id`` on their payments, others use Stripe's own ids as order ids. An id that Stripe does not
        know it refuses, and nothing happens. Stripe's search lags about a minute behind.
        """
        checked_id(order_id, "an order number")
        if order_id.startswith(("ch_", "py_", "pi_")):
            return order_id
        import stripe

        query = f"status:'succeeded' AND metadata['order_id']:'{order_id}'"
        try:
            found = self._stripe.v1.charges.search({"query": query, "limit": 2}).to_dict().get("data", [])
        except (httpx.HTTPError, stripe.StripeError) as error:
            if getattr(error, "http_status", None) == httpx.codes.NOT_FOUND:
                return order_id  # search is not offered in every region
            raise LookUpFailed(what=f"The payment of order {order_id}", why=why(error)) from error
        if len(found) > 1:
            raise PaymentNotFound(count=len(found), order_id=order_id)
        return str(found[0]["id"]) if found else order_id

    @cached_property
    def _stripe(self) -> stripe.StripeClient:
        key = self.settings.stripe_api_key
        if key is None:
            raise SettingMissing(name="STRIPE_API_KEY")
        return stripe_client(key.get_secret_value(), self.settings.stripe_api_url, self._http)

    def _front(
        self, method: str, path: str, payload: Mapping[str, Any] | None = None, key: str | None = None
    ) -> dict[str, Any]:
        headers = bearer("FRONT_API_TOKEN", self.settings.front_api_token) | (keyed(key) if key else {})
        url = self.settings.front_api_url + path
        return said("Front", self._http.request(method, url, json=payload, headers=headers))


def _conversation(conversation_id: str) -> str:
    return f"/conversations/{checked_id(conversation_id, 'a conversation in Front')}"


def _once(idempotency_key: str) -> RequestOptions:
    """Stripe repeats the first answer for a key it knows; the library itself is never to try again."""
    return {"idempotency_key": idempotency_key, "max_network_retries": 0}
