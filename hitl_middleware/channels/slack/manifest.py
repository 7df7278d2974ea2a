"""Where the app's manifest lies: what is pasted into Slack to make the app."""

from __future__ import annotations

from pathlib import Path
from typing import Final

NAME: Final = "slack-manifest.yaml"


def manifest_path() -> Path:
    """In ``server/`` of the repository; where the package was installed, beside this module: the wheel brings it."""
    beside = Path(__file__).with_name(NAME)
    return beside if beside.exists() else Path(__file__).parents[3] / "server" / NAME
