"""A workflow step as a node: people look at the state, and what they decided is written into it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property, partial
from typing import Any

from langchain_core.messages import BaseMessage
from langchain_core.runnables import RunnableConfig, RunnableLambda
from pydantic_core import to_jsonable_python

from hitl_middleware import dialects
from hitl_middleware.actions import Place, Review, StepDecision
from hitl_middleware.dialects import Question
from hitl_middleware.errors import ConfigurationError
from hitl_middleware.gate.calls import thread_in
from hitl_middleware.gate.shape import Shape, shape_of
from hitl_middleware.gate.steps import Steps, Story, plan_of
from hitl_middleware.policy import Lateness, ReviewPlan
from hitl_middleware.records import ReviewRequest
from hitl_middleware.wording import person

STEP_DECISIONS: tuple[StepDecision, ...] = ("approve", "reject", "feedback")

Prompt = str | Callable[[Any], str]
_STEP_DECISION: Mapping[str, StepDecision] = {each: each for each in STEP_DECISIONS}

Find = Callable[[Mapping[str, Any]], Steps]
"""Who knows what people decided, by the ``configurable`` of the node that runs."""


@dataclass(frozen=True, kw_only=True)
class StepRules:
    """The parameters of ``human_step``; see there. Raises ``ConfigurationError`` for those that could never work."""

    prompt: Prompt
    show: Sequence[str] = ()
    form: Any = None
    decisions: Sequence[StepDecision] = STEP_DECISIONS
    approvers: Sequence[str] | None = None
    required_approvals: int = 1
    required_from: Sequence[str] = ()
    expires_in: timedelta | None = None
    into: str | None = None
    max_rounds: int = 10
    late: Lateness = field(default_factory=Lateness)

    def __post_init__(self) -> None:
        if isinstance(self.decisions, str):
            msg = f"decisions: give a list of them, not the text {self.decisions!r}"
            raise ConfigurationError(msg)
        unknown = [each for each in self.decisions if each not in STEP_DECISIONS]
        if unknown:
            msg = f"decisions: {unknown}; a workflow step takes {', '.join(STEP_DECISIONS)}"
            raise ConfigurationError(msg)
        if set(self.decisions) == {"feedback"}:
            msg = "decisions: with feedback alone the step would never end; add approve or reject"
            raise ConfigurationError(msg)
        if isinstance(self.show, str):
            msg = f"show: give a list of keys of the state, not the text {self.show!r}"
            raise ConfigurationError(msg)
        if self.max_rounds < 1:
            msg = f"max_rounds: {self.max_rounds}; at least 1"
            raise ConfigurationError(msg)
        if self.form is not None and "approve" not in self.decisions:
            msg = "form: it is filled in when approving, and this step does not take approve"
            raise ConfigurationError(msg)
        plan = self.plan
        if self.form is not None and plan.by_several:
            msg = "form: it is filled in by one person, and this step takes several approvals; ask for the values in a step of their own"
            raise ConfigurationError(msg)
        if "reject" not in self.decisions and (plan.escalate_to[-1:] or (plan,))[0].on_expiry == "reject":
            msg = "on_expiry: 'reject' takes the step's reject edge, and this step does not take reject"
            raise ConfigurationError(msg)
        _ = self.shape  # what is wrong with them is said when the graph is built

    @cached_property
    def plan(self) -> ReviewPlan:
        """How it is asked, but for the last round."""
        return plan_of(
            tuple(self.decisions),
            self.approvers,
            self.expires_in,
            self.late,
            "The workflow waits at this step",
            required_approvals=self.required_approvals,
            required_from=self.required_from,
        )

    @cached_property
    def shape(self) -> Shape | None:
        """The form."""
        return None if self.form is None else shape_of(self.form, "form")


class HumanStep(RunnableLambda[Any, dict[str, Any]]):
    """The node that ``human_step`` makes; for ``invoke`` and ``ainvoke``."""

    def __init__(self, rules: StepRules, find: Find) -> None:
        self.rules = rules
        self._find = find
        super().__init__(self._decide, self._adecide, name="human_step")

    def _decide(self, state: Any, config: RunnableConfig) -> dict[str, Any]:
        steps = self._find(config.get("configurable") or {})
        return steps.told(self._story(steps, state, config))

    async def _adecide(self, state: Any, config: RunnableConfig) -> dict[str, Any]:
        steps = self._find(config.get("configurable") or {})
        return await steps.atold(self._story(steps, state, config))

    def _story(self, steps: Steps, state: Any, config: RunnableConfig) -> Story[dict[str, Any]]:
        rules, configurable = self.rules, config.get("configurable") or {}
        name = str((config.get("metadata") or {}).get("langgraph_node") or rules.into or "human_step")
        into = rules.into or name
        before = yield from self._round_before(steps, state_value(state, into), name, configurable)
        round_ = 1 if before is None else (before.round or 0) + 1
        prompt = rules.prompt if isinstance(rules.prompt, str) else rules.prompt(state)
        title, description = dialects.headed(prompt, f"{name} waits for a decision")
        plan, history = rules.plan, () if before is None else (*before.notes, _said(before))
        if round_ >= rules.max_rounds and "feedback" in rules.decisions:
            left = tuple(each for each in plan.allowed_decisions if each != "feedback")
            plan = plan.model_copy(update={"allowed_decisions": left})
            history = (*history, f"Round {round_} is the last one: feedback is not taken any more")
        shown = {key: shown_value(state_value(state, key)) for key in rules.show}

        def make(place: Place, notes: tuple[str, ...]) -> Question:
            return Question(
                kind="step",
                title=title,
                description=description,
                plan=plan,
                shown=shown or None,
                response_schema=rules.shape.schema if rules.shape else None,
                place=place,
                step=name,
                round=round_,
                notes=(*history, *notes),
            )

        review = yield from steps.heard(configurable, f"The step {name!r}", make, self._review)
        return {into: review}

    def _round_before(
        self, steps: Steps, review: Any, name: str, configurable: Mapping[str, Any]
    ) -> Story[ReviewRequest | None]:
        """The round whose feedback led here again: the state says which, the store says whether that is so."""
        if not isinstance(review, Mapping) or review.get("decision") != "feedback":
            return None
        request: ReviewRequest | None = yield partial(steps.request, str(review.get("request_id")))
        if request is None or request.thread_id != thread_in(configurable):
            return None
        return request if (request.kind, request.step, request.status) == ("step", name, "revised") else None

    def _review(self, request: ReviewRequest) -> Review:
        """What the graph is told. A step that was taken back is one that nobody agreed to."""
        decision = request.decision
        if decision is not None and decision.type == "approve" and self.rules.shape is not None:
            self.rules.shape.value(decision.answer)
        return Review(
            decision="reject" if decision is None else _STEP_DECISION[decision.type],
            message=decision.message if decision else "; ".join(request.notes[-1:]) or request.status,
            answer=decision.answer if decision else None,
            by=request.decided_by or "hitl",
            request_id=request.id,
            round=request.round or 1,
        )


def _said(before: ReviewRequest) -> str:
    """A round that is over, as a line of the history."""
    who = person(before.decided_by, before.decided_by_name) or "somebody"
    words = before.decision.message if before.decision else None
    return f"Round {before.round}: {who} asked for a revision: {words}"


def state_value(state: Any, key: str) -> Any:
    """A value of the state, however the graph declares it; ``None``: not set."""
    return state.get(key) if isinstance(state, Mapping) else getattr(state, key, None)


def shown_value(value: Any) -> Any:
    """A value of the state as JSON for people: of a message who speaks and what it says, of anything else all of it."""
    try:
        return _shown(value)
    except Exception:  # noqa: BLE001 – whatever a state holds (a circle, a __str__ that fails), somebody has to look at it
        return dialects.jsonable(value)


def _shown(value: Any) -> Any:
    match value:
        case None | bool() | int() | str():
            return value
        case float():
            return value if math.isfinite(value) else str(value)
        case BaseMessage():
            return {"role": value.type, "content": value.content}
        case Mapping():
            return {str(key): _shown(item) for key, item in value.items()}
        case list() | tuple():
            return [_shown(item) for item in value]
        case _:
            return _shown(to_jsonable_python(value, fallback=str, bytes_mode="base64"))
