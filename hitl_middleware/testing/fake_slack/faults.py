"""What can go wrong between an app and Slack, to be scripted: `fake.fail("chat.postMessage", RateLimited())`."""

from __future__ import annotations

import abc
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

ANY = "*"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An HTTP answer; `outcome` is its name in the log of calls."""

    outcome: str
    status: int
    content: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong. Unless it is an `Instead`, the work is done and only its answer suffers."""


@dataclass(frozen=True, slots=True)
class Instead(Fault, abc.ABC):
    """An answer in place of the work: nothing is done."""

    @abc.abstractmethod
    def answer(self) -> Answer:
        """What is answered instead."""


@dataclass(frozen=True, slots=True)
class RateLimited(Instead):
    """429 `ratelimited`; says in `Retry-After` when to come again (docs.slack.dev, "Rate limits")."""

    retry_after: int = 1

    def answer(self) -> Answer:
        """Slack's usual refusal, with a header that counts whole seconds."""
        retry = {"Retry-After": str(self.retry_after)}
        return Answer(outcome="ratelimited", status=429, content=_refusal("ratelimited"), headers=retry)


@dataclass(frozen=True, slots=True)
class ServerError(Instead):
    """An HTTP error without any of Slack's JSON."""

    status: int = 500

    def answer(self) -> Answer:
        """Words for people, as a load balancer sends them."""
        page = f"<html><body>Server Error ({self.status})</body></html>"
        return Answer(outcome=f"http {self.status}", status=self.status, content=page.encode())


@dataclass(frozen=True, slots=True)
class Refused(Instead):
    """`{"ok": false}` with this error, whatever was asked; `details` are further fields of the answer."""

    error: str
    details: Mapping[str, Any] = field(default_factory=dict)

    def answer(self) -> Answer:
        """Slack's usual refusal."""
        return Answer(outcome=self.error, status=200, content=_refusal(self.error, self.details))


@dataclass(frozen=True, slots=True)
class Garbage(Instead):
    """200 with something that is not JSON, as a captive portal or a broken proxy answers."""

    body: bytes = b"<html><body>Please sign in to the network.</body></html>"

    def answer(self) -> Answer:
        """Anything but JSON."""
        return Answer(outcome="garbage", status=200, content=self.body)


@dataclass(frozen=True, slots=True)
class TimeoutAfterAccepting(Fault):
    """The work is done, the answer never comes; the connection is dropped after `limit` seconds or at the end."""

    limit: float = 60.0


@dataclass(frozen=True, slots=True)
class LostReply(Fault):
    """The work is done, then the connection is closed without a byte."""


@dataclass(frozen=True, slots=True)
class Slow(Fault):
    """The work is done at once, the right answer comes `seconds` later."""

    seconds: float


@dataclass(frozen=True, slots=True)
class RefusedAfterAccepting(Fault):
    """The work is done, and the answer says that it failed: "It's possible some aspect of the operation succeeded" (docs.slack.dev)."""

    error: str = "internal_error"

    @property
    def content(self) -> bytes:
        """Slack's usual refusal."""
        return _refusal(self.error)


class Script:
    """The faults still to come. Each is taken by the first call that fits, in the order in which they were added."""

    def __init__(self) -> None:
        self._entries: list[tuple[str, Fault]] = []

    def add(self, method: str, fault: Fault, times: int) -> None:
        """Let the next `times` calls of `method` (`*`: of any) suffer this fault."""
        self._entries += [(method, fault)] * times

    def take(self, method: str) -> Fault | None:
        """The fault that a call of `method` suffers now, if any."""
        for index, (wanted, fault) in enumerate(self._entries):
            if wanted in {method, ANY}:
                del self._entries[index]
                return fault
        return None

    def clear(self) -> None:
        """Forget what has not been taken."""
        self._entries.clear()

    @property
    def left(self) -> list[tuple[str, Fault]]:
        """What no call has taken yet."""
        return list(self._entries)


def _refusal(error: str, details: Mapping[str, Any] | None = None) -> bytes:
    return json.dumps({"ok": False, "error": error, **(details or {})}).encode()
