"""Ways around the gate: each ends with a sentence that says what is missing, and with nothing done."""

from __future__ import annotations

from typing import Annotated, Any

import pytest
from langchain.agents import create_agent
from langchain_core.tools import BaseTool, tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import InjectedState, ToolNode, ToolRuntime

from hitl_middleware import Ungated, requires_approval
from hitl_middleware.errors import ConfigurationError, UnknownTool

from tests.kit.behind import Brings, Doubles, Grows
from tests.kit.effects import Effects
from tests.kit.models import asks, call, says, script
from tests.kit.world import World, on, told

PAY = says(call("pay", amount=7))
MISSING_LINE = r"middleware=\[hitl.approvals\(tools\)\]"


def _node(tools: list[BaseTool], **options: Any) -> Any:
    builder = StateGraph(MessagesState)
    builder.add_node("model", lambda _: {"messages": [PAY]})
    builder.add_node("tools", ToolNode(tools, **options))
    builder.add_edge(START, "model")
    builder.add_edge("model", "tools")
    return builder.compile(checkpointer=InMemorySaver())


def test_a_direct_call(effects: Effects) -> None:
    """DESIGN §2.8: invoke, a tool call, the bare function: a marked tool that is entered past the gate names the missing line."""
    pay: Any = effects.pay_tool()
    ways = [
        lambda: pay.invoke({"amount": 7}),
        lambda: pay.invoke({**call("pay", amount=7)}),
        lambda: pay.run({"amount": 7}),
        lambda: pay.func(7),
        lambda: pay.func(amount=7),
        lambda: pay._run(7, config={}),
        lambda: pay.model_copy().invoke({"amount": 7}),
        lambda: pay.batch([{"amount": 7}]),
    ]
    for way in ways:
        with pytest.raises(Ungated, match=MISSING_LINE):
            way()
    assert effects.done == []


async def test_a_direct_async_call(effects: Effects) -> None:
    """DESIGN §2.8: the same for coroutines."""

    @requires_approval
    @tool
    async def pay(amount: int) -> str:
        """Pay somebody."""
        effects.perform(amount)
        return "paid"

    ways: list[Any] = [
        lambda: pay.ainvoke({"amount": 7}),
        lambda: pay.arun({"amount": 7}),
        lambda: pay.coroutine(amount=7),  # type: ignore[attr-defined]  # a StructuredTool has one
        lambda: effects.pay_tool().ainvoke({"amount": 7}),
    ]
    for way in ways:
        with pytest.raises(Ungated, match=MISSING_LINE):
            await way()
    assert effects.done == []


@pytest.mark.parametrize("order", ["above", "below"])
def test_the_mark_holds_above_and_below_tool(effects: Effects, order: str) -> None:
    """S-05: ``@requires_approval`` above or below ``@tool``, and on a class of its own."""

    def pay(amount: int) -> str:
        """Pay somebody."""
        effects.perform(amount)
        return "paid"

    marked = requires_approval(tool(pay)) if order == "above" else tool(requires_approval(pay))
    with pytest.raises(Ungated):
        marked.invoke({"amount": 7})
    assert effects.done == []


def test_a_tool_node_without_the_gate(effects: Effects) -> None:
    """DESIGN §2.8: the run fails with the sentence; nothing is done. Also where ToolNode turns errors into answers."""
    with pytest.raises(Ungated, match=MISSING_LINE):
        _node([effects.pay_tool()]).invoke(asks(), on())

    graph: Any = _node([effects.pay_tool()], handle_tool_errors=True)
    graph.invoke(asks(), on())
    assert "needs approval but was called without passing the gate" in str(told(graph)[0].content)
    assert effects.done == []


def test_an_agent_without_the_gate(effects: Effects) -> None:
    """DESIGN §2.8: the same in ``create_agent``."""
    graph: Any = create_agent(script(PAY), [effects.pay_tool()], checkpointer=InMemorySaver())
    with pytest.raises(Ungated, match=MISSING_LINE):
        graph.invoke(asks(), on())
    assert effects.done == []


