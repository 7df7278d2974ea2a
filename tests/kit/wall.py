"""A channel that is a wall in this process: cards are pinned to it, and it can be made to fail."""

from __future__ import annotations

from collections.abc import Sequence

from hitl_middleware.errors import DeliveryFailed
from hitl_middleware.records import CardView, Notice, ReviewRequest, Target


class Wall:
    """What is pinned to it, by ref; ``log`` has every call in order. ``refuse`` is raised by the next call, ``lose`` after it."""

    name = "wall"

    def __init__(self, *places: str) -> None:
        self.places = places or ("hall",)
        self.pinned: dict[str, CardView] = {}
        self.notices: list[Notice] = []
        self.log: list[str] = []
        self.refuse: Exception | None = None
        self.lose: Exception | None = None

    def targets(self, request: ReviewRequest) -> Sequence[Target]:
        """Every place, whatever the request."""
        return [Target(channel=self.name, address=place) for place in self.places]

    async def post(self, view: CardView) -> str:
        """Pin a new card."""
        self._work("post")
        ref = f"{view.card.target.address}-{len(self.pinned) + 1}"
        self.pinned[ref] = view
        self._lost()
        return ref

    async def update(self, view: CardView, ref: str) -> None:
        """Change a pinned card."""
        self._work("update")
        self.pinned[ref] = view
        self._lost()

    async def find(self, view: CardView) -> str | None:
        """Look for a card that was pinned though nobody was told."""
        self.log.append("find")
        return next((ref for ref, there in self.pinned.items() if there.card.id == view.card.id), None)

    async def notify(self, notice: Notice) -> None:
        """Say something once."""
        self._work("notify")
        self.notices.append(notice)
        self._lost()

    def _work(self, what: str) -> None:
        self.log.append(what)
        error, self.refuse = self.refuse, None
        if error is not None:
            raise error

    def _lost(self) -> None:
        error, self.lose = self.lose, None
        if error is not None:
            raise error


LOST = DeliveryFailed("the answer was lost")
DOWN = DeliveryFailed("the wall is down")
GONE = DeliveryFailed("there is no such place", permanent=True)
