"""A channel that is a wall in this process: cards are pinned to it, and it can be made to fail."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hitl_middleware.errors import DeliveryFailed
from hitl_middleware.records import Card, CardView, Notice, NoticeDraft, Occasion, ReviewRequest, Target


class Wall:
    """What is pinned to it, by ref; ``log`` has every call in order. ``refuse`` is raised by the next call, ``lose`` after it.

    ``keeps``: a line is left behind for each decision; of deadlines it tells always.
    """

    name = "wall"

    def __init__(self, *places: str) -> None:
        self.places = places or ("hall",)
        self.pinned: dict[str, CardView] = {}
        self.told: list[Notice] = []
        self.keeps = False
        self.log: list[str] = []
        self.refuse: Exception | None = None
        self.lose: Exception | None = None

    def targets(self, request: ReviewRequest) -> Sequence[Target]:
        """Every place, whatever the request."""
        return [Target(channel=self.name, address=place) for place in self.places]

    def approvers(self, labels: Mapping[str, str]) -> Sequence[str]:
        """Whoever stands before it, where the run says so."""
        return [f"wall:{labels['wall']}"] if "wall" in labels else []

    def notices(self, request: ReviewRequest, card: Card, occasion: Occasion) -> Sequence[NoticeDraft]:
        """A line about the decision, where asked for; about a deadline always."""
        if occasion.kind == "decided":
            body = {"text": f"{request.title}: {request.status}"}
            return [NoticeDraft(key="decided", address=card.target.address, body=body)] if self.keeps else []
        body = {"text": f"{request.title}: {occasion.kind} to {', '.join(occasion.to)}"}
        return [NoticeDraft(key="late", address=card.target.address, body=body)]

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

    async def find(self, view: CardView) -> Sequence[str]:
        """Look for cards that were pinned though nobody was told."""
        self.log.append("find")
        return [ref for ref, there in self.pinned.items() if there.card.id == view.card.id]

    async def remove(self, ref: str) -> None:
        """Take one down."""
        self._work("remove")
        self.pinned.pop(ref, None)
        self._lost()

    async def notify(self, notice: Notice) -> None:
        """Say something once."""
        self._work("notify")
        self.told.append(notice)
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


LOST = DeliveryFailed("the answer was lost", unheard=True)
DOWN = DeliveryFailed("the wall is down")
GONE = DeliveryFailed("there is no such place", permanent=True)
