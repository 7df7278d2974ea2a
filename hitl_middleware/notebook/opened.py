"""An opened run: at the step where it is suspended, with all that one asks of a run that stopped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from hitl_middleware.notebook import bundle, threads
from hitl_middleware.notebook.comparing import Comparison
from hitl_middleware.notebook.deciding import VIA, Outcome, Told, decision, in_doubt, submit, waiting
from hitl_middleware.notebook.differing import StateDiff, state_diff
from hitl_middleware.notebook.errors import CannotFork, LoopBusy, Offline, WidgetsMissing
from hitl_middleware.notebook.facts import Facts
from hitl_middleware.notebook.markup import Html, Shown, indented, joined, more, tag
from hitl_middleware.notebook.pictures import Drawing, TimeLine
from hitl_middleware.notebook.places import Steps, StepView, called, place
from hitl_middleware.notebook.question import Question, Unasked
from hitl_middleware.notebook.reasons import Why, why
from hitl_middleware.notebook.source import Source
from hitl_middleware.notebook.standing import Standing, dry_words, standing
from hitl_middleware.notebook.trail import Trail
from hitl_middleware.people import login
from hitl_middleware.ports import Checkpoint

if TYPE_CHECKING:
    from hitl_middleware.notebook.recorders import StandIn

Place = int | str
"""A checkpoint: its number (negative from the end), its id or the beginning of it, or the name of a node: the last time it was due."""

_GIVEN = object()


class OpenRun(Shown):
    """One run, as it was when it was opened or last looked at (``refresh``)."""

    def __init__(self, facts: Facts, source: Source | None) -> None:
        self.facts = facts
        self._source = source

    # what it is ------------------------------------------------------------------------------------------------------

    @property
    def id(self) -> str:
        """The run's id."""
        return self.facts.run.id

    @property
    def thread_id(self) -> str:
        """Its thread's id."""
        return self.facts.run.thread_id

    @property
    def status(self) -> str:
        """``running``, ``suspended``, ``succeeded``, ``failed``, ``cancelled`` or ``queued``."""
        return self.facts.run.status

    @property
    def standing(self) -> Standing:
        """Where it stands and why, in sentences."""
        return standing(self.facts)

    @property
    def questions(self) -> tuple[Question | Unasked, ...]:
        """What it asks just now."""
        asked = [Question(request, self.facts) for request in self.facts.pending]
        return (*asked, *(Unasked(one) for one in self.facts.asking))

    @property
    def question(self) -> Question | Unasked | None:
        """The first of them."""
        return self.questions[0] if self.questions else None

    @property
    def checkpoints(self) -> Sequence[Checkpoint]:
        """The steps of its thread, oldest first."""
        return self.facts.checkpoints

    @property
    def state(self) -> Mapping[str, Any]:
        """The graph's state as JSON, as it is now, without what policies hide."""
        return self.facts.now.values if self.facts.now is not None else {}

    @property
    def recorded(self) -> Sequence[Any]:
        """Of a dry run: the calls that it did not make."""
        return self.facts.dry.recorded if self.facts.dry is not None else ()

    def refresh(self) -> OpenRun:
        """Look again; the same object, as the run is now."""
        self.facts = self._there("there is nothing to look at again").look(self.facts)
        return self

    def wait(self, seconds: float = 30.0) -> OpenRun:
        """Wait until it stops again (at most ``seconds``), and look. Whoever drives it does so meanwhile."""
        self._there("it does not go on").moved(self.facts.run, seconds)
        return self.refresh()

    # looking closer --------------------------------------------------------------------------------------------------

    def graph(self, at: Place | None = None) -> Drawing:
        """The graph, with what is done, waiting, failed and next marked. ``at``: as it was at a checkpoint."""
        return Drawing.of(self.facts, None if at is None else self.checkpoint(at))

    def timeline(self) -> TimeLine:
        """When which node ran, and when people were waited for."""
        return TimeLine.of(self.facts)

    def checkpoint(self, at: Place) -> Checkpoint:
        """One step of its thread. Raises ``NoSuchPlace``."""
        return place(self.facts, at)

    def step(self, at: Place = -1) -> StepView:
        """The thread at one of its checkpoints: what was due, and what the step before had changed."""
        return StepView(self.facts, self.checkpoint(at))

    def diff(self, a: Place | None = None, b: Place = -1) -> StateDiff:
        """What changed in the state from one checkpoint to another; by default in the last step."""
        after = self.checkpoint(b)
        before = self.facts.before(after) if a is None else self.checkpoint(a)
        old = before.values if before is not None else {}
        return state_diff(called(self.facts, before), old, called(self.facts, after), after.values)

    def steps(self) -> Any:
        """A slider over the checkpoints. Raises ``WidgetsMissing``."""
        _widgets("run.steps()", "run.step(number) shows one of them")
        from hitl_middleware.notebook.widgets import StepSlider

        return StepSlider(Steps(self.facts))

    def why(self) -> Why:
        """Which rule asked, who may decide, and who did not count and why."""
        return why(self.facts)

    def audit(self) -> Trail:
        """Who did what, when, from where."""
        return Trail(self.facts.trail)

    # deciding --------------------------------------------------------------------------------------------------------

    @overload
    def decide(self, *, request: str | None = None) -> Any: ...
    @overload
    def decide(
        self,
        decision: str,
        message: str | None = None,
        *,
        args: dict[str, Any] | None = None,
        answer: Any = ...,
        request: str | None = None,
        reviewer: str | None = None,
    ) -> Told: ...
    def decide(
        self,
        decision: str | None = None,
        message: str | None = None,
        *,
        args: dict[str, Any] | None = None,
        answer: Any = _GIVEN,
        request: str | None = None,
        reviewer: str | None = None,
    ) -> Any:
        """Answer what waits, by the same desk and under the same checks as in every channel.

        Without a ``decision``: a form with buttons. With one – ``approve``, ``edit``, ``reject``, ``respond``, ``feedback`` – it is
        committed when this returns; ``await`` it or not. ``args``: of an edit, what is to change. ``answer``: what a step's form is
        filled in with, or an answer in the tool's place. ``request``: the code, where several wait. ``reviewer``: as whom, for example
        ``slack:U024BE7LH``. Raises ``NothingWaits``, ``Several``, and whatever the desk says no with: ``NotAllowed``,
        ``AlreadyDecided``, ``DigestMismatch``, ``DoesNotFit``.
        """
        source = self._there("nothing can be decided here")
        if decision is None:
            _widgets("run.decide()", "await run.decide('approve') does without")
            from hitl_middleware.notebook.widgets import DecisionForm

            return DecisionForm(self, waiting(self.facts, request))
        return self._decided(source, decision, message, args, answer, request, reviewer)

    def _decided(
        self,
        source: Source,
        type_: str,
        message: str | None,
        args: dict[str, Any] | None,
        answer: Any,
        request: str | None,
        reviewer: str | None,
    ) -> Told:
        asked = waiting(self.facts, request)
        said = decision(asked, type_, message, args, answer, answered=answer is not _GIVEN)
        who, named = reviewer or source.identity, reviewer is not None or source.named
        decided = source.hitl.portal.call(submit, source.hitl, asked, said, reviewer=who, named=named)
        source.moved(self.facts.run)
        with suppress(LoopBusy):
            self.refresh()
        if decided.status == "pending":
            progress = self.facts.approvals_of(decided)
            return Told(
                f"Counted: {len(progress.given)} of {progress.needed}. {decided.title} [{decided.code}] still waits.",
                decided,
            )
        told = (
            f"{decided.title} [{decided.code}] is {decided.status}, decided by {decided.decided_by or who}."
        )
        after = standing(self.facts).headline
        return Told(
            f"{told} The run: {after}"
            if self.facts.dry
            else f"{told} Whoever drives the run carries on with it.",
            decided,
        )

    def settle(
        self, what: Outcome, message: str | None = None, *, result: str | None = None, act: str | None = None
    ) -> Told:
        """Say what became of an act that nobody heard the end of. Raises ``NothingWaits``, ``NotAllowed``."""
        source = self._there("nothing can be settled here")
        found = in_doubt(self.facts, act)
        settled = source.hitl.portal.call(
            source.hitl.settle,
            found.id,
            what,
            identity=source.identity,
            via=VIA,
            message=message,
            result=result,
            vouched_by=f"{VIA}:{login()}" if source.named else None,
        )
        source.moved(self.facts.run)
        with suppress(LoopBusy):
            self.refresh()
        return Told(f"{settled.tool} is {settled.status} now, settled by {source.identity}.", action=settled)

    # forking ---------------------------------------------------------------------------------------------------------

    def fork(
        self,
        at: Place = -1,
        values: Mapping[str, Any] | None = None,
        *,
        as_node: str | None = None,
        stand_ins: Mapping[str, StandIn] | None = None,
        dry_run: bool = True,
        in_place: bool = False,
    ) -> OpenRun:
        """Try the run from a checkpoint on, with other values of the state, on a new thread and without doing anything.

        ``at``: by default where it stands; the step that is due there is run (again). ``values``: as a node would return them;
        ``as_node``: whose they are, where that is not plain. In a dry run every tool is replaced by a recorder; ``stand_ins`` says what
        one is to answer (a value, or a function of its arguments), or what a node is to write in its place. Nodes that are no tools run
        as they are, models included; the fork names them.

        ``dry_run=False``: a run on the shared database; each gated call is asked about again, and then really happens. ``in_place=True``
        goes on from there on the same thread: what it asks now is superseded. Raises ``CannotFork``.
        """
        from hitl_middleware.notebook import branching, forking

        source = self._there("it cannot be forked")
        graph, reason = source.graph_of(self.facts.run)
        if graph is None:
            raise CannotFork(why=reason)
        if threads.stands_on(graph):
            raise LoopBusy(name=self.facts.run.graph, call="asyncio.to_thread(run.fork, …)")
        if not self.facts.checkpoints:
            raise CannotFork(why="; ".join(self.facts.notes) or "there is no checkpoint of its thread.")
        if in_place and dry_run:
            raise CannotFork(
                why="on its own thread nothing can be a dry run. Say so: fork(…, in_place=True, dry_run=False) supersedes what it asks."
            )
        start = self.checkpoint(at)
        wish = branching.Wish(at=start, newest=start is self.facts.now, values=values, as_node=as_node)
        if dry_run:
            return OpenRun(*forking.dry_run(source, graph, self.facts, wish, stand_ins or {}))
        if stand_ins:
            raise CannotFork(why="stand_ins are for a dry run; here everything happens.")
        return OpenRun(branching.real_fork(source, graph, self.facts, wish, in_place=in_place), source)

    def compare(self, other: OpenRun) -> Comparison:
        """This run and another one, side by side."""
        return Comparison(self.facts, other.facts)

    def export(self, path: str | Path) -> Path:
        """Write all that is shown of it into a file that ``Debugger.load(path)`` opens anywhere. What policies hide is not in it."""
        return bundle.save(self.facts, Path(path))

    def close(self) -> None:
        """Of a dry run: end it. Anything else is nobody's to close here."""
        close = getattr(self._source, "close", None)
        if self.facts.dry is not None and close is not None:
            close()

    # showing ---------------------------------------------------------------------------------------------------------

    def as_html(self) -> Html:
        facts, told = self.facts, self.standing
        kind = {"waiting": "waiting", "done": "over", "running": "", "queued": ""}.get(told.state, "wrong")
        return joined(
            [
                tag(
                    "div",
                    tag("h3", facts.run.graph, tag("span", f" {facts.run.id}", class_="soft")),
                    tag(
                        "p",
                        tag("span", told.state, class_=f"badge {_COLOUR.get(told.state, 'soft')}"),
                        told.headline,
                    ),
                    *(tag("p", each) for each in told.because),
                    *(tag("p", f"→ {each}", class_="soft") for each in told.then),
                    *(tag("p", each, class_="wait") for each in facts.notes),
                    *([_dry(facts)] if facts.dry is not None else []),
                    class_=f"box {kind}".strip(),
                ),
                *(one.as_html() for one in self.questions),
                self.graph().as_html(),
                self.timeline().as_html(),
                more(f"State ({len(self.checkpoints)} checkpoints)", self.step().as_html())
                if self.checkpoints
                else None,
            ]
        )

    def as_text(self) -> str:
        facts, told = self.facts, self.standing
        lines = [
            f"{facts.run.graph}  {facts.run.id}  on thread {facts.run.thread_id}",
            f"{told.state}: {told.headline}",
        ]
        lines += [f"  {each}" for each in told.because] + [f"  → {each}" for each in told.then]
        lines += [f"  note: {each}" for each in facts.notes]
        if facts.dry is not None:
            lines += [f"  {each}" for each in dry_words(facts)]
        lines += [indented(one.as_text()) for one in self.questions]
        graph, timeline = self.graph().as_text(), self.timeline().as_text()
        return "\n".join([*lines, *([graph] if graph else []), *([timeline] if timeline else [])])

    def _there(self, what: str) -> Source:
        if self._source is None:
            raise Offline(at=f"{self.facts.at:%Y-%m-%d %H:%M} UTC", what=what)
        return self._source


_COLOUR = {"waiting": "wait", "failed": "bad", "stuck": "bad", "unknown": "bad", "done": "good"}


def _dry(facts: Facts) -> Html:
    return tag("div", *(tag("p", line) for line in dry_words(facts)), class_="soft")


def _widgets(what: str, instead: str) -> None:
    try:
        import ipywidgets  # noqa: F401 – whether it is there
    except ModuleNotFoundError:
        raise WidgetsMissing(what=what, instead=instead) from None


__all__ = ["OpenRun", "Place", "Source"]
