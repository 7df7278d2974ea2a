"""Deadlines as people and agents meet them: left, expired, raced by a click – on both databases."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from langgraph.graph import END, START, StateGraph
from typing_extensions import TypedDict

from hitl_middleware import Escalation, QuestionWithdrawn, ask, failpoints, human_step, route
from hitl_middleware.clock import ManualClock
from hitl_middleware.errors import AlreadyDecided, NotAllowed
from hitl_middleware.failpoints import FailpointReached
from hitl_middleware.ports import Person
from hitl_middleware.settings import ConfigFile

from tests.kit.databases import open_turned
from tests.kit.effects import Effects
from tests.kit.models import asks, call, says, script
from tests.kit.pausing import PATIENCE, Held
from tests.kit.wall import Wall
from tests.kit.world import World, told

HOUR = timedelta(hours=1)
LATE = 3_600.0
Make = Callable[..., World]


def _waiting(world: World, effects: Effects, **rules: Any) -> Any:
    """A call that waits for an answer, an hour at most."""
    given: dict[str, Any] = {"expires_in": HOUR, "on_expiry": "reject", "approvers": ["slack:UANN"]} | rules
    tool = effects.pay_tool(**given)
    world.serve("a", world.agent([tool], script(says(call("pay", amount=7)))))
    return world.begin_run("a", asks(), thread_id="t-1")


def _kinds(world: World) -> list[str]:
    return [event.kind for event in world.trail() if event.kind.startswith("request.")]


# ------------------------------------------------------------------------------------------------------------- expiring


def test_a_call_that_nobody_answers_is_not_done(make_world: Make, url: str, effects: Effects) -> None:
    """P-03: ``reject``: the request ends as expired, the action is denied, the agent hears that nobody answered and goes on; once."""
    wall = Wall()
    world = make_world(url, channels=[wall])
    run = _waiting(world, effects)
    world.wait(LATE - 0.001)
    world.step()
    assert world.only().deadline_at is not None
    world.wait(0.001)
    world.step()
    (request,) = world.requests()
    assert (request.status, request.decision, request.decided_by) == ("expired", None, None)
    assert (world.act().status, world.act().decided_by, effects.done) == ("denied", "hitl", [])
    assert world.run_now(run).status == "succeeded"
    (message,) = told(world.graphs._graph(world.run_now(run)))
    assert message.content == "pay was not performed. Nobody answered by 2026-01-01 13:00:00 UTC."
    assert message.status == "error"
    assert [view.request.status for view in wall.pinned.values()] == ["expired"]
    assert _kinds(world) == ["request.opened", "request.expired"]
    world.step()
    assert _kinds(world) == ["request.opened", "request.expired"]


@pytest.mark.databases("memory")
def test_what_is_left_can_still_be_decided(make_world: Make, url: str, effects: Effects) -> None:
    """P-03: ``leave``: overdue, told once, pending; an answer days later counts."""
    wall = Wall()
    world = make_world(url, channels=[wall])
    run = _waiting(world, effects, on_expiry="leave")
    world.wait(LATE)
    world.step()
    request = world.only()
    assert request.overdue
    assert [notice.body["text"] for notice in wall.told] == [f"{request.title}: overdue to slack:UANN"]
    world.wait(50 * LATE)
    world.step()
    world.decide(request)
    world.step()
    assert (world.run_now(run).status, effects.done, len(wall.told)) == ("succeeded", [7], 1)
    assert _kinds(world) == ["request.opened", "request.overdue", "request.approved"]


class State(TypedDict, total=False):
    """What people said."""

    review: Any
    heard: str


def _steps(**late: Any) -> Any:
    def after(state: State) -> State:
        return {
            "heard": f"{state['review']['decision']} by {state['review']['by']}: {state['review']['message']}"
        }

    def question(state: State) -> State:
        try:
            return {"heard": ask("Which one?", expires_in=HOUR, on_expiry="reject")}
        except QuestionWithdrawn as error:
            return {"heard": f"{state.get('heard')} / {error}"}

    builder = StateGraph(State)
    builder.add_node(
        "review", human_step("Do this?", into="review", expires_in=HOUR, on_expiry="reject", **late)
    )
    builder.add_node("after", after)
    builder.add_node("question", question)
    builder.add_edge(START, "review")
    builder.add_conditional_edges("review", route("review", approve=END, reject="after", feedback=END))
    builder.add_edge("after", "question")
    builder.add_edge("question", END)
    return builder.compile()


@pytest.mark.databases("memory")
def test_a_step_takes_its_reject_edge_and_a_question_is_withdrawn(world: World) -> None:
    """P-03: nobody answered in time: the step is rejected by ``hitl``, an ``ask`` raises ``QuestionWithdrawn``, each saying when."""
    world.serve("steps", _steps())
    run = world.begin_run("steps", {}, thread_id="t-1")
    for _ in range(2):
        world.wait(LATE)
        world.step()
    state = world.graphs._graph(world.run_now(run)).get_state({"configurable": {"thread_id": "t-1"}}).values
    assert world.run_now(run).status == "succeeded"
    assert state["heard"].startswith("reject by hitl: Nobody answered by 2026-01-01 13:00:00 UTC / ")
    assert "Nobody answered by 2026-01-01 14:00:00 UTC" in state["heard"]


# --------------------------------------------------------------------------------------------------------------- racing


def test_a_late_answer_is_late_though_nobody_has_swept(world: World, effects: Effects) -> None:
    """P-03: the database's time decides, not the sweep: the answer is refused, and finds the request expired with all that follows."""
    run = _waiting(world, effects)
    request = world.only()
    world.wait(LATE)
    with pytest.raises(AlreadyDecided, match="already expired by its deadline at 2026-01-01 13:00:00 UTC"):
        world.decide(request)
    assert (world.requests()[0].status, world.act().status) == ("expired", "denied")
    world.step()
    assert (world.run_now(run).status, effects.done) == ("succeeded", [])
    with pytest.raises(AlreadyDecided):
        world.decide(request)


