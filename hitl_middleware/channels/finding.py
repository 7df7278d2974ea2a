"""What ``hitl connect …`` finds when it looks at a channel's far end."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. ``mend``: what to do about it, where it is not ``ok``. ``checked``: whether it could be looked at."""

    what: str
    ok: bool
    says: str
    mend: str | None = None
    checked: bool = True
