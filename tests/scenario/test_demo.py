"""``hitl demo`` as a newcomer has it: an empty folder, nothing set, a terminal – or none, and then ``--ci``."""

from __future__ import annotations

import json
import re
import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest
from rich.cells import cell_len

from hitl_middleware.actions import Decision
from hitl_middleware.cli.demo.backstage import Backstage
from hitl_server.pages.request import VIA

from tests.kit.browsing import Browser
from tests.kit.commands import AtTerminal, Commands
from tests.kit.effects import Effects
from tests.kit.models import asks, call, says, script
from tests.kit.plain import NO_TLS
from tests.kit.world import World

STAGES = ("Waiting for a decision", "Approved by", "Executing", "Executed")
DATABASE = {"HITL_DATABASE_URL": "sqlite:///.hitl/demo.db"}


def books(folder: Path, conversation: int = 1) -> Counter[str]:
    """What the services did in a conversation, from their own books on disk: kind → how often."""
    lines = (folder / ".hitl" / "demo" / f"effects-{conversation}.jsonl").read_text().splitlines()
    return Counter(json.loads(line)["kind"] for line in lines)


def cards(folder: Path) -> list[dict[str, Any]]:
    """The messages that stand in Slack."""
    found: list[dict[str, Any]] = json.loads((folder / ".hitl" / "demo" / "slack.json").read_text())[
        "messages"
    ]
    return found


def audit(folder: Path) -> list[dict[str, Any]]:
    """The events, after the chain was verified."""
    hitl = Commands(folder, DATABASE)
    assert hitl.json("audit", "verify")["ok"]
    return [json.loads(line) for line in hitl.said("audit", "export").splitlines()]


def test_where_else_it_was_decided(quick: World, effects: Effects):
    """What whoever sits at the terminal is told when they are no longer needed: who was first, and on which page."""
    stage = Backstage(hitl=quick, url="", log=Path())
    quick.serve("a", quick.agent([effects.pay_tool()], script(says(call("pay", amount=7)))))
    quick.begin_run("a", asks())
    asked = quick.only()
    quick.portal.call(quick.submit, asked.id, Decision(type="approve"), identity="local:ann", via=VIA)
    assert stage.elsewhere(asked) == "It was decided elsewhere: Approved by local:ann (on its page)."


class TestWithoutATerminal:
    def test_every_step_is_checked(self, tmp_path: Path):
        """E-01: ``--ci`` plays draft, large and small refund, a rejection, a double click and a replay, says what held, leaves with 0."""
        said = Commands(tmp_path).said("demo", "--ci")

        *checks, last = said.splitlines()
        assert [line for line in checks if not line.startswith("ok ")] == []
        assert re.fullmatch(rf"{len(checks)} of {len(checks)} checks held, in [0-9.]+ s\.", last)
        for word in (
            "the reply is sent, once",
            "twice at once",
            "asks nobody",
            "rejects",
            "replayed",
            "exactly once",
            "audit verifies",
        ):
            assert word in said
        assert list(tmp_path.iterdir()) == [], "nothing is left behind"

    def test_the_result_is_json_whatever_is_set_on_the_machine(self, tmp_path: Path):
        """E-01: settings meant for a real server – another database, tokens, a model, a proxy – are not the demo's."""
        told = Commands(tmp_path).json(
            "demo", "--ci", HITL_DATABASE_URL="sqlite:////nowhere/at/all.db", HITL_API_TOKEN="secret", HITL_MODEL="openai:gpt-5",
            HITL_MANIFEST="missing.json", SLACK_BOT_TOKEN="xoxb-real", STRIPE_API_URL="http://127.0.0.1:9",
            GITHUB_TOKEN="ghp_real", HTTP_PROXY="http://127.0.0.1:9", http_proxy="http://127.0.0.1:9", NO_PROXY="", no_proxy="",
        )  # fmt: skip

        assert told["ok"] is True
        assert told["kept"] is None
        assert {check["ok"] for check in told["checks"]} == {True}

    def test_a_step_that_does_not_hold_is_told(self, tmp_path: Path):
        """A tool that breaks while its outcome is written: the check names what is wrong, exit code 1, and what there was is kept."""
        done = Commands(tmp_path).run("demo", "--ci", "--json", HITL_FAILPOINTS="effect.after=raise")

        told = json.loads(done.stdout)
        assert done.returncode == 1
        assert told["ok"] is False
        assert [check["ok"] for check in told["checks"]].count(False) >= 1
        assert (tmp_path / told["kept"] / "demo.db").exists()

    def test_a_folder_that_is_no_folder(self, tmp_path: Path):
        """E-04: where nothing can be kept, that is said in a sentence, exit code 2."""
        (tmp_path / ".hitl").write_text("a file")

        assert (
            Commands(tmp_path)
            .refused("demo", "--ci")
            .startswith("The demo keeps its state in .hitl, which cannot be written:")
        )

    def test_nobody_to_ask(self, tmp_path: Path):
        """E-04: without a terminal it says so and names ``--ci``, exit code 2; a name that is none is refused before anything starts."""
        assert "hitl demo --ci" in Commands(tmp_path).refused("demo")
        with AtTerminal(tmp_path, "demo", "--as", "slack:bob") as person:
            assert person.ends() == 2
            assert person.shown == "--as: 'slack:bob' is nobody's identity; one looks like slack:U024BE7LH\n"
        assert list(tmp_path.iterdir()) == []


