"""Effects on disk: one JSON line each, fsynced, so that a checker outside can count them after any process was killed."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any


class EffectLedger:
    """Appends to ``path``; several fakes may share one file. Without a path it remembers nothing."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.exists() and path.read_bytes()[-1:] not in {b"", b"\n"}:
                # A line cut short by a kill was never answered. It is closed off, so that the next one stands alone.
                _write(path, b"\n")

    def lines(self, service: str) -> list[dict[str, Any]]:
        """What this service did, in order; lines cut short by a kill do not count."""
        if self.path is None or not self.path.exists():
            return []
        found = []
        for line in self.path.read_bytes().splitlines():
            try:
                entry = json.loads(line)
            except ValueError:
                continue
            if isinstance(entry, dict) and entry.get("service") == service:
                found.append(entry)
        return found

    def append(self, entry: Mapping[str, Any]) -> None:
        """On disk when this returns."""
        if self.path is not None:
            _write(self.path, json.dumps(entry, ensure_ascii=False).encode() + b"\n")


def _write(path: Path, line: bytes) -> None:
    with path.open("ab", buffering=0) as file:
        file.write(line)
        os.fsync(file.fileno())