def test_a_gate_without_a_thread(quick: World, effects: Effects) -> None:
    """E-04: without a checkpointer nothing could be parked; that is said, and nothing runs."""
    graph: Any = create_agent(
        script(PAY), [effects.pay_tool()], middleware=[quick.approvals([effects.pay_tool()])]
    )
    with pytest.raises(ConfigurationError, match="compile the graph with a checkpointer"):
        graph.invoke(asks())
    assert effects.done == []


def test_arguments_changed_behind_the_gate(world: World, effects: Effects) -> None:
    """DESIGN §2.3: middleware that changes arguments after the gate is refused; nothing ran, and the agent hears why."""
    graph: Any = world.agent([effects.pay_tool()], script(PAY), behind=[Doubles()])
    world.serve("a", graph)
    world.begin_run("a", asks(), thread_id="t-1")
    assert world.only().args == {"amount": 7}
    world.decide(world.only())
    world.step()

    assert effects.done == []
    assert world.act().status == "failed"
    assert "with other arguments than those that were approved" in str(told(graph)[0].content)


def test_arguments_changed_before_the_gate_are_what_is_shown(quick: World, effects: Effects) -> None:
    """DESIGN §2.3: what stands before the gate may change a call; people see the changed one, and that one runs."""
    tools = [effects.pay_tool()]
    graph: Any = create_agent(
        script(PAY), tools, middleware=[Doubles(), quick.approvals(tools)], checkpointer=quick.checkpointer()
    )
    quick.serve("a", graph)
    quick.begin_run("a", asks())
    assert quick.only().args == {"amount": 14}
    quick.decide(quick.only())
    quick.step()

    assert effects.done == [14]


def test_arguments_that_change_before_the_gate_after_they_were_shown(quick: World, effects: Effects) -> None:
    """DESIGN §2.3: on the re-run the call arrives with other arguments than people were shown: it is not performed, and that is said."""
    tools = [effects.pay_tool()]
    graph: Any = create_agent(
        script(PAY), tools, middleware=[Grows(), quick.approvals(tools)], checkpointer=quick.checkpointer()
    )
    quick.serve("a", graph)
    quick.begin_run("a", asks(), thread_id="t-1")
    assert quick.only().args == {"amount": 8}
    quick.decide(quick.only())
    quick.step()

    assert effects.done == []
    assert "this call is not the one that people were shown" in str(told(graph)[0].content)


def test_injected_arguments_are_nobodys_choice(quick: World) -> None:
    """DESIGN §2.3: state, call id and runtime that LangGraph injects are not shown and are no change of arguments."""
    seen: list[Any] = []

    @requires_approval
    @tool
    def pay(
        amount: int, state: Annotated[dict[str, Any], InjectedState], runtime: ToolRuntime, note: str = "-"
    ) -> str:
        """Pay somebody."""
        seen.append((amount, len(state["messages"]), runtime.tool_call_id, note))
        return "paid"

    quick.serve("a", quick.agent([pay], script(PAY)))
    quick.begin_run("a", asks())
    assert quick.only().args == {"amount": 7}
    quick.decide(quick.only())
    quick.step()

    assert seen == [(7, 2, "call-1", "-")]


def test_a_gated_name_that_no_tool_bears(quick: World, effects: Effects) -> None:
    """DESIGN §2.8: a policy for a tool that is not there protects nothing: an error before anything runs."""
    tools = [effects.pay_tool()]
    with pytest.raises(UnknownTool, match=r"'payy', which the agent does not have. Its tools: pay"):
        quick.approvals(tools, interrupt_on={"payy": True})
    with pytest.raises(UnknownTool):
        quick.tool_gate(tools, interrupt_on={"payy": True})
    by_name = create_agent(
        script(PAY), tools, middleware=[quick.approvals({"payy": True})], checkpointer=InMemorySaver()
    )
    with pytest.raises(UnknownTool, match="Its tools: pay"):
        quick.attach(by_name, "a")
    with pytest.raises(UnknownTool):
        quick.serve("a", by_name)


