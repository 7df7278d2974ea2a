"""The first and the last words."""

from __future__ import annotations

from hitl_middleware.cli.context import local_identity
from hitl_middleware.cli.demo.script import ANN, DATABASE, called
from hitl_middleware.cli.demo.terminal import Terminal


def begin(terminal: Terminal, as_: str | None) -> None:
    """What this is, what is real, who the person is, how to stop."""
    who = as_ or f"{local_identity()}, an operator: whoever sits at the machine may decide anything"
    if as_ and as_.startswith("slack:"):
        who += ": you press the buttons in Slack"
    terminal.heading("hitl demo")
    terminal.say(
        "A support agent answers customers and refunds orders. Before an act that needs a person it stops, asks in Slack, "
        "and carries on with the answer. You are the person who decides."
    )
    terminal.say()
    terminal.table(
        [
            (
                "real",
                "the agent (LangGraph), the gate, the server, the database, Slack's SDKs, HTTP and its signatures",
            ),
            (
                "simulated",
                "Slack, Front (the customers' mail), Stripe (the money), and the model: no account, no key",
            ),
            ("you are", who),
            ("kept in", ".hitl/demo.db – Ctrl-C stops at any time, and hitl demo goes on from there"),
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
            (f"{hitl} demo", "again, with a new conversation; reject, edit or give feedback this time"),
            (f"{hitl} demo --as slack:{ANN}", "decide as Ann, by pressing the buttons in Slack"),
            (f"{hitl} demo --ci", "the same without you, each step checked"),
            (f"{hitl} demo --github", "a workflow that asks on a GitHub issue; you decide by comments"),
        ]
    )
    terminal.say()
    terminal.say("Everything that was decided and done is on record:")
    terminal.say(f"{DATABASE} {hitl} audit export", indent=4)
    terminal.say()
    terminal.say(
        "To gate a tool of your own: @requires_approval on the tool, one middleware in the agent (README)."
    )
