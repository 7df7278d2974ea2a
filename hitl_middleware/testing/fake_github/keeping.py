"""A GitHub that outlives its process: all there is in one JSON file.

Written whenever something has changed, before anybody hears that it has; what a program was told once is true after a kill. Calls,
deliveries and rate limits are not kept: they are about the process.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import TypeAdapter

from hitl_middleware.testing.fake_github.state import Hub, World


def keep(hub: Hub, path: Path) -> None:
    """Take up what the file holds, and write to it from now on."""
    adapter = TypeAdapter(World)
    if path.exists():
        hub.world = adapter.validate_json(path.read_bytes())
    hub.keep_in(path, lambda: adapter.dump_json(hub.world))
