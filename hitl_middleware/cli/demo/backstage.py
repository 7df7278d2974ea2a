"""What every demo stands on: a folder of its own, an environment that leads nowhere else, and looks at what is stored."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

from hitl_middleware.cli.demo.lock import held
from hitl_middleware.errors import ConfigurationError, HitlError
from hitl_middleware.hitl import Hitl
from hitl_middleware.records import ReviewRequest
from hitl_middleware.views import RequestDetail, RunDetail
from hitl_middleware.wording import person, status_words
from hitl_server.logs import configure_logs
from hitl_server.pages.request import VIA

T = TypeVar("T")

SECONDS: Final = 20.0
"""How long anything here may take before it is called stuck."""

LEASE_SECONDS: Final = 5
"""A demo that was killed is taken up again after this long."""

_LOOK_SECONDS: Final = 0.05
_PLACES: Final = {
    "slack": "in Slack",
    "github": "on the issue",
    VIA: "on its page",
    "cli": "in another terminal",
    "api": "through the API",
}
_OURS: Final = ("HITL_", "SLACK_", "FRONT_", "STRIPE_", "PLATFORM_", "SUPPORT_", "GITHUB_", "DELIVERY_")
_KEPT: Final = {"HITL_FAILPOINTS"}


class Stuck(HitlError):
    """{what} did not happen within {seconds:g} seconds. The log may say why: {log}"""


class Unreadable(ConfigurationError):
    """What an earlier demo left in {folder} cannot be read. Remove that folder and {database} to begin anew."""


@dataclass(slots=True, kw_only=True)
class Backstage:
    """The library as it runs in this process, served at ``url``, and its log."""

    hitl: Hitl
    url: str
    log: Path

    def run(self, run_id: str) -> RunDetail:
        """One run as it is now."""
        return self.hitl.portal.call(self.hitl.views.run, run_id)

    def request(self, request_id: str) -> RequestDetail:
        """One request as it is now."""
        return self.hitl.portal.call(self.hitl.views.request, request_id)

    def until(self, what: str, look: Callable[[], T | None], seconds: float = SECONDS) -> T:
        """What ``look`` finds, as soon as it finds something. Raises ``Stuck``."""
        end, pause = time.monotonic() + seconds, threading.Event()
        while not (found := look()):
            if time.monotonic() > end:
                raise Stuck(what=what, seconds=seconds, log=self.log)
            pause.wait(_LOOK_SECONDS)
        return found

    def is_decided(self, request: ReviewRequest) -> bool:
        """Whether nobody needs to answer it any more."""
        return self.request(request.id).request.status != "pending"

    def elsewhere(self, request: ReviewRequest) -> str:
        """What somebody is told whose answer is no longer wanted: who decided, and where."""
        now = self.request(request.id).request
        by = person(now.decided_by, now.decided_by_name)
        place = _PLACES.get(now.decided_via or "")
        words = [status_words(now, None).decision, f"by {by}" if by else "", f"({place})" if place else ""]
        return f"It was decided elsewhere: {' '.join(filter(None, words))}."

    def is_shown(self, request: ReviewRequest) -> bool:
        """Whether every card of the request is true, or was given up."""
        detail = self.request(request.id)
        return all(card.gave_up or card.shown >= detail.request.version for card in detail.cards)


@contextmanager
def own(folder: Path) -> Iterator[Path]:
    """The folder, for this process alone, and its log. Raises ``ConfigurationError`` where it is another demo's, or no good."""
    with ExitStack() as stack:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            stack.enter_context(held(folder / "lock"))
            log = folder / "log.jsonl"
            configure_logs(stack.enter_context(log.open("a", encoding="utf-8")))
        except OSError as error:
            msg = f"The demo keeps its state in {folder}, which cannot be written: {error.strerror}."
            raise ConfigurationError(msg) from None
        yield log


def environment(folder: Path, database: Path) -> None:
    """This process's own. Whatever the person has set is for their servers, not for a demo without accounts."""
    for name in [name for name in os.environ if name.startswith(_OURS) and name not in _KEPT]:
        del os.environ[name]
    os.environ |= {
        "HITL_DATABASE_URL": f"sqlite:///{database.as_posix()}",
        "HITL_LEASE_SECONDS": str(LEASE_SECONDS),
        # Unless a demo writes them, neither is there: no hitl.toml, and the graphs that come with the package.
        "HITL_CONFIG": str(folder / "hitl.toml"),
        "HITL_MANIFEST": str(folder / "langgraph.json"),
        # All of it is on this machine; some HTTP clients would ask a proxy for that, too.
        **dict.fromkeys(("NO_PROXY", "no_proxy"), "127.0.0.1,localhost"),
    }
