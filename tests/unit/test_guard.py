"""The guard in a tool's body, and what the gate makes of a tool."""

from __future__ import annotations

import functools
from typing import Any

import pytest
from langchain_core.tools import BaseTool, StructuredTool, tool
from pydantic import BaseModel, PrivateAttr

from hitl_middleware import Policy, Ungated, requires_approval
from hitl_middleware.actions import Identity
from hitl_middleware.clock import ManualClock
from hitl_middleware.errors import AlreadyExecuted, ArgumentsChanged, ConfigurationError
from hitl_middleware.gate import calls, current_action, guard, policy_of
from hitl_middleware.gate.guard import Waved, passing
from hitl_middleware.leases import Claim
from hitl_middleware.policy import ReviewPlan
from hitl_middleware.records import Action

from tests.kit.effects import Effects
from tests.kit.models import asks, call, says, script
from tests.kit.world import World

CLOCK = ManualClock()


def _claim(name: str = "pay", *, idempotent: bool = False) -> Claim:
    action = Action(
        id="a-1",
        identity=Identity("t", "ns", "c"),
        tool=name,
        args={"amount": 7},
        digest="",
        proposed_digest="",
        plan=ReviewPlan(verdict="ask"),
        status="executing",
        idempotency_key="key-1",
        created_at=CLOCK.now(),
        updated_at=CLOCK.now(),
        idempotent=idempotent,
        attempts=1,
        decided_by="slack:U1",
    )
    return Claim(action, "c-1", CLOCK.monotonic() + 10, CLOCK.monotonic)


def test_a_body_is_entered_once_per_claim(effects: Effects) -> None:
    """DESIGN §2.2: invoke, or its function, or both: the claim is spent with the first."""
    pay: Any = effects.pay_tool()
    with passing(_claim()):
        assert pay.invoke({"amount": 7}) == "paid 7"
        for again in (lambda: pay.invoke({"amount": 7}), lambda: pay.func(7)):
            with pytest.raises(AlreadyExecuted):
                again()
    with pytest.raises(Ungated):
        pay.invoke({"amount": 7})
    assert (effects.done, effects.keys) == ([7], ["key-1"])


async def test_a_plain_function_under_ainvoke_is_one_entry(effects: Effects) -> None:
    """DESIGN §2.2: LangChain's way from ``ainvoke`` through threads into a synchronous body is one act."""
    with passing(_claim()):
        assert await effects.pay_tool().ainvoke({"amount": 7}) == "paid 7"
    assert effects.done == [7]


def test_a_waved_tool_runs_as_often_as_the_graph_runs_it(effects: Effects) -> None:
    """DESIGN §1: nobody had to be asked, nothing is written: no action, no key."""
    pay = effects.pay_tool()
    with passing(Waved("pay")):
        pay.invoke({"amount": 7})
        pay.invoke({"amount": 8})
    assert (effects.done, effects.keys) == ([7, 8], [None, None])


@pytest.mark.parametrize("token", [_claim("wire"), Waved("wire"), None])
def test_a_pass_is_for_one_tool(effects: Effects, token: Any) -> None:
    """DESIGN §2.8: somebody else's pass is none."""
    pay: Any = effects.pay_tool()
    with passing(token):
        for way in (lambda: pay.invoke({"amount": 7}), lambda: pay.func(7)):
            with pytest.raises(Ungated):
                way()
    assert effects.done == []


@pytest.mark.parametrize(
    "given",
    [{"amount": 8}, {"name": "pay", "args": {"amount": 8}, "id": "c", "type": "tool_call"}, {"amount": "8"}],
)
def test_other_arguments_are_refused_before_the_claim_is_spent(effects: Effects, given: Any) -> None:
    """DESIGN §2.3: what would run is compared with what was approved."""
    claim = _claim()
    with passing(claim), pytest.raises(ArgumentsChanged):
        effects.pay_tool().invoke(given)
    assert effects.done == []
    assert claim.withdraw(), "nothing was spent"


def test_a_tool_knows_its_action() -> None:
    """DESIGN §2.2: its id, its key, which attempt this is, and who approved it."""
    seen: list[Any] = []

    @requires_approval
    @tool
    def pay(amount: int) -> str:
        """Pay somebody."""
        seen.append(current_action())
        return ""

    assert current_action() is None
    with passing(_claim()):
        pay.invoke({"amount": 7})
    (action,) = seen
    assert (action.id, action.idempotency_key, action.attempt, action.decided_by) == (
        "a-1",
        "key-1",
        1,
        "slack:U1",
    )


class PayArgs(BaseModel):
    """What ``Pay`` takes."""

    amount: int


class Pay(BaseTool):
    """A tool as a class."""

    name: str = "pay"
    description: str = "Pay somebody."
    args_schema: type[BaseModel] = PayArgs
    effects: Any = None

    def _run(self, amount: int) -> str:
        self.effects.perform(amount)
        return "paid"


def test_a_tool_class_is_guarded_as_well(effects: Effects) -> None:
    """S-05: not only functions; its own fields and schema stay."""
    pay = requires_approval(Policy(approvers=["slack:U1"]))(Pay(effects=effects))
    with pytest.raises(Ungated):
        pay.invoke({"amount": 7})
    with passing(_claim()):
        assert pay.invoke({"amount": 7}) == "paid"
    assert effects.done == [7]
    assert isinstance(pay, Pay)
    schema: Any = pay.tool_call_schema
    assert schema.model_json_schema()["properties"] == {"amount": {"title": "Amount", "type": "integer"}}


