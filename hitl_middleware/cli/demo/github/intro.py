"""The first and the last words of ``hitl demo --github``."""

from __future__ import annotations

from hitl_middleware.cli.demo.github.script import LABEL, PEOPLE, SHOP
from hitl_middleware.cli.demo.github.summary import DATABASE
from hitl_middleware.cli.demo.script import called
from hitl_middleware.cli.demo.terminal import Terminal


def begin(terminal: Terminal, login: str) -> None:
    """What this is, what is real, who the person is, how to stop."""
    role = PEOPLE[login][0] if login in PEOPLE else "read"
    terminal.heading("hitl demo --github")
    terminal.say(
        f"A workflow takes up every issue that is labelled “{LABEL}”: it analyses the bug, proposes a fix, opens a pull request and merges "
        "it. Where people decide, it stops and asks on the issue, and a comment carries it on. You are one of those people."
    )
    terminal.say()
    terminal.table(
        [
            ("real", "the workflow (LangGraph), the server, the database, PyGithub, HTTP and its signatures"),
            (
                "simulated",
                f"GitHub with its repository {SHOP}, and the model, which follows a script: no account, no key",
            ),
            ("you are", f"@{login}, with {role} access to {SHOP}"),
            (
                "kept in",
                ".hitl/demo-github – Ctrl-C stops at any time, and hitl demo --github goes on from there",
            ),
        ]
    )
    terminal.say()
    terminal.say("Starting …", style="dim")


def end(terminal: Terminal) -> None:
    """Where to go from here."""
    hitl = called()
    terminal.heading("What next")
    terminal.table(
        [
            (f"{hitl} demo --github", "again, with the next issue; reject or give feedback this time"),
            (f"{hitl} demo --github --as github:bob", "comment as Bob, who reported it and may not decide"),
            (f"{hitl} demo --github --ci", "the same without you, each step checked"),
            (f"{hitl} demo", "an agent whose tools wait for you in Slack"),
        ]
    )
    terminal.say()
    terminal.say("Everything that was decided and done is on record:")
    terminal.say(f"{DATABASE} {hitl} audit export", indent=4)
    terminal.say()
    terminal.say(
        f"On a repository of yours: {hitl} connect github OWNER/REPO says what is missing (README, “Decide on GitHub”)."
    )
