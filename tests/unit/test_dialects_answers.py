"""Answers in every client's words. The cases of a client are written from its source or documentation, named in its test."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hitl_middleware import dialects
from hitl_middleware.actions import ActionRequest, Decision, EditedAction, Identity
from hitl_middleware.dialects import read_answer
from hitl_middleware.errors import DoesNotFit
from hitl_middleware.policy import Policy

SCHEMA = {
    "type": "object",
    "properties": {
        "amount": {"type": "integer"},
        "note": {"type": "string"},
        "tags": {"type": "array", "items": {"$ref": "#/$defs/Tag"}},
        "urgent": {"type": "boolean"},
        "code": {"anyOf": [{"type": "string"}, {"type": "null"}]},
    },
    "$defs": {"Tag": {"type": "string"}},
    "required": ["amount"],
}
ARGS = {"amount": 7, "note": "7", "tags": ["a"], "urgent": True}
CALL = ActionRequest(name="pay", args=ARGS, identity=Identity("t", "ns", "c"))


def _ours(*decisions: Any) -> dialects.Question:
    plan = Policy(decisions=decisions or ("approve", "edit", "reject", "feedback")).plan(CALL)
    (question,) = dialects.read(dialects.ask_call(CALL, plan, title="Pay?", schema=SCHEMA))
    return question


def _asked(value: Any, schema: dict[str, Any] | None = None) -> dialects.Question:
    return dialects.read(value, schema)[0]


OURS = _ours()
BATCHED = _asked(
    {
        "action_requests": [{"name": "pay", "args": ARGS}],
        "review_configs": [{"action_name": "pay", "allowed_decisions": ["approve", "edit", "reject"]}],
    }
)
INBOX = _asked(
    {
        "action_request": {"action": "pay", "args": ARGS},
        "config": {"allow_accept": True, "allow_edit": True, "allow_respond": True, "allow_ignore": True},
    }
)
COLOUR, SIZE = (
    _asked("Which colour?"),
    _asked(
        "Which size?", {"type": "object", "properties": {"size": {"type": "integer"}}, "required": ["size"]}
    ),
)
MAYBE = _asked("How many, if any?", {"anyOf": [{"type": "integer"}, {"type": "null"}]})


def edit(**args: Any) -> Decision:
    """An edit of the call."""
    return Decision(type="edit", edited_action=EditedAction(name="pay", args=args))


@pytest.mark.parametrize("question", [OURS, BATCHED, INBOX], ids=["ours", "batched", "inbox"])
@pytest.mark.parametrize(
    ("value", "decision"),
    [
        ({"type": "approve"}, Decision(type="approve")),
        ({"type": "reject"}, Decision(type="reject")),
        ({"type": "reject", "message": "no"}, Decision(type="reject", message="no")),
        ({"type": "respond", "message": "42"}, Decision(type="respond", message="42")),
        ({"type": "edit", "edited_action": {"name": "pay", "args": {"amount": 1}}}, edit(amount=1)),
        ({"type": "edit", "edited_action": {"name": "pay", "args": {"amount": "1"}}}, edit(amount="1")),
    ],
    ids=range(6),
)
def test_langchain(question: dialects.Question, value: Any, decision: Decision) -> None:
    """E-03: ``Decision`` of LangChain's per-call mode, and the same as the one of a batched ``HITLResponse``."""
    assert read_answer(value, question) == decision
    if decision != edit(amount="1"):
        assert read_answer({"decisions": [value]}, question) == decision


@pytest.mark.parametrize(
    ("value", "decision"),
    [
        ({"type": "feedback", "message": "less"}, Decision(type="feedback", message="less")),
        ({"type": "respond", "answer": {"a": 1}}, Decision(type="respond", answer={"a": 1})),
        ({"type": "approve", "answer": {"a": 1}}, Decision(type="approve", answer={"a": 1})),
    ],
)
def test_ours(value: Any, decision: Decision) -> None:
    """DESIGN §5: our own two words more than LangChain."""
    assert read_answer(value, OURS) == decision


@pytest.mark.parametrize(
    ("args", "meant"),
    [
        ({**ARGS, "amount": "5"}, {**ARGS, "amount": 5}),
        ({**ARGS, "note": "8"}, {**ARGS, "note": "8"}),
        ({**ARGS, "tags": '["a","b"]'}, {**ARGS, "tags": ["a", "b"]}),
        ({**ARGS, "urgent": "false"}, {**ARGS, "urgent": False}),
        ({**ARGS, "amount": "much"}, {**ARGS, "amount": "much"}),
    ],
    ids=range(5),
)
@pytest.mark.parametrize("question", [OURS, BATCHED], ids=["ours", "batched"])
def test_agent_chat_ui(question: dialects.Question, args: Any, meant: Any) -> None:
    """E-03: agent-chat-ui sends ``{"decisions": [decision]}``; a box that was edited arrives as text.

    Source: agent-chat-ui, ``use-interrupted-actions.tsx`` (resumeRun), ``inbox-item-input.tsx`` (onEditChange), ``utils.ts``
    (buildDecisionFromState: approve, a reject with its reason, or an edit).
    """
    said = {"decisions": [{"type": "edit", "edited_action": {"name": "pay", "args": args}}]}
    assert read_answer(said, question) == edit(**meant)
    assert read_answer({"decisions": [{"type": "reject", "message": "no"}]}, question).message == "no"