def test_the_mark_changes_nothing_a_model_sees(effects: Effects) -> None:
    """S-05: name, description and schema are the tool's own; the original stays as it was."""

    def pay(amount: int, note: str = "-") -> str:
        """Pay somebody."""
        return f"{amount}{note}"

    plain = tool(pay)
    marked = requires_approval(plain)
    assert (marked.name, marked.description, marked.args) == (plain.name, plain.description, plain.args)
    assert plain.invoke({"amount": 7}) == "7-"
    assert policy_of(plain) is None
    assert policy_of(marked) == Policy()
    assert guard(marked) is marked


def test_a_tool_keeps_what_it_keeps_on_itself() -> None:
    """E-03: a tool gated by name is guarded anew for every call; its counters and connections are those of the tool itself."""

    class Till(BaseTool):
        name: str = "till"
        description: str = "Count money."
        total: int = 0
        _opened: list[int] | None = PrivateAttr(default=None)

        def _run(self, amount: int) -> str:
            self.total += amount
            self._opened = [*(self._opened or ()), amount]
            return f"{self.total} {self._opened}"

    till = Till()
    with passing(Waved("till")):
        answers = [guard(till).invoke({"amount": amount}) for amount in (2, 3)]
    assert answers == ["2 [2]", "5 [2, 3]"]
    assert till.total == 5
    with pytest.raises(Ungated):
        guard(till).invoke({"amount": 4})


def test_the_newest_mark_counts(effects: Effects) -> None:
    """S-05: marking a marked tool again replaces its policy."""
    twice = requires_approval(Policy(version="2"))(effects.pay_tool(version="1"))
    policy = policy_of(twice)
    assert policy is not None
    assert policy.version == "2"
    with pytest.raises(Ungated):
        twice.invoke({"amount": 7})


def _twice(function: Any) -> Any:
    """A decorator of the user's own that tries again."""

    @functools.wraps(function)
    def again(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except LookupError:
            return function(*args, **kwargs)

    return again


@pytest.mark.parametrize("idempotent", [False, True])
def test_a_retry_between_the_tool_and_its_function(effects: Effects, *, idempotent: bool) -> None:
    """DESIGN §2.2: a mark below a decorator that tries again: each call of the function counts, and how it ended is remembered."""

    @tool
    @_twice
    @requires_approval(Policy(idempotent=idempotent))
    def pay(amount: int) -> str:
        """Pay somebody."""
        effects.perform(amount)
        if len(effects.done) == 1:
            raise LookupError
        return "paid"

    claim = _claim(idempotent=idempotent)
    with passing(claim):
        if idempotent:
            assert guard(pay).invoke({"amount": 7}) == "paid"
        else:
            with pytest.raises(AlreadyExecuted):
                guard(pay).invoke({"amount": 7})
    assert effects.done == ([7, 7] if idempotent else [7])
    assert [type(end) for end in claim.ended] == [LookupError, *([type(None)] if idempotent else [])]


def test_a_mark_below_a_tool_with_a_name_of_its_own(quick: World, effects: Effects) -> None:
    """S-05: the function is called otherwise than the tool; it is gated under the tool's name, and other decorators stay."""

    @tool("pay")
    @_twice
    @requires_approval
    def process_payment(amount: int) -> str:
        """Pay somebody."""
        effects.perform(amount)
        return "paid"

    quick.serve("a", quick.agent([process_payment], script(says(call("pay", amount=7)))))
    quick.begin_run("a", asks())
    quick.decide(quick.only())
    quick.step()
    assert effects.done == [7]
    assert quick.act().status == "succeeded"


def test_what_cannot_be_marked_is_said() -> None:
    """E-04: a policy and fields at once, or something that is no tool."""
    with pytest.raises(ConfigurationError, match="a Policy or its fields, not both"):
        requires_approval(Policy(), version="2")  # type: ignore[call-overload]  # that is the mistake
    with pytest.raises(ConfigurationError, match="marks tools and functions, not int"):
        requires_approval(Policy())(3)  # type: ignore[type-var]  # that is the mistake
    with pytest.raises(ConfigurationError, match="marks tools and functions, not partial"):
        requires_approval(functools.partial(print, "a function without a name"))


MCP = {"type": "object", "properties": {"amount": {"type": "integer", "minimum": 1}}, "required": ["amount"]}


def _mcp(schema: dict[str, Any]) -> BaseTool:
    return StructuredTool(
        name="pay", description="Pay.", args_schema=schema, func=lambda amount: f"paid {amount}"
    )


@pytest.mark.parametrize(
    ("args", "why"),
    [
        ({"amount": 7}, None),
        ({"amount": 0}, "amount: This must be 1 or more"),
        ({}, "amount: This is required"),
        ({"amount": "7"}, "amount: This must be a whole number"),
    ],
)
def test_a_schema_that_is_json_is_checked_too(args: dict[str, Any], why: str | None) -> None:
    """S-13: tools that come with a JSON Schema (from an MCP server): malformed parameters are said before anybody is asked."""
    found = calls.misfit(_mcp(MCP), args)
    assert found is None if why is None else str(found).startswith(why)


@pytest.mark.parametrize("schema", [{"type": "nonsense"}, {"$ref": "http://127.0.0.1:1/x.json"}], ids=str)
def test_a_schema_from_elsewhere_that_cannot_be_used(schema: dict[str, Any]) -> None:
    """S-13, O-08: no crash, nothing is fetched, and the call is not put to anybody."""
    assert "cannot be used" in str(calls.misfit(_mcp(schema), {"amount": 7}))


def test_a_guarded_tool_with_a_json_schema(effects: Effects) -> None:
    """DESIGN §2.3: arguments are compared there as well."""
    pay = guard(_mcp(MCP), Policy())
    with passing(_claim()):
        assert pay.invoke({"amount": 7}) == "paid 7"
    with passing(_claim()), pytest.raises(ArgumentsChanged):
        pay.invoke({"amount": 8})
