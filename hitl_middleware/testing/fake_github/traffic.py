"""What went over the wire: the calls that were made here, the deliveries that were sent, and what came back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from hitl_middleware.testing.fake_github.faults import Fault

Json = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request that reached the fake and what came of it: `path` begins behind the API's base address.

    `status` is what the work came to. A fault that does the work and spoils only the answer leaves it as it was: that is what
    makes it nasty. 0: nobody was there (`go_down`).
    """

    method: str
    path: str
    query: Mapping[str, str]
    body: Any
    status: int
    login: str
    at: float
    message: str = ""
    fault: Fault | None = None

    @property
    def ok(self) -> bool:
        """Whether the work was done."""
        return self.status // 100 == 2

    def __str__(self) -> str:
        said = f" {self.message!r}" if self.message else ""
        return f"{self.method} {self.path} {self.status}{said}{f' ({self.fault})' if self.fault else ''}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One webhook request to the app, to the byte. A redelivery has another `id` and the same `guid`."""

    id: int
    guid: str
    event: str
    action: str
    hook: int
    url: str
    body: bytes
    headers: tuple[tuple[str, str], ...]
    at: float
    redelivery: bool = False

    @property
    def payload(self) -> Json:
        """What the body says, whether it is JSON or a form."""
        text = self.body.decode()
        if not text.startswith("{"):
            text = dict(parse_qsl(text, keep_blank_values=True))["payload"]
        decoded: Json = json.loads(text)
        return decoded


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """The app's answer to a delivery. `status` 0: none came; `trouble` says what GitHub's page of deliveries would."""

    delivery: Delivery
    status: int
    body: bytes
    headers: Mapping[str, str]
    seconds: float
    trouble: str = ""

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode(errors="replace")

    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)
