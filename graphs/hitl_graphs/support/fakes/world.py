"""The three services together, and the variables that point the support desk at them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Self

from hitl_graphs.support.fakes.fake_front import FakeFront
from hitl_graphs.support.fakes.fake_platform import FakePlatform
from hitl_graphs.support.fakes.fake_stripe import FakeStripe
from hitl_graphs.support.fakes.service import FakeService, system_now


class SupportWorld:
    """Front, Stripe and the platform, started and stopped together; one ledger file for all three.

    with SupportWorld(orders={"A-1001": 20_000}, conversations=["cnv_1"]) as world:
        os.environ.update(world.environment)
    """

    def __init__(
        self,
        *,
        orders: Mapping[str, int] | None = None,
        conversations: Iterable[str] = (),
        ledger_path: Path | None = None,
        now: Callable[[], float] = system_now,
    ) -> None:
        self.front = FakeFront(conversations=conversations, ledger_path=ledger_path, now=now)
        self.stripe = FakeStripe(orders=orders, ledger_path=ledger_path, now=now)
        self.platform = FakePlatform(ledger_path=ledger_path, now=now)

    @property
    def services(self) -> tuple[FakeService, ...]:
        """All three."""
        return self.front, self.stripe, self.platform

    @property
    def environment(self) -> dict[str, str]:
        """What ``SupportSettings`` reads to find these services."""
        return {
            "FRONT_API_URL": self.front.url,
            "FRONT_API_TOKEN": self.front.token,
            "FRONT_WEBHOOK_SECRET": self.front.webhook_secret,
            "STRIPE_API_URL": self.stripe.url,
            "STRIPE_API_KEY": self.stripe.token,
            "PLATFORM_API_URL": self.platform.url,
            "PLATFORM_API_TOKEN": self.platform.token,
        }

    def start(self) -> Self:
        """Start all three."""
        for service in self.services:
            service.start()
        return self

    def close(self) -> None:
        """Stop all three, at the same time: each takes a moment to say goodbye."""
        with ThreadPoolExecutor(len(self.services)) as pool:
            for stopped in [pool.submit(service.close) for service in self.services]:
                stopped.result()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_exc: object) -> None:
        self.close()
