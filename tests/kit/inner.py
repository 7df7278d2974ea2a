"""A pytest run inside a test: somebody else's suite, in this process.

Not pytester's in-process run: it forgets the modules that the inner run imported, and a library with compiled parts (SQLAlchemy) does
not survive to be imported twice.
"""

from __future__ import annotations

import contextlib
import io
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

OPTIONS = (
    "-q", "--color=no", "--capture=no", "--import-mode=importlib", "-c", "/dev/null", "-o", "asyncio_mode=auto",
    "-p", "no:cacheprovider", "-p", "no:asyncio", "-p", "no:faulthandler", "-p", "no:xdist", "-p", "no:cov",
)  # fmt: skip


@dataclass
class Inner:
    """What came out: test (or ``test:setup``, ``test:teardown`` for what failed around it) → ``passed``, ``failed``, ``skipped``."""

    outcomes: dict[str, str] = field(default_factory=dict)
    code: int = -1
    output: str = ""

    def count(self, outcome: str) -> int:
        """How many ended so."""
        return list(self.outcomes.values()).count(outcome)


class _Recorder:
    def __init__(self) -> None:
        self.inner = Inner()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        name = report.nodeid.rpartition("::")[2]
        if report.when == "call":
            self.inner.outcomes[name] = report.outcome
        elif report.outcome != "passed":
            self.inner.outcomes[f"{name}:{report.when}"] = report.outcome


def run_inner(folder: Path, *arguments: str, plugins: Sequence[str] = ()) -> Inner:
    """Run pytest in ``folder``; ``plugins`` are named with ``-p``."""
    recorder, said = _Recorder(), io.StringIO()
    named = [word for name in plugins for word in ("-p", name)]
    with contextlib.chdir(folder), contextlib.redirect_stdout(said):
        code = pytest.main([*OPTIONS, f"--rootdir={folder}", *named, *arguments], plugins=[recorder])
    for name, module in list(sys.modules.items()):  # the next run's files may have the same names
        if str(getattr(module, "__file__", None) or "").startswith(str(folder)):
            del sys.modules[name]
    recorder.inner.code, recorder.inner.output = int(code), said.getvalue()
    return recorder.inner
