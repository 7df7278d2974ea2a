"""Where somebody goes once they are signed in: back to where they were, and nowhere else. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import quote, urlsplit

HOME: Final = "/inbox"

MOST: Final = 2_000

_LOCAL: Final = re.compile(r"/(?![/\\])[^\\\x00-\x20\x7f]*")
"""A path of this server. ``//host`` and ``/\\host`` are other servers to a browser, and it drops line ends and tabs inside."""


def local_path(given: str | None) -> str:
    """``given`` where it is a path of this server that may be gone back to, else the inbox."""
    if given is None or len(given) > MOST or not _LOCAL.fullmatch(given):
        return HOME
    try:
        parts = urlsplit(given)
    except ValueError:
        return HOME
    if parts.scheme or parts.netloc or parts.path.startswith(("/sign-in", "/sign-out", "/api/")):
        return HOME
    return given


def sign_in_path(back: str | None) -> str:
    """The sign-in page, which knows where to go then."""
    path = local_path(back)
    return "/sign-in" if path == HOME else f"/sign-in?next={quote(path, safe='/')}"


def page_of(scope: Mapping[str, object]) -> str:
    """Path and query of a request."""
    raw, query = scope.get("raw_path") or b"", scope.get("query_string") or b""
    assert isinstance(raw, bytes)  # noqa: S101 – ASGI's types
    assert isinstance(query, bytes)  # noqa: S101
    path = raw.partition(b"?")[0] or str(scope["path"]).encode()
    return (path + (b"?" + query if query else b"")).decode("latin-1")


def path_of_page(url: str | None, host: str) -> str | None:
    """The path of one of our own pages, from what a browser says it was on (``Referer``, ``HX-Current-URL``)."""
    if url is None:
        return None
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    if parts.netloc.lower() != host.lower():
        return None
    return f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
