"""``hitl demo``: the whole loop on one machine, without accounts and keys."""

from __future__ import annotations

import os
import re
import signal
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hitl_middleware.cli.context import As, Json, fail, speaks

if TYPE_CHECKING:
    from hitl_middleware.cli.demo.terminal import Terminal

HOME = Path(".hitl")
STOPPED = 130
"""Exit code after Ctrl-C, as shells have it."""

_IDENTITY = re.compile(r"slack:[UW][A-Z0-9]{1,30}|(?!slack:)[a-z][a-z0-9_-]*:[!-~]+")


@speaks
def demo(
    ci: Annotated[
        bool, typer.Option("--ci", help="No questions: scripted people decide, every step is checked.")
    ] = False,
    as_: As = None,
    json_: Json = False,
) -> None:
    """See the whole loop on this machine, without accounts or keys: an agent asks, you decide, the act happens once."""
    if ci:
        _checked(json_)
        return
    if json_:
        fail("--json prints the result of the checks: hitl demo --ci --json")
    if not sys.stdin.isatty():
        fail("hitl demo asks you to decide, and nobody sits at this input. Without a person: hitl demo --ci")
    if as_ and not _IDENTITY.fullmatch(as_):
        fail(f"--as: {as_!r} is nobody's identity; one looks like slack:U024BE7LH")
    from hitl_middleware.cli.demo.script import called
    from hitl_middleware.cli.demo.terminal import Terminal

    terminal = Terminal()
    _interruptible()
    try:
        _play(terminal, as_)
    except KeyboardInterrupt:
        terminal.say()
        terminal.say(f"Stopped. Nothing is lost: {called()} demo goes on from here.")
        raise typer.Exit(STOPPED) from None


def _interruptible() -> None:
    """Ctrl-C gives leases back, which takes a moment. Whoever cannot wait presses again: then the next start waits for them."""
    pressed: list[bool] = []

    def stop(*_: object) -> None:
        if pressed:
            os._exit(STOPPED)
        pressed.append(True)
        raise KeyboardInterrupt

    signal.signal(signal.SIGINT, stop)


def _play(terminal: Terminal, as_: str | None) -> None:
    """Imports take a few seconds, so something is said first."""
    from hitl_middleware.cli.demo import intro

    intro.begin(terminal, as_)
    from hitl_middleware.cli.demo.deciding import Decider
    from hitl_middleware.cli.demo.play import Play
    from hitl_middleware.cli.demo.stage import staged

    with staged(HOME / "demo", HOME / "demo.db") as stage:
        Play(stage, terminal, Decider(stage, terminal, as_)).play()
    intro.end(terminal)


def _checked(json_: bool) -> None:
    from hitl_middleware.cli.demo.checks import run_checks

    try:
        HOME.mkdir(exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix="ci-", dir=HOME))
    except OSError as error:
        fail(f"The demo keeps its state in {HOME}, which cannot be written: {error.strerror}.")
    raise typer.Exit(run_checks(folder, json_=json_))
