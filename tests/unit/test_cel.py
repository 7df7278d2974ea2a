"""Rules as text: what they may read, what they answer, and what bounds them."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hitl_middleware import cel
from hitl_middleware.actions import ActionRequest, Identity
from hitl_middleware.errors import ConfigurationError
from hitl_middleware.policy import Policy


def _call(args: dict[str, Any] | None = None, **more: Any) -> ActionRequest:
    return ActionRequest(name="pay", args=args or {}, identity=Identity("t", "ns", "c"), **more)


@pytest.mark.parametrize(
    ("rule", "args", "asks"),
    [
        ("args.amount > 5", {"amount": 7}, True),
        ("args.amount > 5", {"amount": 5}, False),
        ("args.amount > 5", {"amount": 5.5}, True),
        ("has(args.note) && args.note.contains('urgent')", {}, False),
        ("!(args.to in ['ann', 'bob'])", {"to": "eve"}, True),
        ("args.lines.exists(line, line.cents > 100)", {"lines": [{"cents": 1}, {"cents": 101}]}, True),
        ("args.to.matches('^[a-z]+@example[.]com$')", {"to": "ann@example.com"}, True),
        ("args.flag", {"flag": True}, True),
        ("tool == 'pay'", {}, True),
        ("true", {}, True),
        ("false", {}, False),
    ],
)
def test_what_a_rule_says(rule: str, args: dict[str, Any], asks: bool) -> None:
    """S-06: whether somebody is asked is a function of the arguments, also where it is written as text."""
    assert cel.compiled(rule).asks(_call(args)) is asks


def test_what_a_rule_may_read() -> None:
    """P-04: the requester, where known, and of the graph's state what is JSON; a part that is none is simply not there."""
    call = _call(requester="slack:U1", state={"tries": 2, "messages": [object()]})
    assert cel.compiled("requester == 'slack:U1' && state.tries == 2 && !has(state.messages)").asks(call)
    assert cel.compiled("requester == '' && !has(state.tries)").asks(_call(state=object()))


@pytest.mark.parametrize(
    ("rule", "place"),
    [
        ("args.amount >> 5", "when: line 1, column 14: Syntax error: extraneous input '>'"),
        ("args.amount >\n && 5", "when: line 2, column 2: Syntax error"),
        ("amount > 5", "when: line 1, column 1: undeclared reference to 'amount'"),
        ("now() > 5", "when: line 1, column 4: undeclared reference to 'now'"),
        ("", "when: line 1, column 1: Syntax error"),
        ("'a", "when: line 1, column 1: "),
        ("(" * 100, "when: cannot be read: .*recursion limit"),
        ("tool", "when: a rule says yes or no, this one gives STRING: tool"),
        ("x" * 4_001, "when: 4,001 characters; a rule may have 4,000"),
    ],
)
def test_a_rule_that_cannot_be_read(rule: str, place: str) -> None:
    """E-04, P-04: refused when it is written, with the place and a mark under it."""
    with pytest.raises(
        ConfigurationError, match=f"^{place.replace('(', '[(]').replace(')', '[)]')}"
    ) as refused:
        Policy(when=rule)
    if "line" in place:
        shown = str(refused.value).splitlines()
        assert shown[-1].strip() == "^"
        assert shown[1].strip() in rule


@pytest.mark.parametrize(
    ("rule", "args", "why"),
    [
        ("args.amount > 5", {}, "it reads something that is not there"),
        ("args.amount > 5", {"amount": "seven"}, "it compares or combines things of different types"),
        ("args.amount > 5", {"amount": None}, "it compares or combines things of different types"),
        ("args.amount > 5", {"amount": 2**70}, "its arithmetic fails"),
        ("args.amount * args.amount > 5", {"amount": 2**62}, "its arithmetic fails"),
        ("1 / args.amount > 5", {"amount": 0}, "its arithmetic fails"),
        ("args.amount", {"amount": 7}, "it gave no yes or no"),
        ("args.all.all(x, args.all.all(y, x + y >= 0))", {"all": list(range(200))}, "it takes too long"),
        ("args.to.matches(args.to)", {"to": "(a"}, "it cannot be worked out"),
        ("args.to == 'a'", {"to": "\ud800"}, "it cannot be worked out"),
        ("args.to == 'a'", {"to": {1, 2}}, "the arguments are no JSON"),
    ],
)
def test_a_rule_that_fails_asks(rule: str, args: dict[str, Any], why: str) -> None:
    """DESIGN §2.8: fail closed, and the card says why, in words that repeat nothing a model wrote."""
    explained = Policy(when=rule, otherwise="record").explain(_call(args))
    assert (explained.plan.verdict, explained.says) == ("ask", "fails")
    assert explained.plan.reason == f"the rule for pay failed ({why}), so a person is asked: {rule}"


def test_deep_arguments_are_not_handed_over() -> None:
    """O-08: what is nested without end would bring CEL's process down; it is refused before."""
    deep: Any = 1
    for _ in range(5_000):
        deep = {"a": deep}
    assert (
        Policy(when="args.a == 1")
        .plan(_call(deep))
        .reason.startswith("the rule for pay failed (the arguments are nested too deeply)")
    )


def test_a_hostile_pattern_costs_nothing() -> None:
    """O-08: a regular expression that makes others backtrack for years."""
    assert cel.compiled("args.to.matches('^(a+)+$')").asks(_call({"to": "a" * 50_000 + "b"})) is False


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(st.dictionaries(st.sampled_from(["a", "b"]) | st.text(), JSON, max_size=3))
def test_any_arguments_give_a_verdict(args: dict[str, Any]) -> None:
    """DESIGN §2.8: whatever a model sends, the rule says yes or no, or fails and asks; nothing else comes out of it."""
    policy = Policy(when="args.a > 5 || size(args.b) > 1 || args.a.b == 'x'")
    explained = policy.explain(_call(args))
    assert explained.plan.verdict == ("none" if explained.says == "no" else "ask")


def test_without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """E-04: the sentence names the command that mends it."""
    monkeypatch.setitem(sys.modules, "cel_expr_python", None)
    cel.compiled.cache_clear()
    with pytest.raises(ConfigurationError, match=r"pip install 'hitl-middleware\[cel\]'"):
        Policy(when="true")
