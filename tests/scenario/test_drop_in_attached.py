"""LangChain's middleware by a changed import on an attached graph: people are asked, and what they decided is what counts."""

from __future__ import annotations

from itertools import count
from typing import Any, ClassVar

import httpx
import pytest
from langchain.agents import create_agent
from langchain.agents.middleware import ToolRetryMiddleware
from langchain_core.tools import BaseTool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.types import Command

from hitl_middleware.actions import ActionRequest
from hitl_middleware.hitl import Graph
from hitl_middleware.langchain import HumanInTheLoopMiddleware, HumanReviewMiddleware
from hitl_middleware.policy import Explanation, Policy
from hitl_server.serve import running_server

from tests.kit.drop_in import APPROVE, REJECT, Mode, answer, drop_in, flipping, pay_tool, questions
from tests.kit.effects import Effects
from tests.kit.models import asks, call, says, script
from tests.kit.served import Served
from tests.kit.world import LEASE, World, on, told

ONE = says(call("pay", amount=7))
THREE = says(*(call("pay", f"k{n}", amount=n) for n in (1, 2, 3)))

both_modes = pytest.mark.parametrize("mode", ["batched", "per_call"])


@both_modes
def test_a_request_like_any_other(world: World, effects: Effects, mode: Mode) -> None:
    """E-03, S-05: filed with the real call, decided by a person, resumed by us, claimed, settled, in one run."""
    agent = world.attach(drop_in(world, effects, script(ONE), mode), "a")
    agent.invoke(asks(), on())
    request = world.only()
    assert (request.kind, request.tool, request.args) == ("tool_call", "pay", {"amount": 7})
    assert request.plan.allowed_decisions == ("approve", "edit", "reject", "respond")
    assert world.act().run_id == request.run_id

    world.decide(request)
    world.step()

    assert effects.done == [7]
    assert (world.act().status, world.act().decided_by) == ("succeeded", "local:ann")
    assert [run.status for run in world.runs()] == ["succeeded"]
    assert [message.content for message in told(agent)] == ["paid 7"]


@both_modes
def test_a_turn_of_three(world: World, effects: Effects, mode: Mode) -> None:
    """S-07: one request for each call. LangChain's batched question is one: it is resumed when all of them are decided."""
    agent = world.attach(drop_in(world, effects, script(THREE), mode), "a")
    agent.invoke(asks(), on())
    by_amount = {request.args["amount"]: request for request in world.pending() if request.args}
    assert sorted(by_amount) == [1, 2, 3]

    world.decide(by_amount[2], "reject", message="too much")
    world.decide(by_amount[1])
    world.step()
    assert effects.done == ([1] if mode == "per_call" else [])
    assert [request.args for request in world.pending()] == [{"amount": 3}]

    world.decide(by_amount[3], "edit", edit={"amount": 30})
    world.step()

    assert sorted(effects.done) == [1, 30]
    assert {m.tool_call_id: m.status for m in told(agent)} == {
        "k1": "success",
        "k2": "error",
        "k3": "success",
    }
    assert len(world.requests()) == 3
    assert [run.status for run in world.runs()] == ["succeeded"]


@both_modes
def test_once_people_are_asked_a_resume_value_decides_nothing(
    world: World, effects: Effects, mode: Mode
) -> None:
    """DESIGN §2.1: the request was filed, so the store decides, whatever the user's code says meanwhile."""
    agent = world.attach(drop_in(world, effects, script(ONE), mode), "a")
    agent.invoke(asks(), on())
    request = world.only()
    agent.invoke(answer(agent, APPROVE), on())
    world.step()
    assert effects.done == []
    assert world.only().id == request.id

    world.decide(world.only(), "reject", message="no")
    agent.invoke(answer(agent, APPROVE), on())
    world.step()

    assert effects.done == []
    assert world.act().decided_by == "local:ann"
    assert [message.content for message in told(agent)] == [
        "User rejected the tool call for `pay` with reason: no"
    ]


