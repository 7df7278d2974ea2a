"""Where a run stands in its graph, and when each of its nodes ran. Pure."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from hitl_middleware.display import one_line
from hitl_middleware.drawing import Bar, Diagram, Mark, Standing, Status, Timeline
from hitl_middleware.drawing.timeline import Span, joined, without
from hitl_middleware.ports import Checkpoint, Task
from hitl_middleware.records import Action, ReviewRequest, Run
from hitl_middleware.review import is_final
from hitl_middleware.runs.history.kept import History

_WEIGHT: Mapping[Status, int] = {"unknown": 6, "failed": 5, "waiting": 4, "running": 3, "next": 2, "done": 1}


NOTE: Final = 300
"""Characters of an error that stand beside a mark; the whole of it is told with its step."""

_DONE: tuple[Status, str] = ("done", "")


def standing(
    diagram: Diagram,
    history: History,
    run: Run | None = None,
    requests: Sequence[ReviewRequest] = (),
    actions: Sequence[Action] = (),
) -> Standing:
    """How each node stands: what ran and how often, what waits for whom, what failed, what is due.

    ``run``, ``requests`` and ``actions``: what is known of the run besides; without them a thread of anybody's is read by itself.
    """
    visits = Counter(
        _node(each, task) for line in history for each in line for task in each.tasks if task.done
    )
    found: dict[str, tuple[Status, str]] = {}
    for name, status, note in _said(history, run, requests, actions):
        for node_id in _with_those_around(name):
            known = found.get(node_id)
            if node_id in diagram.by_id and (known is None or _weight(status, note) > _weight(*known)):
                found[node_id] = status, note
    marks = {
        node_id: Mark(status=status, visits=visits[node_id], note=note)
        for node_id, (status, note) in found.items()
    }
    return Standing(marks=marks, taken=frozenset(_taken(diagram, history)))


def _said(
    history: History, run: Run | None, requests: Sequence[ReviewRequest], actions: Sequence[Action]
) -> Iterator[tuple[str, Status, str]]:
    """All that is said of nodes, by their ids; the gravest word counts."""
    for line in history:
        yield from _said_of(line, run, requests, due=not line or _is_due(history, line[0]))
    for request in requests:
        if request.status == "pending":
            yield _name(_place(request, actions)), "waiting", request.title
    for action in actions:
        if action.status == "unknown":
            said = f"nobody knows what became of {action.tool}"
            yield _name(action.identity.checkpoint_ns), "unknown", said


def _said_of(
    line: Sequence[Checkpoint], run: Run | None, requests: Sequence[ReviewRequest], *, due: bool
) -> Iterator[tuple[str, Status, str]]:
    for each in line:
        yield from ((_node(each, task), "done", "") for task in each.tasks if task.done)
    if line and not line[0].tasks:
        yield ":".join((*line[0].path, "__end__")), "done", ""
    over = run is not None and is_final("run", run.status)  # then nothing is due any more
    for task in line[0].tasks if line and due else ():
        status, note = _due(task, run, requests)
        if not task.done and not (status == "next" and over):
            yield _node(line[0], task), status, note


def _weight(status: Status, note: str) -> tuple[int, bool]:
    return _WEIGHT[status], bool(note)


def _place(request: ReviewRequest, actions: Sequence[Action]) -> str:
    """Where it is asked: the namespace of a task of the graph, or of one inside it; ``""``: that is not known."""
    if request.checkpoint_ns:
        return request.checkpoint_ns
    return next((each.identity.checkpoint_ns for each in actions if each.id == request.action_id), "")


def _due(task: Task, run: Run | None, requests: Sequence[ReviewRequest]) -> tuple[Status, str]:
    if task.error:
        return "failed", one_line(task.error, NOTE)
    asked = {item.id for item in task.interrupts}
    known = [request for request in requests if request.interrupt_id in asked]
    if run is not None and run.status == "failed":
        return "failed", one_line(run.error or "", NOTE)
    if run is not None and is_final("run", run.status):
        return "next", ""
    if asked and not (known and all(is_final("request", request.status) for request in known)):
        return "waiting", ""
    if run is None or run.status == "suspended":
        held = any(request.kind == "breakpoint" and request.status == "pending" for request in requests)
        return ("waiting", "held at a breakpoint") if held else ("next", "")
    return ("running", "") if run.status == "running" else ("next", "")


def _is_due(history: History, newest: Checkpoint) -> bool:
    """Whether what is due at the newest checkpoint of a line is: the node that the line is inside of has not run to its end."""
    return newest is history.newest or any(
        task.namespace == newest.namespace and not task.done
        for line in history
        for task in (line[0].tasks if line else ())
    )


def _node(checkpoint: Checkpoint, task: Task) -> str:
    return ":".join((*checkpoint.path, task.name))


def _name(namespace: str) -> str:
    return ":".join(part.partition(":")[0] for part in namespace.split("|") if part)


def _with_those_around(name: str) -> Iterator[str]:
    yield name
    while ":" in name:
        name = name.rpartition(":")[0]
        yield name


def _taken(diagram: Diagram, history: History) -> Iterator[tuple[str, str]]:
    """Edges between what ran and what was due after it. An edge from or into a graph inside leads from or to one of its nodes."""
    ran = {_node(each, task) for line in history for each in line for task in each.tasks}
    after: dict[str, set[str]] = {}
    for line in history:
        for each in line:
            prefix = "".join(f"{name}:" for name in each.path)
            following = {f"{prefix}{task.name}" for task in each.tasks} or {f"{prefix}__end__"}
            for name in each.ran:
                after.setdefault(f"{prefix}{name}", set()).update(following)
    ends = {name for name in diagram.by_id if name.rpartition(":")[2] == "__end__"}
    for edge in diagram.drawable:
        for source in _with_those_around(edge.source):
            following = after.get(source, set())
            if edge.source not in ran | ends and source != edge.source:
                continue
            if any(target in following for target in _with_those_around(edge.target)):
                yield edge.source, edge.target
                break


def timeline(
    history: History,
    now: dt.datetime,
    run: Run | None = None,
    requests: Sequence[ReviewRequest] = (),
    actions: Sequence[Action] = (),
) -> Timeline:
    """When each node ran, without the time that people took; and when they were waited for, by what they were asked.

    A node is taken to run from the checkpoint at which it is due to the one that holds its work.
    """
    moments = [each.at for line in history for each in line]
    over = run is not None and is_final("run", run.status)
    goes_on = not over and (run is not None or bool(history.newest and history.newest.tasks))
    start = min([*moments, *([run.created_at] if run else [])], default=now)
    end = run.updated_at if run is not None and over else now if goes_on else max(moments, default=now)
    end = max(end, start, *moments) if moments else max(end, start)
    waits = tuple(_waits(requests, actions)) if requests else tuple(_waits_of_thread(history))
    bars: list[Bar] = [wait.bar for wait in waits]
    for line in history:
        for each, task, to in _spans(line, end):
            if task.namespace in history.inside:
                continue  # it is told in parts, by what is inside
            status, note = _DONE if task.done else _due(task, run, requests)
            if any(action.status == "unknown" and _is_at(action, task) for action in actions):
                status = "unknown"
            if status != "next":
                taken = joined((wait.bar.start, wait.bar.end or end) for wait in waits if wait.concerns(task))
                bars += _bars("/".join((*each.path, task.name)), (each.at, to), taken, status, note)
    return Timeline(start=start, end=end, bars=tuple(bars))


@dataclass(frozen=True, slots=True)
class _Wait:
    """Somebody was asked: at which place, and by which question of LangGraph."""

    place: str
    interrupt: str
    bar: Bar
    anywhere: bool = False
    """It holds the whole run."""

    def concerns(self, task: Task) -> bool:
        """Whether the task stood still meanwhile."""
        asked = any(item.id == self.interrupt for item in task.interrupts)
        return self.anywhere or asked or _own(task) in self.place.split("|")


def _waits(requests: Sequence[ReviewRequest], actions: Sequence[Action]) -> Iterator[_Wait]:
    for request in requests:
        pending = request.status == "pending"
        lost: Status = "failed" if request.status in {"expired", "cancelled"} else "done"
        bar = Bar(
            label=request.title,
            start=request.created_at,
            end=None if pending else request.decided_at or request.updated_at,
            kind="human",
            status="waiting" if pending else lost,
            note="" if pending else request.status,
        )
        yield _Wait(_place(request, actions), request.interrupt_id, bar, request.kind == "breakpoint")


def _waits_of_thread(history: History) -> Iterator[_Wait]:
    """Of a thread of which no request is known, what it asks now."""
    for line in history:
        for task in line[0].tasks if line else ():
            if task.done or not task.interrupts or task.namespace in history.inside:
                continue
            label = "/".join((*line[0].path, task.name))
            bar = Bar(label=label, start=line[0].at, end=None, kind="human", status="waiting")
            yield _Wait("|".join(filter(None, (line[0].namespace, _own(task)))), task.interrupts[0].id, bar)


def _own(task: Task) -> str:
    """LangGraph's name of the place that is this task."""
    return f"{task.name}:{task.id}"


def _is_at(action: Action, task: Task) -> bool:
    return _own(task) == action.identity.checkpoint_ns.split("|")[-1]


def _spans(line: Sequence[Checkpoint], end: dt.datetime) -> Iterator[tuple[Checkpoint, Task, dt.datetime]]:
    """Each task of a line, where it was due, and when its work was there."""
    holds = {each.parent_id: each for each in reversed(line) if each.source == "loop"}
    for each in line:
        held = holds.get(each.id)
        for task in each.tasks:
            if task.name != "__start__":
                yield each, task, max(held.at if held else end, each.at)


def _bars(label: str, span: Span, taken: Sequence[Span], status: Status, note: str) -> Iterator[Bar]:
    """A task's time without what others took; the last part says how it stands."""
    parts = without(span, taken) or [(span[0], span[0])]
    for index, (since, to) in enumerate(parts):
        last = index == len(parts) - 1
        end = None if last and status == "running" else to
        yield Bar(
            label=label, start=since, end=end, status=status if last else "done", note=note if last else ""
        )
