"""What a run asks, and what it is answered with: interrupts as questions, decisions as resume values. Pure.

Where there is no answer yet it is ``ABSENT``: ``None`` may be one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hitl_middleware import dialects
from hitl_middleware.actions import Decision, Identity
from hitl_middleware.dialects import Question
from hitl_middleware.forms import ABSENT
from hitl_middleware.ledger import is_settled
from hitl_middleware.records import Action, PendingInterrupt, ReviewRequest, Run, Snapshot


def asked(snapshot: Snapshot) -> Sequence[tuple[PendingInterrupt, tuple[Question, ...]]]:
    """What a run stands at: each of its interrupts with all that it asks, or the breakpoint that holds it."""
    found = [(item, dialects.read(item.value, item.response_schema)) for item in snapshot.interrupts]
    if snapshot.breakpoint is not None and not found:
        item = PendingInterrupt(id=f"breakpoint:{snapshot.breakpoint}", value=None)
        found.append((item, (dialects.breakpoint_question(),)))
    return found


def questions(snapshot: Snapshot) -> Sequence[tuple[PendingInterrupt, int, Question]]:
    """The same one by one: interrupt, position in it, question."""
    return [
        (item, position, question)
        for item, together in asked(snapshot)
        for position, question in enumerate(together)
    ]


def filed(
    item: PendingInterrupt, together: Sequence[Question], known: Sequence[ReviewRequest]
) -> Sequence[ReviewRequest]:
    """The requests in which exactly this was asked, in the order of the questions; ``()``: it is asked for the first time.

    For questions that are not our own (those are known by their action or their place). LangGraph gives an id again, after a crash or
    among parallel calls of one task: only what was filed last under it, and says the same to the letter, is the same question.
    """
    mine = sorted(
        (r for r in known if r.interrupt_id == item.id and r.action_id is None and r.place is None),
        key=lambda r: r.position,
    )
    last = mine[-len(together) :]
    fingerprints = [dialects.fingerprint(together, position) for position in range(len(together))]
    return last if [request.digest for request in last] == fingerprints else ()


def answering(question: Question, requests: Iterable[ReviewRequest]) -> ReviewRequest | None:
    """The newest request that asks this question; ``question`` and ``requests`` are of one thread.

    A step is known by its place alone: its node runs again on the same state, and what people saw then is what they decided on. An
    ``ask`` stands in code of the user's, which may ask something else there the next time: that is another question.
    """
    found = None
    for request in requests:
        if request.place == question.place and request.kind == question.kind:
            found = request if question.kind == "step" or request.digest == question.digest else found
    return found


def withdrawn(request: ReviewRequest, run_id: str | None) -> bool:
    """Whether the run is to go on without an answer. What an earlier run took with it into its end is asked again by the next one."""
    return request.status != "pending" and request.decision is None and run_id in {None, request.run_id}


def placed_answer(question: Question, requests: Iterable[ReviewRequest], run_id: str) -> Any:
    """The hint for a step or an ``ask``; ``ABSENT``: not decided yet."""
    request = answering(question, requests)
    if request is None or request.status == "pending":
        return ABSENT
    if request.decision is not None:
        return dialects.resume_value((question,), (request.decision,))
    return dict(dialects.WITHDRAWN_HINT) if withdrawn(request, run_id) else ABSENT


def actions_answer(together: Sequence[Question], actions: Sequence[Action | None]) -> Any:
    """The hint for an interrupt of the gate's own, about all it asks; ``ABSENT``: not all of it is decided yet."""
    known = [action for action in actions if action is not None and action.status != "waiting"]
    if len(known) < len(together):
        return ABSENT
    if together[0].kind == "outcome":
        # The run waits for the truth: an answer only when there is one (or the act was approved again, or the gate can find it out).
        (action,) = known
        found_out = is_settled(action) or action.status == "approved"
        found_out = found_out or (together[0].early and action.status == "unknown")
        return dict(dialects.SETTLED_HINT) if found_out else ABSENT
    return dialects.resume_value(together, [a.decision or Decision(type="approve") for a in known])


def requests_answer(together: Sequence[Question], requests: Sequence[ReviewRequest]) -> Any:
    """The answer to anybody else's interrupt, put together from what was decided; ``ABSENT``: not all of it is."""
    decisions = [request.decision for request in requests if request.decision is not None]
    return dialects.resume_value(together, decisions) if len(decisions) == len(together) else ABSENT