@both_modes
def test_the_callers_answer_to_a_question_from_before_it_was_attached(
    quick: World, effects: Effects, mode: Mode
) -> None:
    """DESIGN §2.1: parked before ``attach``, so nobody was asked: the answer counts, in the run that attach begins."""
    raw = drop_in(quick, effects, script(ONE), mode)
    raw.invoke(asks(), on())
    agent = quick.attach(raw, "a")
    agent.invoke(answer(agent, APPROVE), on())
    quick.step()

    assert effects.done == [7]
    (run,) = quick.runs()
    assert (run.status, run.graph, quick.act().run_id) == ("succeeded", "a", run.id)


@both_modes
def test_a_rule_that_flips_after_the_request(quick: World, effects: Effects, mode: Mode) -> None:
    """DESIGN §2.5: ``when`` is asked once also where we resume: rejected is rejected."""
    rules = {"pay": {"allowed_decisions": ["approve", "reject"], "when": flipping(True)}}
    agent = quick.attach(drop_in(quick, effects, script(ONE), mode, interrupt_on=rules), "a")
    agent.invoke(asks(), on())
    quick.decide(quick.only(), "reject")
    quick.step()

    assert effects.done == []
    assert quick.runs()[0].status == "succeeded"


@both_modes
def test_an_unknown_outcome_is_a_request(quick: World, effects: Effects, mode: Mode) -> None:
    """DESIGN §2.4, §3: a time-out after approval: a person is asked what became of it, and the run waits."""

    def lost() -> None:
        raise TimeoutError

    effects.then = lost
    agent = quick.attach(drop_in(quick, effects, script(ONE), mode), "a")
    agent.invoke(asks(), on())
    quick.decide(quick.only())
    quick.step()
    assert (quick.act().status, quick.only().kind) == ("unknown", "outcome")
    quick.wait(10 * LEASE)
    quick.step()

    quick.say(quick.act(), "done", message="it went through")
    quick.step()
    assert effects.done == [7]
    assert quick.runs()[0].status == "succeeded"


@both_modes
def test_a_question_that_is_overtaken(quick: World, effects: Effects, mode: Mode) -> None:
    """DESIGN §3: new input replaces the run: its requests are taken back, its calls are answered, nothing is performed."""
    rules = {"pay": {"allowed_decisions": ["approve"]}}
    quick.serve("a", drop_in(quick, effects, script(THREE), mode, interrupt_on=rules))
    quick.begin_run("a", asks(), thread_id="t-1")
    assert len(quick.pending()) == 3
    quick.begin_run("a", asks("forget it"), thread_id="t-1", on_new_input="supersede")

    assert effects.done == []
    assert {request.status for request in quick.requests()} == {"superseded"}
    assert [run.status for run in quick.runs()] == ["succeeded", "succeeded"]


def _raw(pay: BaseTool, gate: Any) -> Graph:
    """An agent that nobody attached, with a checkpointer of its own."""
    return create_agent(script(ONE), [pay], middleware=[gate], checkpointer=InMemorySaver())


class Stricter(Policy):
    """Wants more for large amounts, as ``LARGE`` says."""

    LARGE: ClassVar[Policy]

    def explain(self, call: ActionRequest) -> Explanation:
        """As the name says."""
        return self.LARGE.explain(call) if call.args["amount"] > 50 else super().explain(call)


class OtherPeople(Stricter):
    LARGE = Policy(approvers=["slack:U1"], version="2")


class OtherRisk(Stricter):
    LARGE = Policy(risk="high", version="2")


def test_our_own_gate_adopts_only_when_told(quick: World, effects: Effects) -> None:
    """DESIGN §2.1: by default an answer for a question that nobody filed is an answer to nothing; ``adopt_direct_resume`` opts in."""
    pay = effects.pay_tool()
    for adopt in (False, True):
        gate = quick.approvals([pay], adopt_direct_resume=adopt)
        agent = _raw(pay, gate)
        agent.invoke(asks(), on())
        before = questions(agent)[0].id
        agent.invoke(answer(agent, APPROVE), on())
        assert effects.done == ([7] if adopt else [])
        assert bool(questions(agent)) is not adopt
        assert adopt or questions(agent)[0].id != before
    assert [request.decided_by for request in quick.requests()] == ["caller"]


