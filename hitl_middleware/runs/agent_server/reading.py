"""What an Agent Server says of a thread and its runs, as values of ours. Pure."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final
from uuid import UUID, uuid5

from hitl_middleware.errors import AnswerRefused, DatabaseUnreachable, GraphFailed, LeaseLost
from hitl_middleware.forms import misfits
from hitl_middleware.records import Lease, PendingInterrupt, Raised, Run, Snapshot
from hitl_middleware.runs.local import RUN_KEY

Json = Mapping[str, Any]

FENCE_KEY: Final = "hitl_fence"
CALL_KEY: Final = "hitl_call"
"""In a run's metadata over there: under which fence, and by which of our calls it was made. ``RUN_KEY`` says for which run of ours."""

UNDER_WAY: Final = frozenset({"pending", "running"})

_THREADS: Final = UUID("6f2c1c52-9d0b-5f1c-8a53-0d9d2d4f2f10")
"""The namespace of threads whose own name is no UUID."""

_HIDDEN: Final = "An internal error occurred"
"""What the server says in place of the words of most errors. They are in the state."""

_BY_ID: Final = re.compile(r"[0-9a-f]{32}")
"""What an interrupt's id looks like: a resume value whose keys all do is one answer for each (LangGraph)."""


def thread_of(thread_id: str) -> str:
    """Under which id a server keeps a thread: it takes UUIDs only, and ours may be called anything (a conversation, an issue)."""
    try:
        return str(UUID(thread_id))
    except ValueError:
        return str(uuid5(_THREADS, thread_id))


def handed(run: Run, lease: Lease) -> dict[str, Any]:
    """The lease as the gate finds it in ``configurable``; with the thread's own name, where the server has another."""
    given: dict[str, Any] = {"run": lease.run_id, "fence": lease.fence}
    return given if thread_of(run.thread_id) == run.thread_id else {**given, "thread": run.thread_id}


def is_ours(run: Run, found: Json) -> bool:
    """Whether a run over there was made for this run."""
    return (found.get("metadata") or {}).get(RUN_KEY) == run.id


def under_way(runs: Sequence[Json]) -> Json | None:
    """The one that runs, or waits to; the first of them, where there are several."""
    return next((run for run in reversed(runs) if run.get("status") in UNDER_WAY), None)


def snapshot(run: Run, state: Json | None, runs: Sequence[Json]) -> Snapshot:
    """Where a thread stands. ``runs``: its newest ones over there, the newest first."""
    if state is None or not state.get("checkpoint"):
        return Snapshot(started=False, finished=False)
    # As in this process (``local``): a suspended run has begun, whoever wrote the newest checkpoint. Over there anybody may run something
    # on the thread after ours; then the server still knows that ours has been.
    begun = (
        run.started_by == "caller"
        or run.status == "suspended"
        or (state.get("metadata") or {}).get(RUN_KEY) == run.id
        or any(is_ours(run, each) and each.get("status") == "success" for each in runs)
    )
    tasks: Sequence[Json] = state.get("tasks") or ()
    interrupts = tuple(_interrupts(tasks, runs))
    # Which nodes hold a run is not told. One that ended well and left steps, of which none asks, was held at a breakpoint.
    held = bool(tasks) and not interrupts and bool(runs) and runs[0].get("status") == "success"
    return Snapshot(
        started=begun,
        finished=begun and not tasks,
        interrupts=interrupts,
        breakpoint=state["checkpoint"].get("checkpoint_id") if held else None,
    )


def needs_runs(run: Run, state: Json | None) -> bool:
    """Whether a snapshot cannot be made without a look at the thread's runs."""
    if state is None or not state.get("checkpoint"):
        return False
    tasks: Sequence[Json] = state.get("tasks") or ()
    mine = (state.get("metadata") or {}).get(RUN_KEY) == run.id
    asks = any(task.get("interrupts") for task in tasks)
    return not mine or has_failed(state) or (bool(tasks) and not asks)


def has_failed(state: Json | None) -> bool:
    """Whether a step that is due has raised something; with what it was answered then, its run was told."""
    tasks: Sequence[Json] = (state or {}).get("tasks") or ()
    return any(task.get("error") for task in tasks)


def made_by(found: Json, call: str) -> bool:
    """Whether a run over there was made by this call of ours."""
    return (found.get("metadata") or {}).get(CALL_KEY) == call


def alone(state: Json | None, interrupt_id: str) -> str | None:
    """The step that asked this, where nothing stands beside it or inside it."""
    tasks: Sequence[Json] = (state or {}).get("tasks") or ()
    if len(tasks) != 1 or tasks[0].get("checkpoint") or tasks[0].get("state"):
        return None
    asked = [item.get("id") for item in tasks[0].get("interrupts") or ()]
    return str(tasks[0]["name"]) if asked == [interrupt_id] else None


