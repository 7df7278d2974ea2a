"""The course of a run as pictures and steps: its graph with where it stands, when its nodes ran, and its state at each checkpoint.

What cannot be read – a graph of another process, an Agent Server that is away, a graph without a saver – is a sentence in its place: a
run's page says what is stored about it in any case, and soon.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import structlog
from markupsafe import Markup, escape

from hitl_middleware.display import one_line, shown_text
from hitl_middleware.drawing import Diagram, Standing, Timeline, draw, draw_timeline, told
from hitl_middleware.errors import HitlError, UnknownGraph
from hitl_middleware.ports import Checkpoint, GraphReader
from hitl_middleware.runs.history.back import look_back
from hitl_middleware.runs.history.changes import changes
from hitl_middleware.runs.history.kept import History
from hitl_middleware.runs.history.picture import standing, timeline
from hitl_middleware.views import RunDetail

log = structlog.get_logger("hitl.pages")

MOST_STEPS: Final = 30
"""Checkpoints of a run that its page reads and shows, the newest."""

MOST_OF_STEP: Final = 4_000
"""Characters of one step's changes that are shown; beyond, it says loudly that they are cut."""

MOST_OF_ALL: Final = 60_000
"""The same for all steps together."""

MOST_NODES: Final = 200
MOST_EDGES: Final = 400
"""Nodes and edges up to which a graph is drawn. A larger picture helps nobody; as a list it stays readable."""

READING: Final = 0.25
"""Seconds for which steps are read: of a long conversation, of which each is a whole copy, there are then fewer."""

PATIENCE: Final = 3.0
"""Seconds after which the page goes without."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A checkpoint: what ran, and what its state has that the one before had not. ``asked``, ``errors``: what came of what was due."""

    number: int
    at: dt.datetime
    name: str
    changes: Markup
    due: tuple[str, ...] = ()
    asked: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """``graph``: the picture; ``None``: there is none, and ``why`` says why. ``text`` and ``mermaid``: the same in words.

    ``steps``: in order; ``cut``: there are older ones.
    """

    line: Markup
    graph: Markup | None = None
    text: str = ""
    mermaid: str = ""
    why: str = ""
    steps: tuple[Step, ...] = ()
    cut: bool = False


async def course_of(reader: GraphReader, detail: RunDetail, now: dt.datetime) -> Course:
    """Read and draw. Raises nothing: a page is not worse for what it cannot show."""
    shape, history, why = await _read(reader, detail)
    return await asyncio.to_thread(_drawn, shape, history, why, detail, now)


async def _read(reader: GraphReader, detail: RunDetail) -> tuple[Diagram | None, History, str]:
    run = detail.run
    plans = [*(each.plan for each in detail.requests), *(each.plan for each in detail.actions)]
    hidden = {name for plan in plans for name in plan.redact}
    shape = None
    try:
        async with asyncio.timeout(PATIENCE):
            shape = await reader.shape(run.graph)
            kept = await look_back(
                reader, run.graph, run.thread_id, limit=MOST_STEPS, redact=hidden, seconds=READING
            )
            return shape, kept.of_run(run), ""
    except UnknownGraph:
        why = "This server does not have the graph, so it cannot be drawn here: another process runs it."
    except TimeoutError:
        why = "Where the graph runs does not answer in time. Reload the page to try again."
    except HitlError as error:
        why = str(error)
    except Exception as error:  # noqa: BLE001 – a graph and a saver of anybody's
        log.warning("pages.run_not_read", run=run.id, graph=run.graph, why=type(error).__name__)
        why = f"The graph cannot be read ({type(error).__name__})."
    return shape, History(), why


def _drawn(shape: Diagram | None, history: History, why: str, detail: RunDetail, now: dt.datetime) -> Course:
    known = detail.run, detail.requests, detail.actions
    line = timeline(history, now, *known)
    steps = tuple(_steps(history, detail))
    found = Course(line=_line(line), why=why, steps=steps, cut=history.cut)
    if shape is None:
        return found
    stands = standing(shape, history, *known)
    graph = None
    if len(shape.nodes) <= MOST_NODES and len(shape.edges) <= MOST_EDGES:
        graph = Markup(draw(shape, stands, name=_name(shape, stands, detail)))  # noqa: S704 – it escapes what is data
    else:
        size = f"{len(shape.nodes)} nodes and {len(shape.edges)} edges"
        why = why or f"It has {size}, too many for a picture."
    return Course(
        line=found.line,
        graph=graph,
        text=told(shape, stands),
        mermaid=shape.mermaid,
        why=why,
        steps=steps,
        cut=history.cut,
    )


def _line(line: Timeline) -> Markup:
    return Markup(draw_timeline(line))  # noqa: S704 – it escapes what is data


def _name(shape: Diagram, stands: Standing, detail: RunDetail) -> str:
    """What the picture shows, for those who hear it."""
    where = [
        f"{shape.by_id[node_id].label} {mark.status}"
        for node_id, mark in stands.marks.items()
        if mark.status != "done"
    ]
    return f"Graph {detail.run.graph}: {', '.join(where) or detail.run.status}"


def _steps(history: History, detail: RunDetail) -> Iterator[Step]:
    """The newest, in order. What a graph inside was given is what its node had: that is left out."""
    titles = {request.interrupt_id: request.title for request in detail.requests}
    every = {each.id: each for line in history for each in line}
    shown = sorted(
        (each for each in every.values() if not (each.namespace and each.source == "input")),
        key=lambda each: (each.at, each.step),
    )
    room = MOST_OF_ALL
    for each in shown[-MOST_STEPS:]:
        step = _step(each, every, titles, min(room, MOST_OF_STEP))
        room = max(room - len(step.changes), 200)
        if step.changes or each.source != "input":
            yield step


def _step(each: Checkpoint, every: Mapping[str, Checkpoint], titles: Mapping[str, str], room: int) -> Step:
    before = every.get(each.parent_id or "")
    found = changes(before.values if before else {}, each.values)
    words = "\n".join(change.words for change in found)
    return Step(
        number=each.step,
        at=each.at,
        name=_ran(each),
        changes=escape(shown_text(words, room).text),
        due=tuple("/".join((*each.path, name)) for name in each.next),
        asked=tuple(titles.get(item.id) or one_line(str(item.value), 200) for item in each.interrupts),
        errors=tuple(one_line(error, 1_000) for error in each.errors),
    )


def _ran(each: Checkpoint) -> str:
    match each.source:
        case "input":
            return "input"
        case "update":
            return "changed from outside"
        case "fork":
            return "copied"
    inside = "/".join(each.path)
    names = ", ".join("start" if name == "__start__" else name for name in each.ran) or "…"
    return f"{inside}/{names}" if inside else names
