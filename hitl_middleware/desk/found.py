"""What filing has found: of a thread before it begins, and of a run's questions when it is done. Values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hitl_middleware.actions import Identity
from hitl_middleware.records import Action, ReviewRequest, Run


@dataclass(frozen=True, slots=True)
class Filed:
    """What is known of a run's questions once they are filed: the requests that are new, all of the thread, the gate's actions.

    What was taken back meanwhile stands as it was: it answers nothing the run asks now.
    """

    opened: list[ReviewRequest]
    requests: dict[str, ReviewRequest]
    actions: Mapping[Identity, Action]


@dataclass(frozen=True, slots=True)
class Before:
    """What is known of a thread when its run's questions are filed: all requests, queued runs, the gate's actions it asks about."""

    requests: Sequence[ReviewRequest]
    waiting: Sequence[Run]
    actions: Mapping[Identity, Action]