@both_modes
@pytest.mark.parametrize("said", [[{"type": "accept", "args": None}], '{"decisions": [{"type": "approve"}]}'])
def test_other_clients_answer_the_drop_in(quick: World, effects: Effects, mode: Mode, said: Any) -> None:
    """E-03: Agent Inbox answers with a list, Studio with what was typed; both modes take it."""
    agent = drop_in(quick, effects, script(ONE), mode)
    agent.invoke(asks(), on())
    agent.invoke(Command(resume={questions(agent)[0].id: said}), on())
    assert effects.done == [7]


@pytest.mark.parametrize("said", ["yes", {"type": "nonsense"}, {"type": "respond", "message": "x"}, REJECT])
def test_our_own_gate_asks_again_after_what_it_does_not_understand(
    quick: World, effects: Effects, said: object
) -> None:
    """DESIGN §2.1: an answer that does not fit is asked for again, under a new id; the thread is not wedged."""
    pay = effects.pay_tool(decisions=["approve", "edit"])
    gate = quick.approvals([pay], adopt_direct_resume=True)
    agent = _raw(pay, gate)
    agent.invoke(asks(), on())
    agent.invoke(answer(agent, said), on())
    assert (effects.done, quick.requests()) == ([], [])
    agent.invoke(
        answer(agent, {"type": "edit", "edited_action": {"name": "pay", "args": {"amount": "x"}}}), on()
    )
    assert (effects.done, quick.requests()) == ([], [])

    agent.invoke(answer(agent, APPROVE), on())
    assert effects.done == [7]


@pytest.mark.parametrize(
    ("rules", "counts"),
    [
        ({"approvers": ["slack:U1"]}, False),
        ({"required_approvals": 2}, False),
        ({"required_from": ["caller", "slack:U1"], "approvers": ["caller"]}, False),
        ({"approvers": ["slack:U1", "caller"]}, True),
    ],
    ids=["others", "two", "roles", "named"],
)
def test_a_policy_that_names_people_is_not_answered_by_code(
    quick: World, effects: Effects, rules: dict[str, Any], counts: bool
) -> None:
    """DESIGN §2.7: adopting is for policies that name no one: where they do, the user's code is not one of them unless listed."""
    pay = effects.pay_tool(**rules)
    gate = quick.approvals([pay], adopt_direct_resume=True)
    agent = _raw(pay, gate)
    agent.invoke(asks(), on())
    agent.invoke(answer(agent, APPROVE), on())

    assert effects.done == ([7] if counts else [])
    assert bool(quick.requests()) is counts


@pytest.mark.parametrize("rules", [OtherPeople, OtherRisk])
def test_an_edit_that_the_policy_asks_about_is_not_adopted_twice(
    quick: World, effects: Effects, rules: type[Stricter]
) -> None:
    """DESIGN §2.3: an edit for which the policy wants more: the same code that made it does not approve it as well."""
    pay = effects.pay_tool()
    agent = _raw(pay, HumanReviewMiddleware(quick.gate(({"pay": rules()}, None), adopt_direct_resume=True)))
    agent.invoke(asks(), on())
    agent.invoke(
        answer(agent, {"type": "edit", "edited_action": {"name": "pay", "args": {"amount": 70}}}), on()
    )
    for _ in range(3):
        agent.invoke(answer(agent, APPROVE), on())

    assert effects.done == []
    assert (quick.act().status, quick.act().args) == ("waiting", {"amount": 70})


@pytest.mark.parametrize("one_task", [False, True], ids=["task-per-call", "one-task"])
def test_plain_langgraph(quick: World, effects: Effects, *, one_task: bool) -> None:
    """DESIGN §6: with a task for each call its answer is adopted. Several calls in one task get each other's answers: none counts there."""
    agent = quick.plain(
        [effects.pay_tool()],
        script(THREE),
        one_task=one_task,
        adopt_direct_resume=True,
        checkpointer=InMemorySaver(),
    )
    agent.invoke(asks(), on())
    for _ in range(3):
        item = questions(agent)[0]
        said = REJECT if item.value["args"] == {"amount": 2} else APPROVE
        agent.invoke(Command(resume={item.id: said}), on())

    assert sorted(effects.done) == ([] if one_task else [1, 3])


