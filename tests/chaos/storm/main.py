"""``make chaos``: play after play, on SQLite and on PostgreSQL, until the time is over; then the table.

``CHAOS_MINUTES`` (a decimal) says how long, ``CHAOS_SEED`` repeats a plan.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import logging
import os
import platform
import secrets
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, Literal

from starlette.requests import ClientDisconnect

from tests.chaos.storm.checker import Verdict
from tests.chaos.storm.play import Play
from tests.chaos.storm.report import Total, table, write
from tests.kit.databases import sqlite_in
from tests.kit.forks import warm_up
from tests.kit.postgres import Postgres, Server, embedded

Database = Literal["sqlite", "postgresql"]

MINUTES: Final = 2.0
STORM_SECONDS: Final = 30.0
"""The longest storm of one play; then all is looked at."""
SHARES: Final[dict[Database, float]] = {"sqlite": 0.7, "postgresql": 0.3}
"""Parts of the time."""
INTERRUPTED: Final = 128 + signal.SIGINT
ARTIFACTS: Final = Path(__file__).parents[2] / "artifacts"


def main() -> int:
    """Play. 0: nothing was found wrong; 1: something was; 130: it was interrupted before anything was."""
    signal.signal(signal.SIGTERM, _leave)
    logging.getLogger("uvicorn.error").addFilter(_is_news)
    try:
        minutes = float(os.environ.get("CHAOS_MINUTES") or MINUTES)
    except ValueError:
        sys.stderr.write(
            f"CHAOS_MINUTES is {os.environ['CHAOS_MINUTES']!r}; it takes a number, such as 10 or 0.5.\n"
        )
        return 2
    seed = os.environ.get("CHAOS_SEED") or secrets.token_hex(4)
    at = dt.datetime.fromtimestamp(time.time(), dt.UTC)  # noqa: TID251 – when it was, for people
    about = {
        "seed": seed,
        "minutes": f"{minutes:g}",
        "date": f"{at:%Y-%m-%d %H:%M} UTC",
        "machine": f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}, Python {platform.python_version()}",
    }
    _say(f"seed {seed} · {minutes:g} min · {about['machine']} · {about['date']}")
    totals: dict[str, Total] = {}
    interrupted = False
    # Whoever is forked from this process prints what it was doing when it hears of Ctrl-C; it takes some seconds to be ready for it.
    hearing = signal.signal(signal.SIGINT, signal.SIG_IGN)
    warm_up()
    signal.signal(signal.SIGINT, hearing)
    try:
        _play_all(seed, minutes * 60, totals)
    except KeyboardInterrupt:
        interrupted = True
        _say("interrupted")
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # what is left to do is short
        if totals:
            _say(f"\n{table(totals)}\n")
            path = ARTIFACTS / f"chaos-{at:%Y%m%d-%H%M%S}.json"
            write(path, about, totals)
            _say(f"written to {os.path.relpath(path)}")
    wrong = any(found for total in totals.values() for found in total.wrong.values())
    if wrong:
        _say(f"Found wrong. The same plan again: CHAOS_SEED={seed} CHAOS_MINUTES={minutes:g} make chaos")
    return 1 if wrong else INTERRUPTED if interrupted else 0


def _play_all(seed: str, seconds: float, totals: dict[str, Total]) -> None:
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(embedded(lasting=True))
        databases = Postgres(server.url)
        stack.callback(databases.close)
        end, number = time.monotonic() + seconds, 0
        while (left := end - time.monotonic()) > 0:
            number += 1
            kind: Database = min(
                SHARES, key=lambda kind: (totals[kind].seconds if kind in totals else 0.0) / SHARES[kind]
            )
            share = SHARES[kind] * seconds - (totals[kind].seconds if kind in totals else 0.0)
            storm = min(STORM_SECONDS, max(share, 1.0), max(left, 1.0))
            began = time.monotonic()
            with _database(kind, server, databases) as (folder, url, restart):
                verdict = _play(Play(folder, url, f"{seed}/{number}", restart), storm)
                took = time.monotonic() - began
                totals.setdefault(kind, Total()).add(verdict, took)
                _say(f"play {number:3} {kind:10} {took:5.1f} s  {_line(verdict)}")
                if not verdict.good:
                    kept = ARTIFACTS / f"chaos-{seed}-play-{number}"
                    shutil.copytree(folder, kept, dirs_exist_ok=True)
                    _say(f"{verdict.told()}\nIts logs: {os.path.relpath(kept)}")


def _play(play: Play, seconds: float) -> Verdict:
    with play:
        end = time.monotonic() + seconds
        play.storm(lambda: time.monotonic() > end)
        return play.calm()


@contextlib.contextmanager
def _database(
    kind: Database, server: Server, databases: Postgres
) -> Iterator[tuple[Path, str, Callable[[], None] | None]]:
    """A folder, an empty database, and how its server is restarted."""
    with tempfile.TemporaryDirectory(prefix="hitl-chaos-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        if kind == "sqlite":
            yield folder, sqlite_in(folder), None
        else:
            with databases.fresh() as url:
                yield folder, url, server.restart


def _line(verdict: Verdict) -> str:
    shown = ("kills", "stops", "restarts", "runs", "requests", "acts", "unknown")
    wrong = [f"{len(found)} {column.upper()}" for column, found in verdict.wrong.items() if found]
    counted = [f"{verdict.counts[key]} {key}" for key in shown if verdict.counts[key]]
    return " · ".join([*counted, *(wrong or ["all well"])])


def _say(words: str) -> None:
    sys.stdout.write(f"{words}\n")
    sys.stdout.flush()


def _is_news(record: logging.LogRecord) -> bool:
    """Whoever is killed while it asks the fakes something is gone before they have read it: here that is no error."""
    return record.exc_info is None or not isinstance(record.exc_info[1], ClientDisconnect)


def _leave(_number: int, _frame: Any) -> None:
    raise KeyboardInterrupt
