"""Human decisions for LangGraph agents: stop before an act, ask the right people, carry on, act at most once.

Names are loaded at first use, so that importing the package costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hitl_middleware.actions import ActionRequest, Decision, Review
    from hitl_middleware.errors import (
        AlreadyExecuted,
        HitlError,
        NotExecuted,
        OutcomeUnknown,
        QuestionWithdrawn,
        RequestNotFiled,
        Ungated,
    )
    from hitl_middleware.gate import current_action, requires_approval, send_tool_calls
    from hitl_middleware.hitl import Hitl
    from hitl_middleware.policy import Escalation, Policy
    from hitl_middleware.steps import aask, alabel_run, ask, human_step, label_run, route

_HOMES = {
    "ActionRequest": "actions",
    "Decision": "actions",
    "Review": "actions",
    "AlreadyExecuted": "errors",
    "HitlError": "errors",
    "NotExecuted": "errors",
    "OutcomeUnknown": "errors",
    "QuestionWithdrawn": "errors",
    "RequestNotFiled": "errors",
    "Ungated": "errors",
    "current_action": "gate",
    "requires_approval": "gate",
    "send_tool_calls": "gate",
    "Hitl": "hitl",
    "Escalation": "policy",
    "Policy": "policy",
    "aask": "steps",
    "alabel_run": "steps",
    "ask": "steps",
    "human_step": "steps",
    "label_run": "steps",
    "route": "steps",
}

__all__ = [
    "ActionRequest",
    "AlreadyExecuted",
    "Decision",
    "Escalation",
    "Hitl",
    "HitlError",
    "NotExecuted",
    "OutcomeUnknown",
    "Policy",
    "QuestionWithdrawn",
    "RequestNotFiled",
    "Review",
    "Ungated",
    "aask",
    "alabel_run",
    "ask",
    "current_action",
    "human_step",
    "label_run",
    "requires_approval",
    "route",
    "send_tool_calls",
]


def __getattr__(name: str) -> Any:
    try:
        home = _HOMES[name]
    except KeyError:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg) from None
    return getattr(import_module(f"{__name__}.{home}"), name)
