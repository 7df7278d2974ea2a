"""Forks: in a dry run nothing happens, wherever the tool is called from; for real each act is asked about again (N-03)."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.tools import tool
from langgraph.config import get_store
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode
from langgraph.store.memory import InMemoryStore

from hitl_graphs.support import build_graph
from hitl_middleware.errors import ConfigurationError
from hitl_middleware.langchain import HumanInTheLoopMiddleware
from hitl_middleware.notebook import Debugger, OpenRun

from tests.kit.effects import Effects
from tests.kit.flows import planning, served
from tests.kit.models import asks, call, says, script
from tests.kit.shop import ASKED, CARD, shop_model, shop_tools, suspended
from tests.kit.world import World, on

LOOKED = ("find", "A-1001")


def opened(world: World, graph: Any, thread: str = "kettle") -> OpenRun:
    """A run of the graph ``shop``."""
    return Debugger(graph, name="shop", hitl=world)[thread]


def everything(world: World) -> tuple[Any, ...]:
    """All that is stored."""
    return (*world.portal.call(world.views.runs).items, *world.requests(), *world.actions(), *world.trail())


@pytest.mark.parametrize("agent", [False, True], ids=["plain", "create_agent"])
def test_a_dry_run_does_nothing_and_says_what_it_would_have_done(quick: World, effects: Effects, agent: bool):
    """N-03: approved in the fork, the tool is recorded and not called; of the shared database nothing has changed."""
    run = opened(quick, suspended(quick, effects, agent=agent))
    before = everything(quick)
    fork = run.fork()
    assert fork.thread_id != run.thread_id
    assert (fork.standing.state, fork.facts.pending[0].tool) == ("waiting", "process_refund")
    fork.decide("approve")
    assert fork.status == "succeeded"
    assert [(one.tool, one.args["amount_cents"], one.args["card"]) for one in fork.recorded] == [
        ("process_refund", 12_000, "⟦redacted⟧")
    ]
    assert effects.done == [LOOKED]
    assert everything(quick) == before
    told = repr(fork)
    assert "Recorded, not done" in told
    assert "Replaced by recorders: find_order, process_refund" in told
    assert "Run as they are, with whatever they do: model" in told
    assert CARD not in told + fork._repr_html_()
    fork.close()


def test_what_if_it_had_been_rejected(quick: World, effects: Effects):
    """N-03: an approved run is forked where it asked, rejected there, and the two are compared side by side."""
    graph = suspended(quick, effects)
    opened(quick, graph).decide("approve")
    quick.step()
    run = opened(quick, graph)
    assert run.status == "succeeded"
    due = [
        number
        for number, one in enumerate(run.checkpoints)
        if any(task.name == "tools" for task in one.tasks)
    ]
    fork = run.fork(at=due[-1])
    fork.decide("reject", "The kettle was thrown")
    compared = run.compare(fork)
    assert compared.acts == (tuple(act for act in compared.acts[0] if "process_refund" in act), ())
    assert "process_refund" in compared.acts[0][0]
    changes = compared.state["messages"].messages
    assert [change.kind for change in changes].count("removed") >= 1
    assert "The kettle was thrown" in repr(compared)
    assert 'class="two"' in compared._repr_html_()
    assert effects.done == [LOOKED, ("refund", "A-1001", 12_000, CARD)]
    fork.close()


def test_a_call_that_has_happened_is_told_its_answer_again(quick: World, effects: Effects):
    """N-03: run again from before it, the dry run is told what the same call answered in truth; what it does not know it says."""
    graph = suspended(quick, effects)
    opened(quick, graph).decide("approve")
    quick.step()
    fork = opened(quick, graph).fork(at=0)
    assert [one.answered for one in fork.recorded] == [
        "(dry run) find_order was not called; this stands in for its answer."
    ]
    fork.decide("approve")
    assert fork.recorded[-1].answered == "Refunded 12000 cents of A-1001"
    fork.close()


def test_other_values_take_another_way(quick: World, effects: Effects):
    """N-03: with a smaller amount in the model's message the policy asks nobody – and still nothing happens."""
    run = opened(quick, suspended(quick, effects))
    message = quick.graphs.graph("shop").get_state(on("kettle")).values["messages"][-1]
    smaller = message.model_copy(
        update={
            "tool_calls": [
                {**message.tool_calls[0], "args": {**message.tool_calls[0]["args"], "amount_cents": 400}}
            ]
        }
    )
    fork = run.fork(values={"messages": [smaller]}, as_node="model")
    assert (fork.status, len(fork.facts.requests)) == ("succeeded", 0)
    assert [one.args["amount_cents"] for one in fork.recorded] == [400]
    assert effects.done == [LOOKED]
    fork.close()


def test_stand_ins_answer_for_tools_and_nodes(quick: World, effects: Effects):
    """N-03: what a tool is to say, and what a node is to write; a name of neither is refused with those there are."""
    run = opened(quick, suspended(quick, effects))
    fork = run.fork(stand_ins={"process_refund": lambda order_id, **_: f"paid for {order_id}"})
    fork.decide("approve")
    assert fork.recorded[0].answered == "paid for A-1001"
    fork.close()
    with pytest.raises(
        ConfigurationError, match=r"'refund' is neither a tool nor a node.*find_order, process_refund, model"
    ):
        run.fork(stand_ins={"refund": "x"})