def test_a_gated_tool_that_is_brought_behind_the_gate(quick: World, effects: Effects) -> None:
    """DESIGN §2.8: the gate knows the name and not the tool: what would run there was shown to nobody, so nothing runs."""

    @tool
    def pay(amount: int) -> str:
        """Pay somebody."""
        effects.perform(amount)
        return "paid"

    gate = quick.approvals({"pay": True})
    for behind in (Brings(pay), Brings(effects.pay_tool())):
        graph: Any = create_agent(
            script(PAY), [effects.look_tool()], middleware=[gate, behind], checkpointer=InMemorySaver()
        )
        with pytest.raises(UnknownTool, match=r"'pay', which the agent does not have. Its tools: look"):
            graph.invoke(asks(), on())
    assert effects.done == []


@pytest.mark.parametrize("form", [True, {"allowed_decisions": ["approve", "reject"]}])
def test_a_tool_that_is_gated_by_name(quick: World, effects: Effects, form: Any) -> None:
    """E-03: LangChain's ``interrupt_on`` gates an unmarked tool: asked about, performed once, guarded while it runs."""

    @tool
    def pay(amount: int) -> str:
        """Pay somebody."""
        effects.perform(amount)
        return "paid"

    graph: Any = create_agent(
        script(PAY), [pay], middleware=[quick.approvals({"pay": form})], checkpointer=quick.checkpointer()
    )
    quick.serve("a", graph)
    quick.begin_run("a", asks())
    assert effects.done == []
    quick.decide(quick.only())
    quick.step()

    assert effects.done == [7]
    assert quick.act().status == "succeeded"


def test_langchains_form_asks_as_langchain_asks(quick: World, effects: Effects) -> None:
    """E-03: a ``when`` in ``interrupt_on`` is given LangChain's request, also by the lean middleware: it asks nobody about a small sum."""
    rule = {"allowed_decisions": ["approve"], "when": lambda r: r.tool_call["args"]["amount"] > len(r.state)}
    tools = [effects.look_tool(), effects.pay_tool("refund")]

    @tool
    def pay(amount: int) -> str:
        """Pay somebody."""
        effects.perform(amount)
        return "paid"

    gate = quick.approvals([*tools, pay], interrupt_on={"pay": rule})
    turns = says(call("pay", amount=1)), says(call("pay", amount=100))
    graph: Any = create_agent(
        script(*turns), [*tools, pay], middleware=[gate], checkpointer=quick.checkpointer()
    )
    quick.serve("a", graph)
    quick.begin_run("a", asks())
    assert effects.done == [1]
    assert quick.only().args == {"amount": 100}


def test_tools_that_the_models_provider_runs(quick: World, effects: Effects) -> None:
    """E-03: an agent's list may hold such a tool, as a dictionary. It never comes by the gate, and gating it by name is an error."""
    tools: list[Any] = [effects.pay_tool(), {"type": "web_search"}]
    graph: Any = create_agent(
        script(PAY), tools, middleware=[quick.approvals(tools)], checkpointer=quick.checkpointer()
    )
    quick.serve("a", graph)
    quick.begin_run("a", asks())
    quick.decide(quick.only())
    quick.step()
    assert effects.done == [7]
    with pytest.raises(UnknownTool, match="Its tools: pay"):
        quick.approvals(tools, interrupt_on={"web_search": True})


def test_attach_wants_a_checkpointer(quick: World, effects: Effects) -> None:
    """E-04: said before anything runs."""
    graph: Any = create_agent(script(PAY), [effects.pay_tool()])
    with pytest.raises(ConfigurationError, match="attach needs a graph with a checkpointer"):
        quick.attach(graph, "a")