def before(state: Json | None) -> str | None:
    """The checkpoint before this one."""
    return ((state or {}).get("parent_checkpoint") or {}).get("checkpoint_id")


def only_step(state: Json | None) -> str | None:
    """The one step that was due, where it was one and not the graph's input."""
    due: Sequence[str] = (state or {}).get("next") or ()
    return due[0] if len(due) == 1 and not due[0].startswith("__") else None


def asks_nothing(state: Json | None, step: str) -> bool:
    """Whether just this step is due and has asked nothing yet."""
    tasks: Sequence[Json] = (state or {}).get("tasks") or ()
    return [(task.get("name"), bool(task.get("interrupts"))) for task in tasks] == [(step, False)]


def failure(run: Run, status: str, said: Json, state: Json | None, answers: Json) -> Exception | None:
    """Why a run over there did not end well, as what a graph in this process would have raised. ``None``: look again.

    ``answers``: what it was resumed with, by interrupt id.
    """
    if status == "interrupted":
        return GraphFailed(error="Cancelled", message="somebody cancelled the run on the Agent Server")
    told = said.get("__error__") or {}
    name = str(told.get("error") or ("TimeoutError" if status == "timeout" else "Error"))
    tasks: Sequence[Json] = (state or {}).get("tasks") or ()
    words = str(told.get("message") or "")
    if words in {"", _HIDDEN}:
        words = next(filter(None, (_words(name, task.get("error")) for task in tasks)), words)
    if name in _KNOWN:
        return _KNOWN[name](run, words)
    if name == "ValidationError" and any(_refused(task, answers, words) for task in tasks):
        return AnswerRefused(reason=f"{name}: {words}"[:500])
    return GraphFailed(error=name, message=words or f"the Agent Server says {status}")


_KNOWN: Final[Mapping[str, Callable[[Run, str], Exception | None]]] = {
    LeaseLost.__name__: lambda run, _: LeaseLost(run=run.id),
    DatabaseUnreachable.__name__: lambda _, words: DatabaseUnreachable(words),
    "UnknownInterruptError": lambda *_: None,  # it was resumed past us: what it asks now is something else
}


def _interrupts(tasks: Sequence[Json], runs: Sequence[Json]) -> Iterator[PendingInterrupt]:
    alone = sum(len(task.get("interrupts") or ()) for task in tasks) == 1
    for task in tasks:
        for item in task.get("interrupts") or ():
            schema = item.get("response_schema")
            yield PendingInterrupt(
                id=str(item.get("id")),
                value=item.get("value"),
                response_schema=schema if isinstance(schema, dict) else None,
                raised=_raised(task, item, runs, alone=alone),
            )


def _raised(task: Json, item: Json, runs: Sequence[Json], *, alone: bool) -> Raised | None:
    """What the step raised when this was answered. LangGraph keeps an answer that ``interrupt()`` took, and gives it again."""
    if not (error := task.get("error")):
        return None
    for each in runs:
        resume = ((each.get("kwargs") or {}).get("command") or {}).get("resume")
        if resume is None:
            continue
        by_id = (
            isinstance(resume, Mapping) and bool(resume) and all(_BY_ID.fullmatch(str(key)) for key in resume)
        )
        answers: Json = resume if by_id else {str(item.get("id")): resume} if alone else {}
        if item.get("id") in answers:
            kept = not _refused(task, answers, str(error))
            return Raised(error=str(error), kept=kept, answer=answers[item["id"]])
    return Raised(error=str(error), kept=False)


def _refused(task: Json, answers: Json, words: str) -> bool:
    """Whether ``interrupt()`` itself did not take one of these answers (``langgraph.errors.is_invalid_resume``; the mark does not travel).

    It does not fit the schema; or, for a rule that no schema shows, pydantic speaks of the very type that was asked for.
    """
    for item in task.get("interrupts") or ():
        schema = item.get("response_schema")
        if not isinstance(schema, dict) or item.get("id") not in answers or not task.get("error"):
            continue
        title = re.match(r"\d+ validation errors? for (\S+)", words)
        if title is not None and (misfits(answers[item["id"]], schema) or title[1] == schema.get("title")):
            return True
    return False


def _words(name: str, shown: object) -> str | None:
    """The words of an error from its ``repr``, where it is one of that name: ``ValueError('no')`` → ``no``."""
    if not isinstance(shown, str) or not shown.startswith(name):
        return None
    try:
        (only,) = ast.parse(shown, mode="eval").body.args  # type: ignore[attr-defined]
        return str(ast.literal_eval(only))
    except (SyntaxError, ValueError, AttributeError, RecursionError, MemoryError):
        return shown.removeprefix(name).strip("()") or None
