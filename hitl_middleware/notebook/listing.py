"""A run as a row of a list. Pure."""

from __future__ import annotations

from hitl_middleware.display import one_line
from hitl_middleware.notebook.facts import Facts
from hitl_middleware.notebook.standing import state_of, waits_for
from hitl_middleware.notebook.table import RunRow


def row_of(facts: Facts) -> RunRow:
    """``status`` is the run's own, but where that does not say what matters: an outcome that nobody knows, nobody driving it."""
    run, state = facts.run, state_of(facts)
    waiting = facts.pending[0] if facts.pending else None
    failed = [act.error for act in facts.actions if act.error]
    return RunRow(
        run=run.id,
        thread=run.thread_id,
        graph=run.graph,
        status=state if state in {"unknown", "stuck"} else run.status,
        waits_for=waits_for(waiting) if waiting else "",
        since=waiting.created_at if waiting else run.updated_at,
        tool=_about(facts),
        code=waiting.code if waiting else "",
        error=one_line(run.error or (failed or [""])[-1] or "", 120),
    )


def _about(facts: Facts) -> str:
    """The tool or step at which it stands."""
    if facts.pending:
        first = facts.pending[0]
        return first.tool or first.step or first.kind
    doubtful = [act.tool for act in facts.actions if act.status == "unknown"]
    return (doubtful or [one.tool or "" for one in facts.asking] or [""])[0]
