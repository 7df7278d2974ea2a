"""``hitl demo --github`` as a newcomer has it: an empty folder, nothing set, a terminal – or none, and then ``--ci``."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import httpx
from rich.cells import cell_len

from tests.kit.browsing import Browser
from tests.kit.commands import AtTerminal, Commands
from tests.kit.plain import NO_TLS

DATABASE = {"HITL_DATABASE_URL": "sqlite:///.hitl/demo-github.db"}
CODE = r"/approve ([0-9a-z]{8})"


def there(folder: Path) -> dict[str, Any]:
    """All there is on the demo's GitHub."""
    found: dict[str, Any] = json.loads((folder / ".hitl" / "demo-github" / "github.json").read_text())
    return found


def asked(folder: Path) -> list[tuple[str, str, str]]:
    """What was asked, oldest first: step, status, by whom it was decided."""
    items = Commands(folder, DATABASE).json("requests", "list", "--status", "all")["items"]
    return [(each["step"], each["status"], each["decided_by"]) for each in reversed(items)]


class TestWithoutATerminal:
    def test_every_step_is_checked(self, tmp_path: Path):
        """E-01, E-02, G-02 to G-12: from the label to the merge; a lost webhook, a forged one, a rejection."""
        said = Commands(tmp_path).said("demo", "--github", "--ci")

        *checks, last = said.splitlines()
        assert [line for line in checks if not line.startswith("ok ")] == []
        assert re.fullmatch(rf"{len(checks)} of {len(checks)} checks held, in [0-9.]+ s\.", last)
        for words in (
            "labels it bug",
            "writes /feedback",
            "once each",
            "is re-read",
            "merged, once",
            "rejects",
            "answered 401",
            "audit verifies",
        ):
            assert words in said
        assert list(tmp_path.iterdir()) == [], "nothing is left behind"

    def test_the_result_is_json_whatever_is_set_on_the_machine(self, tmp_path: Path):
        """E-01: what is meant for a real server – token, App, settings – is not the demo's; ``--json`` tells the checks."""
        (tmp_path / "hitl.toml").write_text("[github]\nwebhook = false\n")
        told = Commands(tmp_path).json(
            "demo", "--github", "--ci", GITHUB_TOKEN="ghp_real", GITHUB_API_URL="http://127.0.0.1:9", GITHUB_APP_ID="1",
            HITL_MODEL="openai:gpt-5", HITL_API_TOKEN="secret", HITL_MANIFEST="missing.json", DELIVERY_ALLOW_WORKFLOWS="true",
        )  # fmt: skip

        assert told["ok"] is True
        assert told["kept"] is None
        assert {check["ok"] for check in told["checks"]} == {True}

    def test_nobody_to_ask(self, tmp_path: Path):
        """E-04: without a terminal it names ``--ci``; nobody of Slack comments on GitHub; exit code 2 before anything starts."""
        assert "hitl demo --github --ci" in Commands(tmp_path).refused("demo", "--github")
        with AtTerminal(tmp_path, "demo", "--github", "--as", "slack:U024BE7LH") as person:
            assert person.ends() == 2
            assert person.shown == "--as: 'slack:U024BE7LH' is nobody on GitHub; one looks like github:ann\n"
        assert list(tmp_path.iterdir()) == []


class TestAtATerminal:
    def test_from_the_label_to_the_merge(self, tmp_path: Path):
        """E-01, G-05, G-06: a near miss is explained, feedback brings round 2, two approvals lead to the merge; all in 80 columns."""
        with AtTerminal(tmp_path, "demo", "--github", NO_COLOR="1") as person:
            person.sees("@bob opened an issue")
            first = person.sees(CODE)[1]
            person.answers("approve")
            person.sees("a command begins with a slash")
            person.sees("@hitl-bot reacted 👎")
            person.answers("Hm, let me think.")
            person.sees("That is conversation")
            person.answers("/feedback Mind the empty cart.")
            person.sees("Revision requested by @ann")
            person.sees("fix-review, round 2")
            assert person.sees(CODE)[1] != first
            person.answers("/approve")
            person.sees("opened pull request #2")
            person.sees("merge-approval")
            person.answers("/approve")
            person.sees("merged pull request #2")
            person.sees("Issue #1 is closed")
            person.sees("merge_pull_request +succeeded; on GitHub once")
            person.sees("audit +verified")
            person.sees("What next")
            assert person.ends() == 0
        assert "\u001b" not in person.shown
        assert [line for line in person.shown.splitlines() if cell_len(line) > 80] == []
        ann = "github:ann"
        assert asked(tmp_path) == [
            ("fix-review", "revised", ann),
            ("fix-review", "approved", ann),
            ("merge-approval", "approved", ann),
        ]
        (pull,) = there(tmp_path)["pulls"].values()
        assert pull["merged_by"] == "hitl-bot"

    def test_stopped_and_taken_up_again(self, tmp_path: Path):
        """E-01, G-06: after Ctrl-C the same run waits with the same comment at the same address; a rejection ends it.

        E-02: what Bob may not decide in the terminal Ann decides in the browser, on the issue as it is drawn there.
        """
        with AtTerminal(tmp_path, "demo", "--github") as person:
            code = person.sees(CODE)[1]
            address = person.sees(r"Issue +(http\S+)")[1]
            person.sees("> ")
            person.interrupts()
            person.sees("Nothing is lost: [^ ]*hitl demo --github goes on from here")
            assert person.ends() == 130
        before = there(tmp_path)["comments"]

        with AtTerminal(tmp_path, "demo", "--github") as person:
            person.sees("Where you stopped")
            assert person.sees(CODE)[1] == code
            assert person.sees(r"Issue +(http\S+)")[1] == address
            person.answers("/reject We sell no coupons.")
            person.sees("Stopped")
            person.sees("Rejected by ann: “We sell no coupons.”")
            person.sees("nothing: no branch")
            assert person.ends() == 0
        assert list(there(tmp_path)["comments"])[: len(before)] == list(before)
        assert (there(tmp_path)["pulls"], asked(tmp_path)) == ({}, [("fix-review", "rejected", "github:ann")])

        with AtTerminal(tmp_path, "demo", "--github", "--as", "github:bob") as person:
            person.sees(r"acme/shop#2 · @bob opened an issue")
            address = person.sees(r"GitHub +(http://\S+)/preview/github")[1]
            person.answers("/approve")
            person.sees("not yours to decide")
            person.sees("> ")
            with httpx.Client(base_url=address, timeout=30, verify=NO_TLS, trust_env=False) as http:
                page = Browser(http).look("/preview/github")
                assert "Comment as ann" in page.text
                Browser(http).send(page, "Comment", body="/approve")
            person.sees(r"It was decided elsewhere: Approved by ann \(on the issue\)\.")
            person.sees("merge-approval")
            person.sees("> ")
            person.interrupts()
            person.ends()
