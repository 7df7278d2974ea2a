"""Forms of others: what each asks, and what its interrupt is resumed with."""

from __future__ import annotations

import json
from typing import Any

import pytest
from langchain.agents.middleware import human_in_the_loop as langchain
from langchain_core.tools import tool
from pydantic import TypeAdapter

from hitl_middleware import dialects
from hitl_middleware.actions import Decision, EditedAction

APPROVE, REJECT = Decision(type="approve"), Decision(type="reject", message="no")
EDIT = Decision(type="edit", edited_action=EditedAction(name="pay", args={"amount": 5}))
RESPOND, FEEDBACK = Decision(type="respond", message="42"), Decision(type="feedback", message="less")

PAY = {"name": "pay", "args": {"amount": 7}, "description": "Pay somebody."}
MAIL = {"name": "mail", "args": {"to": "ann"}}
BATCHED: dict[str, Any] = {
    "action_requests": [PAY, MAIL, {**PAY, "args": {"amount": 8}}],
    "review_configs": [
        {"action_name": "pay", "allowed_decisions": ["approve", "edit", "reject"]},
        {"action_name": "mail", "allowed_decisions": ["approve", "respond"]},
        {"action_name": "pay", "allowed_decisions": ["approve", "edit", "reject"]},
    ],
}
INBOX = {
    "action_request": {"action": "pay", "args": {"amount": 7}},
    "config": {"allow_accept": True, "allow_edit": True, "allow_respond": True, "allow_ignore": True},
    "description": "# Pay",
}


@tool
def pay(amount: int, note: str = "") -> str:
    """Pay somebody."""
    return f"{amount} {note}"


def _schema(*allowed: Any) -> dict[str, Any]:
    """What LangChain publishes for ``pay`` in its per-call mode."""
    schema: Any = langchain._decision_schema(allowed, "pay", pay)
    return TypeAdapter(schema).json_schema()


def test_langchain_batched() -> None:
    """E-03: one question per action request, in order, each with what its config allows; feedback wherever one may reject."""
    first, second, third = dialects.read(BATCHED)
    assert [(q.kind, q.form, q.tool, q.call) for q in (first, second, third)] == [
        ("tool_call", "batched", "pay", None),
        ("tool_call", "batched", "mail", None),
        ("tool_call", "batched", "pay", None),
    ]
    assert (first.shown, second.shown, third.shown) == ({"amount": 7}, {"to": "ann"}, {"amount": 8})
    assert first.plan.allowed_decisions == ("approve", "edit", "reject", "feedback")
    assert second.plan.allowed_decisions == ("approve", "respond")
    assert (first.title, first.description) == ("pay", "Pay somebody.")


def test_langchain_batched_is_answered_in_order() -> None:
    """E-03: LangChain's ``HITLResponse``; it knows no feedback, so that is a rejection with the words."""
    asked = dialects.read({**BATCHED, "action_requests": [PAY] * 5, "review_configs": []})
    assert dialects.resume_value(asked, [APPROVE, EDIT, REJECT, RESPOND, FEEDBACK]) == {
        "decisions": [
            {"type": "approve"},
            {"type": "edit", "edited_action": {"name": "pay", "args": {"amount": 5}}},
            {"type": "reject", "message": "no"},
            {"type": "respond", "message": "42"},
            {"type": "reject", "message": "less"},
        ]
    }
    with pytest.raises(ValueError, match="shorter"):
        dialects.resume_value(asked, [APPROVE])


@pytest.mark.parametrize(
    ("configs", "allowed"),
    [
        ([], ("approve", "reject", "feedback")),
        ([{"action_name": "other", "allowed_decisions": ["edit"]}], ("approve", "reject", "feedback")),
        ([{"action_name": "pay"}], ("approve", "reject", "feedback")),
        ([{"action_name": "pay", "allowed_decisions": ["shout"]}], ("approve", "reject", "feedback")),
        ([{"action_name": "pay", "allowed_decisions": "edit"}], ("approve", "reject", "feedback")),
        ([{"action_name": "x"}, {"action_name": "pay", "allowed_decisions": ["edit"]}], ("edit",)),
        ([{"action_name": "pay", "allowed_decisions": ["respond", "approve"]}], ("approve", "respond")),
    ],
)
def test_what_a_batched_config_allows(configs: Any, allowed: Any) -> None:
    """E-03: by position or by name; where it does not say, the least: to approve or to reject."""
    (question,) = dialects.read({"action_requests": [PAY], "review_configs": configs})
    assert question.plan.allowed_decisions == allowed


def test_langchain_per_call() -> None:
    """E-03: what may be answered stands in the response schema, and so does the form of an edit."""
    value = {"type": "tool_approval", "tool_call_id": "c1", **PAY}
    (question,) = dialects.read(value, _schema("approve", "edit", "reject", "respond"))
    assert (question.form, question.kind, question.tool) == ("per_call", "tool_call", "pay")
    assert question.plan.allowed_decisions == ("approve", "edit", "reject", "respond", "feedback")
    assert question.response_schema is not None
    assert set(question.response_schema["properties"]) == {"amount", "note"}
    assert question.response_schema["required"] == ["amount"]

    assert dialects.resume_value([question], [EDIT])["edited_action"] == {
        "name": "pay",
        "args": {"amount": 5},
    }
    assert dialects.resume_value([question], [FEEDBACK]) == {"type": "reject", "message": "less"}