@pytest.mark.databases("memory")
def test_who_only_looks_finds_it_expired(world: World, effects: Effects) -> None:
    """P-03: a form is not opened for what is over, and whoever wanted it reads the same from the store."""
    _waiting(world, effects)
    request = world.only()
    world.wait(LATE)
    with pytest.raises(AlreadyDecided, match="expired by its deadline"):
        world.portal.call(world.desk.look, request.id, by=Person(identity="slack:UANN"))
    assert world.requests()[0].status == "expired"


@pytest.fixture
def two(make_world: Make, url: str, clock: ManualClock, effects: Effects) -> tuple[World, Held, World, Held]:
    """Two processes of one database, and a call that waits."""
    first, second = Held(open_turned(url, clock)), Held(open_turned(url, clock))
    one, other = make_world(url, store=first), make_world(url, store=second)
    one.start()
    other.start()
    _waiting(one, effects)
    first.begun.clear()
    second.begun.clear()
    return one, first, other, second


def test_an_answer_under_the_lock_before_the_deadline_counts(
    two: tuple[World, Held, World, Held], effects: Effects, clock: ManualClock
) -> None:
    """P-03: the deadline passes while the answer is being written and a sweep waits for the same lock: the answer it is."""
    one, answering, other, sweeping = two
    request = one.only()
    answering.verb = "add_submission"
    with ThreadPoolExecutor(2) as pool:
        answer = pool.submit(one.decide, request)
        answering.held()
        clock.advance(LATE)
        sweep = pool.submit(other.portal.call, other.desk.lapse, request.id)
        assert sweeping.begun.wait(PATIENCE)
        answering.go.set()
        assert answer.result(PATIENCE).status == "approved"
        sweep.result(PATIENCE)
    assert one.requests()[0].status == "approved"
    one.step()
    assert effects.done == [7]


