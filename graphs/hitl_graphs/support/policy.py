"""Who is asked about what: the desk's rules, pure functions of a call.

No approvers are named here; ``HITL_DEFAULT_APPROVERS`` says who decides.
"""

from __future__ import annotations

import re
from typing import Any

from langchain_core.messages import HumanMessage, ToolMessage

from hitl_middleware.actions import ActionRequest
from hitl_middleware.policy import Policy

LARGE_REFUND_CENTS = 5_000
"""A refund above this waits for a person; up to it, it runs on the record."""

DRAFT = "send-draft"

MAX_HARMLESS_CHARS = 200

COURTESY = frozenset({
    "hello", "hi", "dear", "customer", "good", "morning", "afternoon", "evening", "best", "kind", "warm", "regards", "greetings",
    "yours", "sincerely", "support", "desk", "team",
    "thank", "thanks", "you", "your", "for", "writing", "to", "us", "the", "a", "and", "we", "it", "is", "are", "was", "have", "our",
    "very", "so", "much", "again", "message", "mail", "note", "feedback", "friendly", "nice", "words", "reply", "letting", "know",
    "got", "received", "read", "glad", "happy", "pleased", "hear", "welcome", "wish", "day", "week", "weekend",
})  # fmt: skip
"""The words of an acknowledgement. Anything a customer could rely on later is missing on purpose: no refund, no date, no "will"."""

_WORD = re.compile(r"[^\W\d_]+")
_PLAIN = re.compile(r"[A-Za-z\s.,!–-]*")


def is_plainly_harmless(body: str) -> bool:
    """Whether a draft may go out without anybody looking: short, and nothing but courtesy.

    A list of what is allowed, not of what is forbidden: a promise, an amount, a link or an insult can be written in ways nobody thought
    of, and in any language. So every word must be one of ``COURTESY``, between them only letters, spaces and plain punctuation (no
    digits, no currency signs, nothing that could be a link or markup). Everything else is shown to a person.
    """
    words = _WORD.findall(body.lower())
    return (
        len(body) <= MAX_HARMLESS_CHARS
        and _PLAIN.fullmatch(body) is not None
        and bool(words)
        and COURTESY.issuperset(words)
    )


def was_sent_back(state: Any) -> bool:
    """Whether people already refused a draft since the customer last wrote; they see the next one, however harmless it reads."""
    messages = state.get("messages", ()) if isinstance(state, dict) else ()
    for message in reversed(messages):
        if isinstance(message, HumanMessage):
            return False
        if isinstance(message, ToolMessage) and message.name == DRAFT and message.status == "error":
            return True
    return False


def is_large(call: ActionRequest) -> bool:
    """Whether a refund is more than the desk pays without asking."""
    return bool(call.args["amount_cents"] > LARGE_REFUND_CENTS)


def needs_a_reader(call: ActionRequest) -> bool:
    """Whether somebody must read a draft before the customer does."""
    return was_sent_back(call.state) or not is_plainly_harmless(call.args["body"])


# ``record``: what nobody is asked about is still an action – approved by the policy, claimed, audited, performed at most once.
REFUND = Policy(when=is_large, otherwise="record", title="Refund an order", risk="money")
TRANSFER = Policy(title="Move purchases to another address", risk="account")
HANDOVER = Policy(title="Hand a conversation to an instructor")
REPLY = Policy(when=needs_a_reader, otherwise="record", title="Send a reply to the customer")
