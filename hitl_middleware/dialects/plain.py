"""Whatever else a graph asks, and the breakpoints it was compiled with. Pure."""

from __future__ import annotations

from typing import Any

from hitl_middleware.dialects.question import Question, jsonable, title_of
from hitl_middleware.policy import ReviewPlan


def read_plain(value: Any, response_schema: dict[str, Any] | None) -> Question:
    """A plain ``interrupt("…")``, and every value that nobody knows: shown as JSON, answered with ``respond``."""
    text = value if isinstance(value, str) else ""
    return Question(
        kind="question",
        title=title_of(text) or "The run asks a question",
        description=text,
        plan=ReviewPlan(verdict="ask", allowed_decisions=("respond",), reason="The graph asks a question"),
        response_schema=response_schema,
        shown=None if isinstance(value, str) else {"value": jsonable(value)},
    )


def breakpoint_question() -> Question:
    """A static breakpoint (``interrupt_before`` / ``interrupt_after``) as a request."""
    return Question(
        kind="breakpoint",
        form="breakpoint",
        title="The run stands at a breakpoint",
        description="Approve to continue, reject to cancel the run.",
        plan=ReviewPlan(
            verdict="ask",
            allowed_decisions=("approve", "reject"),
            reason="The graph was compiled with a breakpoint here",
        ),
    )
