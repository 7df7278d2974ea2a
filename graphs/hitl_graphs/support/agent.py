"""The support desk as a graph: read what came in, let the model decide, do what it calls for once people agree, and say how it went.

START → read → model ⇄ tools
                 └──▶ END
"""

from __future__ import annotations

from typing import Annotated, Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AnyMessage, HumanMessage, SystemMessage
from langgraph.channels import EphemeralValue
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.prebuilt import ToolNode

from hitl_graphs.support.model import chat_model
from hitl_graphs.support.prompts import RULES, quoted
from hitl_graphs.support.tools import TOOLS
from hitl_middleware import Hitl, HitlError, send_tool_calls


class InputUnusable(HitlError):
    """The input does not fit: {why}. Give "text" (or "message") with a "conversation_id", or "messages" that end with a user's."""


class SupportState(MessagesState):
    """The conversation so far, and which one it is in Front (``""``: none)."""

    conversation_id: str


class SupportInput(SupportState, total=False):
    """What a run is given: ``messages``, or ``text`` (also called ``message``) and who wrote it. These last only until they are read."""

    text: Annotated[Any, EphemeralValue]
    message: Annotated[Any, EphemeralValue]
    author: Annotated[Any, EphemeralValue]


def build_graph(hitl: Hitl, model: BaseChatModel | None = None) -> CompiledStateGraph[Any, Any, Any, Any]:
    """The graph behind ``hitl``'s gate, without a checkpointer. ``model``: instead of the one that ``HITL_MODEL`` names."""

    def think(state: SupportState) -> dict[str, list[AnyMessage]]:
        bound = (model or chat_model()).bind_tools(TOOLS)
        return {"messages": [bound.invoke([SystemMessage(RULES), *map(quoted, state["messages"])])]}

    builder = StateGraph(SupportState, input_schema=SupportInput)
    builder.add_node("read", read)
    builder.add_node("model", think)
    builder.add_node("tools", ToolNode(TOOLS, **hitl.tool_gate(TOOLS)))
    builder.add_edge(START, "read")
    builder.add_edge("read", "model")
    builder.add_conditional_edges("model", send_tool_calls("tools"), ["tools", END])
    builder.add_edge("tools", "model")
    return builder.compile(name="support")


def make_graph() -> CompiledStateGraph[Any, Any, Any, Any]:
    """The graph for ``Hitl.from_env()``."""
    return build_graph(Hitl.from_env())


def read(state: SupportInput) -> dict[str, Any]:
    """Turn what came in into one more message of the customer's. Raises ``InputUnusable``."""
    conversation_id = state.get("conversation_id") or ""
    if not isinstance(conversation_id, str):
        raise InputUnusable(why="conversation_id is not text")
    text = state.get("text") if state.get("text") is not None else state.get("message")
    if text is None:
        messages = state.get("messages") or []
        if not messages or not isinstance(messages[-1], HumanMessage):
            raise InputUnusable(why="there is no new message in it")
        return {"conversation_id": conversation_id}
    if not isinstance(text, str) or not text.strip():
        raise InputUnusable(why="the message is not text, or empty")
    author = state.get("author")
    kept = {"author": author} if isinstance(author, str) else {}
    return {
        "conversation_id": conversation_id,
        "messages": [HumanMessage(text, additional_kwargs=kept)],
    }
