"""Where a run stands in its graph, and when each of its nodes ran. Pure."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from hitl_middleware.drawing import Bar, Diagram, Mark, Standing, Status, Timeline
from hitl_middleware.drawing.timeline import joined, without
from hitl_middleware.ports import Checkpoint, Task
from hitl_middleware.records import Action, ReviewRequest, Run
from hitl_middleware.review import is_final
from hitl_middleware.runs.history.kept import History

_WEIGHT: Mapping[Status, int] = {"unknown": 6, "failed": 5, "waiting": 4, "running": 3, "next": 2, "done": 1}


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
            if node_id in diagram.by_id and (known is None or _WEIGHT[status] > _WEIGHT[known[0]]):
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
        for each in line:
            yield from ((_node(each, task), "done", "") for task in each.tasks if task.done)
        if line and (line[0] is history.newest or _is_due(history, line[0].namespace)):
            due = (task for task in line[0].tasks if not task.done)
            yield from ((_node(line[0], task), *_due(task, run, requests)) for task in due)
    for request in requests:
        if request.status == "pending" and request.checkpoint_ns:
            yield _name(request.checkpoint_ns), "waiting", request.title
    for action in actions:
        if action.status == "unknown":
            yield (
                _name(action.identity.checkpoint_ns),
                "unknown",
                f"nobody knows what became of {action.tool}",
            )
    if history.newest is not None and not history.newest.tasks:
        yield "__end__", "done", ""


def _due(task: Task, run: Run | None, requests: Sequence[ReviewRequest]) -> tuple[Status, str]:
    if task.error:
        return "failed", task.error
    asked = {item.id for item in task.interrupts}
    known = [request for request in requests if request.interrupt_id in asked]
    if run is not None and is_final("run", run.status):
        return (
            ("failed", run.error or "") if run.status == "failed" else ("next", f"the run was {run.status}")
        )
    if asked and not (known and all(is_final("request", request.status) for request in known)):
        return "waiting", ""
    if run is None or run.status == "suspended":
        held = any(request.kind == "breakpoint" and request.status == "pending" for request in requests)
        return ("waiting", "held at a breakpoint") if held else ("next", "")
    return ("running", "") if run.status == "running" else ("next", "")


def _is_due(history: History, namespace: str) -> bool:
    """Whether the node that this graph is inside of has not run to its end."""
    return any(
        task.namespace == namespace and not task.done
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
    waits = tuple(_waits(history, requests))
    doubtful = {
        action.identity.checkpoint_ns.split("|")[-1] for action in actions if action.status == "unknown"
    }
    bars: list[Bar] = [bar for _, bar in waits]
    for line in history:
        bars += _bars(line, history, run, requests, waits, end, doubtful)
    return Timeline(start=start, end=end, bars=tuple(bars))


def _waits(history: History, requests: Sequence[ReviewRequest]) -> Iterator[tuple[str, Bar]]:
    """For each thing asked: where (the innermost node's namespace), and its bar."""
    for request in requests:
        pending = request.status == "pending"
        ended = None if pending else request.decided_at or request.updated_at
        status: Status = (
            "waiting" if pending else "failed" if request.status in {"expired", "cancelled"} else "done"
        )
        note = "" if pending else request.status
        yield (
            request.checkpoint_ns,
            Bar(
                label=request.title,
                start=request.created_at,
                end=ended,
                kind="human",
                status=status,
                note=note,
            ),
        )
    if not requests:  # a thread of which no request is known
        yield from _waits_of_thread(history)


def _waits_of_thread(history: History) -> Iterator[tuple[str, Bar]]:
    for line in history:
        for task in line[0].tasks if line else ():
            if task.done or not task.interrupts or task.namespace in history.inside:
                continue
            where = "|".join(filter(None, (line[0].namespace, f"{task.name}:{task.id}")))
            label = "/".join((*line[0].path, task.name))
            yield where, Bar(label=label, start=line[0].at, end=None, kind="human", status="waiting")


def _bars(
    line: Sequence[Checkpoint],
    history: History,
    run: Run | None,
    requests: Sequence[ReviewRequest],
    waits: Sequence[tuple[str, Bar]],
    end: dt.datetime,
    doubtful: set[str],
) -> Iterator[Bar]:
    holds = {each.parent_id: each for each in reversed(line) if each.source == "loop"}
    for each in line:
        held = holds.get(each.id)
        for task in each.tasks:
            if task.name == "__start__" or task.namespace in history.inside:
                continue
            place = f"{task.name}:{task.id}"
            to = held.at if held else end
            mine = joined(
                (bar.start, bar.end or end) for where, bar in waits if place in where.split("|") or not where
            )
            status, note = _DONE if task.done else _due(task, run, requests)
            if status == "next":
                continue
            if place in doubtful:
                status = "unknown"
            spans = without((each.at, max(to, each.at)), mine) or [(each.at, each.at)]
            for index, (since, until) in enumerate(spans):
                last = index == len(spans) - 1
                going = last and status == "running"
                yield Bar(
                    label="/".join((*each.path, task.name)),
                    start=since,
                    end=None if going else until,
                    status=status if last else "done",
                    note=note if last else "",
                )