TEXTS = {"amount": "7", "note": "7", "tags": '["a"]', "urgent": "true"}


@pytest.mark.parametrize("alone", [True, False], ids=["object", "list of one"])
@pytest.mark.parametrize("question", [OURS, BATCHED, INBOX], ids=["ours", "batched", "inbox"])
@pytest.mark.parametrize(
    ("value", "decision"),
    [
        ({"type": "accept", "args": {"action": "pay", "args": ARGS}}, Decision(type="approve")),
        ({"type": "accept", "args": {"action": "pay", "args": TEXTS}}, Decision(type="approve")),
        ({"type": "accept", "args": None}, Decision(type="approve")),
        ({"type": "edit", "args": {"action": "pay", "args": {**TEXTS, "amount": "5"}}}, edit(**{**ARGS, "amount": 5})),
        ({"type": "response", "args": "less"}, Decision(type="feedback", message="less")),
        ({"type": "ignore", "args": None}, Decision(type="reject")),
    ],
    ids=range(6),
)  # fmt: skip
def test_agent_inbox(question: dialects.Question, value: Any, decision: Decision, alone: bool) -> None:
    """E-03: a list with a single ``HumanResponse``; accept and edit carry an ``ActionRequest`` whose values may be text.

    Source: agent-inbox, README ("Schema usage") and ``use-interrupted-actions.tsx`` (handleSubmit, handleIgnore).
    """
    assert read_answer(value if alone else [value], question) == decision


@pytest.mark.parametrize(
    ("allowed", "meant"),
    [
        (("approve", "reject", "feedback", "respond"), "feedback"),
        (("approve", "reject", "respond"), "reject"),
        (("approve", "respond"), "respond"),
        (("respond", "feedback", "reject"), "respond"),
    ],
)
def test_a_response_of_agent_inbox(allowed: Any, meant: str) -> None:
    """DESIGN §3: words about a call under review are never taken for its result; it offers "response" where one may reject.

    Source: agent-inbox, ``contexts/utils.ts`` (normalizeInterrupt).
    """
    decision = read_answer([{"type": "response", "args": "words"}], _ours(*allowed))
    assert (decision.type, decision.message) == (meant, "words")


@pytest.mark.parametrize("args", [{**ARGS, "amount": 8}, {**ARGS, "amount": "8"}, {"amount": 7}, {}])
def test_accepting_something_else(args: Any) -> None:
    """DESIGN §2.3: what was shown is what runs: an accept of another call than the one that is asked about is refused."""
    with pytest.raises(DoesNotFit, match="args: this accepts another call"):
        read_answer([{"type": "accept", "args": {"action": "pay", "args": args}}], OURS)
    with pytest.raises(DoesNotFit, match="args: this accepts another call"):
        read_answer([{"type": "accept", "args": {"action": "wipe", "args": ARGS}}], OURS)


@pytest.mark.parametrize(
    "value", [{"type": "approve"}, {"decisions": [{"type": "approve"}]}, [{"type": "accept", "args": None}]]
)
def test_studio(value: Any) -> None:
    """E-03: Studio sends on what is typed, as JSON or as text of it; its page names no form of its own, so a bare "yes" is none.

    Source: docs.langchain.com/langsmith/use-studio and the page on human-in-the-loop that it points to.
    """  # fmt: skip
    assert read_answer(json.dumps(value, indent=1), OURS).type == "approve"
    assert read_answer(value, OURS).type == "approve"
    for word in ("yes", "approve", "y", "true"):
        with pytest.raises(DoesNotFit, match="Understood are"):
            read_answer(word, OURS)


