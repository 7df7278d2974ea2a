from __future__ import annotations

import os
import re
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from hitl_middleware.errors import ConfigurationError
from hitl_middleware.failpoints import NAMES, _parse

from tests.kit.clocks import until

TIMES = 20
"""With a signal to the process, rather than to the thread, more than half of the stops came too late."""

STOPS = f"""
import os, threading
from hitl_middleware import failpoints

def work():
    for _ in range({TIMES}):
        failpoints._HITS.clear()
        failpoints.failpoint("claim.after")
        os.write(1, b"x")

threading.Thread(target=work).start()
threading.Event().wait()
"""


@pytest.fixture
def stopping() -> Iterator[subprocess.Popen[bytes]]:
    """A process one of whose threads stops it again and again, and says so each time it goes on."""
    environ = os.environ | {"HITL_FAILPOINTS": "claim.after=stop"}
    with subprocess.Popen([sys.executable, "-c", STOPS], env=environ, stdout=subprocess.PIPE) as process:
        yield process
        process.kill()


def test_nothing_happens_after_a_stop(stopping: subprocess.Popen[bytes]):
    """DESIGN rule 2: what a chaos test stops at a failpoint is stopped there; its thread does not run on for another moment."""
    assert stopping.stdout is not None
    said = stopping.stdout.fileno()
    for _ in range(TIMES):
        until(lambda: _state(stopping.pid) == "T", "it is stopped")
        assert not select.select([said], [], [], 0)[0], "it went on past the failpoint"
        stopping.send_signal(signal.SIGCONT)
        assert os.read(said, 1) == b"x"


def test_a_name_that_does_not_exist_is_told():
    """E-04: a chaos test with a misspelt failpoint would test nothing, so it is an error that lists the names."""
    with pytest.raises(ConfigurationError, match=re.escape(", ".join(NAMES))):
        _parse("claim.affter=kill")


def _state(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
