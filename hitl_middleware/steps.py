"""Workflow steps for any graph: ``human_step``, ``ask`` and ``route``, answered by whoever drives the graph.

That is the ``Hitl`` which serves the graph or to which it is attached; where neither is the case – under LangGraph's own server – the
process's ``Hitl.from_env()``. ``hitl.steps`` has the same two for one ``Hitl`` alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, TypeVar, Unpack, overload

from hitl_middleware.actions import StepDecision
from hitl_middleware.gate.edges import route
from hitl_middleware.gate.human_step import STEP_DECISIONS, HumanStep, Prompt, StepRules
from hitl_middleware.gate.steps import STEPS_KEY, Steps, here
from hitl_middleware.policy import Lateness

T = TypeVar("T")


def human_step(  # noqa: PLR0913 – each is one fact of the step
    prompt: Prompt,
    *,
    show: Sequence[str] = (),
    form: Any = None,
    decisions: Sequence[StepDecision] = STEP_DECISIONS,
    approvers: Sequence[str] | None = None,
    required_approvals: int = 1,
    required_from: Sequence[str] = (),
    expires_in: timedelta | None = None,
    into: str | None = None,
    max_rounds: int = 10,
    **late: Unpack[Lateness],
) -> HumanStep:
    """A node at which people look and decide; it writes ``{into: Review}``, and where to go from there stays with the graph.

    ``prompt``: what is asked, as text or as a function of the state (of the state alone: the node is run again). ``show``: keys of the
    state that are shown as data. ``form``: a pydantic model, a TypedDict or a JSON Schema; who approves fills it in, and the values are
    the review's ``answer``. ``approvers``: identities and groups, by default HITL_DEFAULT_APPROVERS. ``required_approvals``
    different people must approve, and each of the roles ``required_from`` among them, as in a ``Policy``; such a step has no ``form``, and
    its review is by whoever approved last. ``into``: a key of the state, by
    default the node's name.

    ``expires_in``: how long people have; ``on_expiry``, ``remind`` and ``escalate_to`` say what happens when they do not answer, as in a
    ``Policy``. With ``on_expiry="reject"`` the review is then a ``reject`` by ``hitl``.

    Feedback that leads back to the same node begins the next round: a new request, with what was said before as its history. In round
    ``max_rounds`` feedback is not taken any more, so a loop ends in approve or reject. A step whose run is overtaken by new input is
    rejected by ``hitl``.

    Raises ``ConfigurationError`` for parameters that could never work.
    """
    return HumanStep(
        StepRules(
            prompt=prompt,
            show=show,
            form=form,
            decisions=decisions,
            approvers=approvers,
            required_approvals=required_approvals,
            required_from=required_from,
            expires_in=expires_in,
            into=into,
            max_rounds=max_rounds,
            late=late,
        ),
        steps_in,
    )


@overload
def ask(
    question: str,
    schema: None = None,
    *,
    approvers: Sequence[str] | None = None,
    expires_in: timedelta | None = None,
    **late: Unpack[Lateness],
) -> str: ...
@overload
def ask(
    question: str,
    schema: type[T],
    *,
    approvers: Sequence[str] | None = None,
    expires_in: timedelta | None = None,
    **late: Unpack[Lateness],
) -> T: ...
@overload
def ask(
    question: str,
    schema: Mapping[str, Any],
    *,
    approvers: Sequence[str] | None = None,
    expires_in: timedelta | None = None,
    **late: Unpack[Lateness],
) -> Any: ...
def ask(
    question: str,
    schema: Any = None,
    *,
    approvers: Sequence[str] | None = None,
    expires_in: timedelta | None = None,
    **late: Unpack[Lateness],
) -> Any:
    """Ask people from inside a node (or a tool), and go on with their answer; an ``async`` node awaits ``aask``.

    Without ``schema`` the answer is text. With a type – a pydantic model, a TypedDict, ``bool`` – it is a value of that type, with a JSON
    Schema a JSON value that fits. An answer that breaks a rule which only the type knows is asked for again, saying why.

    The run is parked at each question and the node is run again from its beginning, as with LangGraph's ``interrupt()``: what is done
    before a question is done again. Several questions in one node are told apart by their order and their words; one that is put
    differently is a new question.

    ``expires_in`` and what follows from it (``on_expiry``, ``remind``, ``escalate_to``) as in a ``Policy``.

    Raises ``QuestionWithdrawn`` where the question was taken back or nobody answered it in time (``on_expiry="reject"``),
    ``ConfigurationError`` outside a graph with a checkpointer.
    """
    return steps_in(here()).ask(question, schema, approvers=approvers, expires_in=expires_in, **late)


@overload
async def aask(
    question: str,
    schema: None = None,
    *,
    approvers: Sequence[str] | None = None,
    expires_in: timedelta | None = None,
    **late: Unpack[Lateness],
) -> str: ...
@overload
async def aask(
    question: str,
    schema: type[T],
    *,
    approvers: Sequence[str] | None = None,
    expires_in: timedelta | None = None,
    **late: Unpack[Lateness],
) -> T: ...
@overload
async def aask(
    question: str,
    schema: Mapping[str, Any],
    *,
    approvers: Sequence[str] | None = None,
    expires_in: timedelta | None = None,
    **late: Unpack[Lateness],
) -> Any: ...
async def aask(
    question: str,
    schema: Any = None,
    *,
    approvers: Sequence[str] | None = None,
    expires_in: timedelta | None = None,
    **late: Unpack[Lateness],
) -> Any:
    """``ask`` for ``async`` nodes: other runs go on while the store is read."""
    return await steps_in(here()).aask(question, schema, approvers=approvers, expires_in=expires_in, **late)


def label_run(**labels: str) -> None:
    """Say, from inside a node, what the run is about: small facts for people and channels, such as ``repository="acme/shop", issue="12"``.

    They are added to the run at once, and what is asked from then on carries them; the same again changes nothing. Whoever drives the
    graph knows its run; where nobody does (no ``Hitl`` serves the graph, nor is it attached), there is none to label and nothing happens.
    A node of an ``async`` graph awaits ``alabel_run``. Raises ``ConfigurationError`` outside a graph, or for a label that is no short text.
    """
    steps_in(here()).label(labels)


async def alabel_run(**labels: str) -> None:
    """``label_run`` for ``async`` nodes."""
    await steps_in(here()).alabel(labels)


def steps_in(configurable: Mapping[str, Any]) -> Steps:
    """The ``Steps`` of whoever drives this graph."""
    found = configurable.get(STEPS_KEY)
    if isinstance(found, Steps):
        return found
    from hitl_middleware.hitl import Hitl

    return Hitl.from_env().steps


__all__ = ["aask", "alabel_run", "ask", "human_step", "label_run", "route"]
