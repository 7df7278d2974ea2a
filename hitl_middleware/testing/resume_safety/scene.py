"""What a runner is given and what it must be able to do, and the deed whose performances are counted."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

Behaviour = Literal["succeed", "fail", "lose the answer", "time out", "die before", "die after", "hold"]

HELD_SECONDS = 60.0
"""How long a held deed waits for the test before it goes on by itself; only a test that hangs ever waits so long."""


class Declined(Exception):
    """What the deed raises when the outside world says no: nothing was done."""


@dataclass(slots=True)
class Deed:
    """The effect on the outside world: one line in a file for each time it is done, so that it outlives any process.

    ``behaviour``: how it goes. It may do it and be killed right after; do it and lose the answer; or wait in the middle (``hold``)
    until ``release``, for whatever the test does meanwhile.
    """

    folder: Path
    behaviour: Behaviour = "succeed"
    entered: threading.Event = field(default_factory=threading.Event)
    release: threading.Event = field(default_factory=threading.Event)

    def __call__(self, what: str) -> str:
        """Do it. Raises ``Declined``, ``ConnectionError`` or ``TimeoutError`` as it is told to."""
        if self.behaviour == "die before":
            self._die()
        if self.behaviour == "fail":
            self._write("tried", what)
            raise Declined(what)
        self._write("done", what)
        match self.behaviour:
            case "die after":
                self._die()
            case "lose the answer":
                raise ConnectionError(what)
            case "time out":
                raise TimeoutError(what)
            case "hold":
                self.entered.set()
                self.release.wait(HELD_SECONDS)
            case _:
                pass
        return f"did {what}"

    def done(self) -> list[str]:
        """What was done, in order, by whatever process."""
        return self._read("done")

    def tried(self) -> list[str]:
        """What was tried and declined."""
        return self._read("tried")

    def _write(self, book: str, what: str) -> None:
        with (self.folder / book).open("a", encoding="utf-8") as file:
            file.write(f"{what}\n")
            file.flush()
            os.fsync(file.fileno())

    def _read(self, book: str) -> list[str]:
        path = self.folder / book
        return path.read_text(encoding="utf-8").split() if path.exists() else []

    @staticmethod
    def _die() -> None:
        os.kill(os.getpid(), signal.SIGKILL)  # nothing is tidied up

    def __reduce__(self) -> tuple[type[Deed], tuple[Path, Behaviour]]:
        return Deed, (self.folder, self.behaviour)


def always(_what: str) -> bool:
    """The rule that asks about every call."""
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """One agent, one thread, one tool ``act(what)``.

    ``folder`` is all that outlives a process: keep the database there. ``turns``: what the agent's model asks for, turn by turn, each a
    tuple of ``what``; after the last it is done. ``perform``: the tool's body calls it and returns its answer. ``retries``: as many your
    stack is to put around the tool, without waiting between them. ``asks``: the rule that says whether a person must be asked.
    """

    folder: Path
    turns: tuple[tuple[str, ...], ...]
    perform: Deed
    retries: int = 0
    asks: Callable[[str], bool] = always


@dataclass(frozen=True, slots=True)
class Asked:
    """A question that waits for a person. ``key``: whatever your buttons carry; a second process must understand it too."""

    key: str
    what: str


@dataclass(frozen=True, slots=True)
class Told:
    """What the agent was told by its tool."""

    what: str
    success: bool


class Runner(Protocol):
    """Your way of running a graph with people in it. Made by ``runner(scene)``; made again for the same folder it is another process.

    Every method returns when nothing more happens without somebody's doing. Any of them may raise to say no: what counts is what was
    done. ``hitl_middleware.testing.resume_safety.ours`` and ``.plain`` are two examples.
    """

    def start(self) -> None:
        """The user speaks: begin the thread's run (or, a second time, send new input to it)."""

    def asked(self) -> Sequence[Asked]:
        """What waits for a person now."""

    def answer(self, key: str, word: str) -> None:
        """One delivery of one person's answer, as your webhook handles it, and what follows: ``approve``, ``reject``, or nonsense.

        It comes twice, late, from another process, and at the same time as another one.
        """

    def go_on(self) -> None:
        """What your system does by itself when it starts: bring the thread as far as it goes. The process before may be dead, or alive."""

    def time_passes(self) -> None:
        """So much time passes that your system takes a silent process for dead. No waiting: turn your clock, if you have one."""

    def told(self) -> Sequence[Told]:
        """What the agent was told by its tool, in order."""

    def close(self) -> None:
        """Close files and connections."""


MakeRunner = Callable[[Scene], Runner]
