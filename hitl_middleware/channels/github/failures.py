"""What a failed call means for whoever tries again. Pure; says nothing of what was sent, and nothing secret."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any, Final

from hitl_middleware.display import one_line
from hitl_middleware.errors import DeliveryFailed

DEFAULT_RETRY_AFTER: Final = 60.0
"""Seconds, where GitHub limits us without saying for how long ("wait for at least one minute": docs.github.com, "Rate limits for the
REST API", secondary rate limits)."""

MOST_RESET: Final = 3600.0
"""Seconds: the primary limit's window."""

GONE: Final = 410

UNUSABLE: Final = "GitHub gave no usable answer"


def failure(error: Exception, *, credential: str = "GITHUB_TOKEN") -> DeliveryFailed:
    """For the failed delivery of ``error``, whatever PyGithub, its HTTP client or its signing raised.

    ``credential``: the variable that holds what the call was made with. Permanent is only what no later attempt can mend: what GitHub
    says of the words themselves (422), and that the issue was deleted (410). What is wrong with a token, a permission or a repository's
    visibility (401, 403, 404) is mended by a person within minutes or hours, and the comments must then appear by themselves.
    """
    if isinstance(error, DeliveryFailed):
        return error
    status, headers = getattr(error, "status", None), getattr(error, "headers", None) or {}
    if isinstance(error, RuntimeError) and "redirect" in str(error):
        return DeliveryFailed("GitHub answers from another place; check GITHUB_API_URL")
    if not isinstance(status, int):
        # A time-out or a lost connection: GitHub may have done it all the same.
        return DeliveryFailed(
            f"GitHub could not be reached or gave no usable answer ({type(error).__name__})", unheard=True
        )
    data = getattr(error, "data", None)
    said = data.get("message") if isinstance(data, dict) else None
    message = one_line(said, 200) if isinstance(said, str) else ""
    if (wait := _limited(status, headers, message)) is not None:
        return DeliveryFailed("GitHub asks us to slow down", retry_after=wait)
    if status >= 500:
        again = _seconds(headers.get("retry-after"))
        return DeliveryFailed(f"{UNUSABLE} (HTTP {status})", retry_after=again, unheard=True)
    return DeliveryFailed(
        _reason(status, message, credential), permanent=status == GONE or _unacceptable(status, message)
    )


def _reason(status: int, message: str, credential: str) -> str:
    says = f": {message}" if message else ""
    if status == 401:
        return f"GitHub does not accept {credential} (401{says})"
    if status == 403:
        return f"{credential} may not do this (403{says})"
    if status == 404:
        return (
            f"GitHub shows {credential} no such repository, issue or comment; it may lack access (404{says})"
        )
    if status == GONE:
        return f"it was deleted on GitHub (410{says})"
    return f"GitHub says {status}{says}"


def _unacceptable(status: int, message: str) -> bool:
    # "… was submitted too quickly" is a limit in the clothes of a validation error.
    return status == 422 and "too quickly" not in message.lower()


def _limited(status: int, headers: Mapping[str, Any], message: str) -> float | None:
    """Seconds to wait, if the answer is that of a rate limit: the primary one, or a secondary one, which GitHub gives as 403 or 429."""
    if status not in {403, 429}:
        return None
    if (said := _seconds(headers.get("retry-after"))) is not None:
        return said
    if headers.get("x-ratelimit-remaining") == "0":
        return _until_reset(headers)
    limited = status == 429 or "rate limit" in message.lower()
    return DEFAULT_RETRY_AFTER if limited else None


def _until_reset(headers: Mapping[str, Any]) -> float:
    """By GitHub's own clock (``Date``), not by ours, and a second more: the reset falls somewhere within its second."""
    reset, date = headers.get("x-ratelimit-reset"), headers.get("date")
    if not (isinstance(reset, str) and reset.isdecimal() and len(reset) < 12 and isinstance(date, str)):
        return DEFAULT_RETRY_AFTER
    try:
        left = dt.datetime.fromtimestamp(int(reset), dt.UTC) - parsedate_to_datetime(date)
    except (TypeError, ValueError):
        return DEFAULT_RETRY_AFTER
    return min(max(left.total_seconds(), 0.0) + 1, MOST_RESET)


def _seconds(text: object) -> float | None:
    """``Retry-After`` is whole seconds."""
    return float(text) if isinstance(text, str) and text.isdecimal() and len(text) < 6 else None
