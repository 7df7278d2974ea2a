"""What LangChain's ``HumanInTheLoopMiddleware`` asks (deepagents' ``interrupt_on`` is the same class), and how it is answered. Pure.

Read and written from ``langchain.agents.middleware.human_in_the_loop`` 1.4.7: ``HITLRequest``, ``ToolApprovalRequest``, ``HITLResponse``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from hitl_middleware.actions import DECISION_TYPES, Decision, DecisionType
from hitl_middleware.dialects.question import Form, Question, jsonable, title_of
from hitl_middleware.policy import ReviewPlan

LEAST: tuple[DecisionType, ...] = ("approve", "reject")
"""What is offered where the interrupt does not say what it takes."""


def read_batched(value: Any) -> tuple[Question, ...]:
    """One question per action request, in their order; ``()``: it is not this form."""
    if not isinstance(value, Mapping):
        return ()
    asked, configs = _mappings(value.get("action_requests")), _mappings(value.get("review_configs"))
    if not asked or configs is None or not all(_is_call(request) for request in asked):
        return ()
    found = []
    for position, request in enumerate(asked):
        config = _config_of(request["name"], position, configs)
        schema = config.get("args_schema")
        found.append(
            _question(
                "batched",
                request,
                _decisions(config.get("allowed_decisions")) or LEAST,
                schema if isinstance(schema, dict) else None,
            )
        )
    return tuple(found)


def read_per_call(value: Any, response_schema: dict[str, Any] | None) -> tuple[Question, ...]:
    """The one question of a ``tool_approval``; ``()``: it is not this form. What it takes stands in its response schema."""
    if not isinstance(value, Mapping) or value.get("type") != "tool_approval" or not _is_call(value):
        return ()
    branches = {name: branch for branch in _branches(response_schema) for name in _types(branch)}
    edited = _resolved(_property(branches.get("edit"), "edited_action"), response_schema)
    args = _property(edited, "args")
    return (
        _question(
            "per_call",
            value,
            _decisions(list(branches)) or LEAST,
            None if args is None else _standalone(args, response_schema),
        ),
    )


def langchain_decision(decision: Decision) -> dict[str, Any]:
    """One decision in LangChain's words. It knows no feedback: that is a rejection with the words."""
    match decision.type:
        case "edit" if decision.edited_action is not None:
            return {"type": "edit", "edited_action": decision.edited_action.model_dump()}
        case "respond":
            answer = decision.reply
            text = answer if isinstance(answer, str) else json.dumps(answer, ensure_ascii=False)
            return {"type": "respond", "message": text}
        case "reject" | "feedback":
            return {"type": "reject"} | ({"message": decision.message} if decision.message else {})
        case _:
            return {"type": "approve"}


def batched_misfit(asked: Sequence[Question], answer: Any, error: str) -> bool:
    """Whether a batched interrupt raised ``error`` because of the ``answer``, and so will raise it for ever.

    The middleware checks nothing before LangGraph has stored the answer. It raises by itself where the decisions do not match the calls
    (also where its ``when`` changed its mind); its two sentences for that speak of human decisions.
    """
    decisions = answer.get("decisions") if isinstance(answer, Mapping) else None
    if not isinstance(decisions, list | tuple) or len(decisions) != len(asked):
        return True
    taken = all(_is_taken(question, decision) for question, decision in zip(asked, decisions, strict=True))
    return not taken or "human decision" in error


def _is_taken(question: Question, decision: Any) -> bool:
    if not isinstance(decision, Mapping):
        return False
    kind = decision.get("type")
    if kind == "edit":
        edited = decision.get("edited_action")
        if not isinstance(edited, Mapping) or not _is_call(edited):
            return False
    return kind in question.plan.allowed_decisions and (kind != "respond" or "message" in decision)


def _question(
    form: Form,
    request: Mapping[str, Any],
    allowed: tuple[DecisionType, ...],
    schema: dict[str, Any] | None,
) -> Question:
    name, words = str(request["name"]), request.get("description")
    return Question(
        kind="tool_call",
        form=form,
        title=title_of(name),
        description=words if isinstance(words, str) else "",
        tool=name,
        shown=_arguments(request),
        response_schema=schema,
        plan=ReviewPlan(
            verdict="ask",
            allowed_decisions=(*allowed, "feedback") if "reject" in allowed else allowed,
            reason=f"The graph asks before it calls {name}",
        ),
    )


def _arguments(request: Mapping[str, Any]) -> dict[str, Any]:
    args = jsonable(request["args"])
    return args if isinstance(args, dict) else {"args": args}


def _is_call(request: Mapping[str, Any]) -> bool:
    name = request.get("name")
    return isinstance(name, str) and bool(name) and isinstance(request.get("args"), Mapping)


def _mappings(value: Any) -> Sequence[Mapping[str, Any]] | None:
    if isinstance(value, list | tuple) and all(isinstance(item, Mapping) for item in value):
        return value
    return None


def _config_of(name: str, position: int, configs: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """By position, as the middleware writes them, or by name, as its type says."""
    at = configs[position] if position < len(configs) else {}
    if at.get("action_name") == name:
        return at
    return next((config for config in configs if config.get("action_name") == name), {})


def _decisions(names: Any) -> tuple[DecisionType, ...]:
    """Those of LangChain's decisions that we know, in our order; ``feedback`` is not one of them."""
    if not isinstance(names, list | tuple):
        return ()
    return tuple(known for known in DECISION_TYPES if known in names and known != "feedback")


# response schemas ------------------------------------------------------------------------------------------------------


def _branches(schema: dict[str, Any] | None) -> Iterator[Mapping[str, Any]]:
    """The alternatives of a schema, looked up."""
    if isinstance(schema, dict):
        alternatives = schema.get("oneOf") or schema.get("anyOf")
        for branch in alternatives if isinstance(alternatives, list) else [schema]:
            yield _resolved(branch, schema)


def _types(branch: Mapping[str, Any]) -> Sequence[str]:
    """Which decision (or decisions) an alternative stands for."""
    kind = _property(branch, "type")
    if kind is None:
        return ()
    names = [kind["const"]] if "const" in kind else kind.get("enum")
    return [name for name in names if isinstance(name, str)] if isinstance(names, list) else ()


def _property(schema: Mapping[str, Any] | None, name: str) -> Mapping[str, Any] | None:
    properties = schema.get("properties") if schema is not None else None
    found = properties.get(name) if isinstance(properties, Mapping) else None
    return found if isinstance(found, Mapping) else None


def _resolved(schema: Any, root: dict[str, Any] | None) -> Mapping[str, Any]:
    """A schema, or the definition that it refers to."""
    if not isinstance(schema, Mapping):
        return {}
    name = schema.get("$ref")
    if isinstance(name, str) and name.startswith("#/$defs/") and isinstance(root, dict):
        definitions = root.get("$defs")
        found = definitions.get(name.removeprefix("#/$defs/")) if isinstance(definitions, Mapping) else None
        return found if isinstance(found, Mapping) else {}
    return schema


def _standalone(schema: Mapping[str, Any], root: dict[str, Any] | None) -> dict[str, Any]:
    """A part of a schema that can be used without the whole."""
    whole = dict(_resolved(schema, root))
    definitions = (root or {}).get("$defs")
    return whole if not isinstance(definitions, Mapping) else {**whole, "$defs": dict(definitions)}
