"""An answer in any client's words → a ``Decision``. Pure; one table for the API, for direct resumes, and for whatever comes.

| client                | sends                                                | becomes                                                  |
|-----------------------|------------------------------------------------------|----------------------------------------------------------|
| LangChain, per call   | `{"type": …, "message"?, "edited_action"?}`          | that decision: approve, edit, reject, respond            |
| LangChain, batched    | `{"decisions": [one of these]}`                      | the decision in it                                       |
| agent-chat-ui         | the same; what was edited is text                    | the same; an edit's texts are read back as values        |
| ours                  | the first, with `feedback`, and `answer` for a value | that decision                                            |
| Agent Inbox           | `[{"type": "accept", "args": …}]`; the list or not   | approve, unless it holds other arguments than were asked |
|                       | `"edit", "args": {"action", "args"}`                 | edit, its texts read back as values                      |
|                       | `"response", "args": "words"`                        | of a call that is reviewed: feedback, or reject with the |
|                       |                                                      | words; where only an answer is asked for: respond        |
|                       | `"ignore", "args": null`                             | reject                                                   |
| Studio                | the value that the interrupt wants, as JSON or as    | as above                                                 |
|                       | text of it                                           |                                                          |
| anybody, to a plain   | a text, a number, a list …; an object or null only   | respond with that value                                  |
| question              | where a schema says that it may be one               |                                                          |

Sources: ``langchain.agents.middleware.human_in_the_loop`` 1.4.7; langchain-ai/agent-chat-ui, ``thread/agent-inbox`` (its edit boxes make
text of every value that is touched); langchain-ai/agent-inbox, README and ``hooks/use-interrupted-actions`` (it offers "response" where one
may reject in LangChain's form, and makes text of edited values); LangSmith's page on Studio, which names no form of its own and sends on
what is typed. Anything else is refused: nobody's word is guessed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from hitl_middleware.actions import DECISION_TYPES, Decision, DecisionType, same_args
from hitl_middleware.dialects.question import Question
from hitl_middleware.errors import DoesNotFit
from hitl_middleware.forms import misfits
from hitl_middleware.records import ReviewRequest

MOST_TEXT = 1_000_000
"""Characters of a text that are looked into for JSON."""

_INBOX = frozenset({"accept", "edit", "response", "ignore"})


def read_answer(value: Any, question: Question) -> Decision:
    """What somebody decided, whichever client they said it with; see the table above.

    Says nothing of whether the question allows it: that is the desk's. Raises ``DoesNotFit`` naming the field, or, for a form that nobody
    knows, what would be understood.
    """
    match value:
        case Mapping() if "decisions" in value:
            return _only_one(value, question)
        case Mapping() if _type(value) in _INBOX and "args" in value:
            return _from_inbox(value, question)
        case Mapping() if _type(value) in DECISION_TYPES:
            return _decision(value, question)
        case [Mapping() as only] if _type(only) in _INBOX:
            return _from_inbox(only, question)
        case str() if question.kind != "question" and (meant := json_in(value)) is not None:
            return read_answer(meant, question)
    if question.kind == "question" and (answer := _plain_answer(value, question)) is not None:
        return answer
    raise _not_understood(value, question)


def question_of(request: ReviewRequest) -> Question:
    """The question that a stored request asks, as far as reading an answer to it goes."""
    return Question(
        kind=request.kind,
        title=request.title,
        plan=request.plan,
        tool=request.tool or request.step,  # a step stands under its own name where clients look for a call's
        shown=request.args,
        response_schema=request.response_schema,
    )


def understood(question: Question) -> str:
    """What would have been understood, as a sentence."""
    allowed = " | ".join(f'"{name}"' for name in question.plan.allowed_decisions)
    ours = f'{{"type": {allowed}}}'
    if question.kind == "question":
        return f'{ours} with "message" or "answer", or the answer itself as a text, a number or a list'
    inbox = " | ".join(f'"{name}"' for name in ("accept", "edit", "response", "ignore"))
    return (
        f"{ours} (an edit with \"edited_action\", words in \"message\"), LangChain's {{\"decisions\": [one of these]}}, "
        f'or Agent Inbox\'s [{{"type": {inbox}, "args": …}}]'
    )  # fmt: skip


def _not_understood(value: Any, question: Question) -> DoesNotFit:
    known = isinstance(value, Mapping) and "type" in value
    named = (
        f"{_short(value['type'])} is no answer that is known here"
        if known
        else "this is no answer that is known here"
    )
    return DoesNotFit(field="type", why=f"{named}. Understood are {understood(question)}.")


def _type(value: Mapping[str, Any]) -> str | None:
    kind = value.get("type")
    return kind if isinstance(kind, str) else None


def _short(value: Any) -> str:
    return repr(value) if isinstance(value, str) and len(value) <= 40 else "this"


def _takes_null(question: Question) -> bool:
    """Whether null is an answer. Elsewhere it is what clients send for a value that they leave out."""
    schema = question.response_schema
    return question.kind in {"question", "step"} and schema is not None and not misfits(None, schema)


def _decision(value: Mapping[str, Any], question: Question) -> Decision:
    given = dict(value)
    if "answer" in given and given["answer"] is None and not _takes_null(question):
        del given["answer"]
    try:
        return Decision.model_validate(given)
    except ValidationError as error:
        raise DoesNotFit.at([_told(each) for each in error.errors()]) from None


def _told(error: Mapping[str, Any]) -> tuple[str, str]:
    field, why = ".".join(map(str, error["loc"])), str(error["msg"]).removeprefix("Value error, ")
    if not field:  # what is judged over several fields names its own
        field, _, why = why.partition(": ")
    return field, why


# LangChain's batched form, agent-chat-ui --------------------------------------------------------------------------------


def _only_one(value: Mapping[str, Any], question: Question) -> Decision:
    decisions = value["decisions"]
    if not isinstance(decisions, list | tuple) or len(decisions) != 1:
        why = "exactly one: what else the interrupt asks has requests of its own, and is resumed when all are decided"
        raise DoesNotFit(field="decisions", why=why)
    if others := sorted(str(key) for key in value if key != "decisions"):
        raise DoesNotFit(field=others[0], why='nothing stands beside "decisions" but a "reviewer"')
    (one,) = decisions
    if not isinstance(one, Mapping) or _type(one) not in DECISION_TYPES:
        raise _not_understood(one, question)
    decision = _decision(one, question)
    if decision.edited_action is None:
        return decision
    args = _values(decision.edited_action.args, question)
    return decision.model_copy(
        update={"edited_action": decision.edited_action.model_copy(update={"args": args})}
    )


# Agent Inbox ------------------------------------------------------------------------------------------------------------


def _from_inbox(response: Mapping[str, Any], question: Question) -> Decision:
    args = response.get("args")
    if others := sorted(str(key) for key in response if key not in {"type", "args"}):
        raise DoesNotFit(field=others[0], why="a human response has a type and args, nothing else")
    match response["type"]:
        case "accept":
            _check_accepted(args, question)
            return Decision(type="approve")
        case "edit":
            edited = _action(args)
            args = _values(edited["args"], question)
            return _decision({"type": "edit", "edited_action": {**edited, "args": args}}, question)
        case "response":
            kind = _response(question)
            if isinstance(args, str):
                return _decision({"type": kind, "message": args}, question)
            if kind != "respond":
                raise DoesNotFit(field="args", why="a response is words")
            return _decision({"type": kind, "answer": args}, question)
        case _:
            return Decision(type="reject")


def _response(question: Question) -> DecisionType:
    """What "response" means: words about a call that is reviewed send it back; where nothing is reviewed they are the answer."""
    allowed = question.plan.allowed_decisions
    reviewed: tuple[DecisionType, ...] = ("feedback", "reject")
    asked: tuple[DecisionType, ...] = ("respond", "feedback", "reject")
    order = reviewed if {"approve", "edit"} & set(allowed) else asked
    return next((kind for kind in order if kind in allowed), "respond")


def _check_accepted(args: Any, question: Question) -> None:
    """An accept carries the call that its sender saw (with its values as text, its README says): it must be the one that was asked."""
    if args is None:
        return
    seen = _action(args)
    name, asked = _call(question)
    if seen["name"] != name or not same_args(_values(seen["args"], question), asked):
        raise DoesNotFit(
            field="args",
            why="this accepts another call than the one that is asked about; to change it, send an edit",
        )


def _action(args: Any) -> dict[str, Any]:
    match args:
        case {"action": str() as name, "args": Mapping() as inner, **more} if not more:
            return {"name": name, "args": dict(inner)}
    raise DoesNotFit(field="args", why='this must be {"action": the name, "args": {…}}')


def _call(question: Question) -> tuple[str | None, dict[str, Any]]:
    if question.call is not None:
        return question.call.name, dict(question.call.args)
    return question.tool, question.shown or {}


# text boxes -------------------------------------------------------------------------------------------------------------


def _values(args: Mapping[str, Any], question: Question) -> dict[str, Any]:
    """Arguments that went through text boxes, as values again: a text stays one where a text is wanted, and where it cannot be read."""
    _, asked = _call(question)
    return {key: _value(given, key, asked, question.response_schema) for key, given in args.items()}


def _value(given: Any, key: str, asked: Mapping[str, Any], schema: Mapping[str, Any] | None) -> Any:
    if not isinstance(given, str) or isinstance(asked.get(key), str):
        return given
    try:
        meant = json.loads(given)
    except (ValueError, RecursionError):
        return given
    properties = (schema or {}).get("properties")
    wanted = properties.get(key) if isinstance(properties, Mapping) else None
    if isinstance(wanted, Mapping):
        whole = {**wanted, "$defs": (schema or {}).get("$defs", {})}
        return meant if misfits(given, whole) and not misfits(meant, whole) else given
    # No schema: what was no text before is none now, if it is still of the same kind.
    before = asked.get(key)
    same = type(meant) is type(before) or {type(meant), type(before)} <= {int, float}
    return meant if key in asked and (same or before is None) else given


# plain questions --------------------------------------------------------------------------------------------------------


def _plain_answer(value: Any, question: Question) -> Decision | None:
    schema = question.response_schema
    if isinstance(value, str):
        if schema is None:
            return _decision({"type": "respond", "message": value}, question)
        if misfits(value, schema):
            value = _of_text(value)
    # A number or a list is an answer, fitting or not; these may be anything, so a schema has to say that they are one.
    elif (value is None or isinstance(value, Mapping)) and (schema is None or misfits(value, schema)):
        return None
    return Decision(type="respond", answer=value)


def _of_text(text: str) -> Any:
    meant = json_in(text, any_value=True)
    return text if meant is None and text.strip() != "null" else meant


def json_in(text: str, *, any_value: bool = False) -> Any:
    """The JSON that a text is; ``None``: it is none. An object or a list, unless ``any_value``."""
    if len(text) > MOST_TEXT or not (any_value or text.lstrip()[:1] in {"{", "["}):
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
