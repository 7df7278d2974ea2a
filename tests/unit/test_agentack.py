"""The exported audit, judged by a checker of approvals that is not ours (O-01, issue 5, item 7)."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from agentack import Policy, evaluate_events
from agentack.parser import read_jsonl

from hitl_middleware import agentack
from hitl_middleware.errors import OutcomeUnknown
from hitl_middleware.records import AuditEvent

from tests.kit.commands import Commands
from tests.kit.databases import sqlite_in
from tests.kit.effects import Effects
from tests.kit.models import asks, call, says, script
from tests.kit.world import World

STRICT = Policy(require_approval_for=("*",))
"""Every act needs a person's approval."""

WORDS = "far too dear"
"""What people say."""

Events = Sequence[AuditEvent]


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A database in which acts came to every end there is."""
    url = sqlite_in(tmp_path_factory.mktemp("audited"))
    effects = Effects()
    model = script(says(call("pay", amount=7)))
    first, stricter = World(url), World(url)
    first.serve("desk", first.agent([effects.pay_tool()], model))

    def lose() -> None:
        raise OutcomeUnknown

    def break_down() -> None:
        raise ValueError

    for answer, trouble in (
        ("approve", None), ("edit", None), ("reject", None), ("feedback", None), ("approve", break_down), ("approve", lose),
        ("approve", lose),
    ):  # fmt: skip
        first.begin_run("desk", asks())
        effects.then = trouble
        edit = {"amount": 6} if answer == "edit" else None
        message = None if answer in {"approve", "edit"} else WORDS
        first.decide(first.only("tool_call"), answer, edit=edit, message=message)  # type: ignore[arg-type]
        first.step()
        effects.then = None
        first.wait(60)
        in_doubt = [action for action in first.actions() if action.status == "unknown"]
        if in_doubt:
            first.say(in_doubt[0], "retry" if len(first.runs()) % 2 else "done")
            first.step()
    # The same program, deployed with a stricter rule: who edits under the first is not enough.
    first.begin_run("desk", asks())
    strict = effects.pay_tool(approvers=["slack:BOSS"], decisions=["approve", "reject"])
    stricter.serve("desk", stricter.agent([strict], model))
    stricter.decide(stricter.only(), "edit", edit={"amount": 9_000})
    stricter.step()
    stricter.decide(stricter.only(), by="slack:BOSS")
    stricter.step()
    assert effects.done == [7, 6, 7, 7, 7, 7, 9_000]
    assert {run.status for run in first.runs()} == {"succeeded"}
    stricter.stop()
    first.stop()
    return url


@pytest.fixture(scope="module")
def events(url: str) -> Events:
    """Its audit."""
    world = World(url)
    events = tuple(world.trail())
    world.stop()
    return events


@pytest.fixture
def judged(tmp_path: Path) -> Callable[[Sequence[dict[str, Any]]], tuple[str, set[str]]]:
    """What AgentAck says of a trace: its status, and the rules that were broken."""

    def judge(lines: Sequence[dict[str, Any]]) -> tuple[str, set[str]]:
        file = tmp_path / "trace.jsonl"
        file.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
        report = evaluate_events(read_jsonl(file), policy=STRICT)
        return report.status, {finding.rule_id for finding in report.findings}

    return judge


Judge = Callable[[Sequence[dict[str, Any]]], tuple[str, set[str]]]


def test_every_ending_passes(events: Events, judged: Judge) -> None:
    """O-01: approved, edited, edited and asked again, rejected, revised, failed, unknown and settled either way: nothing to find."""
    kinds = {event.kind for event in events}
    assert {
        "action.failed",
        "action.unknown",
        "action.retry",
        "action.asked_again",
        "request.revised",
    } <= kinds
    lines = list(agentack.trace(events, "s-1"))
    assert judged(lines) == ("PASS", set())
    done = [line for line in lines if line["type"] == "action_executed"]
    claims = [event for event in events if event.kind == "action.claimed"]
    assert len(done) == len(claims) == 7
    assert len({line["approval_id"] for line in done}) == 7, "every execution has an approval of its own"
    assert sum(line["type"] == "action_blocked" for line in lines) == 5


def test_nothing_that_was_said_is_in_it(events: Events) -> None:
    """O-01: neither arguments nor people's words leave with a trace."""
    for line in agentack.trace(events, "s-1"):
        assert set(line.get("action", {}).get("parameters", {"digest"})) == {"digest"}
        assert WORDS not in json.dumps(line)


@pytest.mark.parametrize(
    ("change", "rules"),
    [
        (lambda events: [e for e in events if e.kind != "request.approved"], {"ACK009"}),
        (
            lambda events: [e for e in events if e.kind not in {"request.opened", "request.approved"}],
            {"ACK001"},
        ),
        (lambda events: [*events, *(e for e in events if e.kind == "action.claimed")], {"ACK004"}),
        (lambda events: [swapped(e) for e in events], {"ACK003"}),
    ],
    ids=["no decision", "never asked", "done twice", "something else done"],
)
def test_what_should_not_be_is_found(
    events: Events, judged: Judge, change: Callable[[Events], Events], rules: set[str]
) -> None:
    """O-01: the translation hides nothing: an audit in which something is wrong makes a trace in which the checker finds it."""
    status, found = judged(list(agentack.trace(change(events), "s-1")))
    assert status in {"FAIL", "INCOMPLETE"}
    assert rules <= found


def swapped(event: AuditEvent) -> AuditEvent:
    """With another digest, where it says what was done."""
    from dataclasses import replace

    done = event.kind == "action.succeeded"
    return replace(event, data={**event.data, "digest": "0" * 64}) if done else event


def test_what_still_waits(quick: World, effects: Effects, judged: Judge) -> None:
    """O-01: an audit in the middle of the story is incomplete, not passed."""
    quick.serve("desk", quick.agent([effects.pay_tool()], script(says(call("pay", amount=7)))))
    quick.begin_run("desk", asks())
    assert judged(list(agentack.trace(quick.trail(), "s-1"))) == ("INCOMPLETE", {"ACK009"})


def test_an_act_on_the_record(quick: World, effects: Effects, judged: Judge) -> None:
    """O-01: what the policy let pass was executed, and nobody approved it: the checker is told so, and judges by its own rules."""
    tool = effects.pay_tool(when=lambda call: False, otherwise="record")
    quick.serve("desk", quick.agent([tool], script(says(call("pay", amount=7)))))
    quick.begin_run("desk", asks())
    lines = list(agentack.trace(quick.trail(), "s-1"))
    assert [line["type"] for line in lines] == ["action_proposed", "action_executed", "session_end"]
    assert judged(lines) == ("FAIL", {"ACK001"})


def test_the_command(url: str, events: Events, tmp_path: Path) -> None:
    """O-01: ``hitl audit export --format agentack`` writes what ``agentack check`` passes; ``--run`` leaves the rest out."""
    hitl = Commands(tmp_path, {"HITL_DATABASE_URL": url})
    file = tmp_path / "trace.jsonl"
    assert hitl.said("audit", "export", "--format", "agentack", "--to", str(file)) == ""
    assert evaluate_events(read_jsonl(file), policy=STRICT).status == "PASS"
    run = next(event.run_id for event in events if event.kind == "action.failed") or ""
    lines = [json.loads(line) for line in hitl.said("audit", "export", "--run", run).splitlines()]
    assert {line["run_id"] for line in lines} == {run}
