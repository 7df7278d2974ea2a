"""A ``ToolCallRequest`` of LangGraph as values of ours: identity, arguments checked against the tool's schema, the lease of its run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from langchain_core.messages import AIMessage
from langchain_core.tools import BaseTool
from langgraph.prebuilt.tool_node import ToolCallRequest
from langgraph.types import Interrupt
from pydantic import BaseModel, ValidationError

from hitl_middleware.actions import ActionRequest, Decision, DecisionType, Identity
from hitl_middleware.errors import ConfigurationError
from hitl_middleware.forms import misfits
from hitl_middleware.policy import ReviewPlan
from hitl_middleware.records import Lease, PendingInterrupt
from hitl_middleware.redaction import restored

LEASE_KEY = "hitl_lease"
"""Where ``advance`` hands the gate its lease: ``configurable["hitl_lease"] = {"run": id, "fence": n}``. No secret.

With ``"thread"``, where what runs the graph calls the thread otherwise than its run does.
"""


def action_request(request: ToolCallRequest) -> ActionRequest:
    """The call as a policy sees it.

    Raises ``ConfigurationError`` outside a graph with a checkpointer: without a thread nothing could be parked or recognised.
    """
    configurable = _configurable(request)
    thread_id, call_id = thread_in(configurable), request.tool_call.get("id")
    if thread_id is None or call_id is None:
        missing = (
            "a thread_id (compile the graph with a checkpointer and pass one)"
            if thread_id is None
            else "a tool call id"
        )
        msg = f"{request.tool_call['name']} needs approval, and for that {missing}"
        raise ConfigurationError(msg)
    return ActionRequest(
        name=request.tool_call["name"],
        args=dict(request.tool_call["args"]),
        identity=Identity(thread_id, str(configurable.get("checkpoint_ns", "")), call_id),
        description=(request.tool.description if request.tool else "").strip().split("\n", 1)[0],
        state=request.state,
    )


def lease_in(configurable: Mapping[str, Any]) -> Lease | None:
    """The lease in a ``configurable``, where one was handed in."""
    handed = configurable.get(LEASE_KEY)
    if (
        isinstance(handed, Mapping)
        and isinstance(handed.get("run"), str)
        and isinstance(handed.get("fence"), int)
    ):
        return Lease(handed["run"], "", handed["fence"])
    return None


def thread_in(configurable: Mapping[str, Any]) -> str | None:
    """The thread, by the name that its run knows it by; ``None``: there is none."""
    handed, thread_id = configurable.get(LEASE_KEY), configurable.get("thread_id")
    if (
        lease_in(configurable) is not None
        and isinstance(handed, Mapping)
        and isinstance(handed.get("thread"), str)
    ):
        return str(handed["thread"])
    return None if thread_id is None else str(thread_id)


def misfit(tool: BaseTool, args: Mapping[str, Any]) -> str | None:
    """Why the arguments do not fit the tool's schema; nobody is asked about a call that could not run."""
    schema = tool.tool_call_schema
    if isinstance(schema, dict):
        found = misfits(dict(args), schema)
        return "; ".join(f"{'.'.join(map(str, m.path)) or 'arguments'}: {m.why}" for m in found) or None
    if isinstance(schema, type) and issubclass(schema, BaseModel):
        try:
            schema.model_validate(dict(args))
        except ValidationError as error:
            return "; ".join(
                f"{'.'.join(map(str, e['loc'])) or 'arguments'}: {e['msg']}" for e in error.errors()
            )
    return None


def args_schema(tool: BaseTool) -> dict[str, Any] | None:
    """JSON Schema of the arguments a model (or a reviewer who edits) may give."""
    schema = tool.tool_call_schema
    if isinstance(schema, dict):
        return schema
    return schema.model_json_schema() if issubclass(schema, BaseModel) else None


def decision_schema(
    tool: str, allowed: tuple[DecisionType, ...], args: dict[str, Any] | None
) -> dict[str, Any]:
    """JSON Schema of the answer, for clients that draw a form from the interrupt. The gate itself believes only the ledger."""
    properties: dict[str, Any] = {"type": {"enum": list(allowed)}, "message": {"type": "string"}}
    if "edit" in allowed:
        properties["edited_action"] = {
            "type": "object",
            "properties": {"name": {"const": tool}, "args": args or {"type": "object"}},
            "required": ["name", "args"],
        }
    return {"type": "object", "properties": properties, "required": ["type"]}


def takes(request: ToolCallRequest, plan: ReviewPlan, decision: Decision) -> bool:
    """Whether a decision is one the plan allows and, where it edits the call, one the same tool could run."""
    if decision.type not in plan.allowed_decisions:
        return False
    edited = restored(decision, request.tool_call["args"], plan.redact).edited_action
    if edited is None:
        return True
    return edited.name == request.tool_call["name"] and (
        request.tool is None or misfit(request.tool, edited.args) is None
    )


def stands_alone(request: ToolCallRequest) -> bool:
    """Whether this is the only call of its task, so that what the task is resumed with is the answer to this call.

    LangGraph counts the interrupts of a task, and a ``ToolNode`` runs the calls of one task side by side: there an answer reaches
    whichever call interrupts first. A ``Send`` carries one call (``create_agent``'s, ``send_tool_calls``').
    """
    path = (config_of(request).get("metadata") or {}).get("langgraph_path") or ()
    if path[:1] == ("__pregel_push",):
        return True
    messages = request.state.get("messages", ()) if isinstance(request.state, Mapping) else ()
    last = next((m for m in reversed(messages) if isinstance(m, AIMessage)), None)
    return last is not None and [call["id"] for call in last.tool_calls] == [request.tool_call["id"]]


def graph_name(config: Mapping[str, Any]) -> str:
    """What the running graph is called, as far as its run says."""
    metadata = config.get("metadata") or {}
    named = metadata.get("graph_id") or metadata.get("lc_agent_name")
    return str(named or "agent")


def question_of(value: dict[str, Any], config: Mapping[str, Any]) -> PendingInterrupt:
    """The question a task asks with ``value``, under the id of the task's first one (LangGraph tells no other before it is answered)."""
    ns = str(config.get("configurable", {}).get("checkpoint_ns", ""))
    return PendingInterrupt(id=Interrupt.from_ns(value, ns).id, value=value, checkpoint_ns=ns)


def config_of(request: ToolCallRequest) -> Mapping[str, Any]:
    """The config under which the call runs; empty outside a graph."""
    return request.runtime.config if request.runtime is not None else {}


def _configurable(request: ToolCallRequest) -> Mapping[str, Any]:
    found: Mapping[str, Any] = config_of(request).get("configurable", {})
    return found
