"""What is asked and what is answered, in LangChain's words: ``ActionRequest``, ``Decision``, edited action.

Pure values. An action *is* its ``Identity``: equal calls and call ids that a model repeats do not collide, a fork is a new action.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Self

import rfc8785
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)
from typing_extensions import TypedDict

DecisionType = Literal["approve", "edit", "reject", "respond", "feedback"]
DECISION_TYPES: tuple[DecisionType, ...] = ("approve", "edit", "reject", "respond", "feedback")

MAX_MESSAGE = 20_000
"""Characters a reviewer may write in one answer; more is refused with the field's name, never cut."""

CALLER = "caller"
"""Who decided, and by which way, where the user's own code resumed a run: at once, so nobody was waited for (DESIGN rule 1)."""

_EXACT = 2**53 - 1  # RFC 8785 numbers are IEEE doubles: larger integers would lose digits


@dataclass(frozen=True, slots=True)
class Identity:
    """What makes a tool call this very action: where it stands in the run, not what it says."""

    thread_id: str
    checkpoint_ns: str
    tool_call_id: str


@dataclass(frozen=True, slots=True)
class Place:
    """What makes a workflow step or an ``ask`` this very one: the ``ordinal``-th question (from 0) of one task of a run.

    A task is one execution of a node at one checkpoint, so the next round of a loop, another branch and a fork are other places.
    """

    thread_id: str
    checkpoint_ns: str
    ordinal: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionRequest:
    """A tool call somebody may have to look at. ``when`` of a policy is given this.

    ``state`` is the graph's state at the call (whatever the graph uses), ``None`` where it is not known.
    """

    name: str
    args: Mapping[str, Any]
    identity: Identity
    description: str = ""
    requester: str | None = None
    state: Any = field(default=None, compare=False, repr=False)


class EditedAction(BaseModel):
    """The call a reviewer wants instead. The name must stay: an edit never switches tools."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(max_length=200)
    args: dict[str, Any]


class Decision(BaseModel):
    """One answer to one request.

    ``message`` is the reviewer's words (a reason, feedback, a reply). ``answer`` is a JSON value: for ``respond`` it wins over
    ``message``; for ``approve`` of a workflow step it is what its form was filled in with. ``null`` is a value as well, if it was given
    (``answered``); beside words that respond it is none, as clients send ``null`` for what they leave out.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: DecisionType
    message: str | None = Field(default=None, max_length=MAX_MESSAGE)
    edited_action: EditedAction | None = None
    answer: Any = None

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.type == "edit" and self.edited_action is None:
            msg = "edited_action: an edit needs the edited action"
            raise ValueError(msg)
        if self.type != "edit" and self.edited_action is not None:
            msg = f"edited_action: only an edit carries one, this is {self.type!r}"
            raise ValueError(msg)
        if self.type == "feedback" and not (self.message or "").strip():
            msg = "message: feedback needs words"
            raise ValueError(msg)
        if self.type == "respond" and not self.answered and not self._worded:
            msg = "answer: a response needs an answer or a message"
            raise ValueError(msg)
        return self

    @model_serializer(mode="wrap")
    def _without_what_was_not_given(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        values: dict[str, Any] = dump(self)
        if not self.answered:
            values.pop("answer", None)
        return values

    @property
    def answered(self) -> bool:
        """Whether ``answer`` is a value that was given, ``null`` included."""
        if self.answer is not None:
            return True
        return "answer" in self.model_fields_set and not (self.type == "respond" and self._worded)

    @property
    def reply(self) -> Any:
        """What a response comes to: its value if there is one, else its words."""
        return self.answer if self.answered else self.message

    @property
    def _worded(self) -> bool:
        return bool((self.message or "").strip())


StepDecision = Literal["approve", "reject", "feedback"]


class Review(TypedDict):
    """What people decided at a workflow step, as the state of a graph holds it: plain JSON, so that every saver keeps it as it is.

    ``answer``: what the step's form was filled in with. ``by``: the identity of whoever decided, ``hitl`` where the step was taken back.
    """

    decision: StepDecision
    message: str | None
    answer: Any
    by: str
    request_id: str
    round: int


def canonical(value: object) -> bytes:
    """RFC 8785 JSON of ``value``; what that format cannot hold exactly (large integers, NaN) is tagged, never rounded."""
    return rfc8785.dumps(_exact(value))


def _exact(value: Any) -> Any:  # noqa: PLR0911 – a table of JSON's types
    match value:
        case None | bool():
            return value
        case str():
            try:
                value.encode()
            except UnicodeEncodeError:
                return {"$surrogates": value.encode("utf-8", "surrogatepass").hex()}
            return value
        case int():
            return value if -_EXACT <= value <= _EXACT else {"$int": str(value)}
        case float():
            return value if math.isfinite(value) else {"$float": repr(value)}
        case Mapping():
            return {_exact_key(str(k)): _exact(v) for k, v in value.items()}
        case list() | tuple():
            return [_exact(v) for v in value]
        case _:
            return {"$text": str(value)}


def _exact_key(key: str) -> str:
    """A key that cannot be taken for one of our own tags."""
    try:
        key.encode()
    except UnicodeEncodeError:
        return f"$surrogates:{key.encode('utf-8', 'surrogatepass').hex()}"
    return f"${key}" if key.startswith("$") else key


def digest(tool: str, args: Mapping[str, Any], policy_version: str, identity: Identity) -> str:
    """sha256 (hex) over RFC 8785 JSON of all that an approval speaks of (DESIGN rule 3)."""
    facts = {
        "tool": tool,
        "args": args,
        "policy_version": policy_version,
        "identity": [identity.thread_id, identity.checkpoint_ns, identity.tool_call_id],
    }
    return hashlib.sha256(canonical(facts)).hexdigest()


def same_args(left: Mapping[str, Any], right: Mapping[str, Any]) -> bool:
    """Whether two sets of arguments are the same call: compared as canonical JSON (1 and 1.0 are one number there)."""
    return canonical(left) == canonical(right)
