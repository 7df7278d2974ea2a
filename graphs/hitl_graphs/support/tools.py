"""The desk's four acts, as tools of a model. Each is marked with its policy, so none runs past the gate.

The conversation comes from the graph's state, never from the model: a customer cannot talk it into acting on somebody else's. The key
by which services recognise a repeated request is the action's.
"""

from __future__ import annotations

from functools import cache
from typing import Annotated

import httpx
from langchain_core.tools import BaseTool, tool
from langgraph.prebuilt import InjectedState
from pydantic import Field

from hitl_graphs.support.effects import RefundMade, SupportEffects, TransferMade
from hitl_graphs.support.policy import DRAFT, HANDOVER, REFUND, REPLY, TRANSFER
from hitl_graphs.support.settings import load_settings
from hitl_middleware import NotExecuted, current_action, requires_approval
from hitl_middleware.errors import ConfigurationError
from hitl_middleware.gate import CurrentAction

Conversation = Annotated[str, InjectedState("conversation_id")]
OrderId = Annotated[
    str,
    Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$", description="The order's number, for example A-1001"),
]
# strict: true is no amount, and "12000" is shown to people as something else than what would run.
Cents = Annotated[
    int, Field(gt=0, le=99_999_999, strict=True, description="The amount in cents: 120.00 is 12000")
]
Reason = Annotated[str, Field(pattern=r"\S", max_length=500, description="Why, in the customer's words")]
Email = Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+\.[^@\s.]+$", max_length=254)]
Name = Annotated[str, Field(pattern=r"^\w[\w '.-]{0,99}$", description="The instructor's first name")]
Words = Annotated[str, Field(pattern=r"\S", max_length=10_000)]


class SettingWrong(NotExecuted):
    """{why}. Nothing was done."""


class NoConversation(NotExecuted):
    """This run belongs to no conversation in Front, so nothing was done. Start it with a conversation_id."""


class NoAction(NotExecuted):
    """This act is not on record, so it has no idempotency key; nothing was done. Its policy must ask or record."""


@requires_approval(REFUND)
@tool
def process_refund(order_id: OrderId, amount_cents: Cents, reason: Reason) -> str:
    """Refund part or all of an order to the way it was paid."""
    made = effects().refund(order_id, amount_cents, reason, _action().idempotency_key)
    amount = f"{made.amount_cents / 100:.2f} {made.currency.upper()}"
    return f"Refunded {amount} of order {order_id} (refund {made.refund_id}, {made.status}).{_earlier(made)}"


@requires_approval(TRANSFER)
@tool
def update_email(from_email: Email, to_email: Email) -> str:
    """Move an account's purchases from one e-mail address to another."""
    made = effects().transfer_email(from_email, to_email, _action().idempotency_key)
    moved = f"The purchases of {from_email} belong to {to_email} now (transfer {made.transfer_id})."
    return moved + _earlier(made)


@requires_approval(HANDOVER)
@tool
def assign_to_instructor(instructor: Name, note: Words, conversation_id: Conversation) -> str:
    """Give the conversation to an instructor, with a note that only teammates see."""
    assigned = effects().assign(_known(conversation_id), instructor)
    told = f"The conversation belongs to {instructor} ({assigned.teammate_id}) now."
    left = _comment(conversation_id, "note", f"For {instructor}, from the support agent:\n\n{note}")
    return f"{told} {left}"


@requires_approval(REPLY)
@tool(DRAFT)
def send_draft(body: Words, conversation_id: Conversation) -> str:
    """Send a reply to the customer; body is the whole text as the customer will read it."""
    action = _action()
    accepted = effects().send_message(_known(conversation_id), body, action.idempotency_key)
    told = f"The reply was sent to the customer (Front message {accepted.message_uid})."
    if action.decided_by != "policy":
        return told
    why = f"Sent by the support agent without asking anybody: the draft policy found it harmless. Action {action.id}."
    return f"{told} {_comment(conversation_id, 'audit comment', why)}"


TOOLS: list[BaseTool] = [process_refund, update_email, assign_to_instructor, send_draft]


@cache
def effects() -> SupportEffects:
    """The clients, made when the first act needs them; a setting that is wrong is told then, and read again the next time."""
    try:
        return SupportEffects(load_settings())
    except ConfigurationError as error:
        raise SettingWrong(why=error) from None


def _action() -> CurrentAction:
    action = current_action()
    if action is None:
        raise NoAction
    return action


def _known(conversation_id: str) -> str:
    if not conversation_id:
        raise NoConversation
    return conversation_id


def _earlier(made: RefundMade | TransferMade) -> str:
    return " It had been done before, under the same key." if made.replayed else ""


def _comment(conversation_id: str, what: str, body: str) -> str:
    """What became of a comment that follows an act. The act is done by then: a comment that fails must not make it look undone."""
    try:
        return f"The {what} stands there as {effects().add_comment(conversation_id, body).comment_id}."
    except (httpx.HTTPError, NotExecuted) as error:
        return f"The {what} could not be left: {error}"
