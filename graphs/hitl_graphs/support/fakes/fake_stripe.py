"""A fake of the part of Stripe that refunds need. Sources: Stripe's API reference for refunds, charges, search, errors, idempotency."""

from __future__ import annotations

import hashlib
import json
import re
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qsl

from hitl_graphs.support.fakes.calls import ApiError, Call, Effect, Reply
from hitl_graphs.support.fakes.idempotency import IdempotencyKeys, KeyInUse, KeyReused
from hitl_graphs.support.fakes.service import FakeService, system_now

_PARAM = re.compile(r"charge|payment_intent|amount|reason|metadata\[[^\[\]]{1,40}\]|expand\[[0-9]*\]")
_CLAUSE = re.compile(r"(status|metadata\['([^']{1,40})'\]):'((?:[^'\\]|\\.)*)'")
_REASONS = {"duplicate", "fraudulent", "requested_by_customer"}
_MAX_KEY = 255
_MAX_METADATA_VALUE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundCreated(Effect):
    """Money went back. ``order_id`` is what the charge's metadata says."""

    refund_id: str
    charge: str
    order_id: str
    amount: int
    currency: str
    reason: str | None
    metadata: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Charge:
    id: str
    payment_intent: str
    order_id: str
    amount: int
    currency: str
    status: str


class FakeStripe(FakeService):
    """Charges, their search, and refunds with Stripe's idempotency.

    ``orders`` maps an order's number to what was paid for it, in cents; its charge carries ``metadata.order_id`` as the shop writes it.
    """

    service: ClassVar[str] = "stripe"
    kinds: ClassVar[tuple[type[Effect], ...]] = (RefundCreated,)

    def __init__(
        self,
        *,
        token: str = "sk_test_recorded",  # noqa: S107 - opens nothing but this fake
        orders: Mapping[str, int] | None = None,
        ledger_path: Path | None = None,
        now: Callable[[], float] = system_now,
    ) -> None:
        # First, because the ledger is read back into it by super().
        self._keys = IdempotencyKeys()
        self._charges: dict[str, _Charge] = {}
        for order_id, amount in (orders or {}).items():
            self._add(order_id, amount, "usd", "succeeded")
        super().__init__(token, ledger_path=ledger_path, now=now)

    def add_order(
        self, order_id: str, amount_cents: int, *, currency: str = "usd", status: str = "succeeded"
    ) -> str:
        """Somebody pays for an order (or tries to: ``status="failed"``); the charge's id."""
        with self._lock:
            return self._add(order_id, amount_cents, currency, status)

    def refunded(self, order_id: str) -> int:
        """How many cents of an order went back."""
        return sum(refund.amount for refund in self.made(RefundCreated) if refund.order_id == order_id)

    def authenticate(self, call: Call) -> None:
        """The key as a bearer token, as the library sends it."""
        scheme, _, word = call.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not word:
            raise ApiError(401, "You did not provide an API key.")
        if word != self.token:
            raise ApiError(401, f"Invalid API Key provided: {word[:3]}{'*' * 8}{word[-4:]}")

    def refusal(self, error: ApiError) -> Reply:
        """Stripe's error object."""
        kind = error.kind or ("api_error" if error.status >= 500 else "invalid_request_error")
        told = {"type": kind, "message": error.message, "code": error.code, "param": error.param}
        return Reply(
            error.status,
            {"error": {key: value for key, value in told.items() if value is not None}},
            _headers(),
        )

    def once(self, call: Call, work: Callable[[], Reply]) -> Reply:
        """Idempotency keys count for every POST."""
        key = call.idempotency_key
        if key is None or call.method != "POST":
            return work()
        if len(key) > _MAX_KEY:
            raise ApiError(400, f"Idempotency keys are at most {_MAX_KEY} characters long.")
        try:
            return self._keys.run(key, _fingerprint(call), work)
        except KeyReused:
            raise ApiError(
                400,
                f"The key {key!r} was first used with other parameters. Use another key for another request.",
                kind="idempotency_error",
            ) from None
        except KeyInUse:
            raise ApiError(
                409,
                f"Another request with the key {key!r} is in progress.",
                kind="idempotency_error",
                code="idempotency_key_in_use",
            ) from None

    def route(self, call: Call) -> Reply:
        """The three addresses that exist."""
        match call.method, call.path.strip("/").split("/"):
            case "POST", ["v1", "refunds"]:
                return self._refund(call)
            case "GET", ["v1", "charges", "search"]:
                return self._search(call)
            case "GET", ["v1", "charges", charge_id] if charge_id in self._charges:
                return Reply(200, self._told(self._charges[charge_id]), _headers())
            case "GET", ["v1", "charges", charge_id]:
                raise ApiError(404, f"No such charge: '{charge_id}'", code="resource_missing", param="id")
        raise ApiError(404, f"Unrecognized request URL ({call.method}: {call.path}).")

    def restore(self, effect: Effect, answer: Any) -> None:
        """The key is taken; how much of a charge is left follows from the effects."""
        if effect.idempotency_key is not None and answer:
            kept = Reply(answer["status"], answer["body"], _headers())
            self._keys.keep(effect.idempotency_key, answer["fingerprint"], kept)

    def _add(self, order_id: str, amount: int, currency: str, status: str) -> str:
        # Ids follow from the order, so that a fake that starts again on its ledger has the same ones.
        stem = hashlib.sha256(f"{order_id}/{len(self._of(order_id))}".encode()).hexdigest()[:24]
        charge = _Charge(f"ch_{stem}", f"pi_{stem}", order_id, amount, currency, status)
        self._charges[charge.id] = charge
        return charge.id

    def _of(self, order_id: str) -> list[_Charge]:
        return [charge for charge in self._charges.values() if charge.order_id == order_id]

    def _search(self, call: Call) -> Reply:
        params = dict(parse_qsl(call.query))
        wanted = []
        for clause in params.get("query", "").split(" AND "):
            found = _CLAUSE.fullmatch(clause.strip())
            if found is None:
                raise ApiError(
                    400, f"We were unable to parse your search query near {clause!r}.", param="query"
                )
            wanted.append((found[2], re.sub(r"\\(.)", r"\1", found[3])))
        with self._lock:
            hits = [
                self._told(one)
                for one in self._charges.values()
                if all(
                    (one.status if key is None else {"order_id": one.order_id}.get(key)) == value
                    for key, value in wanted
                )
            ]
        limit = int(params.get("limit", "10"))
        answer = {
            "object": "search_result",
            "url": "/v1/charges/search",
            "has_more": len(hits) > limit,
            "next_page": None,
        }
        return Reply(200, {**answer, "data": hits[:limit]}, _headers())

    def _refund(self, call: Call) -> Reply:
        params = _form(call)
        metadata = {name[9:-1]: value for name, value in params.items() if name.startswith("metadata[")}
        with self._lock:
            charge = self._named(params)
            left = charge.amount - self._gone(charge)
            amount = _amount(params.get("amount"), left)
            if charge.status != "succeeded":
                raise ApiError(
                    400,
                    f"Charge {charge.id} was not successful and cannot be refunded.",
                    param="charge",
                    kept=True,
                )
            if left == 0:
                raise ApiError(
                    400, f"Charge {charge.id} is already refunded.", code="charge_already_refunded", kept=True
                )
            if amount > left:
                raise ApiError(
                    400,
                    f"The refund of {amount} exceeds the {left} left on the charge.",
                    param="amount",
                    kept=True,
                )
            effect = RefundCreated(
                **self.stamp(call),
                refund_id=f"re_{uuid.uuid4().hex[:24]}",
                charge=charge.id,
                order_id=charge.order_id,
                amount=amount,
                currency=charge.currency,
                reason=params.get("reason"),
                metadata=metadata,
            )
            reply = Reply(200, _refund(effect, charge), _headers())
            self.record(effect, reply, _fingerprint(call))
            return reply

    def _gone(self, charge: _Charge) -> int:
        return sum(refund.amount for refund in self.made(RefundCreated) if refund.charge == charge.id)

    def _told(self, charge: _Charge) -> dict[str, Any]:
        gone = self._gone(charge)
        return {
            "id": charge.id,
            "object": "charge",
            "amount": charge.amount,
            "amount_refunded": gone,
            "currency": charge.currency,
            "metadata": {"order_id": charge.order_id},
            "paid": charge.status == "succeeded",
            "payment_intent": charge.payment_intent,
            "refunded": gone == charge.amount,
            "status": charge.status,
        }

    def _named(self, params: Mapping[str, str]) -> _Charge:
        charge, intent = params.get("charge"), params.get("payment_intent")
        if (charge is None) == (intent is None):
            raise ApiError(400, "One of these params is needed: charge, payment_intent.")
        for one in self._charges.values():
            if charge == one.id or intent == one.payment_intent:
                return one
        what = "charge" if charge else "payment_intent"
        raise ApiError(404, f"No such {what}: '{charge or intent}'", code="resource_missing", param=what)


