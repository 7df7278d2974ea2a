"""``hitl demo``: the whole loop on one machine, without accounts and keys."""

from __future__ import annotations

import os
import re
import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hitl_middleware.cli.context import As, Json, fail, speaks

if TYPE_CHECKING:
    from hitl_middleware.cli.demo.checks import Scene
    from hitl_middleware.cli.demo.terminal import Terminal

HOME = Path(".hitl")
STOPPED = 130
"""Exit code after Ctrl-C, as shells have it."""

_IDENTITY = re.compile(r"slack:[UW][A-Z0-9]{1,30}|(?!slack:)[a-z][a-z0-9_-]*:[!-~]+")
_LOGIN = re.compile(r"github:([A-Za-z0-9][A-Za-z0-9-]{0,38})")


@speaks
def demo(
    ci: Annotated[
        bool, typer.Option("--ci", help="No questions: scripted people decide, every step is checked.")
    ] = False,
    github: Annotated[
        bool, typer.Option("--github", help="A workflow that asks on a GitHub issue; you decide by comments.")
    ] = False,
    as_: As = None,
    json_: Json = False,
) -> None:
    """See the whole loop on this machine, without accounts or keys: an agent asks, you decide, the act happens once."""
    name = "demo --github" if github else "demo"
    if ci:
        _checked(json_, github=github)
        return
    if json_:
        fail(f"--json prints the result of the checks: hitl {name} --ci --json")
    if not sys.stdin.isatty():
        fail(
            f"hitl {name} asks you to decide, and nobody sits at this input. Without a person: hitl {name} --ci"
        )
    play = _on_github(as_) if github else _in_slack(as_)
    from hitl_middleware.cli.demo.script import called
    from hitl_middleware.cli.demo.terminal import Terminal

    terminal = Terminal()
    _interruptible()
    try:
        play(terminal)
    except KeyboardInterrupt:
        terminal.say()
        terminal.say(f"Stopped. Nothing is lost: {called()} {name} goes on from here.")
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


def _in_slack(as_: str | None) -> Callable[[Terminal], None]:
    if as_ and not _IDENTITY.fullmatch(as_):
        fail(f"--as: {as_!r} is nobody's identity; one looks like slack:U024BE7LH")

    def play(terminal: Terminal) -> None:
        from hitl_middleware.cli.demo import intro

        intro.begin(terminal, as_)  # what follows takes a few seconds to import, so something is said first
        from hitl_middleware.cli.demo.deciding import Decider
        from hitl_middleware.cli.demo.play import Play
        from hitl_middleware.cli.demo.stage import staged

        with staged(HOME / "demo", HOME / "demo.db") as stage:
            Play(stage, terminal, Decider(stage, terminal, as_)).play()
        intro.end(terminal)

    return play


def _on_github(as_: str | None) -> Callable[[Terminal], None]:
    found = _LOGIN.fullmatch(as_ or "github:ann")
    if found is None:
        fail(f"--as: {as_!r} is nobody on GitHub; one looks like github:ann")

    def play(terminal: Terminal) -> None:
        from hitl_middleware.cli.demo.github import intro

        intro.begin(terminal, found[1].lower())
        from hitl_middleware.cli.demo.github.play import Play
        from hitl_middleware.cli.demo.github.stage import staged

        with staged(HOME / "demo-github", HOME / "demo-github.db") as stage:
            Play(stage, terminal, found[1].lower()).play()
        intro.end(terminal)

    return play


def _checked(json_: bool, *, github: bool) -> None:
    from hitl_middleware.cli.demo.checks import run_checks

    try:
        HOME.mkdir(exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix="ci-", dir=HOME))
    except OSError as error:
        fail(f"The demo keeps its state in {HOME}, which cannot be written: {error.strerror}.")
    raise typer.Exit(run_checks(folder, _github_scene if github else _slack_scene, json_=json_))


def _slack_scene() -> Scene[Any]:
    from hitl_middleware.cli.demo import scripted

    return scripted.SCENE


def _github_scene() -> Scene[Any]:
    from hitl_middleware.cli.demo.github import scripted

    return scripted.SCENE
