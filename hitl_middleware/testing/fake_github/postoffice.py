"""What becomes of deliveries on their way: lost, doubled, or held back to be sent later in another order."""

from __future__ import annotations

from collections.abc import Iterable

from hitl_middleware.testing.fake_github.traffic import Delivery


class PostOffice:
    """Every delivery goes through here once, before it is sent."""

    def __init__(self) -> None:
        self.lose = 0
        self.copies: list[int] = []
        self.holding = False
        self.held: list[Delivery] = []
        self.lost: list[Delivery] = []

    def leaving(self, deliveries: Iterable[Delivery]) -> list[Delivery]:
        """What is really to be sent now."""
        now: list[Delivery] = []
        for each in deliveries:
            if self.lose:
                self.lose -= 1
                self.lost.append(each)
                continue
            copies = [each] * (self.copies.pop(0) if self.copies else 1)
            (self.held if self.holding else now).extend(copies)
        return now
