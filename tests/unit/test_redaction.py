"""Hidden arguments: what stands in their place, and what an edit does to them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from hitl_middleware import dialects
from hitl_middleware.actions import ActionRequest, Decision, EditedAction, Identity
from hitl_middleware.channels.slack.render import blocks
from hitl_middleware.clock import ManualClock
from hitl_middleware.desk.fit import check_fit
from hitl_middleware.display import args_line, hidden_from, hidden_note, shown_args
from hitl_middleware.errors import ConfigurationError, DoesNotFit
from hitl_middleware.gate.build import policies_of
from hitl_middleware.policy import Policy, ReviewPlan
from hitl_middleware.redaction import MARK, hidden, hide_request, redacted, restored
from hitl_middleware.testing.channel_contract import sample_view

from tests.kit.effects import Effects
from tests.kit.slack_stage import REVIEWS

NOW = ManualClock().now()
SECRET = "canary-4711"
ARGS = {"owner": "ann", "pin": SECRET}


def _edit(**args: Any) -> Decision:
    return Decision(type="edit", edited_action=EditedAction(name="pay", args=args))


def _args(decision: Decision) -> Any:
    assert decision.edited_action is not None
    return decision.edited_action.args


@pytest.mark.parametrize(
    ("edit", "runs"),
    [
        ({"owner": "bob"}, {"owner": "bob", "pin": SECRET}),
        ({"owner": "bob", "pin": MARK}, {"owner": "bob", "pin": SECRET}),
        ({"owner": "bob", "pin": "0000"}, {"owner": "bob", "pin": "0000"}),
        ({"pin": None}, {"pin": None}),
        ({"owner": MARK}, {"owner": MARK, "pin": SECRET}),
        ({"note": "new"}, {"pin": SECRET, "note": "new"}),
    ],
)
def test_an_edit_keeps_what_it_does_not_name(edit: dict[str, Any], runs: dict[str, Any]) -> None:
    """P-04: left out, or sent back as it was shown: it keeps its value. Named: it changes. What is not hidden is as the edit says."""
    whole = _args(restored(_edit(**edit), ARGS, ["pin"]))
    assert (whole, list(whole)) == (runs, list(runs))


def test_other_answers_are_as_they_are() -> None:
    """P-04: and an argument that the call does not have is not made up."""
    assert restored(Decision(type="approve"), ARGS, ["pin"]) == Decision(type="approve")
    assert _args(restored(_edit(owner="bob"), {"owner": "ann"}, ["pin"])) == {"owner": "bob"}
    assert _args(restored(_edit(pin=MARK), {"owner": "ann"}, ["pin"])) == {}


def test_the_mark_is_not_a_text() -> None:
    """DESIGN §2.9: a model that writes the mark into an argument of its own cannot make it look hidden."""
    shown = shown_args({"owner": MARK, "pin": SECRET}, 1_000, redact=["pin"])
    assert shown.text == f'{{\n  "owner": "{MARK}",\n  "pin": {MARK}\n}}'
    assert shown.complete
    assert args_line(ARGS, ["pin"]) == f'{{"owner": "ann", "pin": "{MARK}"}}'


def test_a_card_says_loudly_that_something_is_hidden() -> None:
    """P-04: who decides knows that they do not see all, and may decide all the same: that is the policy's choice."""
    view = sample_view(REVIEWS, NOW)
    plan = view.request.plan.model_copy(update={"redact": ("pin", "absent")})
    request = replace(view.request, plan=plan, args=ARGS)
    said = str(blocks(replace(view, request=hide_request(request))))
    assert SECRET not in said
    note = "🔒 You do not see everything: an argument is hidden by the policy (pin). It runs as a part of the call."
    assert note in said
    assert "'Approve'" in said
    assert hidden_from(replace(request, args={"owner": "ann"})) is None
    assert hidden({"a": 1, "b": 2}, ["b", "a"]) == ("a", "b")
    two = "You do not see everything: 2 arguments are hidden by the policy (a, b). They run as a part of the call."
    assert hidden_note(["a", "b"]) == two


def test_what_clients_draw_from_the_interrupt() -> None:
    """E-03, P-04: agent-chat-ui, Agent Inbox and Studio draw its top; the desk reads the whole call below ``hitl``."""
    call = ActionRequest(name="pay", args=ARGS, identity=Identity("t", "ns", "c"))
    plan = Policy(redact=["pin"]).plan(call)
    for value in (
        dialects.ask_call(call, plan, title="Pay", schema=None),
        dialects.ask_outcome(call, plan),
    ):
        assert SECRET not in str({key: part for key, part in value.items() if key != "hitl"})
    assert SECRET not in str(value["args"])
    assert value["hitl"]["args"] == ARGS
    plain = dialects.ask_call(call, Policy().plan(call), title="Pay", schema=None)
    assert "args" not in plain["hitl"]


@pytest.mark.parametrize(
    ("schema", "field"),
    [
        ({"properties": {"pin": {"type": "integer"}}}, "edited_action.args.pin"),
        ({"properties": {"pin": {"maxLength": 1}}}, "edited_action.args.pin"),
        ({"not": {}}, "edited_action.args"),
        ({"maxProperties": 1}, "edited_action.args"),
        ({"anyOf": [{"required": ["x"]}, {"required": ["y"]}]}, "edited_action.args"),
    ],
)
def test_a_refusal_repeats_nothing_hidden(schema: dict[str, Any], field: str) -> None:
    """P-04, E-04: the field that does not fit is named; a validator's own words would repeat the value."""
    plan = ReviewPlan(verdict="ask", redact=("pin",))
    request = replace(
        sample_view(REVIEWS, NOW).request, tool="pay", plan=plan, args=ARGS, response_schema=schema
    )
    with pytest.raises(DoesNotFit) as refused:
        check_fit(request, _edit(**ARGS))
    assert SECRET not in str(refused.value)
    assert refused.value.facts["field"] == field


def test_a_misspelt_name_is_found_at_start_up(effects: Effects) -> None:
    """P-04, DESIGN §2.8: it would show what was to be hidden."""
    with pytest.raises(
        ConfigurationError, match="redact: 'amuont' is no argument of pay; its arguments: amount"
    ):
        policies_of([effects.pay_tool(redact=["amuont"])], {})
    with pytest.raises(ConfigurationError, match="'amuont' is no argument of look; its arguments: what"):
        policies_of([effects.look_tool()], {"look": Policy(redact=["amuont"])})
    assert redacted({"amount": 7}, ["amount"]) == {"amount": MARK}
