"""Idempotency keys as Stripe keeps them (its API reference, "Idempotent requests").

The first request with a key is carried out and its status and body are kept, errors included, once the work has begun. The same
request with the same key gets the kept answer again, marked ``Idempotent-Replayed: true``. What fails validation, or meets the first
one still at work, keeps nothing. Unlike Stripe's, keys here do not expire after a day.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace

from hitl_graphs.support.fakes.calls import Reply


class KeyReused(Exception):
    """The key was first used for another request."""


class KeyInUse(Exception):
    """The first request with this key is still at work."""


@dataclass(frozen=True, slots=True)
class _Kept:
    fingerprint: str
    reply: Reply | None


class IdempotencyKeys:
    """Which keys were used, for what, and what was answered. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: dict[str, _Kept] = {}

    def run(self, key: str, fingerprint: str, work: Callable[[], Reply]) -> Reply:
        """``work``'s answer, or the one kept for this key; raises ``KeyReused`` or ``KeyInUse``."""
        with self._lock:
            known = self._kept.get(key)
            if known is None:
                self._kept[key] = _Kept(fingerprint, None)
            elif known.fingerprint != fingerprint:
                raise KeyReused
            elif known.reply is None:
                raise KeyInUse
            else:
                return replace(known.reply, headers={**known.reply.headers, "idempotent-replayed": "true"})
        try:
            reply = work()
        except BaseException:
            with self._lock:
                del self._kept[key]
            raise
        self.keep(key, fingerprint, reply)
        return reply

    def keep(self, key: str, fingerprint: str, reply: Reply) -> None:
        """Remember an answer."""
        with self._lock:
            self._kept[key] = _Kept(fingerprint, reply)
