"""What our own gate asks. Pure.

Its interrupt speaks LangChain's per-call form (``tool_approval``), carries a one-element ``action_requests`` / ``review_configs`` for
clients of the batched form, and a ``hitl`` object from which the desk files the request. The drop-in for LangChain's middleware asks with
LangChain's own values and puts the same object beside them: for its batched form, one for all calls.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from hitl_middleware.actions import ActionRequest, Decision, Identity
from hitl_middleware.dialects.question import VERSION, Question, title_of
from hitl_middleware.dialects.steps import read_placed
from hitl_middleware.policy import ReviewPlan
from hitl_middleware.redaction import redacted

SETTLED_HINT: Mapping[str, str] = {"type": "settled"}
"""What an ``outcome`` interrupt is resumed with; the ledger says the rest."""


def ask_call(
    call: ActionRequest,
    plan: ReviewPlan,
    *,
    title: str,
    schema: dict[str, Any] | None,
    idempotent: bool = False,
) -> dict[str, Any]:
    """The value the gate interrupts with to ask about ``call``."""
    args = redacted(call.args, plan.redact)
    return {
        "type": "tool_approval",
        "tool_call_id": call.identity.tool_call_id,
        "name": call.name,
        "args": args,
        "description": call.description,
        # Agent Inbox reads "arguments" where LangChain writes "args" (agent-inbox, contexts/utils.ts, normalizeInterrupt).
        "action_requests": [
            {"name": call.name, "args": args, "arguments": args, "description": call.description}
        ],
        "review_configs": [{"action_name": call.name, "allowed_decisions": list(plan.allowed_decisions)}],
        "hitl": hitl_of(call, plan, title=title, schema=schema, idempotent=idempotent),
    }


def hitl_of(
    call: ActionRequest,
    plan: ReviewPlan,
    *,
    title: str,
    schema: dict[str, Any] | None,
    idempotent: bool = False,
) -> dict[str, Any]:
    """The ``hitl`` object of a value that asks about ``call`` in anybody's words: it names ``name``, ``args`` and ``description``."""
    return {
        "version": VERSION,
        "kind": "tool_call",
        **_facts(call, plan, title, schema, idempotent=idempotent),
    }


def hitl_of_turn(parts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The ``hitl`` object of a value that asks about several calls together, in its ``action_requests``. ``parts``: theirs, in order."""
    return {"version": VERSION, "kind": "turn", "calls": [dict(part) for part in parts]}


def ask_outcome(call: ActionRequest, plan: ReviewPlan, *, early: bool = False) -> dict[str, Any]:
    """The value the gate interrupts with when it is not known whether ``call`` was performed.

    ``early``: it may still be under way; when it is in doubt for good, the gate is to look again before a person is asked.
    """
    return {
        "type": "tool_outcome",
        "tool_call_id": call.identity.tool_call_id,
        "name": call.name,
        "args": redacted(call.args, plan.redact),
        "description": "It is not known whether this was performed. Say what happened.",
        "hitl": {
            "version": VERSION,
            "kind": "outcome",
            "early": early,
            **_facts(call, plan, f"What became of {call.name}?", None, idempotent=False),
        },
    }


def read_ours(value: Any) -> tuple[Question, ...]:
    """What our gate asks; ``()``: it is not ours, or not whole – a "hitl" key of somebody else's is shown like any foreign value."""
    if not isinstance(value, Mapping) or not isinstance(ours := value.get("hitl"), Mapping):
        return ()
    try:
        if ours["kind"] == "turn":
            pairs = zip(value["action_requests"], ours["calls"], strict=True)
            return tuple(_read(request, part) for request, part in pairs)
        return (_read(value, ours),)
    except Exception:  # noqa: BLE001 – as the docstring says
        return ()


def hint(decision: Decision) -> dict[str, Any]:
    """The resume value for the gate's own: LangChain's words, for whoever reads them. The gate asks the ledger what to do."""
    value: dict[str, Any] = {"type": decision.type}
    if decision.message is not None:
        value["message"] = decision.message
    if decision.edited_action is not None:
        value["edited_action"] = decision.edited_action.model_dump()
    if decision.answered:
        value["answer"] = decision.answer
    return value


def _read(value: Mapping[str, Any], ours: Mapping[str, Any]) -> Question:
    kind = ours["kind"]
    if ours["version"] == VERSION and kind in {"step", "question"}:
        return read_placed(value, ours)
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
        form="ours",
        title=title_of(str(ours["title"])),
        description=str(value.get("description") or ""),
        plan=ReviewPlan.model_validate(ours["plan"]),
        call=ActionRequest(
            name=str(value["name"]),
            args=dict(ours.get("args", value["args"])),
            identity=identity,
        ),
        response_schema=schema,
        idempotent=bool(ours["idempotent"]),
        early=bool(ours.get("early")),
    )


def _facts(
    call: ActionRequest, plan: ReviewPlan, title: str, schema: dict[str, Any] | None, *, idempotent: bool
) -> dict[str, Any]:
    return {
        "title": title,
        "identity": dataclasses.asdict(call.identity),
        "plan": plan.model_dump(mode="json"),
        "schema": schema,
        "idempotent": idempotent,
        # The whole arguments for the desk, where what clients draw has some of them hidden.
        **({"args": dict(call.args)} if plan.redact else {}),
    }
