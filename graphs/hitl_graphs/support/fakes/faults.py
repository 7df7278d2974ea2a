"""How a fake can misbehave, one request at a time."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class RateLimited:
    """429 with ``Retry-After`` (whole seconds); nothing is done."""

    retry_after: int = 1


@dataclass(frozen=True, slots=True)
class ServerError:
    """A 5xx answer; nothing is done. Stripe keeps it under the idempotency key, as it does in life."""

    status: int = 500


@dataclass(frozen=True, slots=True)
class Refused:
    """The service says no, in its own error format; nothing is done. ``code`` is Stripe's (``charge_disputed``, …)."""

    status: int
    message: str
    code: str | None = None


@dataclass(frozen=True, slots=True)
class TimedOut:
    """No answer: the connection stays open for ``seconds`` or until the client leaves. ``performed``: the work is done first."""

    performed: bool = True
    seconds: float = 60.0


@dataclass(frozen=True, slots=True)
class LostReply:
    """The connection is closed without a byte of an answer. ``performed``: the work is done first."""

    performed: bool = True


@dataclass(frozen=True, slots=True)
class Held:
    """The work waits for ``release`` (at most ``seconds``) and is done and answered then; ``entered`` says that it waits."""

    release: threading.Event = field(default_factory=threading.Event)
    entered: threading.Event = field(default_factory=threading.Event)
    seconds: float = 30.0


Fault = RateLimited | ServerError | Refused | TimedOut | LostReply | Held
