"""A chat model without a model: it does what the customer's words plainly say, so that the desk can be tried and tested offline.

It sees what a real model would see (the quoted messages of ``prompts``) and nothing else, and it is a pure function of them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolCall, ToolMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.runnables import Runnable

from hitl_graphs.support.policy import DRAFT
from hitl_graphs.support.prompts import customer_words, reviewer_words
from hitl_graphs.support.wishes import Call, is_thanks, wishes

MAX_DRAFTS = 4
"""Drafts for one message, the first included. A reply that people send back more often is theirs to write."""

MAX_ECHO = 200

_DENIED = re.compile(
    r"was not performed\. (?:It was rejected by (?P<no>[^\s\"]+)\.|(?P<again>[^\s\"]+) asks for a revision\.)"
)


class ScriptedModel(BaseChatModel):
    """Reads the last message of the customer and what became of the calls since then."""

    @property
    def _llm_type(self) -> str:
        return "hitl-support-script"

    def bind_tools(self, tools: Sequence[Any], **kwargs: Any) -> Runnable[Any, AIMessage]:
        """The script knows the desk's tools already."""
        del tools, kwargs
        return self

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        del stop, run_manager, kwargs
        return ChatResult(generations=[ChatGeneration(message=next_turn(messages))])


def next_turn(messages: Sequence[BaseMessage]) -> AIMessage:
    """What the script says to this history."""
    asked, since = _current(messages)
    if not since:
        return _turn(messages, wishes(asked) or [(DRAFT, {"body": _reply(asked)})])
    results = [message for message in since if isinstance(message, ToolMessage)]
    if revised := _revised(results):
        return _turn(messages, [(DRAFT, {"body": revised})])
    last = {message.name: message for message in results if message.name == DRAFT}
    final = [message for message in results if message.name != DRAFT or message is last[DRAFT]]
    return AIMessage("\n".join(_what_became_of(message) for message in final) or "There was nothing to do.")


def _current(messages: Sequence[BaseMessage]) -> tuple[str, Sequence[BaseMessage]]:
    """The customer's words that are being worked on, and everything said since."""
    ends = max((at for at, one in enumerate(messages) if isinstance(one, HumanMessage)), default=-1) + 1
    begins = ends
    while begins and isinstance(messages[begins - 1], HumanMessage):
        begins -= 1
    words = "\n\n".join(customer_words(str(one.text)) for one in messages[begins:ends])
    return words, messages[ends:]


def _turn(messages: Sequence[BaseMessage], calls: Sequence[Call]) -> AIMessage:
    """One answer with these calls. Their ids count on through the thread, so none is used twice on it."""
    used = sum(len(message.tool_calls) for message in messages if isinstance(message, AIMessage))
    numbered = enumerate(calls, start=used + 1)
    return AIMessage(
        "",
        tool_calls=[
            ToolCall(name=name, args=args, id=f"call_{number}", type="tool_call")
            for number, (name, args) in numbered
        ],
    )


def _reply(asked: str) -> str:
    if is_thanks(asked):
        return "You are very welcome. Thank you for writing to us!\n\nYour support desk"
    words = asked.strip()
    said = words if len(words) <= MAX_ECHO else f"{words[:MAX_ECHO]}…"
    return (
        f"Hello,\n\nthank you for your message. You wrote: “{said}”\n\n"
        "We are looking into it and will answer you within one working day.\n\nYour support desk"
    )


def _revised(results: Sequence[ToolMessage]) -> str | None:
    """The next draft, if the last one was sent back; it takes up everything the reviewers said so far."""
    drafts = [message for message in results if message.name == DRAFT]
    if not drafts or drafts[-1] is not results[-1] or len(drafts) >= MAX_DRAFTS:
        return None
    denied = _denied(drafts[-1])
    if denied is None or not denied["again"]:
        return None
    words = "\n\n".join(words for draft in drafts if (words := reviewer_words(str(draft.text))))
    return f"Hello,\n\nthank you for your message.\n\n{words}\n\nYour support desk"


def _what_became_of(result: ToolMessage) -> str:
    told, name = str(result.text), result.name or "The call"
    if result.status != "error":
        return told
    denied = _denied(result)
    if denied is None:
        return told if told.startswith(name) else f"{name}: {told}"
    words = reviewer_words(told)
    saying = f", saying: “{words}”" if words else ""
    if denied["no"]:
        return f"{name} was not done: {denied['no']} rejected it{saying}."
    return f"{name} was not done: {denied['again']} sent it back{saying}."


def _denied(result: ToolMessage) -> Mapping[str, str | None] | None:
    found = _DENIED.search(str(result.text)) if result.status == "error" else None
    return found.groupdict() if found else None
