"""Any LangGraph interrupt ⇄ our questions, and decisions → the value that interrupt is resumed with. Pure.

| form          | the interrupt's value                      | asks                           | resumed with                         |
|---------------|--------------------------------------------|--------------------------------|--------------------------------------|
| `ours`        | LangChain's per-call or batched form with  | one call, or one per action    | a hint: the gate asks the ledger, a  |
|               | a `hitl` object                            | request, each an action; or    | step or an `ask` the store           |
|               |                                            | one step or `ask`              |                                      |
| `batched`     | `{"action_requests": [{name, args,         | one call per action request,   | `{"decisions": [{"type": "approve"}, |
|               | description?}, …], "review_configs":       | each with the decisions of     | …]}` in their order; `feedback` is a |
|               | [{action_name, allowed_decisions}, …]}`    | its config                     | `reject` with the words              |
| `per_call`    | `{"type": "tool_approval", tool_call_id,   | one call; its response schema  | one such decision                    |
|               | name, args, description}`                  | says which decisions           |                                      |
| `agent_inbox` | `{"action_request": {action, args},        | one call per human interrupt:  | `[{"type": "accept", "args": …}, …]` |
|               | "config": {allow_accept, allow_edit,       | approve, edit, respond and     | with `edit`, `response`, `ignore`    |
|               | allow_respond, allow_ignore},              | feedback, reject               | likewise; always a list              |
|               | description?}`, a list of them, or JSON    |                                |                                      |
|               | text of either                             |                                |                                      |
| `plain`       | anything else, with or without a           | a question; what is no text    | the answer itself, or the words      |
|               | `response_schema`                          | is shown as JSON               |                                      |
| `breakpoint`  | none: compiled with `interrupt_before` or  | to go on or to stop            | nothing: `advance` continues or      |
|               | `interrupt_after`                          |                                | cancels                              |

`batched` is the default of LangChain's ``HumanInTheLoopMiddleware`` and what deepagents' ``interrupt_on`` raises; `per_call` is the other
mode of the same class. No value is dropped and none raises: whatever does not have one of these forms to the letter is `plain`. An
interrupt is resumed when *all* of its questions are decided, never with a part.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hitl_middleware.actions import Decision
from hitl_middleware.dialects.agent_inbox import human_response, read_agent_inbox
from hitl_middleware.dialects.answers import json_in, question_of, read_answer, understood
from hitl_middleware.dialects.langchain import batched_misfit, langchain_decision, read_batched, read_per_call
from hitl_middleware.dialects.ours import (
    SETTLED_HINT,
    ask_call,
    ask_outcome,
    hint,
    hitl_of,
    hitl_of_turn,
    read_ours,
)
from hitl_middleware.dialects.plain import breakpoint_question, read_plain
from hitl_middleware.dialects.question import (
    MAX_TITLE,
    VERSION,
    Form,
    Question,
    fingerprint,
    headed,
    jsonable,
)
from hitl_middleware.dialects.steps import WITHDRAWN_HINT, answer_schema, ask_people

__all__ = [
    "MAX_TITLE",
    "SETTLED_HINT",
    "VERSION",
    "WITHDRAWN_HINT",
    "Form",
    "Question",
    "answer_schema",
    "ask_call",
    "ask_outcome",
    "ask_people",
    "breakpoint_question",
    "fingerprint",
    "headed",
    "hitl_of",
    "hitl_of_turn",
    "json_in",
    "jsonable",
    "question_of",
    "read",
    "read_answer",
    "refuses",
    "resume_value",
    "understood",
]


def read(value: Any, response_schema: dict[str, Any] | None = None) -> tuple[Question, ...]:
    """What an interrupt asks, whoever raised it: at least one question. Never raises."""
    if ours := read_ours(value):
        return ours
    schema = jsonable(response_schema)
    response_schema = schema if isinstance(schema, dict) else None
    return (
        read_batched(value)
        or read_per_call(value, response_schema)
        or read_agent_inbox(value)
        or (read_plain(value, response_schema),)
    )


def refuses(asked: Sequence[Question], answer: Any, error: str) -> bool:
    """Whether the step that asked all this raised ``error`` because it cannot live with the ``answer`` that LangGraph keeps for it.

    Only of the batched form can that be said: nothing but reading the answer happens in its step. What another step raises is its own.
    """
    return asked[0].form == "batched" and batched_misfit(asked, answer, error)


def resume_value(asked: Sequence[Question], decisions: Sequence[Decision]) -> Any:
    """What the interrupt that asked all this is resumed with; ``decisions`` has one for each question, in their order."""
    pairs = list(zip(asked, decisions, strict=True))
    match asked[0].form:
        case "batched":
            return {"decisions": [langchain_decision(decision) for _, decision in pairs]}
        case "per_call":
            return langchain_decision(decisions[0])
        case "agent_inbox":
            return [human_response(question, decision) for question, decision in pairs]
        case "plain":
            (decision,) = decisions
            return decision.reply
        case "ours" if len(decisions) > 1:
            return {"decisions": [hint(decision) for decision in decisions]}
        case "ours" | "breakpoint":
            return hint(decisions[0])