def test_an_answer_that_waits_behind_the_deadline_is_late(
    two: tuple[World, Held, World, Held], effects: Effects, clock: ManualClock
) -> None:
    """P-03: the sweep has the lock, an answer is on its way in: expired, and the answer is told so."""
    one, sweeping, other, answering = two
    request = one.only()
    clock.advance(LATE)
    sweeping.verb = "save_request"
    with ThreadPoolExecutor(2) as pool:
        sweep = pool.submit(one.portal.call, one.desk.lapse, request.id)
        sweeping.held()
        answer = pool.submit(other.decide, request)
        assert answering.begun.wait(PATIENCE)
        sweeping.go.set()
        sweep.result(PATIENCE)
        with pytest.raises(AlreadyDecided, match="expired by its deadline"):
            answer.result(PATIENCE)
    one.step()
    assert effects.done == []


def test_an_answer_that_waited_past_the_deadline_is_late(
    two: tuple[World, Held, World, Held], effects: Effects, clock: ManualClock
) -> None:
    """P-03: it set out in time and got the lock too late: what counts is the database's time under the lock."""
    one, answering, _, _ = two
    request = one.only()
    answering.verb = "run"  # the first thing that it locks
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(one.decide, request)
        answering.held()
        clock.advance(LATE)
        answering.go.set()
        with pytest.raises(AlreadyDecided, match="expired by its deadline"):
            answer.result(PATIENCE)
    one.step()
    assert effects.done == []


def test_two_sweeps_at_once_expire_it_once(two: tuple[World, Held, World, Held], clock: ManualClock) -> None:
    """P-03: the second finds it done; one event, one denial."""
    one, first, other, second = two
    request = one.only()
    clock.advance(LATE)
    first.verb = "save_request"
    with ThreadPoolExecutor(2) as pool:
        sweeps = [pool.submit(one.portal.call, one.desk.lapse, request.id)]
        first.held()
        sweeps.append(pool.submit(other.portal.call, other.desk.lapse, request.id))
        assert second.begun.wait(PATIENCE)
        first.go.set()
        for sweep in sweeps:
            sweep.result(PATIENCE)
    assert _kinds(one) == ["request.opened", "request.expired"]


def test_a_crash_between_firing_and_telling_loses_nothing(
    make_world: Make, url: str, effects: Effects, monkeypatch: pytest.MonkeyPatch
) -> None:
    """P-03, S-10: the process dies when the deadline has had its consequences and nobody knows: the next one tells and resumes, once."""
    wall = Wall()
    wall.keeps = True
    world = make_world(url, channels=[wall])
    run = _waiting(world, effects)
    world.wait(LATE)

    monkeypatch.setattr(failpoints, "_PLAN", failpoints._parse("lapse.after=raise"))
    monkeypatch.setattr(failpoints, "_HITS", Counter())
    with pytest.raises(FailpointReached):
        world.portal.call(world.desk.lapse, world.only().id)
    monkeypatch.undo()
    assert (world.requests()[0].status, wall.told) == ("expired", [])
    world.step()
    world.step()
    assert [notice.body["text"] for notice in wall.told] == [f"{world.requests()[0].title}: expired"]
    assert (world.run_now(run).status, effects.done) == ("succeeded", [])
    assert _kinds(world) == ["request.opened", "request.expired"]


# ------------------------------------------------------------------------------------------------ reminders, escalation

CHAIN = {
    "on_expiry": "escalate",
    "remind": [timedelta(minutes=10)],
    "escalate_to": [Escalation(["slack:UMEG"], HOUR, on_expiry="reject")],
}


