"""Named places where a test can stop the process. No-ops unless ``HITL_FAILPOINTS`` is set in the environment.

``HITL_FAILPOINTS="claim.after=kill, settle.before=raise@2"`` kills the process right after the first claim and raises before
the second settlement. Actions: ``kill`` (SIGKILL), ``stop`` (SIGSTOP), ``raise`` (FailpointReached). ``@n``: the n-th time (default 1).
"""

from __future__ import annotations

import os
import signal
import threading
from collections import Counter

from hitl_middleware.errors import ConfigurationError

NAMES = (
    "open.before", "open.after", "post.before", "post.after", "submit.before", "submit.after", "adopt.before", "adopt.after",
    "lease.before", "lease.after", "resume.before", "resume.after", "claim.before", "claim.after",
    "effect.before", "effect.after", "settle.before", "settle.after", "update.before", "update.after",
    "lapse.before", "lapse.after",
)  # fmt: skip
"""Every failpoint there is; an unknown name in the environment is an error, so a chaos test cannot test nothing."""


class FailpointReached(BaseException):
    """A test asked for a crash here. Not an ``Exception``: no handler of ours may take it for a tool's error."""


def _parse(text: str) -> dict[str, tuple[str, int]]:
    plan: dict[str, tuple[str, int]] = {}
    for item in filter(None, (part.strip() for part in text.split(","))):
        name, _, action = item.partition("=")
        action, _, nth = action.partition("@")
        if name not in NAMES or action not in {"kill", "stop", "raise"}:
            msg = f"HITL_FAILPOINTS: {item!r} is not NAME=kill|stop|raise[@n] with a NAME of: {', '.join(NAMES)}"
            raise ConfigurationError(msg)
        plan[name] = (action, int(nth or 1))
    return plan


_PLAN = _parse(os.environ.get("HITL_FAILPOINTS", ""))
_HITS: Counter[str] = Counter()
_LOCK = threading.Lock()


def failpoint(name: str) -> None:
    """Stop here if the environment asked for it."""
    if not _PLAN or name not in _PLAN:
        return
    action, nth = _PLAN[name]
    with _LOCK:
        _HITS[name] += 1
        if _HITS[name] != nth:
            return
    if action == "raise":
        raise FailpointReached(name)
    # To this very thread: a signal to the process may be taken by another one while this one runs on, past the failpoint.
    signal.pthread_kill(threading.get_ident(), signal.SIGKILL if action == "kill" else signal.SIGSTOP)
