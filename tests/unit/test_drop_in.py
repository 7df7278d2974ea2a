"""LangChain's middleware by a changed import: what can be said of it without a run."""

from __future__ import annotations

import inspect
from types import SimpleNamespace
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain.agents.middleware import HumanInTheLoopMiddleware as Theirs
from langchain.agents.middleware import human_in_the_loop
from langchain.agents.middleware.types import ToolCallRequest
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.runtime import Runtime
from langgraph.types import Command

from hitl_middleware import Hitl, dialects
from hitl_middleware.actions import ActionRequest, Decision, Identity
from hitl_middleware.errors import DoesNotFit
from hitl_middleware.hitl import Graph
from hitl_middleware.langchain import HumanInTheLoopMiddleware as Ours
from hitl_middleware.langchain.manner import decision_in, decisions_in
from hitl_middleware.policy import ReviewPlan

from tests.kit.drop_in import APPROVE, REJECT, answer, edit, pay_tool
from tests.kit.effects import Effects
from tests.kit.models import asks, call, says, script
from tests.kit.world import on

PAY = call("pay", amount=7)


def test_the_constructor_is_langchains() -> None:
    """E-03: every argument of LangChain's class with its default, and ``hitl``."""
    mine = dict(inspect.signature(Ours.__init__).parameters)
    assert mine.pop("hitl").default is None
    assert {p.name: (p.kind, p.default) for p in mine.values()} == {
        p.name: (p.kind, p.default) for p in inspect.signature(Theirs.__init__).parameters.values()
    }


@pytest.mark.parametrize(
    ("rules", "options"),
    [
        ({"pay": {"allowed_decisions": []}}, {}),
        ({"pay": {"when": lambda _: True}}, {}),
        ({"pay": True}, {"interrupt_mode": "sometimes"}),
    ],
    ids=["no-decisions", "none-named", "mode"],
)
def test_what_langchain_refuses_is_refused(rules: Any, options: Any) -> None:
    """E-03: with the same error and the same words."""
    with pytest.raises(ValueError) as theirs:  # noqa: PT011 – the words are compared
        Theirs(rules, **options)
    with pytest.raises(ValueError) as ours:  # noqa: PT011 – as above
        Ours(rules, **options)
    assert str(ours.value) == str(theirs.value)


def test_its_node_has_langchains_name() -> None:
    """E-03: a thread that is parked under LangChain's class goes on under ours."""
    assert Ours({"pay": True}).name == Theirs({"pay": True}).name


