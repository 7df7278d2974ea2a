"""What goes into a fake and what comes out of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hitl_graphs.support.fakes.faults import Fault


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """Something a fake did. ``seq`` counts from 1 in each service; ``idempotency_key`` is the header the caller sent, if any."""

    seq: int
    at: float
    idempotency_key: str | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """One request as it came in and the status that was given (``None``: no answer was sent)."""

    method: str
    path: str
    status: int | None
    idempotency_key: str | None
    fault: Fault | None


@dataclass(frozen=True, slots=True)
class Call:
    """A request to route. Header names are lower-case."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def idempotency_key(self) -> str | None:
        """The caller's key, if it sent one."""
        return self.headers.get("idempotency-key")


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer; ``body`` is JSON, ``None`` for none."""

    status: int
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)


class ApiError(Exception):
    """The service says no. ``kept``: under the idempotency key, because the work had begun."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: str | None = None,
        param: str | None = None,
        kind: str | None = None,
        kept: bool = False,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code
        self.param = param
        self.kind = kind
        self.kept = kept
