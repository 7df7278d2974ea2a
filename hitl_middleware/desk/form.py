"""The form that an answer to a request takes. Pure; every renderer draws from here."""

from __future__ import annotations

from hitl_middleware.actions import DecisionType
from hitl_middleware.forms import FormSpec
from hitl_middleware.records import ReviewRequest


def form_of(request: ReviewRequest, answer: DecisionType) -> FormSpec | None:
    """The fields of this kind of answer; ``None``: it has none, words or a click are enough.

    ``request`` as people may see it: what the policy hides is not in the form, and the desk keeps it as it is.
    """
    match answer:
        case "edit" if request.tool is not None and request.args is not None:
            return FormSpec.of(request.response_schema, request.args, hidden=request.plan.redact)
        case "approve" if request.kind == "step" and request.response_schema is not None:
            return FormSpec.of(request.response_schema)
        case "respond" if request.kind != "tool_call" and request.response_schema is not None:
            # Of a tool call the schema is that of its arguments; what stands in the tool's place are words.
            return FormSpec.of(request.response_schema)
    return None