@pytest.mark.parametrize(
    ("question", "value", "decision"),
    [
        (COLOUR, "blue", Decision(type="respond", message="blue")),
        (COLOUR, '{"a": 1}', Decision(type="respond", message='{"a": 1}')),
        (COLOUR, 7, Decision(type="respond", answer=7)),
        (COLOUR, False, Decision(type="respond", answer=False)),
        (COLOUR, ["a"], Decision(type="respond", answer=["a"])),
        (COLOUR, {"type": "respond", "answer": {"a": 1}}, Decision(type="respond", answer={"a": 1})),
        (COLOUR, [{"type": "response", "args": "blue"}], Decision(type="respond", message="blue")),
        (SIZE, {"size": 3}, Decision(type="respond", answer={"size": 3})),
        (SIZE, '{"size": 3}', Decision(type="respond", answer={"size": 3})),
        (SIZE, "three", Decision(type="respond", answer="three")),
        (MAYBE, None, Decision(type="respond", answer=None)),
        (MAYBE, " null ", Decision(type="respond", answer=None)),
        (MAYBE, "0", Decision(type="respond", answer=0)),
        (MAYBE, {"type": "respond", "answer": None}, Decision(type="respond", answer=None)),
        (MAYBE, {"type": "response", "args": None}, Decision(type="respond", answer=None)),
        (MAYBE, {"type": "respond", "message": "x", "answer": None}, Decision(type="respond", message="x")),
        (COLOUR, {"type": "respond", "message": "x", "answer": None}, Decision(type="respond", message="x")),
    ],
    ids=range(17),
)
def test_the_answer_to_a_plain_question(question: dialects.Question, value: Any, decision: Decision) -> None:
    """DESIGN §5: ``interrupt("…")`` is answered with the value itself; where a schema wants a value, text of it will do."""
    found = read_answer(value, question)
    assert (found, found.answered) == (decision, decision.answered)


@pytest.mark.parametrize(
    ("question", "value", "field"),
    [
        (OURS, {}, "type"),
        (OURS, None, "type"),
        (OURS, True, "type"),
        (OURS, {"approved": True}, "type"),
        (OURS, {"type": "aprove"}, "type"),
        (OURS, {"type": ["approve"]}, "type"),
        (OURS, [{"type": "approve"}, {"type": "approve"}], "type"),
        (OURS, [], "type"),
        (OURS, {"type": "approve", "reviwer": "x"}, "reviwer"),
        (OURS, {"type": "edit"}, "edited_action"),
        (OURS, {"type": "feedback", "message": " "}, "message"),
        (OURS, {"type": "reject", "message": "x" * 20_001}, "message"),
        (OURS, {"decisions": []}, "decisions"),
        (OURS, {"decisions": [{"type": "approve"}] * 2}, "decisions"),
        (OURS, {"decisions": {"type": "approve"}}, "decisions"),
        (OURS, {"decisions": ["approve"]}, "type"),
        (OURS, {"decisions": [{"type": "approve"}], "type": "reject"}, "type"),
        (OURS, [{"type": "edit", "args": {"name": "pay", "args": {}}}], "args"),
        (OURS, [{"type": "edit", "args": None}], "args"),
        (OURS, [{"type": "response", "args": {"a": 1}}], "args"),
        (OURS, [{"type": "accept", "args": None, "id": 3}], "id"),
        (COLOUR, None, "type"),
        (COLOUR, {"colour": "blue"}, "type"),
        (COLOUR, {"type": "respond", "answer": None}, "answer"),
        (COLOUR, {"type": "response", "args": None}, "answer"),
        (SIZE, None, "type"),
        (SIZE, {"size": "big"}, "type"),
    ],
    ids=range(27),
)
def test_what_nobody_knows(question: dialects.Question, value: Any, field: str) -> None:
    """Issue 3, bad input: an answer in a dialect we do not know is refused, with the field."""
    with pytest.raises(DoesNotFit) as refusal:
        read_answer(value, question)
    assert refusal.value.facts["field"] == field


def test_it_says_what_would_be_understood() -> None:
    """Issue 3, bad input: the sentence names what this very question takes."""
    with pytest.raises(DoesNotFit) as refusal:
        read_answer({"type": "ok"}, _ours("approve", "reject"))
    assert str(refusal.value).startswith("type: 'ok' is no answer that is known here. Understood are")
    assert '{"type": "approve" | "reject"}' in str(refusal.value)
    assert '{"decisions": [one of these]}' in str(refusal.value)
    with pytest.raises(DoesNotFit, match=r'"respond".*the answer itself as a text'):
        read_answer({"colour": "blue"}, COLOUR)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["type", "args", "decisions", "action", "message", "answer", "edited_action"]), inner)
    ),
    max_leaves=8,
)  # fmt: skip


@given(JSON, st.sampled_from([OURS, BATCHED, INBOX, COLOUR, SIZE]))
def test_any_value_is_read_or_refused(value: Any, question: dialects.Question) -> None:
    """O-08: whatever arrives is a decision or ``DoesNotFit``, never another error."""
    with suppress(DoesNotFit):
        assert isinstance(read_answer(value, question), Decision)
