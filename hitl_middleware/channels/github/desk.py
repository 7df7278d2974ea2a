"""What the GitHub side needs of whoever keeps requests and runs. ``hitl_server`` gives it over ``Hitl``."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Literal, Protocol, TypeAlias

from hitl_middleware.actions import Decision
from hitl_middleware.channels.github.triggers import StartRun
from hitl_middleware.quorum import Approvals
from hitl_middleware.records import CardView, ReviewRequest

Judged: TypeAlias = Literal["carried_out", "refused", "not_understood"]
"""What became of a command."""


class GitHubDesk(Protocol):
    """Requests are as people may see them: what the policy hides is a mark."""

    async def requests(self, labels: Mapping[str, str], *, pending: bool) -> Sequence[ReviewRequest]:
        """Those with all of these labels, newest first; ``pending``: only those that wait."""

    async def approvals(self, requests: Sequence[ReviewRequest]) -> Mapping[str, Approvals]:
        """Who has approved each of them, and who is still needed, by id."""

    async def watched(self) -> Sequence[ReviewRequest]:
        """Everything pending that has a card on GitHub."""

    async def request(self, request_id: str) -> ReviewRequest | None: ...

    async def with_code(self, code: str) -> ReviewRequest | None:
        """The newest request with this code."""

    async def card(self, request_id: str) -> CardView | None:
        """The request as its comment shows it; ``None``: it has none on GitHub."""

    async def submit(
        self, request_id: str, decision: Decision, *, identity: str, name: str, source: str
    ) -> ReviewRequest:
        """One person's answer, committed when this returns. Errors as ``ReviewDesk.submit``."""

    async def counted(self, source: str) -> ReviewRequest | None:
        """The request to which this comment or review has brought an answer already."""

    async def once(self, kind: str, key: str, act: Callable[[], Awaitable[None]]) -> bool:
        """See ``Inbox.once``."""

    async def tell(self, *, key: str, address: str, body: dict[str, Any]) -> None:
        """Store a one-off comment or a reaction, delivered soon; the same ``key`` again changes nothing."""

    async def judged(self, outcome: Judged, *, identity: str, request_id: str | None) -> None:
        """Put a command on the record. After a crash in this very moment it may be there twice."""

    async def start_run(self, run: StartRun) -> None:
        """Begin a run, once for its id. A thread that is busy and refuses new input: nothing begins."""
