"""Whether an answer is one the request takes at all. Pure: the kind, the plan, the schema; not who gives it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match
from referencing import Registry

from hitl_middleware.actions import Decision
from hitl_middleware.errors import DoesNotFit
from hitl_middleware.records import ReviewRequest

MOST_REPEATED = 80
"""Characters of a value that are repeated in the sentence that says why it does not fit."""


def check_fit(request: ReviewRequest, decision: Decision) -> None:
    """Whether this answer is one the request takes at all. Raises ``DoesNotFit`` naming the field."""
    if request.kind == "outcome":
        why = f"this asks what became of an act; settle it with actions/{request.action_id}/outcome (hitl actions settle)"
        raise DoesNotFit(field="type", why=why)
    if decision.type not in request.plan.allowed_decisions:
        allowed = ", ".join(request.plan.allowed_decisions)
        raise DoesNotFit(field="type", why=f"{decision.type!r} is not allowed here; allowed: {allowed}")
    if decision.edited_action is not None:
        if request.plan.required_approvals > 1:
            raise DoesNotFit(
                field="type",
                why="a call that needs several approvals cannot be edited by one; give feedback instead",
            )
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
        if decision.answer is None:
            raise DoesNotFit(field="answer", why="this question wants a value, not only words")
        _validate(decision.answer, request.response_schema, "answer")


def _check_form(request: ReviewRequest, decision: Decision) -> None:
    """A workflow step: who approves fills its form in, if it has one."""
    if decision.type == "approve" and request.response_schema is not None:
        if decision.answer is None:
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
    if schema is not None and (found := mismatch(value, schema)) is not None:
        path, why = found
        if redact and (not path or any(f"{path}.".startswith(f"{name}.") for name in redact)):
            why = "it does not fit its schema"  # the validator's words repeat the value, and with it what is hidden
        raise DoesNotFit(field=".".join(filter(None, (field, path))), why=why)


def mismatch(value: Any, schema: Mapping[str, Any]) -> tuple[str, str] | None:
    """Where and why a value does not fit a schema. A schema that cannot be used fits nothing; what it refers to is not fetched."""
    try:
        error = best_match(Draft202012Validator(schema, registry=Registry()).iter_errors(value))
    except Exception as problem:  # noqa: BLE001 – unknown types, references to nowhere, keywords of the wrong form …
        return "", f"nothing fits its schema, which cannot be used ({type(problem).__name__})"
    if error is None:
        return None
    words, value = error.message, repr(error.instance)
    if len(value) > MOST_REPEATED:  # or the value would leave no room for what is wrong with it
        words = words.replace(value, f"{value[:MOST_REPEATED]}…")
    return ".".join(map(str, error.absolute_path)), words[:500]
