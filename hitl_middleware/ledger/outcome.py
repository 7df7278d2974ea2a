"""How an act ended, and what its record says of that. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from hitl_middleware.actions import CALLER
from hitl_middleware.records import Action
from hitl_middleware.review import is_final

MAX_TEXT = 4_000
"""Characters of a result or error that are kept for people; the whole answer is kept for the graph."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How an act ended. ``result_type``/``result``: the whole tool answer in the serializer's words, where there is one."""

    status: Literal["succeeded", "failed", "unknown"]
    result_type: str | None = None
    result: bytes | None = None
    text: str | None = None
    error: str | None = None

    @classmethod
    def told(
        cls, what: Literal["done", "failed", "retry"], message: str | None, result: str | None = None
    ) -> Outcome:
        """How it ended, by a person's word. What is told of a success is its result, else the message."""
        if what == "failed":
            return cls(status="failed", error=message)
        return cls(status="succeeded", text=(result or message) if what == "done" else None)


def is_settled(action: Action) -> bool:
    """Whether the act has ended for good: a result, a failure, or a denial."""
    return is_final("action", action.status)


def is_adoptable(action: Action) -> bool:
    """Whether an answer that the user's own code resumes with may count: nobody was asked by us, and the policy wants no one else.

    One that was asked again after an edit is not: the policy wants other people for it than those who made the edit.
    """
    plan = action.plan
    unasked = action.status == "waiting" and action.request_id is None and action.decision is None
    anyone = plan.approvers is None or CALLER in plan.approvers
    return unasked and anyone and plan.required_approvals == 1 and not plan.required_from
