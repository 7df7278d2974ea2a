"""All that is known of one run at one moment: read once, shown in many ways, written into a bundle as it is. Pure values.

Nothing in it is hidden from people by a policy: it was taken out when this was read.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from hitl_middleware.drawing import Diagram
from hitl_middleware.ports import Checkpoint
from hitl_middleware.quorum import Approvals, approvals
from hitl_middleware.records import Action, AuditEvent, ReviewRequest, Run, Submission
from hitl_middleware.runs.history.kept import History

NOTHING = History()
"""What is known of a thread that cannot be read."""


@dataclass(frozen=True, kw_only=True)
class Asking:
    """A question of LangGraph for which no request is stored (the graph is not attached): what it asks, in our words."""

    interrupt_id: str
    title: str
    description: str = ""
    tool: str | None = None
    shown: dict[str, Any] | None = None


@dataclass(frozen=True, kw_only=True)
class RuleFacts:
    """What the graph's own policy of a tool says today. ``version`` is its fingerprint, to be compared with the frozen plan's."""

    tool: str
    rule: str | None
    version: str


@dataclass(frozen=True, kw_only=True)
class Dry:
    """What a dry run replaced and what it could not. ``recorded``: the calls that would have happened, in order, with what was answered."""

    forked_from: str
    at: str
    tools: tuple[str, ...] = ()
    nodes: tuple[str, ...] = ()
    real: tuple[str, ...] = ()
    recorded: tuple[Recorded, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """One call that a dry run did not make."""

    tool: str
    args: dict[str, Any]
    answered: str


@dataclass(frozen=True, kw_only=True)
class Facts:
    """A run and its thread at the moment ``at`` (the database's time).

    ``requests``, ``actions`` oldest first; ``trail`` in order, events without ``seq`` are not sealed yet. ``history``: what this run has
    left on its thread. ``held``: a process drives it just now. ``stored``: the run is in the database; else only its thread is known.
    ``notes``: what could not be read, and why.
    """

    run: Run
    at: dt.datetime
    lease_seconds: float = 30.0
    stored: bool = True
    held: bool = False
    requests: tuple[ReviewRequest, ...] = ()
    actions: tuple[Action, ...] = ()
    submissions: tuple[Submission, ...] = ()
    trail: tuple[AuditEvent, ...] = ()
    history: History = NOTHING
    diagram: Diagram | None = None
    asking: tuple[Asking, ...] = ()
    rules: tuple[RuleFacts, ...] = ()
    notes: tuple[str, ...] = ()
    dry: Dry | None = None

    @property
    def pending(self) -> tuple[ReviewRequest, ...]:
        """The requests that wait."""
        return tuple(request for request in self.requests if request.status == "pending")

    @cached_property
    def checkpoints(self) -> tuple[Checkpoint, ...]:
        """Its steps, the oldest first; their place here is the number that they are called by."""
        return tuple(reversed(self.history.checkpoints))

    def number(self, checkpoint: Checkpoint) -> int:
        """What a step is called by."""
        return next(place for place, one in enumerate(self.checkpoints) if one.id == checkpoint.id)

    def before(self, checkpoint: Checkpoint) -> Checkpoint | None:
        """The step that a checkpoint follows."""
        return next((one for one in self.checkpoints if one.id == checkpoint.parent_id), None)

    @property
    def now(self) -> Checkpoint | None:
        """Where the thread stands."""
        return self.history.newest

    @cached_property
    def action_of(self) -> Mapping[str, Action]:
        """Acts by id."""
        return {action.id: action for action in self.actions}

    def answers_to(self, request: ReviewRequest) -> tuple[Submission, ...]:
        """What people said to a request, oldest first."""
        return tuple(each for each in self.submissions if each.request_id == request.id)

    def approvals_of(self, request: ReviewRequest) -> Approvals:
        """Who has approved it, and who is still needed."""
        return approvals(request.plan, self.answers_to(request))


State = Literal["waiting", "unknown", "failed", "stuck", "running", "queued", "done", "cancelled"]
"""Where a run stands, in the words of whoever debugs it."""
