"""Asking people from inside a graph where no tool is called: what ``human_step`` and ``ask`` share.

As at the gate, the resume value is only the knock on the door. ``interrupt()`` is called for every question, in the same order on every
re-run, also when the answer is known; then the store says what it is. A value that arrives without a decision in the store, too early,
twice or for another question, is answered with the same question again.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Generator, Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import Any, TypeVar, Unpack

from langgraph.config import get_config
from langgraph.types import interrupt

from hitl_middleware import dialects
from hitl_middleware.actions import DecisionType, Place
from hitl_middleware.desk.answers import answering, withdrawn
from hitl_middleware.dialects import Question
from hitl_middleware.errors import ConfigurationError, DoesNotFit, QuestionWithdrawn
from hitl_middleware.gate.calls import lease_in, thread_in
from hitl_middleware.gate.places import next_place
from hitl_middleware.gate.shape import Shape, shape_of
from hitl_middleware.leases import Holdings
from hitl_middleware.policy import Lateness, Policy, ReviewPlan
from hitl_middleware.portal import Portal
from hitl_middleware.ports import Store
from hitl_middleware.records import ReviewRequest

T = TypeVar("T")

Story = Generator[Callable[[], Awaitable[Any]], Any, T]
"""What has to be looked up in the store, on the store's loop, until the value is known."""

STEPS_KEY = "__hitl_steps"
"""``configurable[…]``: the ``Steps`` of whoever drives the graph. Two underscores: LangGraph keeps it out of checkpoints and traces."""


MOST_LABEL = 500
"""Characters: labels are shown in headings and written into every line of the log."""


