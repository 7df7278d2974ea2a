"""Where a run stands, and why it does not go on, in sentences. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from hitl_middleware.diagnosis.judge import PATIENCE
from hitl_middleware.notebook.facts import Facts, State
from hitl_middleware.notebook.lookup import short
from hitl_middleware.quorum import role_words
from hitl_middleware.records import ReviewRequest
from hitl_middleware.review import is_final
from hitl_middleware.telling import span
from hitl_middleware.wording import status_words


@dataclass(frozen=True, slots=True)
class Standing:
    """``headline`` is one line; ``because`` says what led here, ``then`` what can be done about it."""

    state: State
    headline: str
    because: tuple[str, ...] = ()
    then: tuple[str, ...] = ()


def standing(facts: Facts) -> Standing:
    """The one story of a run."""
    state = state_of(facts)
    return Standing(state, _headline(facts, state), tuple(_because(facts, state)), tuple(_then(facts, state)))


def state_of(facts: Facts) -> State:
    """The worst that is true of it: what nobody knows comes before what waits, and that before what merely runs."""
    run = facts.run
    if not is_final("run", run.status) and any(act.status == "unknown" for act in facts.actions):
        return "unknown"
    if run.status in {"failed", "queued", "cancelled"}:
        return {"failed": "failed", "queued": "queued", "cancelled": "cancelled"}[run.status]  # type: ignore[return-value]  # three of them
    if run.status == "succeeded":
        return "done"
    if facts.pending or facts.asking:
        return "waiting"
    return "running" if facts.held or not _is_left(facts) else "stuck"


def _is_left(facts: Facts) -> bool:
    """Nobody drives it, nobody is asked, and nothing has happened for so long that a running server would have taken it up."""
    run = facts.run
    signs = [run.updated_at, *(each.updated_at for each in facts.requests)]
    signs += [run.lease_until] if run.lease_until is not None else []
    return (facts.at - max(signs)).total_seconds() > PATIENCE * facts.lease_seconds


def waits_for(request: ReviewRequest) -> str:
    """Whom a request waits for."""
    return ", ".join(role_words(each) for each in request.plan.approvers or ()) or "operators"


def _headline(facts: Facts, state: State) -> str:  # noqa: PLR0911 – a table of states
    run, now = facts.run, facts.now
    where = f" at {', '.join(now.next)}" if now is not None and now.next else ""
    match state:
        case "waiting" if facts.pending:
            first, *rest = facts.pending
            more = f" (and {len(rest)} more)" if rest else ""
            return f"Waits{where} for {waits_for(first)}, for {span((facts.at - first.created_at).total_seconds())}: {first.title}{more}"
        case "waiting":
            return f"Waits{where}: {facts.asking[0].title}. Nobody was asked"
        case "unknown":
            tools = ", ".join(act.tool for act in facts.actions if act.status == "unknown")
            return f"Nobody knows what became of {tools}"
        case "failed":
            return f"Failed{where}: {run.error or 'no reason was stored'}"
        case "stuck":
            return f"Stuck{where}: nobody drives it and nobody is asked, for {span((facts.at - run.updated_at).total_seconds())}"
        case "queued":
            return "Waits for the run before it on this thread to end"
        case "cancelled":
            return f"Cancelled: {run.error}" if run.error else "Cancelled"
        case "running":
            return f"Running{where}"
        case "done":
            return "Succeeded"


def _because(facts: Facts, state: State) -> Iterator[str]:
    for request in facts.requests:
        if request.status == "superseded":
            yield f"{request.title} [{request.code}] was superseded: {request.notes[-1] if request.notes else 'the run moved on'}"
        elif request.status != "pending":
            words = status_words(request, facts.action_of.get(request.action_id or ""))
            said = f": “{request.decision.message}”" if request.decision and request.decision.message else ""
            done = (
                "Recorded, not done"
                if facts.dry is not None and words.outcome == "Executed"
                else words.outcome
            )
            outcome = f" – {done}" if done else ""
            yield f"{request.title} [{request.code}]: {words.decided(request.decided_by_name or request.decided_by)}{said}{outcome}"
    for act in facts.actions:
        if act.status in {"failed", "unknown"}:
            yield f"{act.tool} {'failed' if act.status == 'failed' else 'may have happened, or not'}: {act.error or 'no reason was given'}"
    now = facts.now
    for task in now.tasks if now is not None else ():
        if task.error and not (state == "failed" and facts.run.error):
            yield f"The node {task.name} raised {task.error}"
    if state == "stuck":
        owner = facts.run.lease_owner
        yield (
            f"Its last driver was {owner}, whose lease has run out" if owner else "No process holds its lease"
        )
        if facts.run.driver == "caller":
            yield "A program of your own drives it (attach); nothing else may carry on in its place while no question is answered"


def _then(facts: Facts, state: State) -> Iterator[str]:
    match state:
        case "waiting" if facts.pending:
            yield "run.decide() opens a form, run.why() says who may decide, run.fork() tries an answer without doing anything"
        case "waiting":
            yield "Attach the graph (hitl.attach(graph, name=…)) or serve it, and people are asked; or resume it yourself"
        case "unknown":
            yield "Look at the system it acts on, then say so: run.settle('done'), run.settle('failed') or run.settle('retry')"
        case "failed":
            yield "run.diff() shows what the last step changed, run.fork(at=…) tries it again from any checkpoint without doing anything"
        case "stuck" if facts.run.driver == "caller":
            yield "Run the graph again on this thread with None as its input, in the program that owns it"
        case "stuck":
            yield "Is a server or a worker running? hitl serve takes it up; hitl doctor says what else is wrong"


def dry_words(facts: Facts) -> Sequence[str]:
    """What a dry run replaced, and what it could not."""
    dry = facts.dry
    if dry is None:
        return ()
    lines = [
        f"A dry run of {dry.forked_from}: nothing of it is in the database, and nobody is asked elsewhere."
    ]
    nodes = f"; stand-ins for {', '.join(dry.nodes)}" if dry.nodes else ""
    lines.append(f"Replaced by recorders: {', '.join(dry.tools) or 'no tool'}{nodes}.")
    if dry.real:
        lines.append(f"Run as they are, with whatever they do: {', '.join(dry.real)}.")
    lines += [f"Would have called {call.tool}({short(call.args)}) → {call.answered}" for call in dry.recorded]
    return lines