class TestAtATerminal:
    def test_played_through_and_begun_anew(self, tmp_path: Path):
        """E-01, E-02, S-08: two answers lead through the conversation, one typed, one by a button of Slack as drawn in the browser.

        The card is drawn in all its states, the books and the audit are told.
        """
        with AtTerminal(tmp_path, "demo", NO_COLOR="1") as person:
            for words, typed in (("Is there still room", True), ("A-1001, 120.00", False)):
                person.sees(re.escape(words))
                person.sees(STAGES[0])
                address = person.sees(r"Slack +(http://\S+)/preview/slack")[1]
                request = person.sees(rf"Page +{address}(/requests/\S+)")[1]
                if typed:
                    person.answers("a")
                else:
                    person.sees("> ")
                    with httpx.Client(base_url=address, timeout=30, verify=NO_TLS, trust_env=False) as http:
                        assert Browser(http).look(request).offers("Approve"), (
                            "whoever sits here decides there, too"
                        )
                        Browser(http).send(Browser(http).look("/preview/slack"), "Approve")
                    person.sees(r"It was decided elsewhere: Approved by ann \(in Slack\)\.")
                for stage in STAGES[1:]:
                    person.sees(stage)
                person.sees("the services' own books")
            person.sees("asked nobody")
            person.sees("audit +verified")
            person.sees("What next")
            assert person.ends() == 0
            assert "\u001b" not in person.shown
            assert [line for line in person.shown.splitlines() if cell_len(line) > 80] == []

        assert books(tmp_path) == {"MessageSent": 1, "RefundCreated": 2}
        assert {
            event["actor"].partition(":")[0]
            for event in audit(tmp_path)
            if event["kind"] == "request.approved"
        } == {"local", "slack"}

        with AtTerminal(tmp_path, "demo") as person:
            person.sees("1 of 3")
            person.sees("conversation cnv_demo2")
            assert "\u001b[" in person.shown, "colour where there is a terminal and nobody minds"

    @pytest.mark.chaos
    def test_stopped_killed_and_resumed(self, tmp_path: Path):
        """E-01: after Ctrl-C, and after a kill, the same run waits with the same request and the same card; each act happens once."""
        with AtTerminal(tmp_path, "demo") as person:
            thread = person.sees("conversation (cnv_demo1)")[1]
            code = person.sees("Code ([0-9a-z]{8})")[1]
            person.sees("> ")

            second = AtTerminal(tmp_path, "demo")
            with second:
                second.sees("Another hitl demo is running in this folder")
                assert second.ends() == 2

            person.interrupts()
            person.sees("Nothing is lost: [^ ]*hitl demo goes on from here")
            assert person.ends() == 130
        (card,) = cards(tmp_path)

        with AtTerminal(tmp_path, "demo") as person:
            person.sees("Where you stopped")
            person.sees(f"front:{thread}")
            person.sees(f"Code {code}")
            person.answers("a")
            person.sees("2 of 3")
            code = person.sees("Code ([0-9a-z]{8})")[1]
            person.sees("> ")
            person.kill()
        assert [message["ts"] for message in cards(tmp_path)][:1] == [card["ts"]]
        assert len(cards(tmp_path)) == 2

        with AtTerminal(tmp_path, "demo") as person:
            person.sees(f"Code {code}")
            person.sees("> ")
            Commands(tmp_path, DATABASE).said(
                "requests", "approve", code
            )  # somebody else, in another terminal
            person.sees("It was decided elsewhere")
            person.sees("What next")
            assert person.ends() == 0

        assert books(tmp_path) == {"MessageSent": 1, "RefundCreated": 2}
        assert len(cards(tmp_path)) == 2
        assert len({event["thread_id"] for event in audit(tmp_path)}) == 1

    @pytest.mark.chaos
    def test_killed_in_the_middle_of_an_act(self, tmp_path: Path):
        """DESIGN rule 2: nobody knows whether the reply went out, so the card says Unknown and a person is asked; it is not sent twice."""
        with AtTerminal(tmp_path, "demo", HITL_FAILPOINTS="effect.after=kill") as person:
            person.answers("a")
            person.ends()
        assert books(tmp_path) == {"MessageSent": 1}

        with AtTerminal(tmp_path, "demo") as person:
            person.sees("Unknown")
            person.sees("own books say")
            person.sees("Front +a message to the customer")
            person.answers("d")
            person.sees("Executed")
            person.sees("2 of 3")
            person.answers("r")
            person.answers("The course took place")
            person.sees("Rejected by")
            person.sees("The agent was told")
            person.sees("“The")
            assert person.ends() == 0

        assert books(tmp_path) == {"MessageSent": 1, "RefundCreated": 1}

    def test_decided_by_pressing_the_buttons(self, tmp_path: Path):
        """S-10: with ``--as slack:U…`` the answer is a signed click; who may not decide is told so in Slack and nothing changes."""
        with AtTerminal(tmp_path, "demo", "--as", "slack:U0STRANGER") as person:
            person.answers("a")
            person.sees("Only you see this in Slack: .*it is for @ann")
            person.answers("nonsense")
            person.sees("Please type one of: a, r, f, e")
            person.sees("> ")
            person.interrupts()
            person.ends()

        with AtTerminal(tmp_path, "demo", "--as", "slack:U024BE7LH") as person:
            person.answers("e")
            person.answers("Dear Dana, there is.")
            person.sees("as edited by the reviewer")
            person.sees("Executed")
            person.sees("2 of 3")
            person.answers("a")
            person.sees("You pressed Approve in Slack; the server got it signed")
            person.sees("Approved by @ann")
            person.sees("What next")
            assert person.ends() == 0

        decided = [
            (event["actor"], event["via"]) for event in audit(tmp_path) if event["kind"] == "request.approved"
        ]
        assert decided == [("slack:U024BE7LH", "cli"), ("slack:U024BE7LH", "slack")]
        with closing(sqlite3.connect(tmp_path / ".hitl" / "demo.db")) as database:
            (statuses,) = zip(*database.execute("SELECT DISTINCT status FROM hitl_runs"), strict=True)
        assert statuses == ("succeeded",)
