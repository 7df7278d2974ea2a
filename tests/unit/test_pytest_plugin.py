"""The pytest plugin, used as its users do: in a project of their own (E-02)."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.kit.inner import run_inner

PLUGINS = ("hitl_middleware.testing.plugin", "hitl_server.testing")
PROJECT = Path(__file__).parents[2]

SHOP = """
from langchain.agents import create_agent
from langchain_core.tools import tool

from langgraph.graph import START, StateGraph
from typing_extensions import TypedDict

from hitl_middleware import Hitl, human_step, label_run, requires_approval
from hitl_middleware.testing.scripted_model import call, says, script


def refund(order_id, amount_cents):
    raise AssertionError("the payment provider was really called")


@requires_approval(approvers=["slack:U024BE7LH"], decisions=["approve", "edit", "reject", "feedback", "respond"])
@tool
def process_refund(order_id: str, amount_cents: int) -> str:
    "Refund an order."
    return f"refunded: {refund(order_id=order_id, amount_cents=amount_cents)}"


MODEL = script(says(call("process_refund", order_id="A-1", amount_cents=12_000)))


def ask(thread="t-1", model=MODEL):
    hitl = Hitl.from_env()
    agent = create_agent(model, [process_refund], middleware=[hitl.approvals([process_refund])], checkpointer=hitl.checkpointer())
    agent = hitl.attach(agent, name="shop")
    agent.invoke({"messages": [("user", "refund A-1")]}, {"configurable": {"thread_id": thread}})
    return agent


def ask_on(number):
    hitl = Hitl.from_env()
    builder = StateGraph(TypedDict("State", {"refund": dict}))
    builder.add_node("begin", lambda state: label_run(repository="acme/shop", issue=str(number)))
    builder.add_node("refund", human_step("Refund A-1?"))
    builder.add_edge(START, "begin")
    builder.add_edge("begin", "refund")
    graph = hitl.attach(builder.compile(checkpointer=hitl.checkpointer()), name="refund")
    graph.invoke({}, {"configurable": {"thread_id": "t-2"}})
"""


@pytest.fixture
def project(tmp_path, monkeypatch):
    """An agent of somebody else, in a shell that has settings of its own."""
    (tmp_path / "shop.py").write_text(SHOP)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("HITL_DATABASE_URL", "postgresql://production/hitl")
    monkeypatch.setenv("SLACK_BOT_TOKEN", "xoxb-of-production")
    return tmp_path


GOOD = """
import pytest
import shop
from hitl_middleware import Hitl
from hitl_middleware.errors import NotAllowed
from hitl_middleware.testing.scripted_model import call, says, script


@pytest.fixture
def paid(effects, monkeypatch):
    monkeypatch.setattr(shop, "refund", effects.stand_in("refund", returns="re_1"))


def test_it_is_the_one(hitl):
    assert Hitl.from_env() is hitl
    assert hitl.channels == ()  # the shell's SLACK_BOT_TOKEN does not reach it


@pytest.mark.parametrize("turn", [1, 2])
def test_each_test_has_its_own(hitl, assert_waiting, paid, turn):
    assert_waiting.nothing()
    shop.ask()
    assert assert_waiting("process_refund", order_id="A-1").args["amount_cents"] == 12_000


def test_an_edit(hitl, scripted_reviewer, effects, paid):
    shop.ask()
    effects.assert_never("refund")
    (decided,) = scripted_reviewer.on("process_refund", order_id="A-1").edit(amount_cents=5).review()
    assert (decided.status, decided.decided_by) == ("approved", "local:reviewer")
    made = effects.assert_once("refund", amount_cents=5)
    assert made.idempotency_key == hitl.actions()[0].id


def test_a_rejection(hitl, scripted_reviewer, effects, paid):
    agent = shop.ask()
    scripted_reviewer.on("process_refund").reject("too much")
    scripted_reviewer.review()
    effects.assert_never("refund")
    assert "too much" in agent.get_state({"configurable": {"thread_id": "t-1"}}).values["messages"][-2].content


def test_rules_in_order_and_number(hitl, scripted_reviewer, effects, paid):
    again = says(call("process_refund", "call-2", order_id="A-2", amount_cents=3))
    shop.ask(model=script(*shop.MODEL.turns, again))
    scripted_reviewer.on("process_refund").approve()
    scripted_reviewer.on("process_refund", times=1).feedback("smaller")  # later rules come first
    assert [one.status for one in scripted_reviewer.review()] == ["revised", "approved"]
    effects.assert_once("refund", order_id="A-2")
    assert scripted_reviewer.on(where=lambda request: False).respond("-").review() == []


def test_an_answer_in_the_tools_place(hitl, scripted_reviewer, effects, paid):
    shop.ask()
    assert scripted_reviewer.on("process_refund").respond("was done by hand").review()[0].status == "answered"
    effects.assert_never("refund")


