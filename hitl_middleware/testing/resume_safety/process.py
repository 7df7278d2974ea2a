"""A process of its own that is killed in the middle: made from a server process that has imported the runner already."""

from __future__ import annotations

import importlib
import multiprocessing
import signal

from hitl_middleware.testing.resume_safety.scene import MakeRunner, Scene

SECONDS = 120
"""How long such a process may take before the test calls it stuck."""


def load(spec: str) -> MakeRunner:
    """``module:attribute``, called with a ``Scene``. Raises ``ValueError`` with a sentence."""
    place, _, name = spec.partition(":")
    if not place or not name:
        msg = f"--runner {spec}: give it as module:attribute"
        raise ValueError(msg)
    try:
        found: MakeRunner = getattr(importlib.import_module(place), name)
    except (ImportError, AttributeError) as error:
        msg = f"--runner {spec}: {error}"
        raise ValueError(msg) from error
    return found


def killed(spec: str, scene: Scene) -> bool:
    """Start the scene in a process of its own and approve what is asked; whether it was killed on the way, as the deed wants."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([spec.partition(":")[0], __name__])
    process = context.Process(target=_live, args=(spec, scene))
    process.start()
    process.join(SECONDS)
    code = process.exitcode
    process.kill()
    process.join()
    process.close()
    return code == -signal.SIGKILL


def _live(spec: str, scene: Scene) -> None:
    runner = load(spec)(scene)
    runner.start()
    for one in runner.asked():
        runner.answer(one.key, "approve")
