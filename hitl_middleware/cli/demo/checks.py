"""``hitl demo --ci``: scripted people decide, and every step is checked. Exit code 0 only if all of it held."""

from __future__ import annotations

import os
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Generic, TypeVar

import typer

from hitl_middleware.cli.output import as_json

S = TypeVar("S")
T = TypeVar("T")

LIMIT_SECONDS: Final = 55.0
"""Whatever hangs, this ends it."""

FAILED: Final = 1


class DidNotHold(Exception):
    """What was found instead."""


@dataclass(slots=True)
class Checks:
    """The results, in order. Told as they come, or in the end as JSON."""

    quiet: bool
    results: list[dict[str, Any]] = field(default_factory=list)
    started: float = field(default_factory=time.monotonic)

    @contextmanager
    def check(self, what: str) -> Iterator[None]:
        """One step. What goes wrong in it is its result, and ends the demo."""
        try:
            yield
        except Exception as error:
            self.add(what, f"{type(error).__name__}: {error}")
            raise DidNotHold from error
        self.add(what, None)

    def add(self, what: str, problem: str | None) -> None:
        """Remember, and tell."""
        self.results.append({"check": what, "ok": problem is None, "problem": problem})
        if not self.quiet:
            typer.echo(f"ok      {what}" if problem is None else f"FAILED  {what}: {problem}")

    @property
    def ok(self) -> bool:
        """Whether everything held."""
        return bool(self.results) and all(result["ok"] for result in self.results)

    def end(self, kept: Path | None) -> int:
        """The last line; the exit code."""
        seconds = round(time.monotonic() - self.started, 1)
        held = sum(result["ok"] for result in self.results)
        if self.quiet:
            as_json(
                {
                    "ok": self.ok,
                    "seconds": seconds,
                    "kept": str(kept) if kept else None,
                    "checks": self.results,
                }
            )
        else:
            typer.echo(f"{held} of {len(self.results)} checks held, in {seconds} s.")
            if kept:
                typer.echo(f"What there was is kept in {kept}.")
        sys.stdout.flush()
        return 0 if self.ok else FAILED


@dataclass(frozen=True, slots=True)
class Scene(Generic[S]):
    """What is checked: what it ``starts``, where it is played, and by what."""

    starts: str
    staged: Callable[[Path, Path], AbstractContextManager[S]]
    play: Callable[[S, Checks], None]


def expect(found: object, wanted: object, what: str) -> None:
    """Equality, with words."""
    if found != wanted:
        msg = f"{what}: {found!r}, not {wanted!r}"
        raise DidNotHold(msg)


def only(found: Sequence[T], what: str) -> T:
    """The only one there is."""
    expect(len(found), 1, f"number of {what}")
    return found[0]


def says(found: str, *words: str, where: str) -> None:
    """Each of these stands there."""
    for each in words:
        if each not in found:
            expect(found, f"… {each} …", where)


def run_checks(folder: Path, scene: Callable[[], Scene[Any]], *, json_: bool) -> int:
    """Play and check in ``folder``, which is gone afterwards if all held; the exit code. ``scene`` is asked once the clock runs."""
    checks = Checks(quiet=json_)

    def give_up() -> None:
        checks.add(
            "the demo ends by itself", f"not within {LIMIT_SECONDS:g} seconds; {folder}/log.jsonl may say why"
        )
        os._exit(checks.end(folder))

    watch = threading.Timer(LIMIT_SECONDS, give_up)
    watch.daemon = True
    watch.start()
    try:
        played = scene()
        with checks.check(f"everything starts: {played.starts}"):
            stage = played.staged(folder, folder / "demo.db")
            on_stage = stage.__enter__()
        try:
            played.play(on_stage, checks)
        finally:
            with checks.check("everything stops in order"):
                stage.__exit__(None, None, None)
    except DidNotHold:
        pass
    finally:
        watch.cancel()
    if checks.ok:
        shutil.rmtree(folder, ignore_errors=True)
        with suppress(OSError):
            folder.parent.rmdir()
    return checks.end(None if checks.ok else folder)
