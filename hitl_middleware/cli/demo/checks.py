"""``hitl demo --ci``: scripted people decide, and every step is checked. Exit code 0 only if all of it held."""

from __future__ import annotations

import os
import shutil
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import typer

from hitl_middleware.cli.output import as_json

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


def expect(found: object, wanted: object, what: str) -> None:
    """Equality, with words."""
    if found != wanted:
        msg = f"{what}: {found!r}, not {wanted!r}"
        raise DidNotHold(msg)


def run_checks(folder: Path, *, json_: bool) -> int:
    """Play and check in ``folder``, which is gone afterwards if all held; the exit code."""
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
        from hitl_middleware.cli.demo.scripted import play_and_check
        from hitl_middleware.cli.demo.stage import staged

        with checks.check("everything starts: Slack, Front, Stripe, the database, the server"):
            stage = staged(folder, folder / "demo.db")
            on_stage = stage.__enter__()
        try:
            play_and_check(on_stage, checks)
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