@pytest.mark.parametrize(
    ("schema", "allowed"),
    [
        (_schema("approve"), ("approve",)),
        (_schema("respond"), ("respond",)),
        (_schema("approve", "reject"), ("approve", "reject", "feedback")),
        ({"type": "object", "properties": {"type": {"enum": ["approve", "edit"]}}}, ("approve", "edit")),
        (None, ("approve", "reject", "feedback")),
        ({"oneOf": [{"$ref": "#/$defs/Nowhere"}, 3]}, ("approve", "reject", "feedback")),
        ({"oneOf": 3, "properties": {"type": 3}}, ("approve", "reject", "feedback")),
    ],
    ids=range(7),
)
def test_what_a_per_call_schema_allows(schema: Any, allowed: Any) -> None:
    """E-03: whatever form the schema has; where it cannot be read, the least."""
    (question,) = dialects.read({"type": "tool_approval", "tool_call_id": "c1", **PAY}, schema)
    assert (question.form, question.plan.allowed_decisions) == ("per_call", allowed)


@pytest.mark.parametrize("written", [INBOX, [INBOX], json.dumps(INBOX), json.dumps([INBOX])], ids=range(4))
def test_agent_inbox(written: Any) -> None:
    """E-03: ``HumanInterrupt`` as an object, as a list, or as JSON text of either."""
    (question,) = dialects.read(written)
    assert (question.form, question.kind, question.tool) == ("agent_inbox", "tool_call", "pay")
    assert (question.shown, question.description) == ({"amount": 7}, "# Pay")
    assert question.plan.allowed_decisions == ("approve", "edit", "reject", "respond", "feedback")


def test_agent_inbox_is_answered_with_a_list() -> None:
    """E-03: one ``HumanResponse`` per interrupt of the list, in order."""
    asked = dialects.read([INBOX] * 5)
    assert len(asked) == 5
    assert dialects.resume_value(asked, [APPROVE, EDIT, REJECT, RESPOND, FEEDBACK]) == [
        {"type": "accept", "args": {"action": "pay", "args": {"amount": 7}}},
        {"type": "edit", "args": {"action": "pay", "args": {"amount": 5}}},
        {"type": "ignore", "args": None},
        {"type": "response", "args": "42"},
        {"type": "response", "args": "less"},
    ]


@pytest.mark.parametrize(
    ("key", "allowed"),
    [
        ("allow_accept", ("approve",)),
        ("allow_edit", ("edit",)),
        ("allow_respond", ("respond",)),
        ("allow_ignore", ("reject",)),
        ("allow_nothing", ("reject",)),
    ],
)
def test_what_agent_inbox_allows(key: str, allowed: Any) -> None:
    """E-03: its four switches; a question that allows nothing can still be ignored, as in its client."""
    (question,) = dialects.read({**INBOX, "config": {key: True}})
    assert question.plan.allowed_decisions == allowed


@pytest.mark.parametrize(
    "value",
    [
        {"action_requests": [], "review_configs": []},
        {"action_requests": [PAY]},
        {"action_requests": [{"name": "pay"}], "review_configs": []},
        {"action_requests": [PAY, "x"], "review_configs": []},
        {"action_requests": {"name": "pay"}, "review_configs": []},
        {"type": "tool_approval", "name": "pay"},
        {"type": "tool_approval", "name": "pay", "args": []},
        {"action_request": {"action": "pay"}, "config": {}},
        {"action_request": {"action": "pay", "args": {}}},
        [INBOX, "x"],
        [],
        "[" * 100_000,
        '{"action_request": ',
    ],
    ids=range(13),
)
def test_what_is_not_quite_a_form(value: Any) -> None:
    """DESIGN §1: a value that has a form nearly is shown as it is and answered with a value: nothing is guessed, nothing dropped."""
    (question,) = dialects.read(value)
    assert (question.form, question.kind, question.plan.allowed_decisions) == (
        "plain",
        "question",
        ("respond",),
    )


def test_a_fingerprint_is_of_all_that_is_asked() -> None:
    """DESIGN §2.3: an answer speaks of its place among all that was asked with it, word for word."""
    asked = dialects.read(BATCHED)
    prints = {dialects.fingerprint(asked, position) for position in range(3)}
    assert len(prints) == 3
    other = dialects.read(
        {**BATCHED, "action_requests": [PAY, {**MAIL, "args": {"to": "bob"}}, BATCHED["action_requests"][2]]}
    )
    assert dialects.fingerprint(other, 0) not in prints
    assert dialects.fingerprint(dialects.read(json.loads(json.dumps(BATCHED))), 0) in prints
