"""What somebody looks for in the audit."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditSearch:
    """Every field that is set has to fit. ``kind``: one (``request.approved``), or a family of them (``request``).

    ``actors``: names of one person, of which one has to fit (one identity for each channel); none: whoever it was. ``since``: at that
    moment or later; ``until``: before it.
    """

    kind: str | None = None
    actors: tuple[str, ...] = ()
    run_id: str | None = None
    request_id: str | None = None
    thread_id: str | None = None
    since: dt.datetime | None = None
    until: dt.datetime | None = None

    @property
    def family(self) -> str | None:
        """What the kinds of its family begin with; ``None``: it names no family."""
        return None if self.kind is None or "." in self.kind else f"{self.kind}."
