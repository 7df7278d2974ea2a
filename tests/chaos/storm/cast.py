"""Those who live and die: two servers and two workers on one database, each followed by the next as soon as it is dead."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
import traceback
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.chaos.storm.gateway import Gateway
from tests.chaos.storm.outside import Heard
from tests.chaos.storm.plan import Fate, Role
from tests.kit.lives import BOOT_SECONDS, Life

GLANCE: Final = 0.02
"""Seconds between two looks at a life."""
REFUSED: Final = 2
"""Exit code of a command that says in a sentence why it does not begin: here, that the database does not answer."""


@dataclass(frozen=True, slots=True)
class Home:
    """What every life is given."""

    folder: Path
    environ: Mapping[str, str]
    gateway: Gateway
    heard: Heard


class Place:
    """One place in the cast. ``words``: the command that is played there. ``outages``: of its database, in which it may refuse to begin."""

    def __init__(
        self, name: str, role: Role, words: list[str], fates: Iterator[Fate], home: Home, outages: Outages
    ) -> None:
        self.name = name
        self._role = role
        self._words = words
        self._fates = fates
        self._home = home
        self._outages = outages
        self._over = threading.Event()
        self._life: Life | None = None
        self._since = 0
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def begin(self) -> None:
        """Live, die, and live again, until ``end``."""
        self._thread.start()

    def end(self) -> None:
        """Kill whoever lives there; nobody follows."""
        self._over.set()

    def join(self) -> None:
        """Wait until nobody lives there."""
        if self._thread.is_alive():
            self._thread.join()

    def may_act(self, moment: int) -> bool:
        """Whether whoever lived there at this moment (``clock``) still does."""
        return self._life is not None and self._since <= moment

    def _run(self) -> None:
        for fate in self._fates:
            if self._over.is_set():
                return
            try:
                self._live(fate)
            except Exception:  # noqa: BLE001 – it is told in the table, whatever it was
                self._home.heard.troubles.append(f"{self.name}: {traceback.format_exc()}")
                return

    def _live(self, fate: Fate) -> None:
        environ = {**self._home.environ, **({"HITL_FAILPOINTS": fate.failpoints} if fate.failpoints else {})}
        mark = self._outages.mark()
        self._since = moment()
        life = Life(self._words, environ, self._home.folder, self._home.folder / f"{self.name}.log")
        self._life = life
        url: str | None = None
        sleep = _Sleep(self._home.heard, fate)
        try:
            url = self._boot(life, fate, sleep)
            if url is not None and self._role == "server":
                self._home.gateway.add(url)
            if url is not None:
                self._grow_old(life, fate, sleep)
            killed = life.alive
            if killed:
                life.kill()
            self._bury(life.death(), fate, killed=killed, outage=self._outages.touched(mark))
        finally:
            if url is not None and self._role == "server":
                self._home.gateway.remove(url)
            life.bury()
            self._life = None

    def _boot(self, life: Life, fate: Fate, sleep: _Sleep) -> str | None:
        """What it says when it has begun; ``None``: it did not, or its time was over before."""
        began = time.monotonic()
        while life.alive and not self._over.is_set():
            if (line := life.heard(GLANCE)) is not None:
                return line.strip()
            sleep.look(life)
            lived = time.monotonic() - began
            if fate.in_boot is not None and lived >= fate.in_boot:
                return None
            if lived > BOOT_SECONDS + fate.asleep:
                msg = f"not a word within {BOOT_SECONDS} s. Its log:\n{life.told()}"
                raise AssertionError(msg)
        return None

    def _grow_old(self, life: Life, fate: Fate, sleep: _Sleep) -> None:
        began = time.monotonic()
        while life.alive and not self._over.is_set() and time.monotonic() - began < fate.seconds:
            if fate.stopped_after is not None and time.monotonic() - began >= fate.stopped_after:
                sleep.begin(life)
            sleep.look(life)
            self._over.wait(GLANCE)

    def _bury(self, code: int, fate: Fate, *, killed: bool, outage: bool) -> None:
        counts = self._home.heard.counts
        if code == -signal.SIGKILL:
            counts["kills"] += 1
            counts["kills at a failpoint"] += not killed
        elif code == REFUSED and outage:
            counts["refused to begin"] += 1
        else:
            log = (self._home.folder / f"{self.name}.log").read_text(errors="replace")[-3_000:]
            self._home.heard.troubles.append(f"{self.name} ended by itself ({code}; {fate}):\n{log}")


class Outages:
    """When the database's server is away."""

    def __init__(self) -> None:
        self._number = 0
        self._away = False

    @contextlib.contextmanager
    def one(self) -> Iterator[None]:
        """It is away inside the block."""
        self._number += 1
        self._away = True
        yield
        self._away = False

    def mark(self) -> int:
        """Now, for ``touched``."""
        return self._number - self._away

    def touched(self, mark: int) -> bool:
        """Whether it was away then, or at any time since."""
        return self._number != mark


class _Sleep:
    """Wakes whoever was stopped, when it has slept long enough."""

    def __init__(self, heard: Heard, fate: Fate) -> None:
        self._heard = heard
        self._fate = fate
        self._stopped = False
        self._until: float | None = None

    def begin(self, life: Life) -> None:
        """Stop it, once."""
        if not self._stopped:
            self._stopped = True
            os.kill(life.pid, signal.SIGSTOP)

    def look(self, life: Life) -> None:
        """See whether it sleeps, and whether it has slept enough."""
        if not self._fate.asleep or not life.paused:
            return
        if self._until is None:
            self._until = time.monotonic() + self._fate.asleep
            self._heard.counts["stops"] += 1
        if time.monotonic() >= self._until:
            life.carry_on()


def moment() -> int:
    """Now, for ``Place.may_act``."""
    return time.monotonic_ns()