def test_one_call_in_the_task_of_all(quick: World, effects: Effects) -> None:
    """DESIGN §6: a turn with one call needs no task of its own."""
    agent = quick.plain(
        [effects.pay_tool()],
        script(ONE),
        one_task=True,
        adopt_direct_resume=True,
        checkpointer=InMemorySaver(),
    )
    agent.invoke(asks(), on())
    agent.invoke(answer(agent, APPROVE), on())
    assert effects.done == [7]


@both_modes
def test_behind_the_server(quick: World, effects: Effects, mode: Mode) -> None:
    """E-03, S-09: loaded by a server, asked and decided over HTTP: each call of the turn by its own request, with its outcome."""
    turns = count()

    def refuse() -> None:
        if next(turns) == 1:
            msg = "the bank said no"
            raise ValueError(msg)

    effects.first = refuse
    graph = drop_in(quick, effects, script(THREE), mode)
    with (
        running_server(quick, graphs={"desk": graph}) as server,
        httpx.Client(base_url=server.url, timeout=30) as http,
    ):
        desk = Served(quick, effects, http)
        run = desk.started()
        found = http.get(f"/api/v1/runs/{run['id']}").json()["requests"]
        by_amount = {request["args"]["amount"]: request["id"] for request in found}
        assert desk.decide(by_amount[1], type="approve").status_code == 200
        assert desk.decide(by_amount[2], type="reject", message="no").status_code == 200
        quick.step()
        assert desk.decide(by_amount[3], type="approve").status_code == 200
        shown = [desk.request(by_amount[amount]) for amount in (1, 2, 3)]
        ended = http.get(f"/api/v1/runs/{run['id']}").json()["status"]

    assert sorted(request["action"]["status"] for request in shown) == ["denied", "failed", "succeeded"]
    assert {request["status"] for request in shown} == {"approved", "rejected"}
    assert "the bank said no" in next(
        r["action"]["error"] for r in shown if r["action"]["status"] == "failed"
    )
    assert (len(effects.done), ended) == (1, "succeeded")


@both_modes
def test_an_agent_inside_a_graph(quick: World, effects: Effects, mode: Mode) -> None:
    """DESIGN §6: the drop-in in a node of another graph, resumed at the root by the user's own code."""
    inner = create_agent(
        script(ONE),
        [pay_tool(effects)],
        middleware=[HumanInTheLoopMiddleware({"pay": True}, interrupt_mode=mode, hitl=quick)],
    )
    builder = StateGraph(MessagesState)
    builder.add_node("agent", inner)
    builder.add_edge(START, "agent")
    graph: Graph = builder.compile(checkpointer=InMemorySaver())
    graph.invoke(asks(), on())
    resume = answer(graph, APPROVE)
    graph.invoke(resume, on())
    graph.invoke(resume, on())

    assert effects.done == [7]
    assert quick.act().identity.thread_id == "t-1"


@both_modes
def test_a_retry_inside_is_not_a_second_act(quick: World, effects: Effects, mode: Mode) -> None:
    """DESIGN §2.2: LangChain's retry middleware behind LangChain's gate pays once for each attempt. Here the approval is for one."""

    def lost() -> None:
        msg = "no answer"
        raise RuntimeError(msg)

    effects.then = lost
    retry: Any = ToolRetryMiddleware(max_retries=2, initial_delay=0)
    agent = drop_in(quick, effects, script(ONE), mode, behind=(retry,))
    agent.invoke(asks(), on())
    agent.invoke(answer(agent, APPROVE), on())
    assert effects.done == [7]


@both_modes
def test_a_marked_tool_beside_the_named_ones(quick: World, effects: Effects, mode: Mode) -> None:
    """DESIGN §2.8: a tool with a policy of its own that ``interrupt_on`` does not name is asked about as it is marked, by its approvers."""
    refund = effects.pay_tool("refund", approvers=["slack:U1"])
    agent = drop_in(quick, effects, script(says(call("refund", amount=9))), mode, tools=(refund,))
    agent.invoke(asks(), on())
    agent.invoke(answer(agent, APPROVE), on())
    assert effects.done == []

    agent = quick.attach(agent, "a")
    agent.invoke(asks("again"), on("t-2"))
    assert quick.only().tool == "refund"
    quick.decide(quick.only())
    quick.step()
    assert effects.done == [9]
