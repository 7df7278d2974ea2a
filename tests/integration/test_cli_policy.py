"""``hitl policy test``: which rule asks, and why."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from hitl_middleware import Hitl
from hitl_middleware.cli.app import app

AGENT = '''
from datetime import timedelta

from langchain.agents import create_agent
from langchain_core.language_models import FakeListChatModel
from langchain_core.tools import tool

from hitl_middleware import Hitl, Policy, requires_approval


class Model(FakeListChatModel):
    def bind_tools(self, tools, **kwargs):
        return self


@requires_approval(
    when="args.cents > 5000", otherwise="record", approvers=["slack:U1"], required_approvals=2,
    required_from=["group:finance"],
    decisions=["approve", "reject"], expires_in=timedelta(hours=8), on_expiry="reject", remind=[timedelta(hours=1)],
    risk="money", redact=["iban"],
)
@tool
def pay(cents: int, iban: str) -> str:
    """Pay."""
    raise SystemExit("it ran")


@tool
def look(what: str) -> str:
    """Look."""
    raise SystemExit("it ran")


@requires_approval(when=lambda call: call.state["tries"] > 1 or call.requester == "slack:U9")
@tool
def send(text: str) -> str:
    """Send."""
    raise SystemExit("it ran")


def agent(tools, **rules):
    hitl = Hitl.from_env()
    hitl.checkpointer()  # as a module of a user's may do
    return create_agent(Model(responses=["x"]), tools, middleware=[hitl.approvals(tools, **rules)])


desk = agent([pay, look, send])
strict = agent([look], default="ask")
bare = create_agent(Model(responses=["x"]), [send])
'''
IBAN = "canary-4711"
ASKED = {"name": "pay", "args": {"cents": 7000, "iban": IBAN}}


@pytest.fixture
def policy_test(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Result]]:
    """Runs the command in a folder with a manifest of three graphs. ``call``: what stands in the file."""
    (tmp_path / "agent.py").write_text(AGENT)
    graphs = {name: f"./agent.py:{name}" for name in ("desk", "strict")}
    (tmp_path / "langgraph.json").write_text(json.dumps({"graphs": graphs}))
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HITL_DATABASE_URL", raising=False)
    monkeypatch.delenv("HITL_DEFAULT_APPROVERS", raising=False)
    monkeypatch.setattr(
        Hitl, "_shared", {}
    )  # as in a new process, whatever other tests in this one have left

    def run(call: Any, *words: str, name: str = "call.json") -> Result:
        text = call if isinstance(call, str) else json.dumps(call)
        (tmp_path / "call.json").write_text(text)
        done = CliRunner().invoke(app, ["policy", "test", name, *words], input=text)
        assert {path.name for path in tmp_path.iterdir()} - {"__pycache__", "hitl.toml"} == {
            "agent.py",
            "langgraph.json",
            "call.json",
        }
        return done

    yield run
    sys.modules.pop("hitl_graph_agent", None)


def _json(done: Result) -> list[dict[str, Any]]:
    assert done.exit_code == 0, done.output
    items: list[dict[str, Any]] = json.loads(done.stdout)["items"]
    return items


def test_who_is_asked_and_why(policy_test: Callable[..., Result]):
    """P-04: the rule, what it says, who decides how and until when, what is hidden; no tool runs, nothing is written or shown of it."""
    done = policy_test(ASKED)
    assert (done.exit_code, done.stderr) == (0, "")
    assert [line.strip().split("  ", 1) for line in done.stdout.splitlines()[1:-1]] == [
        ["verdict", "    ask"],
        ["why", "        the rule for pay asks: args.cents > 5000"],
        ["rule", "       args.cents > 5000"],
        ["who decides", "slack:U1, group:finance"],
        ["approvals", "  2 different people, among them finance"],
        ["impossible", " nobody is in finance ([groups] of hitl.toml), so nobody could approve this"],
        ["requester", "  may not decide it"],
        ["answers", "    approve, reject"],
        [
            "deadline",
            "   8:00:00 after it is asked, then it expires: nothing is done, and the agent is told that nobody answered",
        ],
        ["reminders", "  1:00:00 before a deadline"],
        ["risk", "       money"],
        ["hidden", "     iban"],
        ["limit", "      refused after 3 rejections of this very call"],
    ]
    assert done.stdout.startswith("pay in graph desk\n")
    assert IBAN not in done.output

    (told,) = _json(policy_test(ASKED, "--json"))
    assert told | {"policy_version": "…"} == {
        "graph": "desk",
        "tool": "pay",
        "verdict": "ask",
        "reason": "the rule for pay asks: args.cents > 5000",
        "rule": "args.cents > 5000",
        "says": "yes",
        "approvers": ["slack:U1", "group:finance"],
        "required_approvals": 2,
        "required_from": ["group:finance"],
        "nobody_in": ["group:finance"],
        "allow_requester": False,
        "allowed_decisions": ["approve", "reject"],
        "expires_in_seconds": 28_800,
        "on_expiry": "reject",
        "remind_seconds_before": [3_600],
        "escalate_to": [],
        "risk": "money",
        "redact": ["iban"],
        "max_rejections": 3,
        "policy_version": "…",
    }
    assert told["policy_version"] in done.stdout

    Path("hitl.toml").write_text('[groups]\nfinance = ["slack:U2"]\n')
    (told,) = _json(policy_test(ASKED, "--json"))
    assert told["nobody_in"] == []
    assert "impossible" not in policy_test(ASKED).stdout


@pytest.mark.parametrize(
    ("call", "graph", "verdict", "reason"),
    [
        ({"name": "pay", "args": {"cents": 1, "iban": IBAN}}, "desk", "record", "the rule for pay asks nobody: args.cents > 5000"),
        ({"name": "look", "args": {"what": "x"}}, "desk", "none", "no policy speaks of look: it runs, and nothing is written"),
        ({"name": "look", "args": {"what": "x"}}, "strict", "ask", "no policy names look, and what none names is asked about here"),
        ({"name": "send", "args": {"text": "x"}}, "desk", "ask", "the rule for send failed (TypeError), so a person is asked"),
        ({"name": "send", "args": {"text": "x"}, "state": {"tries": 1}}, "desk", "none", "the rule for send asks nobody"),
        (
            {"name": "send", "args": {"text": "x"}, "state": {"tries": 1}, "requester": "slack:U9", "id": "c", "type": "tool_call"},
            "desk", "ask", "the rule for send asks",
        ),
    ],
)  # fmt: skip
def test_every_verdict(policy_test: Callable[..., Result], call: Any, graph: str, verdict: str, reason: str):
    """S-06, P-04: as the gate of that graph would say, with the state and the requester that the call names."""
    (told,) = _json(policy_test(call, "--graph", graph, "--json", name="-"))
    assert (told["verdict"], told["reason"]) == (verdict, reason)


def test_every_graph_that_has_the_tool(policy_test: Callable[..., Result], monkeypatch: pytest.MonkeyPatch):
    """P-04: each says for itself; who decides by default is named."""
    monkeypatch.setenv("HITL_DEFAULT_APPROVERS", "slack:U7")
    call = {"name": "look", "args": {"what": "x"}}
    assert [(told["graph"], told["verdict"]) for told in _json(policy_test(call, "--json"))] == [
        ("desk", "none"),
        ("strict", "ask"),
    ]
    assert "who decides  slack:U7\n" in policy_test(call, "--graph", "strict").stdout


@pytest.mark.parametrize(
    ("call", "words", "sentence"),
    [
        ("{", (), "call.json: The body is not JSON"),
        ("[]", (), 'call.json: must be a JSON object, {"name": …, "args": {…}}'),
        (" " * 1_000_001, (), "call.json: more than 1,000,000 bytes"),
        ({"args": {}}, (), "name: Field required"),
        ({"name": "pay", "args": []}, (), "args: Input should be a valid dictionary"),
        ({"name": "pay", "argz": {}}, (), "argz: Extra inputs are not permitted"),
        ({"name": "nope"}, (), "name: no tool is called 'nope' in desk, strict. Tools: look, pay, send"),
        (
            {"name": "pay", "args": {"cents": "many", "iban": "x"}},
            (),
            "args.cents: Input should be a valid integer",
        ),
        (ASKED, ("--graph", "nope"), "No graph is called 'nope'. Known graphs: desk, strict."),
    ],
)
def test_bad_input_is_one_sentence(
    policy_test: Callable[..., Result], call: Any, words: tuple[str, ...], sentence: str
):
    """E-04: what is wrong and where, exit code 2, nothing on stdout."""
    done = policy_test(call, *words)
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.startswith(sentence), done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (('default="ask"', 'default="asks"'), "default: 'asks'; choose from"),
        (("args.cents > 5000", "args.cents >> 5000"), "when: line 1, column 13: Syntax error: extraneous input '>'"),
        (('redact=["iban"]', 'redact=["ibna"]'), "redact: 'ibna' is no argument of pay; its arguments: cents, iban"),
        (("desk = agent([pay, look, send])", "desk = bare = create_agent(Model(responses=['x']), [pay])"), "pay is marked, but no gate"),
        (("desk = agent", "desk = 1 / 0, agent"), "graph 'desk' (./agent.py:desk) cannot be loaded: ZeroDivisionError"),
    ],
)  # fmt: skip
def test_a_set_up_that_could_not_start(
    policy_test: Callable[..., Result], tmp_path: Path, change: tuple[str, str], sentence: str
):
    """E-04: what would stop ``hitl serve`` is said here too, in the same words, and in which graph it is."""
    (tmp_path / "agent.py").write_text(AGENT.replace(*change))
    done = policy_test(ASKED)
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.removeprefix("graph 'desk' (./agent.py:desk): ").startswith(sentence), done.stderr
    assert "'desk'" in done.stderr
