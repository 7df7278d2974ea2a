"""Any interrupt as a question: nothing is dropped, nothing raises, ours comes back as it was asked."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hitl_middleware import dialects
from hitl_middleware.actions import ActionRequest, Decision, EditedAction, Identity
from hitl_middleware.policy import Policy

CALL = ActionRequest(
    name="pay", args={"amount": 7}, identity=Identity("t", "ns", "c"), description="Pay somebody."
)
PLAN = Policy(approvers=["slack:U1"]).plan(CALL)


class Unshowable:
    """A value that fails when it is looked at."""

    def __str__(self) -> str:
        raise RuntimeError

    __repr__ = __str__


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.binary()
    | st.builds(object)
    | st.builds(Unshowable)
)
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text() | st.integers() | st.tuples(st.integers()), inner)
        | st.fixed_dictionaries({"hitl": inner})
    ),
    max_leaves=10,
)


def _circle() -> list[Any]:
    circle: list[Any] = []
    circle.append(circle)
    return circle


def _deep() -> Any:
    value: Any = 1
    for _ in range(100_000):
        value = [value]
    return value


def _check(value: Any) -> dialects.Question:
    (question,) = dialects.read(value)
    assert question.plan.verdict == "ask"
    assert len(question.title) <= dialects.MAX_TITLE
    json.dumps(question.shown, allow_nan=False)
    return question


@given(ANYTHING)
def test_reading_never_raises(value: Any) -> None:
    """DESIGN §1: a foreign value is never dropped; what is shown of it can be stored as JSON."""
    question = _check(value)
    assert question.kind == "question"
    assert question.plan.allowed_decisions == ("respond",)


@pytest.mark.parametrize(
    "value",
    [
        _circle(),
        _deep(),
        {(1, 2): 3},
        math.nan,
        Unshowable(),
        {"a": Unshowable()},
        b"\xff",
        "\ud800",
        "",
        "x" * 10_000,
        {"hitl": None},
    ],
)
def test_odd_values(value: Any) -> None:
    """DESIGN §1: circles, depth, keys that JSON has not, values that fail when shown."""
    _check(value)


ENVELOPE = dialects.ask_call(CALL, PLAN, title="Pay?", schema={"type": "object"}, idempotent=True)


@given(st.sampled_from(sorted(ENVELOPE["hitl"])) | st.sampled_from(["name", "args"]), ANYTHING)
def test_a_damaged_form_of_ours_is_a_foreign_one(field: str, value: Any) -> None:
    """DESIGN §1: a "hitl" object that is not whole is somebody else's: shown, answered with respond, never half-believed."""
    damaged = {**ENVELOPE, "hitl": dict(ENVELOPE["hitl"])}
    place: dict[str, Any] = damaged["hitl"] if field in ENVELOPE["hitl"] else damaged
    place[field] = value
    question = _check(damaged)
    if question.call is not None:
        assert isinstance(question.call.args, dict)
        assert all(isinstance(part, str) for part in (question.call.identity.thread_id, question.call.name))
        assert question.response_schema is None or isinstance(question.response_schema, dict)


def test_ours_comes_back_as_it_was_asked() -> None:
    """DESIGN §1: the desk files from the interrupt's value alone, after a trip through the checkpointer."""
    (question,) = dialects.read(json.loads(json.dumps(ENVELOPE)))
    assert question.call is not None
    assert (question.kind, question.title, question.plan) == ("tool_call", "Pay?", PLAN)
    assert (question.call.name, question.call.args, question.call.identity) == (
        CALL.name,
        CALL.args,
        CALL.identity,
    )
    assert (question.response_schema, question.idempotent) == ({"type": "object"}, True)

    (outcome,) = dialects.read(json.loads(json.dumps(dialects.ask_outcome(CALL, PLAN))))
    assert outcome.call is not None
    assert (outcome.kind, outcome.call.identity) == ("outcome", CALL.identity)


def test_clients_of_langchains_forms_understand_it() -> None:
    """E-03: the per-call form, and a batched form of one."""
    assert (ENVELOPE["type"], ENVELOPE["tool_call_id"], ENVELOPE["name"]) == ("tool_approval", "c", "pay")
    assert ENVELOPE["action_requests"] == [
        {"name": "pay", "args": {"amount": 7}, "arguments": {"amount": 7}, "description": "Pay somebody."}
    ]
    (config,) = ENVELOPE["review_configs"]
    assert config == {"action_name": "pay", "allowed_decisions": list(PLAN.allowed_decisions)}


@pytest.mark.parametrize(
    ("decision", "value"),
    [
        (Decision(type="approve"), {"type": "approve"}),
        (Decision(type="reject", message="no"), {"type": "reject", "message": "no"}),
        (
            Decision(type="edit", edited_action=EditedAction(name="pay", args={"amount": 5})),
            {"type": "edit", "edited_action": {"name": "pay", "args": {"amount": 5}}},
        ),
    ],
)
def test_the_hint_for_a_tool_call(decision: Decision, value: Any) -> None:
    """DESIGN §2.1: LangChain's words, for whoever reads them; the gate itself does not."""
    assert dialects.resume_value(dialects.read(ENVELOPE), [decision]) == value


@pytest.mark.parametrize(
    ("decision", "value"),
    [
        (Decision(type="respond", message="words"), "words"),
        (Decision(type="respond", answer={"a": 1}, message="words"), {"a": 1}),
        (Decision(type="respond", answer=0, message="words"), 0),
        (Decision(type="respond", answer=False), False),
    ],
)
def test_the_answer_to_a_question(decision: Decision, value: Any) -> None:
    """DESIGN §5: a plain ``interrupt("…")`` is resumed with the value itself; ``answer`` wins over ``message``."""
    assert dialects.resume_value(dialects.read("Which?"), [decision]) == value


def test_a_breakpoint() -> None:
    """DESIGN §3: approve continues, reject cancels; nothing else fits."""
    question = dialects.breakpoint_question()
    assert (question.kind, question.plan.allowed_decisions) == ("breakpoint", ("approve", "reject"))
