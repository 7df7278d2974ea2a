"""What graphs written for Agent Inbox ask (``HumanInterrupt``), and how they are answered (``HumanResponse``). Pure.

Read and written from the types and the client code of langchain-ai/agent-inbox. Graphs there raise one object, a list of them, or either
as JSON text; the client always answers with a list.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hitl_middleware.actions import Decision, DecisionType
from hitl_middleware.dialects.answers import json_in
from hitl_middleware.dialects.question import Question, jsonable, title_of
from hitl_middleware.policy import ReviewPlan

_ALLOWS: Mapping[str, DecisionType] = {
    "allow_accept": "approve",
    "allow_edit": "edit",
    "allow_ignore": "reject",
    "allow_respond": "respond",
}


def read_agent_inbox(value: Any) -> tuple[Question, ...]:
    """One question per human interrupt, in their order; ``()``: it is not this form."""
    if isinstance(value, str):
        value = json_in(value)
    asked = [value] if isinstance(value, Mapping) else value
    if not isinstance(asked, list | tuple) or not asked:
        return ()
    found = [_read_one(item) for item in asked]
    return tuple(question for question in found if question is not None) if all(found) else ()


def human_response(question: Question, decision: Decision) -> dict[str, Any]:
    """One decision as a ``HumanResponse``. It has no place for a reason to ignore: that stays in our record."""
    match decision.type:
        case "edit" if decision.edited_action is not None:
            edited = decision.edited_action
            return {"type": "edit", "args": {"action": edited.name, "args": edited.args}}
        case "respond" | "feedback":
            return {"type": "response", "args": decision.reply}
        case "reject":
            return {"type": "ignore", "args": None}
        case _:
            return {"type": "accept", "args": {"action": question.tool, "args": question.shown}}


def _read_one(item: Any) -> Question | None:
    if not isinstance(item, Mapping):
        return None
    request, config, words = item.get("action_request"), item.get("config"), item.get("description")
    if not isinstance(request, Mapping) or not isinstance(config, Mapping):
        return None
    name, args = request.get("action"), request.get("args")
    if not isinstance(name, str) or not isinstance(args, Mapping):
        return None
    allowed = [kind for key, kind in _ALLOWS.items() if config.get(key) is True]
    if "respond" in allowed and {"approve", "edit"} & set(allowed):
        allowed.append(
            "feedback"
        )  # words about something that could be accepted as well; where it could not, they are the answer
    shown = jsonable(args)
    return Question(
        kind="tool_call",
        form="agent_inbox",
        title=title_of(name) or "The run asks",
        description=words if isinstance(words, str) else "",
        tool=name,
        shown=shown if isinstance(shown, dict) else {"args": shown},
        plan=ReviewPlan(
            verdict="ask",
            # A config that allows nothing would never be answered; the client itself lets everything be ignored.
            allowed_decisions=tuple(allowed) or ("reject",),
            reason=f"The graph asks about {name}",
        ),
    )
