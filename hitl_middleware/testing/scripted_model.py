"""A chat model that says what a test wrote down, for agents that should be tested without a key.

model = script(says(call("process_refund", order_id="A-1001", amount_cents=12_000)), says(text="Done."))
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, ToolCall
from langchain_core.outputs import ChatGeneration, ChatResult


class ScriptedModel(BaseChatModel):
    """Answers with its turns in order; which one is next is read from the conversation, so a re-run says the same again.

    After the last turn it says "done". Raises ``ValueError`` for a history that real providers refuse: a tool call that nobody answered.
    """

    turns: tuple[AIMessage, ...] = ()

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def bind_tools(self, tools: Sequence[Any], **kwargs: Any) -> Any:
        """The script knows its tools."""
        return self

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        check_history(messages)
        said = sum(isinstance(message, AIMessage) for message in messages)
        turn = self.turns[said] if said < len(self.turns) else AIMessage("done")
        return ChatResult(generations=[ChatGeneration(message=turn.model_copy())])


def check_history(messages: Sequence[BaseMessage]) -> None:
    """Raise ``ValueError`` where a tool call has no answer before the next message of another kind, as real providers do."""
    waiting: set[str] = set()
    for message in messages:
        if message.type == "tool":
            waiting.discard(getattr(message, "tool_call_id", ""))
            continue
        if waiting:
            msg = f"tool calls without an answer: {sorted(waiting)}"
            raise ValueError(msg)
        if isinstance(message, AIMessage):
            waiting = {call["id"] or "" for call in message.tool_calls}
    if waiting:
        msg = f"tool calls without an answer: {sorted(waiting)}"
        raise ValueError(msg)


def call(name: str, /, id: str = "call-1", **args: Any) -> ToolCall:  # noqa: A002 – LangChain's word
    """One tool call. Calls of one turn need an ``id`` each."""
    return ToolCall(name=name, args=args, id=id, type="tool_call")


def says(*calls: ToolCall, text: str = "") -> AIMessage:
    """One turn of a model: words, calls, or both."""
    return AIMessage(text, tool_calls=list(calls))


def script(*turns: AIMessage) -> ScriptedModel:
    """A model with these turns."""
    return ScriptedModel(turns=turns)
