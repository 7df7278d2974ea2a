"""What Slack's handlers need from the composition root."""

from __future__ import annotations

from typing import Any, Literal, Protocol

from hitl_middleware.actions import Decision
from hitl_middleware.desk.waiting import Waiting
from hitl_middleware.records import Action, CardView, ReviewRequest


class SlackDesk(Protocol):
    """The way from a click to the store. Its methods may be awaited on any event loop; each commits before it returns."""

    async def submit(
        self,
        request_id: str,
        decision: Decision,
        *,
        identity: str,
        name: str | None,
        via: str,
        if_match: str | None,
    ) -> ReviewRequest:
        """Count one person's answer. ``if_match``: the digest of what the person saw, judged in the same transaction.

        Raises ``errors.Refused`` or ``errors.NotFound``; then nothing has changed.
        """

    async def request(self, request_id: str) -> ReviewRequest | None:
        """The request as it stands now."""

    async def look(
        self, request_id: str, *, identity: str, name: str | None, if_match: str | None
    ) -> ReviewRequest:
        """The request, if this person could answer it now. Decides nothing. Raises as ``submit``."""

    async def unsettled(
        self, request_id: str, *, identity: str, name: str | None
    ) -> tuple[ReviewRequest, int]:
        """A request whose act ended nobody knows how, if this person may say so; and which attempt at the act that was.

        Raises ``errors.Refused`` or ``errors.NotFound``.
        """

    async def settle(
        self,
        request_id: str,
        what: Literal["done", "failed", "retry"],
        *,
        identity: str,
        name: str | None,
        via: str,
        message: str | None,
        attempt: int | None,
    ) -> Action:
        """Say what became of an act. ``attempt``: that which the person was asked about, judged in the same transaction.

        Raises ``errors.Refused`` or ``errors.NotFound``; then nothing has changed.
        """

    async def tell(self, *, key: str, channel: str, address: str, body: dict[str, Any]) -> None:
        """Store a notice, to be delivered soon; the same ``key`` again changes nothing."""

    async def keep(self, channel: str, key: str, body: bytes) -> bool:
        """Store an event, to be acted on soon by ``Heed``; ``False``: ``key`` is known already."""

    async def card_at(self, channel: str, ref: str) -> CardView | None:
        """The card that a message shows, with all that belongs to it."""

    async def waiting_for(self, identity: str, *, most: int) -> Waiting:
        """The pending requests that this person may decide."""

    @property
    def pages(self) -> str | None:
        """Where the requests' pages are, without a slash at the end; ``None``: nobody serves any."""

    async def first_time(self, channel: str, key: str) -> bool:
        """Remember a delivery. ``False``: it is known already, whoever took it."""

    async def forget(self, channel: str, key: str) -> None:
        """Take a delivery back that could not be acted on, so that it may come again."""
