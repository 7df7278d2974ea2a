"""Digests and decisions: equal values are equal, any change shows, and what cannot be an answer is refused."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from hitl_middleware.actions import (
    MAX_MESSAGE,
    Decision,
    EditedAction,
    Identity,
    canonical,
    digest,
    same_args,
)

TEXT = st.text(max_size=12)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
ARGS = st.dictionaries(TEXT, VALUES, max_size=4)
IDENTITIES = st.builds(Identity, TEXT, TEXT, TEXT)


@given(TEXT, ARGS, TEXT, IDENTITIES)
def test_equal_values_have_equal_digests(
    tool: str, args: dict[str, Any], version: str, identity: Identity
) -> None:
    """DESIGN §2.3: whatever order the arguments come in, and after a trip through JSON text."""
    shuffled = dict(reversed(list(args.items())))
    travelled = json.loads(json.dumps(args))
    assert digest(tool, args, version, identity) == digest(tool, shuffled, version, identity)
    assert digest(tool, args, version, identity) == digest(tool, travelled, version, identity)


@given(TEXT, TEXT, ARGS, ARGS, TEXT, TEXT, IDENTITIES, IDENTITIES)
def test_any_changed_field_changes_the_digest(
    tool: str,
    tool_2: str,
    args: dict[str, Any],
    args_2: dict[str, Any],
    version: str,
    version_2: str,
    identity: Identity,
    identity_2: Identity,
) -> None:
    """DESIGN §2.3: an approval of one call is no approval of another tool, other arguments, another policy or place."""
    one = digest(tool, args, version, identity)
    assert (digest(tool_2, args, version, identity) == one) == (tool == tool_2)
    assert (digest(tool, args_2, version, identity) == one) == same_args(args, args_2)
    assert (digest(tool, args, version_2, identity) == one) == (version == version_2)
    assert (digest(tool, args, version, identity_2) == one) == (identity == identity_2)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ({"n": 2**53}, {"n": 2**53 + 1}),
        ({"n": 10**30}, {"n": 10**30 + 1}),
        ({"n": 2**53}, {"n": str(2**53)}),
        ({"n": math.nan}, {"n": None}),
        ({"n": math.inf}, {"n": -math.inf}),
        ({"n": 1}, {"n": "1"}),
        ({"n": 1}, {"n": True}),
        ({"n": None}, {}),
        ({"a": 1, "b": 2}, {"a": 2, "b": 1}),
        ({"n": "\ud800"}, {"n": "\ud801"}),
        ({"n": []}, {"n": {}}),
        ({"n": "é"}, {"n": "e\u0301"}),
        ({"n": 2**53}, {"n": {"$int": str(2**53)}}),
        ({"$int": 1}, {"$$int": 1}),
        ({"\ud800": 1}, {"$surrogates:eda080": 1}),
    ],
    ids=str,
)
def test_near_misses_differ(left: dict[str, Any], right: dict[str, Any]) -> None:
    """DESIGN §2.3: nothing is rounded, normalized or confused on the way into the digest."""
    assert not same_args(left, right)


@given(st.integers(min_value=2**53))
def test_no_integer_is_rounded(number: int) -> None:
    """DESIGN §2.3: RFC 8785's numbers are doubles; larger integers keep every digit."""
    assert not same_args({"n": number}, {"n": number + 1})


def test_one_number_is_one_number() -> None:
    """RFC 8785: 1 and 1.0 are the same call; so is a tuple and the list it becomes in JSON."""
    assert same_args({"n": 1, "l": (1, 2)}, {"n": 1.0, "l": [1, 2]})


@given(VALUES)
def test_canonical_is_json(value: Any) -> None:
    """RFC 8785: what is hashed is UTF-8 JSON."""
    json.loads(canonical(value).decode())


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"type": "edit"}, "edited_action"),
        ({"type": "approve", "edited_action": EditedAction(name="pay", args={})}, "edited_action"),
        ({"type": "feedback"}, "message"),
        ({"type": "feedback", "message": "  "}, "message"),
        ({"type": "respond"}, "answer"),
        ({"type": "launch"}, "type"),
        ({"type": "approve", "mesage": "typo"}, "mesage"),
        ({"type": "reject", "message": "x" * (MAX_MESSAGE + 1)}, "message"),
    ],
)
def test_a_decision_that_makes_no_sense_names_its_field(fields: dict[str, Any], field: str) -> None:
    """E-04: an answer that cannot be one is refused with the field's name."""
    with pytest.raises(ValidationError, match=field):
        Decision.model_validate(fields)


@pytest.mark.parametrize(
    ("decision", "answered", "reply"),
    [
        (Decision(type="respond", answer=None), True, None),
        (Decision(type="respond", answer=0), True, 0),
        (Decision(type="respond", message="blue"), False, "blue"),
        (Decision(type="respond", message="blue", answer=None), False, "blue"),
        (Decision(type="respond", message="blue", answer=3), True, 3),
        (Decision(type="approve"), False, None),
        (Decision(type="approve", message="fine", answer=None), True, None),
    ],
    ids=range(7),
)
def test_null_is_an_answer_if_it_was_given(decision: Decision, answered: bool, reply: Any) -> None:
    """DESIGN §5: ``answer`` is any JSON value; that it was left out is known, also after a trip through JSON text."""
    for each in (
        decision,
        Decision.model_validate_json(decision.model_dump_json()),
        Decision.model_validate(decision.model_dump()),
    ):
        assert (each.answered, each.reply) == (answered, reply)
