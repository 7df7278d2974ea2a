"""A ``Hitl`` that moves only when a test says so: no background sweep, a clock turned by hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from langchain.agents import create_agent
from langchain_core.messages import BaseMessage, ToolMessage
from langchain_core.runnables import RunnableConfig
from langchain_core.tools import BaseTool
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode

from hitl_middleware import send_tool_calls
from hitl_middleware.actions import Decision, EditedAction
from hitl_middleware.clock import ManualClock
from hitl_middleware.hitl import Graph
from hitl_middleware.records import Action, ReviewRequest, Run
from hitl_middleware.settings import ConfigFile, Settings
from hitl_middleware.testing.still import StillHitl

from tests.kit.databases import open_turned
from tests.kit.models import Scripted
from tests.kit.order import Ordered

LEASE = 10.0
ANN = "local:ann"
"""Somebody at the terminal: an operator."""


class World(StillHitl):
    """``StillHitl`` with what our own tests say often: agents, decisions, runs."""

    def __init__(
        self,
        url: str = "memory://",
        *,
        clock: ManualClock | None = None,
        config: ConfigFile | None = None,
        approvers: tuple[str, ...] = (),
        max_pending: int = 50,
        **parts: Any,
    ) -> None:
        settings = Settings(
            database_url=url, lease_seconds=LEASE, default_approvers=approvers, max_pending=max_pending
        )
        time = clock or ManualClock()
        opened = parts.pop("store", None) or open_turned(url, time)
        super().__init__(
            settings,
            config=config or ConfigFile(),
            clock=time,
            store=Ordered(opened),
            **({"channels": ()} | parts),
        )

    # moving ----------------------------------------------------------------------------------------------------------

    def beat(self) -> None:
        """One heartbeat: renew what this process holds."""
        self.portal.call(self.holdings.renew)

    def advance_run(self, run_id: str) -> None:
        """Call ``advance`` for one run, due or not."""
        self.portal.call(self._crew.reconcilers["run"], run_id)

    def publish(self, card_id: str) -> None:
        """Call ``publish`` for one card, due or not."""
        self.portal.call(self._crew.reconcilers["card"], card_id)

    # people ----------------------------------------------------------------------------------------------------------

    def decide(
        self,
        request: ReviewRequest,
        type: Literal["approve", "edit", "reject", "respond", "feedback"] = "approve",  # noqa: A002 – LangChain's word
        *,
        by: str = ANN,
        edit: dict[str, Any] | None = None,
        tool: str | None = None,
        **more: Any,
    ) -> ReviewRequest:
        """One person's answer. ``edit``: the arguments they want instead; ``tool``: another tool's name in that edit."""
        edited = EditedAction(name=tool or request.tool or "", args=edit) if edit is not None else None
        decision = Decision(type=type, edited_action=edited, **more)
        return self.portal.call(self.submit, request.id, decision, identity=by, via="test")

    def say(
        self, action: Action, what: Literal["done", "failed", "retry"], *, by: str = ANN, **more: Any
    ) -> Action:
        """Settle an unknown outcome."""
        return self.portal.call(self.settle, action.id, what, identity=by, via="test", **more)

    # looking ---------------------------------------------------------------------------------------------------------

    def only(self, kind: str | None = None) -> ReviewRequest:
        """The one open request."""
        (request,) = self.pending(kind)
        return request

    def runs(self) -> list[Run]:
        """All runs, oldest first."""
        return list(reversed(self.portal.call(self.views.runs, limit=200).items))

    def run_now(self, run: Run) -> Run:
        """A run as it stands."""
        return self.portal.call(self.views.run, run.id).run

    def act(self) -> Action:
        """The one action."""
        (action,) = self.actions()
        return action

    # graphs ----------------------------------------------------------------------------------------------------------

    def agent(
        self, tools: Sequence[BaseTool], model: Scripted, *, behind: Sequence[Any] = (), **options: Any
    ) -> Graph:
        """LangChain's agent with the gate first and ``behind`` behind it."""
        options.setdefault("checkpointer", self.checkpointer())
        return create_agent(model, tools, middleware=[self.approvals(tools), *behind], **options)

    def plain(
        self,
        tools: Sequence[BaseTool],
        model: Scripted,
        *,
        one_task: bool = False,
        adopt_direct_resume: bool = False,
        **options: Any,
    ) -> Graph:
        """The same on LangGraph alone: ``ToolNode`` and ``send_tool_calls``; ``one_task``: all calls of a turn in one task."""

        def think(state: MessagesState) -> dict[str, list[BaseMessage]]:
            return {"messages": [model.invoke(state["messages"])]}

        def route(state: MessagesState) -> Any:
            return "tools" if getattr(state["messages"][-1], "tool_calls", None) else "__end__"

        builder = StateGraph(MessagesState)
        builder.add_node("model", think)
        gate = self.tool_gate(tools, adopt_direct_resume=adopt_direct_resume)
        builder.add_node("tools", ToolNode(tools, **gate))
        builder.add_edge(START, "model")
        ends = ["tools", "__end__"]
        builder.add_conditional_edges("model", route if one_task else send_tool_calls("tools"), ends)
        builder.add_edge("tools", "model")
        options.setdefault("checkpointer", self.checkpointer())
        return builder.compile(**options)


def on(thread: str = "t-1", **more: Any) -> RunnableConfig:
    """The config of a thread."""
    return {"configurable": {"thread_id": thread, **more}}


def told(graph: Graph, thread: str = "t-1") -> list[ToolMessage]:
    """What the agent was told by its tools on a thread."""
    messages = graph.get_state(on(thread)).values["messages"]
    return [message for message in messages if isinstance(message, ToolMessage)]


def asked(graph: Graph, thread: str = "t-1") -> list[str]:
    """Ids of the questions at which a thread stands."""
    return [item.id for item in graph.get_state(on(thread)).interrupts]