@dataclass(frozen=True, slots=True)
class Answers:
    """What a run is resumed with: ``values`` by interrupt id, and the decided ``requests`` behind them.

    ``taken_back``: why nobody will answer something that others ask, and that so can never go on; ``None``: everything may be answered.
    """

    values: Mapping[str, Any]
    requests: tuple[ReviewRequest, ...]
    taken_back: str | None = None


def answers_of(
    run: Run, snapshot: Snapshot, requests: Sequence[ReviewRequest], actions: Mapping[Identity, Action]
) -> Answers:
    """What is decided of what the run asks; ``actions``: the gate's own."""
    values = answered(run, snapshot, requests, actions)
    return Answers(values, behind(snapshot, requests, actions, values), taken_back(snapshot, requests))


def answered(
    run: Run, snapshot: Snapshot, requests: Sequence[ReviewRequest], actions: Mapping[Any, Action]
) -> Mapping[str, Any]:
    """Resume values for those of the run's interrupts that are decided, by interrupt id. ``actions``: the gate's own, by identity."""
    found: dict[str, Any] = {}
    for item, together in asked(snapshot):
        own = [question.call.identity for question in together if question.call is not None]
        if own:
            value = actions_answer(together, [actions.get(identity) for identity in own])
        elif together[0].place is not None:
            value = placed_answer(together[0], requests, run.id)
        else:
            value = requests_answer(together, filed(item, together, requests))
        if value is not ABSENT:
            found[item.id] = value
    return found


def taken_back(snapshot: Snapshot, requests: Sequence[ReviewRequest]) -> str | None:
    """Why a question of somebody else's was taken back at which the run still stands; ``None``: none was.

    Our own gate, a step and an ``ask`` know what to do then. Other graphs have no word for it.
    """
    for item, together in asked(snapshot):
        if together[0].call is None and together[0].place is None:
            for request in filed(item, together, requests):
                if request.status in {"superseded", "expired"}:
                    return request.notes[-1] if request.notes else request.status
    return None


def behind(
    snapshot: Snapshot, requests: Sequence[ReviewRequest], actions: Mapping[Any, Action], ids: Collection[str]
) -> tuple[ReviewRequest, ...]:
    """The requests behind the answers to the interrupts ``ids``; parameters as of ``answered``. Of what a policy decided there are none."""
    found: dict[str, ReviewRequest] = {}
    for item, together in asked(snapshot):
        if item.id in ids:
            found |= {request.id: request for request in _behind(item, together, requests, actions)}
    return tuple(found.values())


def _behind(
    item: PendingInterrupt,
    together: Sequence[Question],
    requests: Sequence[ReviewRequest],
    actions: Mapping[Any, Action],
) -> Iterator[ReviewRequest]:
    if together[0].call is None and together[0].place is None:
        yield from filed(item, together, requests)
        return
    for question in together:
        if question.call is None:
            about = answering(question, requests)
        else:
            action = actions.get(question.call.identity)
            mine = [r for r in requests if action and (r.action_id, r.kind) == (action.id, question.kind)]
            about = mine[-1] if mine else None
        if about is not None:
            yield about


def may_be_refused(question: Question, action: Action | None) -> bool:
    """Whether a call need not be asked about at all: it is new, and "reject" is an answer that its question takes.

    The run is resumed with that, and LangGraph may check it against the form that the question published.
    """
    is_new = action is None or (action.request_id is None and not action.edited)
    return is_new and question.kind == "tool_call" and "reject" in question.plan.allowed_decisions


def open_request_of(
    action: Action, question: Question, known: Sequence[ReviewRequest]
) -> ReviewRequest | None:
    """The request with which people are asked this of the action already."""
    for request in known:
        if request.action_id == action.id and request.kind == question.kind and request.status == "pending":
            return request
    return None


def edited_from(action: Action, known: Sequence[ReviewRequest]) -> dict[str, Any] | None:
    """What the call was before the edit that has the policy ask again: those who are asked now see what was changed."""
    edits = [
        request for request in known if request.action_id == action.id and request.edited_from is not None
    ]
    return edits[-1].edited_from if action.edited and edits else None
