"""What comes in (DESIGN §5). A name that is not listed is refused: a misspelt ``reviewer`` must not decide as somebody else."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from fastapi import Body
from pydantic import BaseModel, ConfigDict, Field, GetPydanticSchema, ValidationError, field_validator

from hitl_middleware.actions import MAX_MESSAGE, Decision
from hitl_middleware.dialects import question_of, read_answer
from hitl_middleware.errors import DoesNotFit
from hitl_middleware.records import OnNewInput, ReviewRequest

IDENTITY = r"^[a-z][a-z0-9_-]{0,31}:[!-~]{1,200}$"
"""A channel's name, a colon, and the channel's own name of the person."""

Key = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]
Person = Annotated[str, Field(pattern=IDENTITY)]


class _In(BaseModel):
    model_config = ConfigDict(extra="forbid")


class RunIn(_In):
    """A run to start."""

    graph: Key = Field(description="A graph of langgraph.json.")
    input: Any = Field(description="The graph's input.")
    thread_id: Key | None = Field(default=None, description="The thread to run on; a new one by default.")
    requester: Person | None = Field(
        default=None,
        description='Who asked for it, e.g. "slack:U024BE7LH". They do not decide what the run asks.',
    )
    on_new_input: OnNewInput = Field(
        default="enqueue",
        description="Where the thread is busy: wait for its run to end, take its open questions back, or refuse (409).",
    )

    @field_validator("input")
    @classmethod
    def _given(cls, value: Any) -> Any:
        if value is None:
            msg = "a run needs an input; null would only continue an earlier one"
            raise ValueError(msg)
        return value


class DecisionIn(Decision):
    """One answer to one request."""

    reviewer: str | None = Field(
        default=None,
        description='On whose behalf, e.g. "slack:U024BE7LH". Needs a token with acts_for; on loopback: allowed.',
    )


class Reviewer(BaseModel):
    """Who else may stand beside an answer, in whatever words it is given."""

    reviewer: str | None = None


DecisionBody = Annotated[
    Any,
    GetPydanticSchema(get_pydantic_json_schema=lambda _, of: of(DecisionIn.__pydantic_core_schema__)),
    Body(
        description="Answers in the words of LangChain, agent-chat-ui, Agent Inbox and Studio are understood too.",
    ),
]
"""The body of a decision: documented as ``DecisionIn``, read by ``said``."""


def said(body: Any, request: ReviewRequest) -> tuple[Decision, str | None]:
    """The answer to this request in a body, in whichever client's words, and on whose behalf it is given.

    Raises ``DoesNotFit`` naming the field.
    """
    reviewer = None
    if isinstance(body, dict) and "reviewer" in body:
        body = dict(body)
        try:
            reviewer = Reviewer(reviewer=body.pop("reviewer")).reviewer
        except ValidationError as error:
            raise DoesNotFit(field="reviewer", why=error.errors()[0]["msg"]) from None
    return read_answer(body, question_of(request)), reviewer


class OutcomeIn(_In):
    """What became of an act whose outcome is unknown."""

    type: Literal["done", "failed", "retry"] = Field(
        description="It happened; it did not and will not; it certainly did not, so do it now."
    )
    message: str | None = Field(default=None, max_length=MAX_MESSAGE, description="Why you know.")
    result: Any = Field(default=None, description="What the tool would have answered, where it is done.")
    reviewer: str | None = Field(default=None, description="As for a decision.")

    def result_text(self) -> str | None:
        """The result as the agent is told it."""
        if self.result is None or isinstance(self.result, str):
            return self.result
        return json.dumps(self.result, ensure_ascii=False)
