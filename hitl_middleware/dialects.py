"""Any LangGraph interrupt ⇄ our requests, and a decision → the value that interrupt is resumed with. Pure.

The gate's own interrupt speaks LangChain's per-call form (``tool_approval``), carries a one-element ``action_requests`` /
``review_configs`` for clients of the batched form, and a ``hitl`` object from which the desk files the request. A foreign value is
never dropped: what nobody knows becomes a question that is answered with ``respond``.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hitl_middleware.actions import ActionRequest, Decision, Identity
from hitl_middleware.policy import ReviewPlan
from hitl_middleware.review import RequestKind

VERSION = 1
MAX_TITLE = 150


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One thing an interrupt asks."""

    kind: RequestKind
    title: str
    plan: ReviewPlan
    description: str = ""
    call: ActionRequest | None = None
    response_schema: dict[str, Any] | None = None
    idempotent: bool = False
    shown: dict[str, Any] | None = field(default=None)
    """What to show where there is no tool call: the foreign value, as data."""


def ask_call(
    call: ActionRequest,
    plan: ReviewPlan,
    *,
    title: str,
    schema: dict[str, Any] | None,
    idempotent: bool = False,
) -> dict[str, Any]:
    """The value the gate interrupts with to ask about ``call``."""
    args = dict(call.args)
    return {
        "type": "tool_approval",
        "tool_call_id": call.identity.tool_call_id,
        "name": call.name,
        "args": args,
        "description": call.description,
        "action_requests": [{"name": call.name, "args": args, "description": call.description}],
        "review_configs": [{"action_name": call.name, "allowed_decisions": list(plan.allowed_decisions)}],
        "hitl": {
            "version": VERSION,
            "kind": "tool_call",
            "title": title,
            "identity": _identity(call.identity),
            "plan": plan.model_dump(mode="json"),
            "schema": schema,
            "idempotent": idempotent,
        },
    }


def ask_outcome(call: ActionRequest, plan: ReviewPlan) -> dict[str, Any]:
    """The value the gate interrupts with when it is not known whether ``call`` was performed."""
    return {
        "type": "tool_outcome",
        "tool_call_id": call.identity.tool_call_id,
        "name": call.name,
        "args": dict(call.args),
        "description": "It is not known whether this was performed. Say what happened.",
        "hitl": {
            "version": VERSION,
            "kind": "outcome",
            "title": f"What became of {call.name}?",
            "identity": _identity(call.identity),
            "plan": plan.model_dump(mode="json"),
            "schema": None,
            "idempotent": False,
        },
    }


def read(value: Any, response_schema: dict[str, Any] | None = None) -> Question:
    """What an interrupt asks, whoever raised it. Never raises: an unknown form is a question with its value shown as JSON."""
    if isinstance(value, Mapping) and isinstance(ours := value.get("hitl"), Mapping):
        try:
            return _read_ours(value, ours)
        except Exception:  # noqa: BLE001, S110 – somebody else's "hitl" key: show it like any foreign value
            pass
    text = value if isinstance(value, str) else ""
    return Question(
        kind="question",
        title=_title(text) or "The run asks a question",
        description=text,
        plan=ReviewPlan(verdict="ask", allowed_decisions=("respond",), reason="The graph asks a question"),
        response_schema=response_schema,
        shown=None if isinstance(value, str) else {"value": _jsonable(value)},
    )


def breakpoint_question() -> Question:
    """A static breakpoint (``interrupt_before`` / ``interrupt_after``) as a request."""
    return Question(
        kind="breakpoint",
        title="The run stands at a breakpoint",
        description="Approve to continue, reject to cancel the run.",
        plan=ReviewPlan(
            verdict="ask",
            allowed_decisions=("approve", "reject"),
            reason="The graph was compiled with a breakpoint here",
        ),
    )


def resume_value(kind: RequestKind, decision: Decision) -> Any:
    """What the interrupt is resumed with. For the gate's own it is a hint: the gate asks the ledger what to do."""
    if kind == "question":
        return decision.answer if decision.answer is not None else decision.message
    value: dict[str, Any] = {"type": decision.type}
    if decision.message is not None:
        value["message"] = decision.message
    if decision.edited_action is not None:
        value["edited_action"] = decision.edited_action.model_dump()
    return value


SETTLED_HINT: Mapping[str, str] = {"type": "settled"}
"""What an ``outcome`` interrupt is resumed with; the ledger says the rest."""


def _read_ours(value: Mapping[str, Any], ours: Mapping[str, Any]) -> Question:
    kind = ours["kind"]
    if ours["version"] != VERSION or kind not in {"tool_call", "outcome"}:
        msg = "not a form of ours"
        raise ValueError(msg)
    identity = Identity(**ours["identity"])
    schema = ours["schema"]
    if not all(isinstance(part, str) for part in dataclasses.astuple(identity)) or not isinstance(
        schema, dict | None
    ):
        msg = "not a form of ours"
        raise TypeError(msg)
    return Question(
        kind=kind,
        title=_title(str(ours["title"])),
        description=str(value.get("description") or ""),
        plan=ReviewPlan.model_validate(ours["plan"]),
        call=ActionRequest(
            name=str(value["name"]),
            args=dict(value["args"]),
            identity=identity,
        ),
        response_schema=schema,
        idempotent=bool(ours["idempotent"]),
    )


def _identity(identity: Identity) -> dict[str, str]:
    return {
        "thread_id": identity.thread_id,
        "checkpoint_ns": identity.checkpoint_ns,
        "tool_call_id": identity.tool_call_id,
    }


def _title(text: str) -> str:
    line = text.strip().split("\n", 1)[0]
    return line if len(line) <= MAX_TITLE else line[: MAX_TITLE - 1] + "…"


def _jsonable(value: Any) -> Any:
    try:
        return json.loads(json.dumps(value, default=str, allow_nan=False))
    except Exception:  # noqa: BLE001 – JSON has no form for it: tuples as keys, circles, NaN, a __str__ that fails
        try:
            return str(value)
        except Exception:  # noqa: BLE001 – as above
            return f"a {type(value).__name__} that cannot be shown"
