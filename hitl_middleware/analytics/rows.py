"""What the figures are worked out from: one row for each request, with the answers that were given to it. Pure."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from hitl_middleware.actions import CALLER, DecisionType
from hitl_middleware.review import ActionStatus, RequestKind, RequestStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """One person's answer to one request. ``person``: one name for them, whatever they answered as."""

    at: dt.datetime
    decision: DecisionType
    person: str
    name: str | None
    via: str
    message: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One request: where it was asked, what became of it, and who answered it, oldest first.

    ``outcome`` is where its act stands. Neither arguments nor what was shown: nothing that a policy hides comes as far as this.
    """

    id: str
    graph: str
    kind: RequestKind
    status: RequestStatus
    asked_at: dt.datetime
    tool: str | None = None
    step: str | None = None
    decided_at: dt.datetime | None = None
    decided_by: str | None = None
    decided_by_name: str | None = None
    decided_via: str | None = None
    overdue: bool = False
    outcome: ActionStatus | None = None
    answers: tuple[Answered, ...] = ()

    @property
    def what(self) -> str:
        """What it was about: the tool, the step, or the kind of question."""
        return self.step or self.tool or self.kind

    @property
    def waited(self) -> float | None:
        """Seconds until people had decided; ``None``: they have not, or nobody was waited for."""
        if self.decided_at is None or self.decided_via == CALLER:
            return None
        return max(0.0, (self.decided_at - self.asked_at).total_seconds())


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """Requests asked at ``since`` or later and before ``until``."""

    since: dt.datetime
    until: dt.datetime

    @property
    def days(self) -> float:
        """How long it is."""
        return (self.until - self.since) / dt.timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """What was read of a period, newest first. ``cut``: there is more that is older, and was left out (``MOST``)."""

    period: Period
    graph: str | None
    rows: tuple[Asked, ...]
    cut: bool