def test_the_support_desk_is_forked_with_what_its_state_injects(quick: World):
    """N-03: a tool that takes the conversation from the state: a stand-in gets what the model said, and one that raises is told."""
    quick.serve("shop", build_graph(quick))
    given = {"text": "Hello, where is my order?", "conversation_id": "cnv_1"}
    quick.begin_run("shop", given, thread_id="kettle")
    run = opened(quick, quick.graphs.graph("shop"))
    fork = run.fork(stand_ins={"send-draft": lambda body: f"sent {len(body)} characters"})
    fork.decide("approve")
    assert [(one.tool, list(one.args)) for one in fork.recorded] == [("send-draft", ["body"])]
    assert fork.recorded[0].answered.startswith("sent ")
    fork.close()

    def breaks(body: str) -> str:
        msg = f"{len(body)} characters are too many"
        raise ValueError(msg)

    other = run.fork(stand_ins={"send-draft": breaks})
    other.decide("approve")
    assert other.recorded[0].answered.startswith("ValueError: ")
    assert [act.status for act in other.facts.actions] == ["failed"]
    other.close()


def test_a_tool_inside_a_subgraph_is_replaced_too(quick: World, effects: Effects):
    """N-03: an agent as a node of a graph: its tools are recorders as well."""
    inner = quick.plain(shop_tools(effects), shop_model(), checkpointer=None)
    builder = StateGraph(MessagesState)
    builder.add_node("agent", inner)
    builder.add_edge(START, "agent")
    builder.add_edge("agent", END)
    quick.serve("shop", builder.compile())
    quick.begin_run("shop", ASKED, thread_id="kettle")
    run = opened(quick, quick.graphs.graph("shop"))
    fork = run.fork()
    fork.decide("approve")
    assert (fork.status, [one.tool for one in fork.recorded]) == ("succeeded", ["process_refund"])
    assert effects.done == [LOOKED]
    fork.close()


def test_a_tool_that_a_node_calls_itself_is_stopped_before_it_begins(quick: World, effects: Effects):
    """N-03: what cannot be replaced from outside does not happen either: the dry run fails there, and says what to do."""

    @tool
    def send_mail(to: str) -> str:
        """Send a mail."""
        effects.perform(to)
        return "sent"

    def act(state: MessagesState) -> dict[str, Any]:
        return {"messages": [("ai", send_mail.invoke({"to": "ann"}))]}

    builder = StateGraph(MessagesState)
    builder.add_node("act", act)
    builder.add_edge(START, "act")
    graph: Any = builder.compile(checkpointer=quick.checkpointer(), interrupt_before=["act"])
    graph.invoke(asks(), on("kettle"))
    run = opened(quick, graph)
    fork = run.fork(at="act")
    for _ in fork.facts.pending:  # it stands at a breakpoint
        fork.decide("approve")
    assert fork.status == "failed"
    assert "send_mail was about to run for real in a dry run, and was stopped before it began" in repr(fork)
    assert effects.done == []
    fork.close()
    other = run.fork(at="act", stand_ins={"act": {"messages": [("ai", "as if")]}})
    for _ in other.facts.pending:
        other.decide("approve")
    assert (other.status, other.facts.dry.nodes) == ("succeeded", ("act",))  # type: ignore[union-attr]  # it is one
    other.close()


@pytest.mark.parametrize("mode", ["batched", "per_call"])
def test_langchains_own_class_by_changed_import_is_dry_too(quick: World, effects: Effects, mode: Any):
    """N-03, E-03: the drop-in asks in the fork's own desk, and its tools are recorders."""
    from langchain.agents import create_agent

    middleware: Any = HumanInTheLoopMiddleware({"pay": True}, interrupt_mode=mode, hitl=quick)

    @tool
    def pay(amount: int) -> str:
        """Pay somebody."""
        effects.perform(amount)
        return f"paid {amount}"

    model = script(says(call("pay", amount=5)), says(text="ok"))
    graph = create_agent(model, [pay], middleware=[middleware], checkpointer=quick.checkpointer())
    quick.serve("shop", graph)
    quick.begin_run("shop", asks(), thread_id="kettle")
    run = opened(quick, quick.graphs.graph("shop"))
    before = everything(quick)
    fork = run.fork()
    fork.decide("approve")
    assert (fork.status, [one.tool for one in fork.recorded]) == ("succeeded", ["pay"])
    assert effects.done == []
    assert everything(quick) == before
    fork.close()


