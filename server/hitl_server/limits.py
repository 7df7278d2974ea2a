"""Who fails to show who they are, again and again, is told to wait: 429 instead of 401, by source address.

Nothing is refused *because* of the limit. A request is checked first, and only one that did not pass can be answered with 429: a click
that Slack signed counts although somebody behind the same proxy guesses tokens. So a limit costs nobody a decision, and it need not
be agreed between servers: each counts for itself, in memory.

The count is a leaky bucket, kept as one number for each address: the moment at which its bucket will be empty (ATM's "generic cell rate
algorithm", ITU-T I.371). An IPv6 network of 64 bits is one address: that is the least anybody is given.
"""

from __future__ import annotations

import ipaddress
import math
from collections import OrderedDict
from collections.abc import Callable, Collection
from typing import Final

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hitl_server.problems import problem_response

log = structlog.get_logger("hitl.http")

MOST_FAILURES: Final = 30
"""How many an address may have at once …"""

FORGIVEN_SECONDS: Final = 2.0
"""… and how long until one of them is forgotten."""

MOST_ADDRESSES: Final = 10_000
"""How many are remembered, a few hundred bytes each; beyond it the one that failed longest ago is forgotten."""

_TOLD_TO_WAIT: Final = "told_to_wait"
_ALWAYS: Final = frozenset({401})
_BEFORE_SIGNATURE: Final = frozenset({401, 408, 413})
"""On a signed route the body is read before anything is known of its sender."""


class Failures:
    """How often each address failed of late. ``now``: seconds that never go back."""

    def __init__(
        self,
        now: Callable[[], float],
        *,
        most: int = MOST_FAILURES,
        seconds: float = FORGIVEN_SECONDS,
        addresses: int = MOST_ADDRESSES,
    ) -> None:
        self._now = now
        self._most = most
        self._seconds = seconds
        self._addresses = addresses
        self._empty_at: OrderedDict[str, float] = (
            OrderedDict()
        )  # the one that failed longest ago is the first

    def __len__(self) -> int:
        return len(self._empty_at)

    def waits(self, address: str) -> float:
        """For how many seconds one more would be too many for this address; 0: it would not."""
        now = self._now()
        room = self._most * self._seconds - max(self._empty_at.get(address, now) - now, 0.0)
        return self._seconds - room if room < self._seconds else 0.0

    def count(self, address: str) -> float:
        """One failure more; ``waits`` as it was before.

        One that was too many is not added: who goes on is not kept out the longer for it.
        """
        waits, now = self.waits(address), self._now()
        empty_at = max(self._empty_at.pop(address, now), now)
        self._empty_at[address] = empty_at if waits else empty_at + self._seconds
        while len(self._empty_at) > self._addresses:
            self._empty_at.popitem(last=False)
        return waits


class Limited:
    """Answers 429 in place of a refusal of somebody unknown, once their address has had too many.

    ``public``: the guard's (method, path), whose routes check a signature themselves.
    """

    def __init__(self, app: ASGIApp, failures: Failures, public: Collection[tuple[str, str]]) -> None:
        self._app = app
        self._failures = failures
        self._public = public

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        unknown = _BEFORE_SIGNATURE if (scope["method"], scope["path"]) in self._public else _ALWAYS
        address, limited = source_of(scope), False
        scope.setdefault("state", {})[_TOLD_TO_WAIT] = self._failures.waits(address) > 0

        async def sent(message: Message) -> None:
            nonlocal limited
            if message["type"] == "http.response.start" and message["status"] in unknown:
                if waits := self._failures.count(address):
                    limited = True
                    await _too_many(waits)(scope, receive, send)
                    return
                if self._failures.waits(address):
                    # Once, and not for each that follows: a flood of requests must not become one of lines.
                    log.warning("http.rate_limited", address=address)
            if not limited:
                await send(message)

        await self._app(scope, receive, sent)


def told_to_wait(scope: Scope) -> bool:
    """Whether the sender has had too many already: that one more of theirs was refused is no news for the log."""
    return bool(scope.get("state", {}).get(_TOLD_TO_WAIT))


def source_of(scope: Scope) -> str:
    """The address that a request came from; of IPv6 the network. Not what a header says, unless uvicorn was told whom to believe."""
    client = scope.get("client")
    host = str(client[0]) if client else ""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if isinstance(address, ipaddress.IPv4Address):
        return host
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((int(address) >> 64 << 64, 64)))


def _too_many(waits: float) -> ASGIApp:
    seconds = math.ceil(waits)
    detail = (
        "Too many requests from this address did not show who sent them: their signature or token was missing or wrong. "
        f"Try again in {seconds} s. A request that is signed correctly, or carries a known token, is served at any time."
    )
    # The connection ends with it: what is left of a body that was not read would be taken for the next request.
    return problem_response(429, detail, headers={"Retry-After": str(seconds), "Connection": "close"})
