"""What a workflow step (``human_step``) and an ``ask`` say when they interrupt, and how that is read again. Pure.

Like the gate's own the value speaks LangChain's words too, so that a client which knows nothing of steps shows the prompt, the data and
the decisions that are allowed.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from hitl_middleware.actions import Place
from hitl_middleware.dialects.question import VERSION, Question, title_of
from hitl_middleware.policy import ReviewPlan

WITHDRAWN_HINT: Mapping[str, str] = {"type": "withdrawn"}
"""What a step or an ``ask`` is resumed with that was taken back; the store says why."""


def ask_people(question: Question) -> dict[str, Any]:
    """The value with which a step or an ``ask`` interrupts; ``read`` gives the question back."""
    assert question.place is not None  # noqa: S101 – only what has a place is asked here
    name, shown = question.step or "question", question.shown or {}
    text, decisions = question.description or question.title, list(question.plan.allowed_decisions)
    return {
        "type": "human_step" if question.kind == "step" else "question",
        "name": name,
        "description": text,
        "args": shown,
        "action_requests": [{"name": name, "args": shown, "arguments": shown, "description": text}],
        "review_configs": [{"action_name": name, "allowed_decisions": decisions}],
        "round": question.round,
        "notes": list(question.notes),
        "hitl": {
            "version": VERSION,
            "kind": question.kind,
            "title": question.title,
            "place": dataclasses.asdict(question.place),
            "step": question.step,
            "plan": question.plan.model_dump(mode="json"),
            "schema": question.response_schema,
        },
    }


def answer_schema(question: Question) -> dict[str, Any] | None:
    """JSON Schema of the answer, for clients that draw a form from the interrupt: of an ``ask`` its value, of a step the decision."""
    if question.kind != "step":
        return question.response_schema
    properties: dict[str, Any] = {
        "type": {"enum": list(question.plan.allowed_decisions)},
        "message": {"type": "string"},
    }
    schema: dict[str, Any] = {"type": "object", "properties": properties, "required": ["type"]}
    if question.response_schema is not None:
        form = dict(question.response_schema)
        if definitions := form.pop("$defs", None):
            schema["$defs"] = definitions  # where its references look for them
        properties["answer"] = form
    return schema


def read_placed(value: Mapping[str, Any], ours: Mapping[str, Any]) -> Question:
    """The question in such a value. Raises whatever it raises for one that is not whole."""
    place, schema, text = ours["place"], ours["schema"], str(value["description"])
    if not isinstance(schema, dict | None):
        msg = "not a form of ours"
        raise TypeError(msg)
    title = title_of(str(ours["title"]))
    return Question(
        kind=ours["kind"],
        form="ours",
        title=title,
        description="" if text == title else text,
        plan=ReviewPlan.model_validate(ours["plan"]),
        shown=dict(value["args"]) or None,
        response_schema=schema,
        place=Place(str(place["thread_id"]), str(place["checkpoint_ns"]), int(place["ordinal"])),
        step=None if ours["step"] is None else str(ours["step"]),
        round=None if value["round"] is None else int(value["round"]),
        notes=tuple(map(str, value["notes"])),
    )