class Steps:
    """How the nodes of a graph ask people. One per ``Hitl``: ``hitl.steps``."""

    def __init__(self, store: Store, holdings: Holdings, portal: Portal) -> None:
        self._store = store
        self._holdings = holdings
        self._portal = portal

    # ask -------------------------------------------------------------------------------------------------------------

    def ask(
        self,
        question: str,
        schema: Any = None,
        *,
        approvers: Sequence[str] | None = None,
        expires_in: timedelta | None = None,
        **late: Unpack[Lateness],
    ) -> Any:
        """See ``hitl_middleware.ask``."""
        return self.told(self._asked(question, schema, approvers, expires_in, late))

    async def aask(
        self,
        question: str,
        schema: Any = None,
        *,
        approvers: Sequence[str] | None = None,
        expires_in: timedelta | None = None,
        **late: Unpack[Lateness],
    ) -> Any:
        """See ``hitl_middleware.aask``."""
        return await self.atold(self._asked(question, schema, approvers, expires_in, late))

    def _asked(
        self,
        text: str,
        schema: Any,
        approvers: Sequence[str] | None,
        expires_in: timedelta | None,
        late: Lateness,
    ) -> Story[Any]:
        plan = plan_of(("respond",), approvers, expires_in, late, "The graph asks a question")
        shape = None if schema is None else shape_of(schema, "ask(schema=…)")
        title, description = dialects.headed(text, "The run asks a question")

        def make(place: Place, notes: tuple[str, ...]) -> Question:
            return Question(
                kind="question",
                title=title,
                description=description,
                plan=plan,
                response_schema=shape.schema if shape else None,
                place=place,
                notes=notes,
            )

        return (yield from self.heard(here(), "ask", make, partial(_answer, shape)))

    # labels ----------------------------------------------------------------------------------------------------------

    def label(self, labels: Mapping[str, str]) -> None:
        """See ``hitl_middleware.label_run``."""
        if (run_id := self._labelled(labels)) is not None:
            self._portal.call(self._label, run_id, labels)

    async def alabel(self, labels: Mapping[str, str]) -> None:
        """See ``hitl_middleware.alabel_run``."""
        if (run_id := self._labelled(labels)) is not None:
            await self._portal.run(self._label, run_id, labels)

    def _labelled(self, labels: Mapping[str, str]) -> str | None:
        """The run that is to bear them."""
        for name, value in labels.items():
            if not isinstance(value, str) or len(value) > MOST_LABEL:
                msg = f"label_run({name}=…): a label is a text of at most {MOST_LABEL} characters"
                raise ConfigurationError(msg)
        configurable = here()
        return self._run_id(configurable, str(thread_in(configurable)))

    async def _label(self, run_id: str, labels: Mapping[str, str]) -> None:
        async with self._store.begin() as uow:
            await uow.label_run(run_id, labels)

    # what both do ----------------------------------------------------------------------------------------------------

    def heard(
        self,
        configurable: Mapping[str, Any],
        who: str,
        make: Callable[[Place, tuple[str, ...]], Question],
        take: Callable[[ReviewRequest], T],
    ) -> Story[T]:
        """Ask, and take the answer. One that ``take`` refuses (``DoesNotFit``) is asked again at the next place, saying why."""
        notes: tuple[str, ...] = ()
        while True:
            request = yield from self._decided(configurable, make(next_place(configurable, who), notes))
            try:
                return take(request)
            except DoesNotFit as error:
                notes = (*notes, f"The last answer was not taken. {error}")

    def _decided(self, configurable: Mapping[str, Any], question: Question) -> Story[ReviewRequest]:
        """The request for this question, once it is decided or was taken back."""
        assert question.place is not None  # noqa: S101 – only what has a place is asked here
        value, schema = dialects.ask_people(question), dialects.answer_schema(question)
        run_id = self._run_id(configurable, question.place.thread_id)
        while True:
            interrupt(value, response_schema=schema)
            request = answering(question, (yield partial(self._at, question.place)))
            if request is None or request.status == "pending":
                continue
            if request.decision is not None or withdrawn(request, run_id):
                return request

    def _run_id(self, configurable: Mapping[str, Any], thread_id: str) -> str | None:
        lease = lease_in(configurable) or self._holdings.lease_on(thread_id)
        return None if lease is None else lease.run_id

    async def _at(self, place: Place) -> Sequence[ReviewRequest]:
        async with self._store.glance() as uow:
            return await uow.requests_at(place)

    async def request(self, request_id: str) -> ReviewRequest | None:
        """What is stored of a request."""
        async with self._store.glance() as uow:
            return await uow.request(request_id)

    # drivers ---------------------------------------------------------------------------------------------------------

    def told(self, story: Story[T]) -> T:
        """Tell a story to its end, from a node that runs under ``invoke``."""
        try:
            look = next(story)
            while True:
                look = story.send(self._portal.call(look))
        except StopIteration as end:
            value: T = end.value
            return value

    async def atold(self, story: Story[T]) -> T:
        """The same for ``ainvoke``."""
        try:
            look = next(story)
            while True:
                look = story.send(await self._portal.run(look))
        except StopIteration as end:
            value: T = end.value
            return value


def here() -> Mapping[str, Any]:
    """The ``configurable`` of the node that runs here. Raises ``ConfigurationError`` outside a graph."""
    try:
        return get_config().get("configurable") or {}
    except RuntimeError:
        msg = "this works inside a node of a graph that runs; there is none here"
        raise ConfigurationError(msg) from None


def plan_of(
    decisions: Sequence[DecisionType],
    approvers: Sequence[str] | None,
    expires_in: timedelta | None,
    late: Lateness,
    reason: str,
    *,
    required_approvals: int = 1,
    required_from: Sequence[str] = (),
) -> ReviewPlan:
    """The plan for a question of the graph. Raises ``ConfigurationError`` for one that could never be answered."""
    rules = Policy(
        decisions=decisions,
        approvers=approvers,
        required_approvals=required_approvals,
        required_from=required_from,
        expires_in=expires_in,
        **late,
    )
    return ReviewPlan(
        verdict="ask",
        allowed_decisions=tuple(rules.decisions),
        reason=reason,
        **rules.people(),
        **rules.deadlines(),
    )


def _answer(shape: Shape | None, request: ReviewRequest) -> Any:
    decision = request.decision
    if decision is None:
        raise QuestionWithdrawn(title=request.title, why="; ".join(request.notes[-1:]) or request.status)
    if shape is not None:
        return shape.value(decision.answer)
    reply = decision.reply
    return reply if isinstance(reply, str) else json.dumps(reply, ensure_ascii=False)