class TestOutsideAGraph:
    """E-03: where there is no thread the hooks are exactly LangChain's; it is asked, and so are we."""

    @pytest.fixture(params=[Theirs, Ours], ids=["theirs", "ours"])
    def make(self, request: pytest.FixtureRequest) -> Any:
        """The class under test; ours makes no ``Hitl`` for this."""
        return request.param

    def _decided(
        self, make: Any, monkeypatch: pytest.MonkeyPatch, *decisions: Any, calls: Any = (PAY,), **rules: Any
    ) -> Any:
        monkeypatch.setattr(human_in_the_loop, "interrupt", lambda _: {"decisions": list(decisions)})
        state = {"messages": [HumanMessage("go"), AIMessage("", tool_calls=list(calls))]}
        return make(rules or {"pay": True}).after_model(state, Runtime())

    def test_approve(self, make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        """Nothing but the model's own message, and no edit."""
        update = self._decided(make, monkeypatch, APPROVE)
        assert (len(update["messages"]), update["hitl_edited_tool_calls"]) == (1, {})
        assert set(update) == {"messages", "hitl_edited_tool_calls"}

    def test_edit(self, make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        """The edit waits in the private key; the message keeps the model's call."""
        update = self._decided(make, monkeypatch, edit(amount=1))
        assert update["hitl_edited_tool_calls"] == {"call-1": {"name": "pay", "args": {"amount": 1}}}
        assert update["messages"][0].tool_calls[0]["args"] == {"amount": 7}

    def test_reject_and_respond(self, make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        """Answers in the tool's place, in LangChain's words, in the order of the calls."""
        two = (PAY, call("pay", "call-2", amount=8))
        update = self._decided(make, monkeypatch, REJECT, {"type": "respond", "message": "done"}, calls=two)
        assert [(m.tool_call_id, m.status, m.content) for m in update["messages"][1:]] == [
            ("call-1", "error", "User rejected the tool call for `pay` with reason: too much"),
            ("call-2", "success", "done"),
        ]

    def test_answers_that_do_not_fit(self, make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        """A ``ValueError`` that says what was expected."""
        with pytest.raises(ValueError, match=r"Number of human decisions \(2\) does not match"):
            self._decided(make, monkeypatch, APPROVE, APPROVE)
        with pytest.raises(ValueError, match="Decision type 'respond' is not allowed for tool 'pay'"):
            self._decided(
                make,
                monkeypatch,
                {"type": "respond", "message": "x"},
                pay={"allowed_decisions": ["approve"]},
            )

    def test_nothing_to_ask(self, make: Any) -> None:
        """No update; an earlier turn's edits are cleared."""
        middleware = make({"pay": True})
        state: Any = {"messages": [AIMessage("", tool_calls=[call("look", what="x")])]}
        assert middleware.after_model(state, Runtime()) is None
        state["hitl_edited_tool_calls"] = {"call-1": {"name": "pay", "args": {}}}
        assert middleware.after_model(state, Runtime()) == {"hitl_edited_tool_calls": {}}
        assert make({"pay": True}, interrupt_mode="per_call").after_model(state, Runtime()) is None

    async def test_the_async_hooks(self, make: Any) -> None:
        """The same, awaited."""

        async def perform(_: Any) -> ToolMessage:
            return ToolMessage("paid", tool_call_id="call-1")

        middleware = make({"pay": True}, edit_notice="Changed.")
        assert await middleware.aafter_model({"messages": []}, Runtime()) is None
        told = await middleware.awrap_tool_call(_edited(), perform)
        assert str(told.content).startswith("Changed. Executed instead: pay")

    def test_an_edit_is_told(self, make: Any) -> None:
        """The notice stands before the tool's answer, once."""
        middleware = make({"pay": True})
        once = middleware.wrap_tool_call(_edited(), lambda _: ToolMessage("paid", tool_call_id="call-1"))
        assert str(once.content).endswith('{"amount": 1}.\n\nTool response:\npaid')
        assert middleware.wrap_tool_call(_edited(), lambda _: once).content == once.content

    def test_an_edit_to_a_tool_that_is_not_there(self, make: Any) -> None:
        """LangChain lets an edit switch tools; outside a graph so do we, and one that is not there is an error."""
        with pytest.raises(ValueError, match="not an available tool"):
            make({"pay": True}).wrap_tool_call(_edited("nope"), lambda _: ToolMessage("", tool_call_id="x"))


def _edited(name: str = "pay") -> ToolCallRequest:
    runtime: Any = SimpleNamespace(tools=[])
    state: Any = {
        "messages": [],
        "hitl_edited_tool_calls": {"call-1": {"name": name, "args": {"amount": 1}}},
    }
    return ToolCallRequest(tool_call=PAY, tool=None, state=state, runtime=runtime)


def test_it_finds_the_processs_own_hitl_and_only_in_a_run(
    effects: Effects, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    """E-03: one changed import and no more: ``Hitl.from_env()`` is asked for when a graph first runs, nothing is opened before."""
    database = tmp_path / "hitl.db"
    monkeypatch.setenv("HITL_DATABASE_URL", f"sqlite:///{database}")
    agent: Graph = create_agent(
        script(says(PAY)),
        [pay_tool(effects)],
        middleware=[Ours({"pay": True})],
        checkpointer=InMemorySaver(),
    )
    assert not database.exists()

    agent.invoke(asks(), on())
    assert database.exists()
    agent.invoke(answer(agent, APPROVE), on())
    hitl = Hitl.from_env()
    (request,) = hitl.portal.call(hitl.views.requests)[0].items
    hitl.stop()
    assert (effects.done, request.decided_by) == ([7], "caller")


def test_without_a_thread_nothing_gated_runs(effects: Effects) -> None:
    """DESIGN §2.8: a graph without a checkpointer can be answered by nobody: LangChain parks it, the act does not happen."""
    agent: Graph = create_agent(script(says(PAY)), [pay_tool(effects)], middleware=[Ours({"pay": True})])
    agent.invoke(asks())
    assert effects.done == []


def _asked(*amounts: int) -> tuple[dialects.Question, ...]:
    plan = ReviewPlan(verdict="ask", allowed_decisions=("approve", "edit", "reject", "respond"))
    made = [
        ActionRequest(name="pay", args={"amount": n}, identity=Identity("t", "ns", f"k{n}")) for n in amounts
    ]
    return tuple(
        dialects.Question(kind="tool_call", form="ours", title="pay", plan=plan, call=one) for one in made
    )


@pytest.mark.parametrize(
    ("said", "decision"),
    [
        (APPROVE, Decision(type="approve")),
        (REJECT, Decision(type="reject", message="too much")),
        ({"type": "respond", "message": ""}, Decision(type="respond", answer="")),
        ({"type": "respond", "message": "x"}, Decision(type="respond", message="x")),
        ({"type": "approve", "more": 1}, Decision(type="approve")),
        ({"type": "accept", "args": None}, Decision(type="approve")),
        ([{"type": "ignore", "args": None}], Decision(type="reject")),
        ({"decisions": [APPROVE]}, Decision(type="approve")),
        ('{"type": "approve"}', Decision(type="approve")),
    ],
)
def test_a_decision_is_read(said: Any, decision: Decision) -> None:
    """E-03: LangChain's four forms as LangChain takes them, and the same in the words of other clients."""
    (question,) = _asked(7)
    assert decision_in(said, question) == decision


@pytest.mark.parametrize(
    "said", [{"type": "reject", "message": "x" * 20_001}, {"type": "edit"}, {}, None, True, "yes", [APPROVE]]
)
def test_what_is_no_decision_is_none(said: Any) -> None:
    """E-04: what is too long, half, or nothing that a client says."""
    (question,) = _asked(7)
    with pytest.raises(DoesNotFit):
        decision_in(said, question)


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (True, 'must be {"decisions"'),
        ("yes", 'must be {"decisions"'),
        ({}, 'must be {"decisions"'),
        ({"decisions": "approve"}, 'must be {"decisions"'),
        ({"decisions": []}, r"Number of human decisions \(0\)"),
        ({"decisions": ["approve"]}, "the decision about pay does not fit: type: this is no answer"),
        ({"decisions": [{"type": "feedback", "message": "x"}]}, "'feedback' is not allowed for tool 'pay'"),
        (
            {"decisions": [{"type": "edit", "edited_action": {"name": "look", "args": {}}}]},
            "cannot switch tools",
        ),
    ],
)
def test_a_turns_answer_that_does_not_fit_says_why(answer: Any, why: str) -> None:
    """E-04: what is wrong, and what would be understood."""
    with pytest.raises(ValueError, match=why):
        decisions_in(answer, _asked(7))


@pytest.mark.parametrize(
    "answer",
    [
        {"decisions": [APPROVE, edit(amount=80)]},
        '{"decisions": [{"type": "approve"}, {"type": "edit", "edited_action": {"name": "pay", "args": {"amount": 80}}}]}',
        {"decisions": [APPROVE, edit(amount="80")]},
        [
            {"type": "accept", "args": None},
            {"type": "edit", "args": {"action": "pay", "args": {"amount": "80"}}},
        ],
    ],
    ids=["langchain", "studio", "agent-chat-ui", "agent-inbox"],
)
def test_a_turn_is_answered_by_every_client(answer: Any) -> None:
    """E-03: the whole turn in any client's words; what went through text boxes is a value again."""
    first, second = decisions_in(answer, _asked(7, 8))
    assert (first.type, second.type) == ("approve", "edit")
    assert second.edited_action is not None
    assert second.edited_action.args == {"amount": 80}


def test_a_turns_question_is_one_question_for_each_call() -> None:
    """DESIGN §6: LangChain's action requests carry no call ids; ours are bound to their calls by the ``hitl`` object beside them."""
    plan = ReviewPlan(verdict="ask")
    made = [ActionRequest(name="pay", args={"n": n}, identity=Identity("t", "ns", f"k{n}")) for n in (1, 2)]
    value = {
        "action_requests": [{"name": "pay", "args": {"n": n}, "description": f"pay {n}"} for n in (1, 2)],
        "review_configs": [{"action_name": "pay", "allowed_decisions": ["approve"]}] * 2,
        "hitl": dialects.hitl_of_turn(
            [dialects.hitl_of(one, plan, title="pay", schema=None) for one in made]
        ),
    }
    asked = dialects.read(value)

    assert [(q.form, q.call, q.description) for q in asked] == [
        ("ours", made[0], "pay 1"),
        ("ours", made[1], "pay 2"),
    ]
    both = [Decision(type="approve"), Decision(type="reject", message="no")]
    assert dialects.resume_value(asked, both) == {
        "decisions": [{"type": "approve"}, {"type": "reject", "message": "no"}]
    }
    value["action_requests"] = value["action_requests"][:1]  # type: ignore[index]  # it is a list
    assert [q.form for q in dialects.read(value)] == ["batched"], "not whole: read as anybody else's"
    assert Command(resume=dialects.resume_value(asked[:1], both[:1])).resume == {"type": "approve"}