def test_a_tool_node_without_a_gate_is_dry_too(quick: World, effects: Effects):
    """N-03: tools that no policy speaks of act as well, so they are recorded as well."""
    model = script(says(call("look", what="it")), says(text="ok"))
    builder = StateGraph(MessagesState)

    def think(state: MessagesState) -> dict[str, Any]:
        return {"messages": [model.invoke(state["messages"])]}

    builder.add_node("model", think)
    builder.add_node("tools", ToolNode([effects.look_tool()]))
    builder.add_edge(START, "model")
    builder.add_conditional_edges(
        "model", lambda s: "tools" if s["messages"][-1].tool_calls else END, ["tools", END]
    )
    builder.add_edge("tools", "model")
    graph: Any = builder.compile(checkpointer=quick.checkpointer())
    graph.invoke(asks(), on("kettle"))
    assert effects.done == ["look it"]
    fork = opened(quick, graph).fork(at=0)
    assert (fork.status, [one.tool for one in fork.recorded]) == ("succeeded", ["look"])
    assert effects.done == ["look it"]
    fork.close()


async def test_an_async_graph_is_forked_inside_a_loop(quick: World, effects: Effects):
    """N-03: a graph of async nodes and an async tool, from a cell that runs on a loop."""
    import asyncio

    @tool
    async def mail(to: str) -> str:
        """Send a mail."""
        effects.perform(to)
        return "sent"

    model = script(says(call("mail", to="ann")), says(text="ok"))

    async def think(state: MessagesState) -> dict[str, Any]:
        return {"messages": [await model.ainvoke(state["messages"])]}

    builder = StateGraph(MessagesState)
    builder.add_node("model", think)
    builder.add_node("tools", ToolNode([mail], **quick.tool_gate([mail], default="ask")))
    builder.add_edge(START, "model")
    builder.add_conditional_edges(
        "model", lambda s: "tools" if s["messages"][-1].tool_calls else END, ["tools", END]
    )
    builder.add_edge("tools", "model")
    quick.serve("shop", builder.compile())
    await asyncio.to_thread(quick.begin_run, "shop", asks(), thread_id="kettle")
    fork = opened(quick, quick.graphs.graph("shop")).fork()
    await fork.decide("approve")
    assert (fork.status, [one.tool for one in fork.recorded]) == ("succeeded", ["mail"])
    assert effects.done == []
    fork.close()


def test_a_workflow_step_is_decided_otherwise_in_a_fork(quick: World, effects: Effects):
    """N-03: a graph of nodes and a human step: feedback in the fork leads back, and what a plain node does is named."""
    graph = served(quick, planning(effects))
    run = Debugger(graph, name="g", hitl=quick)["t-1"]
    fork = run.fork(stand_ins={"carry_out": {"done": ["nothing"]}})
    fork.decide("feedback", "More bees")
    fork.decide("approve")
    assert fork.state["done"] == ["nothing"]
    assert [request.status for request in fork.facts.requests] == ["revised", "approved"]
    assert "draft" in fork.facts.dry.real  # type: ignore[union-attr]  # it is one
    assert effects.done == []
    fork.close()


def test_long_term_memory_is_read_and_not_written(quick: World, effects: Effects):
    """N-03: a node that remembers something does so aside: it finds what is there and what it wrote, and the store stays as it was."""
    memory = InMemoryStore()
    memory.put(("people",), "bo", {"likes": "tea"})

    def act(state: MessagesState) -> dict[str, Any]:
        store = get_store()
        known = store.get(("people",), "bo")
        assert known is not None
        store.put(("people",), "ann", {"likes": "mugs"})
        store.delete(("people",), "bo")
        left = sorted(item.key for item in store.search(("people",)))
        return {"messages": [("ai", f"{known.value['likes']}, then {left} in {store.list_namespaces()}")]}

    builder = StateGraph(MessagesState)
    builder.add_node("act", act)
    builder.add_edge(START, "act")
    graph: Any = builder.compile(checkpointer=quick.checkpointer(), interrupt_before=["act"], store=memory)
    graph.invoke(asks(), on("kettle"))
    fork = opened(quick, graph).fork(at="act")
    for _ in fork.facts.pending:
        fork.decide("approve")
    assert fork.state["messages"][-1]["content"] == "tea, then ['ann'] in [('people',)]"
    assert [item.key for item in memory.search(("people",))] == ["bo"]
    fork.close()


async def test_a_saver_of_the_notebooks_own_loop_is_forked_beside_it(
    quick: World, effects: Effects, tmp_path: Any
):
    """Bad input: a fork on the loop that its saver needs would wait for ever; the sentence says how, and that works."""
    import asyncio

    from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

    async with AsyncSqliteSaver.from_conn_string(str(tmp_path / "threads.db")) as saver:
        graph = quick.plain(shop_tools(effects), shop_model(), checkpointer=saver)
        await graph.ainvoke(ASKED, on("kettle"))
        run = await Debugger(graph, name="shop", hitl=quick).open("kettle")
        with pytest.raises(ConfigurationError, match=r"await asyncio.to_thread\(run.fork"):
            run.fork()
        fork = await asyncio.to_thread(run.fork)
        await asyncio.to_thread(fork.decide, "approve")
        assert [one.tool for one in fork.recorded] == ["process_refund"]
        assert effects.done == [LOOKED]
        fork.close()
