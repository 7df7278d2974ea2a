"""The public HTTP API, as anybody outside uses it; the books of what was really done; and what people were told."""

from __future__ import annotations

import json
import ssl
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx

from tests.chaos.storm.plan import Kind

PATIENCE: Final = 15.0
PAGE: Final = 200


class Unanswered(Exception):
    """Nobody answered, or only to say that the database is away. Whatever was asked may have been done."""


class Broken(AssertionError):
    """An answer that nobody should get."""


class Api:
    """The API behind one address. Safe to use from several threads."""

    def __init__(self, url: str) -> None:
        # A connection of its own for each question: each may meet another server. No certificates are read: nothing is encrypted here.
        limits = httpx.Limits(max_keepalive_connections=0)
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._http = httpx.Client(
            base_url=f"{url}/api/v1", trust_env=False, timeout=PATIENCE, limits=limits, verify=tls
        )

    def close(self) -> None:
        """Ask no more."""
        self._http.close()

    def get(self, path: str, **params: Any) -> Any:
        """What is there. Raises ``Unanswered``, and ``Broken`` for anything but 200."""
        answer = self._ask("GET", path, params=params)
        if answer.status_code != 200:
            msg = f"GET {path}: {answer.status_code} {answer.text}"
            raise Broken(msg)
        return answer.json()

    def post(self, path: str, body: Mapping[str, Any]) -> httpx.Response:
        """Say something. Raises ``Unanswered``, and ``Broken`` for an error of the server's."""
        return self._ask("POST", path, json=body)

    def pages(self, path: str, **params: Any) -> Iterator[Any]:
        """All items of a list."""
        cursor: str | None = None
        while True:
            page = self.get(path, limit=PAGE, **params, **({"cursor": cursor} if cursor else {}))
            yield from page["items"]
            cursor = page["next"]
            if cursor is None:
                return

    def _ask(self, method: str, path: str, **what: Any) -> httpx.Response:
        try:
            answer = self._http.request(method, path, **what)
        except httpx.TransportError as error:
            raise Unanswered(str(error)) from error
        if answer.status_code == 503:
            raise Unanswered(answer.text)
        if answer.status_code >= 500:
            msg = f"{method} {path}: {answer.status_code} {answer.text}"
            raise Broken(msg)
        return answer


# the books -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that was really done."""

    key: str | None
    amount: int


class Books:
    """What was done, from the disk."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def entries(self) -> list[Entry]:
        """All of it, in order."""
        lines = self.path.read_bytes().splitlines() if self.path.exists() else []
        return [Entry(line["key"], line["amount"]) for line in map(json.loads, lines)]

    def holds(self, key: str) -> bool:
        """Whether this was done."""
        return any(entry.key == key for entry in self.entries())


# what people were told -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Decided:
    """A decision that was acknowledged. ``kind`` and ``by``: what was answered to it; of a click only that it was heard."""

    request: str
    kind: Kind | None = None
    by: str | None = None


@dataclass(frozen=True, slots=True)
class Settled:
    """What somebody said of an act in doubt, and was told that it counts."""

    action: str
    what: str


@dataclass(slots=True)
class Heard:
    """Everything that the system has acknowledged, and what was seen on the way. Lists are only ever appended to."""

    runs: list[str] = field(default_factory=list)
    labelled: list[int] = field(default_factory=list)
    """Issues whose label was acknowledged."""
    decided: list[Decided] = field(default_factory=list)
    settled: list[Settled] = field(default_factory=list)
    commands: list[int] = field(default_factory=list)
    """Comments on GitHub with a command in them, whose delivery was acknowledged. One that was lost is only found while something waits."""
    doubts: set[str] = field(default_factory=set)
    """Acts that the API called unknown and asked about."""
    shown: set[str] = field(default_factory=set)
    """Those whose own card said so."""
    forgotten: list[str] = field(default_factory=list)
    """What was acknowledged, and was not so when somebody looked right afterwards."""
    troubles: list[str] = field(default_factory=list)
    """What should never be: servers that end by themselves, answers that nobody should get."""
    counts: Counter[str] = field(default_factory=Counter)
    """Kills, stops and the like, for the table."""
