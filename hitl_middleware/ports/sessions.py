"""Who is signed in, in a browser."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One browser's. ``id`` is the hash of what the browser keeps, so who reads the database cannot sign in with it.

    ``asked``: let in because a request that waited listed them, not because ``hitl.toml`` does.
    """

    id: str
    identity: str
    created_at: dt.datetime
    expires_at: dt.datetime
    name: str | None = None
    asked: bool = False
