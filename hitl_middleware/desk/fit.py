"""Whether an answer is one the request takes at all. Pure: the kind, the plan, the schema; not who gives it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from hitl_middleware.actions import Decision
from hitl_middleware.errors import DoesNotFit
from hitl_middleware.forms import misfits
from hitl_middleware.records import ReviewRequest


def check_fit(request: ReviewRequest, decision: Decision) -> None:
    """Whether this answer is one the request takes at all. Raises ``DoesNotFit`` naming the field."""
    if request.kind == "outcome":
        why = f"this asks what became of an act; settle it with actions/{request.action_id}/outcome (hitl actions settle)"
        raise DoesNotFit(field="type", why=why)
    if decision.type == "edit" and request.plan.by_several:
        why = "a call that needs several approvals cannot be edited by one; give feedback instead"
        raise DoesNotFit(field="type", why=why)
    if decision.type not in request.plan.allowed_decisions:
        allowed = ", ".join(request.plan.allowed_decisions)
        raise DoesNotFit(field="type", why=f"{decision.type!r} is not allowed here; allowed: {allowed}")
    if decision.edited_action is not None:
        if decision.edited_action.name != request.tool:
            raise DoesNotFit(
                field="edited_action.name", why=f"an edit cannot switch tools; it must stay {request.tool!r}"
            )
        _validate(
            decision.edited_action.args, request.response_schema, "edited_action.args", request.plan.redact
        )
    if request.kind == "step":
        _check_form(request, decision)
    if decision.type == "respond" and request.kind == "question" and request.response_schema is not None:
        if not decision.answered:
            raise DoesNotFit(field="answer", why="this question wants a value, not only words")
        _validate(decision.answer, request.response_schema, "answer")


def _check_form(request: ReviewRequest, decision: Decision) -> None:
    """A workflow step: who approves fills its form in, if it has one."""
    if decision.type == "approve" and request.response_schema is not None:
        if not decision.answered:
            raise DoesNotFit(
                field="answer", why="approving this takes the values of its form (response_schema)"
            )
        _validate(decision.answer, request.response_schema, "answer")
    elif decision.answer is not None:
        why = (
            "this step has no form"
            if decision.type == "approve"
            else "only approve carries the form's values"
        )
        raise DoesNotFit(field="answer", why=f"{why}; say it in message")


def _validate(value: Any, schema: Mapping[str, Any] | None, field: str, redact: Collection[str] = ()) -> None:
    if schema is None or not (found := misfits(value, schema)):
        return
    places = []
    for misfit in found:
        path, why = ".".join(map(str, misfit.path)), misfit.why
        if redact and (not path or any(f"{path}.".startswith(f"{name}.") for name in redact)):
            why = (
                "It does not fit its schema."  # the sentence may repeat the value, and with it what is hidden
            )
        places.append((".".join(filter(None, (field, path))), why))
    raise DoesNotFit.at(places)
