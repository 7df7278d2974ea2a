"""One request to GitHub through PyGithub's requester, with what its own methods hide: status, headers, conditions, pages.

Sync; runs in a thread of ``GitHubClients.call``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from hitl_middleware.channels.github.failures import UNUSABLE
from hitl_middleware.errors import DeliveryFailed

if TYPE_CHECKING:
    from github.Requester import Requester

ACCEPT: Final = "application/vnd.github+json"
"""docs.github.com, "Media types"."""

MOST_PAGES: Final = 100
"""Where reading a list ends: 10,000 items."""

_NEXT: Final = re.compile(r'<([^<>]+)>;\s*rel="next"')


@dataclass(frozen=True, slots=True)
class Answer:
    """What GitHub answered. ``headers`` by their names in lower case; ``data``: parsed JSON, ``{}`` where there was none."""

    status: int
    headers: Mapping[str, str]
    data: Any

    @property
    def record(self) -> dict[str, Any]:
        """One thing. Raises ``DeliveryFailed`` where it is none."""
        if not isinstance(self.data, dict):
            raise DeliveryFailed(UNUSABLE, unheard=True)
        return self.data

    @property
    def items(self) -> list[Any]:
        """One page of a list. Raises ``DeliveryFailed`` where it is none."""
        if not isinstance(self.data, list):
            raise DeliveryFailed(UNUSABLE, unheard=True)
        return self.data

    @property
    def next(self) -> str | None:
        """Where the following page is (the ``Link`` header with ``rel="next"``)."""
        found = _NEXT.search(self.headers.get("link", ""))
        return found[1] if found else None


def ask(
    requester: Requester,
    verb: str,
    url: str,
    *,
    parameters: Mapping[str, str | int] | None = None,
    headers: Mapping[str, str] | None = None,
    body: Mapping[str, Any] | None = None,
) -> Answer:
    """One request: ``url`` is a path below the API's address, or an address that GitHub gave; only its path is used.

    Its status is 200 to 299, or 304 where ``headers`` made it conditional. Raises PyGithub's exceptions, requests', or
    ``DeliveryFailed`` where the answer is no JSON.
    """
    answer = _send(requester, verb, url, parameters, headers, body)
    moved = answer.headers.get("location", "")
    if answer.status in {307, 308} and _same_place(moved, requester.base_url):
        # A repository that was renamed: PyGithub follows a 301 by itself, but not what GitHub answers to a POST.
        answer = _send(requester, verb, moved, None, headers, body)
    if answer.status >= 400:
        data = answer.data if isinstance(answer.data, dict) else {}
        raise requester.createException(answer.status, dict(answer.headers), data)
    if not (200 <= answer.status < 300 or answer.status == 304):
        raise _unusable(answer.status)
    return answer


def _send(
    requester: Requester,
    verb: str,
    url: str,
    parameters: Mapping[str, str | int] | None,
    headers: Mapping[str, str] | None,
    body: Mapping[str, Any] | None,
) -> Answer:
    given = dict(parameters or {})
    status, said, text = requester.requestJson(verb, url, given, {"Accept": ACCEPT, **(headers or {})}, body)
    try:
        data = json.loads(text) if text.strip() else {}
    except ValueError:
        if status < 400:
            raise _unusable(status) from None
        data = {}
    return Answer(status, said, data)


def _unusable(status: int) -> DeliveryFailed:
    return DeliveryFailed(f"{UNUSABLE} (HTTP {status})", unheard=True)


def _same_place(url: str, base_url: str) -> bool:
    there, here = urlsplit(url), urlsplit(base_url)
    return (there.scheme, there.netloc) == (here.scheme, here.netloc)


def pages(requester: Requester, first: Answer) -> Iterator[Any]:
    """All items of a list, from its first page on. Raises as ``ask``, and where there are more than ``MOST_PAGES`` pages."""
    answer = first
    for _ in range(MOST_PAGES):
        yield from answer.items
        if answer.next is None:
            return
        answer = ask(requester, "GET", answer.next)
    # Not "that is all": whoever looks for something would take it for missing.
    reason = f"GitHub lists more than {MOST_PAGES} pages"
    raise DeliveryFailed(reason)
