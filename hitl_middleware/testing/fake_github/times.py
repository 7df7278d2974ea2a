"""Times in queries."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

from hitl_middleware.testing.fake_github.refusals import Refusal


def since(query: Mapping[str, str], name: str = "since") -> float:
    """The time in `?since=`, in seconds since 1970; the beginning of time without one. 422 for what is no ISO 8601 time."""
    text = query.get(name)
    if not text:
        return 0.0
    try:
        found = dt.datetime.fromisoformat(text)
    except ValueError:
        raise Refusal(422, f"Invalid value for '{name}': it has to be an ISO 8601 timestamp.") from None
    return (found if found.tzinfo else found.replace(tzinfo=dt.UTC)).timestamp()