def _form(call: Call) -> dict[str, str]:
    if call.headers.get("content-type", "").partition(";")[0] != "application/x-www-form-urlencoded":
        raise ApiError(400, "The body must be form-encoded.")
    params: dict[str, str] = {}
    for name, value in parse_qsl(call.body.decode("utf-8", "replace"), keep_blank_values=True):
        if _PARAM.fullmatch(name) is None:
            raise ApiError(400, f"Received unknown parameter: {name}", code="parameter_unknown", param=name)
        if name.startswith("metadata[") and len(value) > _MAX_METADATA_VALUE:
            raise ApiError(400, f"Metadata values have at most {_MAX_METADATA_VALUE} characters.", param=name)
        params[name] = value
    if params.get("reason", "duplicate") not in _REASONS:
        raise ApiError(400, f"Invalid reason: must be one of {', '.join(sorted(_REASONS))}", param="reason")
    return params


def _amount(said: str | None, left: int) -> int:
    if said is None:
        return left
    if re.fullmatch(r"[0-9]{1,12}", said) is None or int(said) < 1:
        raise ApiError(
            400, f"Invalid positive integer: {said}", code="parameter_invalid_integer", param="amount"
        )
    return int(said)


def _fingerprint(call: Call) -> str:
    params = sorted(parse_qsl(call.body.decode("utf-8", "replace"), keep_blank_values=True))
    return hashlib.sha256(json.dumps([call.method, call.path, params]).encode()).hexdigest()


def _headers() -> dict[str, str]:
    return {"request-id": f"req_{uuid.uuid4().hex[:14]}"}


def _refund(effect: RefundCreated, charge: _Charge) -> dict[str, Any]:
    return {
        "id": effect.refund_id,
        "object": "refund",
        "amount": effect.amount,
        "charge": charge.id,
        "created": int(effect.at),
        "currency": effect.currency,
        "metadata": dict(effect.metadata),
        "payment_intent": charge.payment_intent,
        "reason": effect.reason,
        "status": "succeeded",
    }
