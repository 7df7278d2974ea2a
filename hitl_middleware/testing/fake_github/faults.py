"""What can go wrong between an app and GitHub, to be scripted: `fake.fail("POST", "/repos/*/comments", LostReply())`."""

from __future__ import annotations

import abc
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, Final

ANY: Final = "*"
_DOCS: Final = "https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An HTTP answer in place of the right one."""

    status: int
    content: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong. Unless it is an `Instead`, the work is done and only its answer suffers."""


@dataclass(frozen=True, slots=True)
class Instead(Fault, abc.ABC):
    """An answer in place of the work: nothing is done."""

    @abc.abstractmethod
    def answer(self) -> Answer:
        """What is answered instead."""


@dataclass(frozen=True, slots=True)
class SecondaryLimit(Instead):
    """403 (or 429) for going too fast; `Retry-After` in whole seconds, or none at all with None."""

    retry_after: int | None = 60
    status: int = 403

    def answer(self) -> Answer:
        """GitHub's words, which PyGithub recognises."""
        said = (
            "You have exceeded a secondary rate limit. Please wait a few minutes before you try again. If you reach out to GitHub "
            "Support for help, please include the request ID FA4E:0000:000000:000000:00000000."
        )
        headers = {} if self.retry_after is None else {"Retry-After": str(self.retry_after)}
        return Answer(
            status=self.status,
            content=_json(message=said, documentation_url=f"{_DOCS}#about-secondary-rate-limits"),
            headers=headers,
        )


@dataclass(frozen=True, slots=True)
class Refused(Instead):
    """GitHub's JSON for a refusal, whatever was asked: 401 `Bad credentials`, 403, 404, 422."""

    status: int
    message: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)

    def answer(self) -> Answer:
        """A refusal with the usual words for its status."""
        usual = {401: "Bad credentials", 403: "Resource not accessible by integration", 404: "Not Found"}
        said = self.message or usual.get(self.status, "Validation Failed")
        documentation = "https://docs.github.com/rest"
        content = _json(
            message=said, documentation_url=documentation, status=str(self.status), **self.details
        )
        return Answer(status=self.status, content=content)


@dataclass(frozen=True, slots=True)
class ServerError(Instead):
    """500, 502, 503 or 504: JSON for 500 and 502, a page for people else."""

    status: int = 500

    def answer(self) -> Answer:
        """What the front of GitHub says when what is behind it does not answer."""
        if self.status in {500, 502}:
            return Answer(status=self.status, content=_json(message="Server Error"))
        return Answer(status=self.status, content=b"<html><body><h1>Unicorn!</h1></body></html>")


@dataclass(frozen=True, slots=True)
class Garbage(Instead):
    """200 with something that is not JSON, as a captive portal or a broken proxy answers."""

    body: bytes = b"<html><body>Please sign in to the network.</body></html>"

    def answer(self) -> Answer:
        """Anything but JSON."""
        return Answer(status=200, content=self.body)


@dataclass(frozen=True, slots=True)
class HangUp(Instead):
    """The connection is closed without a byte, and nothing is done."""

    def answer(self) -> Answer:
        """None: the server sees to it that no byte is sent."""
        return Answer(status=0, content=b"")


@dataclass(frozen=True, slots=True)
class LostReply(Fault):
    """The work is done, then the connection is closed without a byte."""


@dataclass(frozen=True, slots=True)
class Slow(Fault):
    """The work is done at once, the right answer comes `seconds` later."""

    seconds: float


@dataclass(frozen=True, slots=True)
class ServerErrorAfterAccepting(Fault):
    """The work is done, and the answer says 502 all the same."""

    status: int = 502


class Script:
    """The faults still to come. Each is taken by the first call that fits, in the order in which they were added."""

    def __init__(self) -> None:
        self._entries: list[tuple[str, str, Fault]] = []

    def add(self, method: str, path: str, fault: Fault, times: int) -> None:
        """Let the next `times` calls suffer this fault; `*` in a path stands for any text, `*` as a method for any."""
        self._entries += [(method.upper(), path, fault)] * times

    def take(self, method: str, path: str) -> Fault | None:
        """The fault that this call suffers now, if any."""
        for index, (wanted, pattern, fault) in enumerate(self._entries):
            if wanted in {method, ANY} and fnmatchcase(path, pattern):
                del self._entries[index]
                return fault
        return None

    def clear(self) -> None:
        """Forget what has not been taken."""
        self._entries.clear()

    @property
    def left(self) -> list[tuple[str, str, Fault]]:
        """What no call has taken yet."""
        return list(self._entries)


def _json(**fields: Any) -> bytes:
    return json.dumps(fields).encode()
