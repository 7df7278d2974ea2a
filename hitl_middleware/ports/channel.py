"""Where people are asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from hitl_middleware.records import Card, CardView, Notice, NoticeDraft, Occasion, ReviewRequest, Target


class ReviewChannel(Protocol):
    """A place where people already are. Raises ``DeliveryFailed`` for what may work later (or never, ``permanent``)."""

    name: str

    def targets(self, request: ReviewRequest) -> Sequence[Target]:
        """Where this request's cards belong. Pure: from settings, the plan and the labels."""

    def approvers(self, labels: Mapping[str, str]) -> Sequence[str]:
        """Who may decide there, beside the default approvers, what no policy speaks of, in a run with these labels. Pure."""

    def notices(self, request: ReviewRequest, card: Card, occasion: Occasion) -> Sequence[NoticeDraft]:
        """What is said there once of a request with a card there: decided, its deadline comes near or has passed, others are asked.

        Pure; stored with the change it tells of. A changed card wakes nobody, so reminders have to reach ``occasion.to`` by themselves.
        """

    async def post(self, view: CardView) -> str:
        """Post a new message for the card; its ref."""

    async def update(self, view: CardView, ref: str) -> None:
        """Make the posted message show ``view``."""

    async def find(self, view: CardView) -> Sequence[str]:
        """The refs of all messages that we posted for this card, also of those whose answer was lost; oldest first."""

    async def remove(self, ref: str) -> None:
        """Take one of our messages back. One that is gone is no failure."""

    async def notify(self, notice: Notice) -> None:
        """Deliver a one-off message."""
