"""What goes wrong at Slack, at GitHub and with the database's server, as planned."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from hitl_middleware.testing.fake_github import FakeGitHub
from hitl_middleware.testing.fake_github import faults as github_faults
from hitl_middleware.testing.fake_slack import FakeSlack
from hitl_middleware.testing.fake_slack import faults as slack_faults

from tests.chaos.storm.cast import Outages
from tests.chaos.storm.outside import Heard
from tests.chaos.storm.plan import LEASE, Gust, Trouble

SLOW: Final = 0.3
"""Seconds by which an answer is late that comes at all."""
MOST_WAITING: Final = 3
"""Faults that wait for a call to suffer them; more would only delay the end."""


SLACK: Final[Mapping[Trouble, Sequence[slack_faults.Fault]]] = {
    "slack is slow": [slack_faults.Slow(SLOW)],
    "slack loses an answer": [slack_faults.LostReply()],
    "slack answers late or never": [slack_faults.TimeoutAfterAccepting(2 * LEASE)],
    "slack is broken": [slack_faults.ServerError(), slack_faults.Garbage()],
    "slack is busy": [slack_faults.RateLimited(1)],
}
GITHUB: Final[Mapping[Trouble, Sequence[github_faults.Fault]]] = {
    "github is slow": [github_faults.Slow(SLOW)],
    "github loses an answer": [github_faults.LostReply()],
    "github is broken": [github_faults.ServerErrorAfterAccepting(), github_faults.ServerError()],
    "github hangs up": [github_faults.HangUp()],
    "github is busy": [github_faults.SecondaryLimit(1)],
}


class Weather:
    """Brings one gust after the other, until ``calm``. ``restart``: takes the database's server away and brings it back."""

    def __init__(
        self,
        gusts: Iterator[Gust],
        slack: FakeSlack,
        github: FakeGitHub,
        restart: Callable[[], None] | None,
        outages: Outages,
        heard: Heard,
    ) -> None:
        self._gusts = gusts
        self._slack = slack
        self._github = github
        self._restart = restart
        self._outages = outages
        self._heard = heard
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="weather", daemon=True)

    def begin(self) -> None:
        """Let it blow."""
        self._thread.start()

    def calm(self) -> None:
        """Nothing goes wrong any more, also nothing that was about to."""
        self._over.set()
        if self._thread.is_alive():
            self._thread.join()
        self._slack.recover()
        self._github.recover()

    def _run(self) -> None:
        try:
            for gust in self._gusts:
                if self._over.wait(gust.after):
                    return
                self._bring(gust.trouble)
        except Exception:  # noqa: BLE001 – it is told in the table, whatever it was
            self._heard.troubles.append(f"weather: {traceback.format_exc()}")

    def _bring(self, trouble: Trouble) -> None:
        if trouble == "postgres restarts":
            if self._restart is not None:
                with self._outages.one():
                    self._restart()
                self._heard.counts["restarts"] += 1
            return
        if len(self._slack.faults) + len(self._github.faults) >= MOST_WAITING:
            return
        self._heard.counts["faults"] += 1
        if trouble in SLACK:
            self._slack.fail("*", *SLACK[trouble])
        elif trouble in GITHUB:
            self._github.fail("*", "*", *GITHUB[trouble])
        elif trouble == "github loses a delivery":
            self._github.lose_deliveries()
        else:
            self._github.double_deliveries()