def test_what_no_rule_speaks_of_waits(hitl, scripted_reviewer, assert_waiting, paid):
    shop.ask()
    assert scripted_reviewer.on("another_tool").approve().review() == []
    assert_waiting("process_refund")


def test_who_may_decide(hitl, scripted_reviewer, paid):
    shop.ask()
    with pytest.raises(NotAllowed, match="slack:U024BE7LH"):
        scripted_reviewer.known_as("slack:U0EVE12345").on("process_refund").approve().review()
    (decided,) = scripted_reviewer.known_as("slack:U024BE7LH").on("process_refund").approve().review()
    assert decided.decided_by == "slack:U024BE7LH"


def test_an_unknown_outcome(hitl, scripted_reviewer, assert_waiting, effects, monkeypatch):
    monkeypatch.setattr(shop, "refund", effects.stand_in("refund", raises=TimeoutError()))
    shop.ask()
    scripted_reviewer.on("process_refund").approve().review()
    assert assert_waiting("process_refund").kind == "outcome"
    scripted_reviewer.on("process_refund").settle("done", "seen at the provider").review()
    effects.assert_once("refund")
    assert [one.status for one in hitl.actions()] == ["succeeded"]


def test_ann_approves_in_slack_an_hour_later(hitl, hitl_server, fake_slack, effects, paid):
    fake_slack.add_user("U024BE7LH", name="ann")
    shop.ask()
    hitl.step()
    (card,) = fake_slack.messages
    hitl.wait(3_600)
    assert fake_slack.click("U024BE7LH", card, text="Approve").status == 200
    hitl.step()
    effects.assert_once("refund")
    assert "Executed" in fake_slack.messages[0].plain()


def test_ann_approves_on_the_issue(hitl, hitl_server, fake_github):
    fake_github.person("ann", permission="write")
    issue = fake_github.open_issue("acme/shop", "ann", "Refund A-1?")
    shop.ask_on(issue.number)
    hitl.step()
    assert fake_github.comment("acme/shop", issue.number, "ann", "/approve").id
    assert fake_github.replies[-1].status == 202
    hitl.step()
    card = fake_github.comments("acme/shop", issue.number)[0]
    assert "Approved" in fake_github.seen(card).text


class TestWithSettings:
    @pytest.fixture
    def hitl_environment(self):
        return {"HITL_LEASE_SECONDS": "5"}

    def test_they_are_taken(self, hitl):
        assert hitl.settings.lease_seconds == 5
"""


def test_everything_the_docstring_promises(project):
    """E-02: fixtures that decide, count and look; nothing of the shell reaches them; Slack's cards and clicks go by the real route."""
    (project / "test_shop.py").write_text(GOOD)
    inner = run_inner(project, plugins=PLUGINS)
    assert (inner.count("passed"), len(inner.outcomes)) == (13, 13), inner.output


BAD = """
import shop


def test_refunds_twice(hitl, scripted_reviewer, effects, monkeypatch):
    def careless(**facts):
        effects.record("refund", **facts)
        effects.record("refund", **facts)
    monkeypatch.setattr(shop, "refund", careless)
    shop.ask()
    scripted_reviewer.on("process_refund").approve().review()


def test_expects_another(hitl, assert_waiting):
    shop.ask()
    assert_waiting("process_refund", order_id="A-2")


def test_expects_nothing(hitl, assert_waiting):
    shop.ask()
    assert_waiting.nothing()


def test_expects_an_effect(hitl, effects):
    shop.ask()
    effects.assert_once("refund")
"""


def test_a_failure_says_what_is_the_case(project):
    """E-04: what waits instead, what was done instead, and an act that was performed twice although no test asked."""
    (project / "test_shop.py").write_text(BAD)
    inner = run_inner(project, plugins=PLUGINS)
    assert inner.outcomes == {
        "test_refunds_twice": "passed",
        "test_refunds_twice:teardown": "failed",
        "test_expects_another": "failed",
        "test_expects_nothing": "failed",
        "test_expects_an_effect": "failed",
    }
    for said in (
        "An approved act was performed more than once: refund(order_id='A-1', amount_cents=12000) for action ",
        "exactly process_refund(order_id='A-2') should wait; waiting now:",
        "  process_refund(order_id='A-1', amount_cents=12000) [tool_call]",
        "nothing should wait; waiting now:",
        "refund() was done 0 times, not once.",
    ):
        assert said in inner.output


def test_it_is_found_and_costs_nothing():
    """E-02: the entry points name the modules, so -p loads no second copy; importing them loads nothing of the stack."""
    given = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"][
        "entry-points"
    ]["pytest11"]
    assert given == {name: name for name in ("hitl_middleware.testing.plugin", "hitl_server.testing")}
    heavy = "{'langgraph', 'langchain_core', 'sqlalchemy', 'pydantic', 'fastapi', 'uvicorn', 'slack_sdk', 'httpx'}"
    program = f"import sys, {', '.join(given)}; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
