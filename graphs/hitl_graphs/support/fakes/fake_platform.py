"""A fake of the shop's own platform: it moves the purchases of one account to another address."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError

from hitl_graphs.support.fakes.calls import ApiError, Call, Effect, Reply
from hitl_graphs.support.fakes.idempotency import IdempotencyKeys, KeyInUse, KeyReused
from hitl_graphs.support.fakes.service import FakeService, system_now

_Email = Annotated[str, StringConstraints(max_length=254, pattern=r"^[^@\s]+@[^@\s]+\.[^@\s.]+$")]


@dataclass(frozen=True, slots=True, kw_only=True)
class EmailTransferred(Effect):
    """Purchases moved."""

    transfer_id: str
    from_email: str
    to_email: str


class _Transfer(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    from_email: _Email
    to_email: _Email


class FakePlatform(FakeService):
    """``POST /email-transfers``: 201, 409 (the key was used for another transfer, or is at work), 422 (addresses that do not fit).

    ``accounts`` limits whose purchases can be moved; without it every address has an account.
    """

    service: ClassVar[str] = "platform"
    kinds: ClassVar[tuple[type[Effect], ...]] = (EmailTransferred,)

    def __init__(
        self,
        *,
        token: str = "platform-recorded",  # noqa: S107 - opens nothing but this fake
        accounts: Iterable[str] | None = None,
        ledger_path: Path | None = None,
        now: Callable[[], float] = system_now,
    ) -> None:
        # First, because the ledger is read back into it by super().
        self._keys = IdempotencyKeys()
        self._accounts = None if accounts is None else {address.lower() for address in accounts}
        super().__init__(token, ledger_path=ledger_path, now=now)

    def authenticate(self, call: Call) -> None:
        """A bearer token."""
        if call.headers.get("authorization") != f"Bearer {self.token}":
            raise ApiError(401, "The bearer token is missing or unknown.")

    def refusal(self, error: ApiError) -> Reply:
        """A code and a sentence."""
        return Reply(
            error.status, {"error": {"code": error.code or str(error.status), "message": error.message}}
        )

    def once(self, call: Call, work: Callable[[], Reply]) -> Reply:
        """Transfers must carry a key."""
        if call.method != "POST":
            return work()
        if not call.idempotency_key:
            raise ApiError(422, "The Idempotency-Key header is missing.", code="key_missing")
        try:
            return self._keys.run(call.idempotency_key, _fingerprint(call), work)
        except KeyReused:
            raise ApiError(
                409, "The idempotency key was used for another transfer.", code="key_reused"
            ) from None
        except KeyInUse:
            raise ApiError(
                409, "A transfer with this idempotency key is in progress.", code="key_in_use"
            ) from None

    def route(self, call: Call) -> Reply:
        """The one address that exists."""
        if (call.method, call.path) != ("POST", "/email-transfers"):
            raise ApiError(404, f"There is no {call.method} {call.path}.")
        try:
            wanted = _Transfer.model_validate_json(call.body)
        except ValidationError as error:
            first = error.errors(include_url=False, include_context=False)[0]
            raise ApiError(
                422, f"{'.'.join(map(str, first['loc'])) or 'body'}: {first['msg']}", code="invalid"
            ) from None
        if wanted.from_email.lower() == wanted.to_email.lower():
            raise ApiError(422, "Both addresses are the same.", code="same_address")
        with self._lock:
            if self._accounts is not None and wanted.from_email.lower() not in self._accounts:
                raise ApiError(422, f"There is no account {wanted.from_email}.", code="unknown_account")
            effect = EmailTransferred(
                **self.stamp(call),
                transfer_id=f"trf_{uuid.uuid4().hex[:16]}",
                from_email=wanted.from_email,
                to_email=wanted.to_email,
            )
            reply = Reply(201, {"id": effect.transfer_id, **wanted.model_dump()})
            self.record(effect, reply, _fingerprint(call))
            return reply

    def restore(self, effect: Effect, answer: Any) -> None:
        """The key is taken."""
        if effect.idempotency_key is not None and answer:
            self._keys.keep(
                effect.idempotency_key, answer["fingerprint"], Reply(answer["status"], answer["body"])
            )


def _fingerprint(call: Call) -> str:
    return hashlib.sha256(f"{call.method} {call.path}\n".encode() + call.body).hexdigest()