def test_people_are_reminded_and_then_others_are_asked(make_world: Make, url: str, effects: Effects) -> None:
    """P-03: reminded once before the deadline, then the next people are asked, too, with their whole time and a reminder of their own."""
    wall = Wall()
    world = make_world(url, channels=[wall])
    run = _waiting(world, effects, **CHAIN)
    world.wait(LATE - 600)
    for _ in range(3):
        world.step()
    assert [notice.body["text"] for notice in wall.told] == ["pay: reminder to slack:UANN"]
    world.wait(600)
    world.step()
    request = world.only()
    assert [notice.body["text"] for notice in wall.told[1:]] == ["pay: escalated to slack:UMEG"]
    assert request.plan.approvers == ("slack:UANN", "slack:UMEG")
    assert (request.deadline_at, request.overdue) == (request.created_at + 2 * HOUR, False)
    assert request.notes == ("Escalated to slack:UMEG: Nobody answered by 2026-01-01 13:00:00 UTC",)
    world.wait(LATE - 600)
    world.step()
    assert wall.told[2].body["text"] == "pay: reminder to slack:UANN, slack:UMEG"
    world.decide(request, by="slack:UMEG")
    world.wait(LATE)
    world.step()
    assert (world.run_now(run).status, effects.done, len(wall.told)) == ("succeeded", [7], 3)
    assert _kinds(world) == [
        "request.opened", "request.reminded", "request.escalated", "request.reminded", "request.approved",
    ]  # fmt: skip
    (escalated,) = [event for event in world.trail() if event.kind == "request.escalated"]
    assert escalated.data["to"] == ["slack:UMEG"]


@pytest.mark.databases("memory")
def test_a_chain_ends_as_its_last_step_says(world: World, effects: Effects) -> None:
    """P-03: nobody of the chain answers either: it expires."""
    run = _waiting(world, effects, **CHAIN)
    for _ in range(2):
        world.wait(LATE)
        world.step()
    assert (world.requests()[0].status, world.run_now(run).status, effects.done) == (
        "expired",
        "succeeded",
        [],
    )


@pytest.mark.databases("memory")
def test_who_has_answered_is_not_reminded(make_world: Make, url: str, effects: Effects) -> None:
    """P-02, P-03: of two approvals one is there, by another name of the person: only the other one is reminded."""
    wall = Wall()
    people = ConfigFile(people={"ann": ("slack:UANN", "github:ann")})
    world = make_world(url, channels=[wall], config=people)
    both = ["slack:UANN", "slack:UBOB"]
    _waiting(world, effects, approvers=both, required_approvals=2, remind=[timedelta(minutes=10)])
    world.decide(world.only(), by="github:ann")
    world.wait(LATE - 600)
    world.step()
    assert [notice.body["text"] for notice in wall.told] == ["pay: reminder to slack:UBOB"]


def test_whoever_is_asked_next_may_answer_before_any_sweep(world: World, effects: Effects) -> None:
    """P-03: after the deadline they are asked, by the database's time; before it they are not."""
    _waiting(world, effects, **CHAIN)
    request = world.only()
    with pytest.raises(NotAllowed):
        world.decide(request, by="slack:UMEG")
    world.wait(LATE)
    assert world.decide(request, by="slack:UMEG").status == "approved"
    world.step()
    assert effects.done == [7]
    assert _kinds(world) == ["request.opened", "request.escalated", "request.approved"]


@pytest.mark.databases("memory")
def test_a_refused_answer_leaves_an_escalation_to_the_sweep(world: World, effects: Effects) -> None:
    """P-03: a refusal changes nothing, also when the deadline has passed."""
    _waiting(world, effects, **CHAIN)
    request = world.only()
    world.wait(LATE)
    with pytest.raises(NotAllowed):
        world.decide(request, by="slack:UEVE")
    assert world.only() == request
    world.step()
    assert world.only().plan.approvers == ("slack:UANN", "slack:UMEG")


@pytest.mark.databases("memory")
def test_missed_reminders_are_made_good_by_one(make_world: Make, url: str, effects: Effects) -> None:
    """P-03: nothing was swept while two reminders fell due: people are reminded once, and a minute later still once."""
    wall = Wall()
    world = make_world(url, channels=[wall])
    _waiting(world, effects, remind=[timedelta(minutes=30), timedelta(minutes=10)])
    world.wait(LATE - 300)
    world.step()
    world.wait(60)
    world.step()
    assert len(wall.told) == 1
