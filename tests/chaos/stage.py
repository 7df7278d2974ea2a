"""A database, a Slack that outlives every server, people who insist – and servers that die where they are told to.

What is looked at is what somebody outside can see: the effects' file, Slack, and the public HTTP API of whichever server lives now.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

import httpx

from hitl_middleware.testing.fake_slack import FakeSlack
from hitl_middleware.testing.fake_slack.records import Message

from tests.kit.lives import Life, NotInTime, run

T = TypeVar("T")

LEASE: Final = 1.0
"""HITL_LEASE_SECONDS of every life."""

PATIENCE: Final = 20.0
"""Seconds within which everything heals: a boot, three leases, and a machine that is busy with other tests."""

CHANNEL: Final = "C0MONEY"
ANN: Final = "U0ANN"
BOB: Final = "U0BOB"
FINAL: Final = frozenset({"succeeded", "failed", "cancelled"})

SERVE: Final = ("serve", "--port", "0")
KILL: Final = "=kill"
STOP: Final = "=stop"

_OURS: Final = ("HITL_", "SLACK_", "FRONT_", "STRIPE_", "PLATFORM_", "SUPPORT_", "GITHUB_")
_TICK = threading.Event()


class Stage:
    """One database, at ``database``, and all that happens to it. ``graph``: a name and where it is loaded from; the pay desk by default.

    Without ``in_slack`` people decide through the API (``decide``).
    """

    def __init__(
        self,
        folder: Path,
        database: str,
        slack: FakeSlack,
        *,
        graph: tuple[str, str] = ("till", "./paydesk.py:make_graph"),
        in_slack: bool = True,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self.folder = folder
        self.database = database
        self.slack = slack
        self._earlier = len(self.slack.messages)  # of a stage that was given up
        self.graph = graph[0]
        self.life: Life | None = None
        self.deaths: list[str] = []
        self.url = ""
        self.lives: list[Life] = []
        self.paid_in = folder / "paid.jsonl"
        self._point = ""
        self._plan: deque[str] = deque()
        """What is in store for the coming lives, as in ``HITL_FAILPOINTS``."""
        self._runs = 0
        self._api = httpx.Client(trust_env=False, timeout=10)
        shutil.copy(Path(__file__).with_name("paydesk.py"), folder)
        (folder / "langgraph.json").write_text(json.dumps({"graphs": dict([graph])}))
        slack.add_channel(CHANNEL, "money")
        slack.add_user(ANN, name="ann")
        slack.add_user(BOB, name="bob")
        self.environ = {
            **{key: value for key, value in os.environ.items() if not key.startswith(_OURS)},
            **(slack.environ if in_slack else {}),
            "HITL_DATABASE_URL": database,
            "HITL_LEASE_SECONDS": str(LEASE),
            "HITL_DEFAULT_APPROVERS": f"slack:{ANN},slack:{BOB}",
            "HITL_SLACK_CHANNEL": CHANNEL,
            "PAID_IN": str(self.paid_in),
            **(environ or {}),
        }

    # lives -----------------------------------------------------------------------------------------------------------

    def die_at(self, *points: str) -> None:
        """The next lives end at these failpoints (``@n``: the n-th time there), one after the other; those after them live."""
        self._plan.extend(_spec(point, KILL) for point in points)

    def pause_at(self, point: str) -> None:
        """The next life stops (SIGSTOP) at this failpoint."""
        self._plan.append(_spec(point, STOP))

    def start(self, failpoints: str = "", *, words: Sequence[str] = SERVE) -> Life:
        """One more process on this database; it may die before this returns. ``failpoints``: as in ``HITL_FAILPOINTS``."""
        environ = {**self.environ, **({"HITL_FAILPOINTS": failpoints} if failpoints else {})}
        log = self.folder / f"life-{len(self.lives) + 1}.log"
        life = Life(words, environ, self.folder, log)
        self.lives.append(life)
        return life

    def revive(self) -> Life:
        """The life that serves now; where the last one is dead, the next."""
        while self.life is None or not self.life.alive:
            if self.life is not None:
                self._lament(self.life)
            self._point = self._plan.popleft() if self._plan else ""
            self.life = self.start(self._point)
            if (url := self.life.line()) is not None:
                self.listen_to(url)
        return self.life

    def until_dead(self) -> None:
        """Wait for the death that was planned for the life that serves now, if it was not noticed yet."""
        if self.life is not None and KILL in self._point:
            self.life.death()

    def set_aside(self) -> Life:
        """The life that served; whatever is asked next is asked of another one."""
        life, self.life = self.revive(), None
        return life

    def listen_to(self, url: str) -> None:
        """From now on people and Slack speak with the server that said this line."""
        self.url = url
        self.slack.connect(f"{url}/slack/events")

    def kill(self) -> None:
        """SIGKILL from outside, wherever it is."""
        self.revive().kill()
        self.life = None

    def leave(self) -> None:
        """End the last life in order: what is under way is finished first."""
        self.revive().leave()
        self.life = None

    def _lament(self, life: Life) -> None:
        code = life.death()
        assert (code, bool(self._point)) == (-9, True), f"a server ended by itself ({code}):\n{life.told()}"
        self.deaths.append(self._point.replace(KILL, ""))  # the words it was planned with

    def close(self) -> None:
        """Nothing is left running."""
        for life in self.lives:
            life.bury()
        self._api.close()

    # waiting ---------------------------------------------------------------------------------------------------------

    def until(self, what: str, look: Callable[[], T | None], *, seconds: float = PATIENCE) -> T:
        """What ``look`` finds as soon as it finds something; servers that die meanwhile are followed by the next."""
        end = time.monotonic() + seconds
        while True:
            began = time.monotonic()
            self.revive()
            end += (
                time.monotonic() - began
            )  # births are not what is measured here; they have a limit of their own
            try:
                found = look()
            except httpx.TransportError:  # it died under our hands
                found = None
            if found:
                return found
            if time.monotonic() > end:
                msg = f"Not within {seconds:g} s: {what}.\n{self.report()}"
                raise NotInTime(msg)
            self.tick()

    def until_told(self, life: Life, words: str, *, seconds: float = PATIENCE) -> None:
        """Wait until a life has written these words to its log; it may be about to end."""
        end = time.monotonic() + seconds
        while words not in life.told():
            assert time.monotonic() < end, self.report()
            self.tick()

    @staticmethod
    def tick() -> None:
        """A moment between two looks."""
        _TICK.wait(0.05)

    def report(self) -> str:
        """All there is to see, for a failed test."""
        logs = "\n".join(f"--- {life.log.name}\n{life.told()}" for life in self.lives[-2:])
        return f"deaths: {self.deaths}\npaid: {self.paid()}\n{self.slack._workspace.inventory()}\n{logs}"

    # the API ---------------------------------------------------------------------------------------------------------

    def get(self, path: str, **params: Any) -> Any:
        """What the API answers."""
        answer = self._api.get(f"{self.url}/api/v1{path}", params=params)
        assert answer.status_code == 200, f"GET {path}: {answer.status_code} {answer.text}"
        return answer.json()

    def post(self, path: str, body: Mapping[str, Any]) -> httpx.Response:
        """Say something to the API."""
        answer = self._api.post(f"{self.url}/api/v1{path}", json=body)
        assert answer.status_code < 500, f"POST {path}: {answer.status_code} {answer.text}"
        return answer

    def begin(self, *amounts: int) -> str:
        """Start a run that wants to pay these at once."""
        return self.begin_with({"turns": [list(amounts)]})

    def begin_with(self, given: Mapping[str, Any]) -> str:
        """Start a run with this input; who hears no answer looks whether it is there, and starts it again if not."""
        self._runs += 1
        thread = f"thread-{self._runs}"

        def ask() -> str | None:
            known = [item["id"] for item in self.get("/runs")["items"] if item["thread_id"] == thread]
            if known:
                return str(known[0])
            answer = self.post("/runs", {"graph": self.graph, "input": given, "thread_id": thread})
            assert answer.status_code == 202, answer.text
            return str(answer.json()["id"])

        return self.until("the run is stored", ask)

    def run(self, run: str) -> Any:
        """A run with its requests and actions."""
        return self.get(f"/runs/{run}")

    def say_more(self, run: str) -> None:
        """New input for the run's thread, which waits for its end: the card gets a line, and so a new version that nobody decided.

        A server that stops meanwhile gives no answer, and none is waited for.
        """
        body = {"graph": self.graph, "input": {"turns": []}, "thread_id": self.run(run)["thread_id"]}
        with contextlib.suppress(httpx.TransportError):
            answer = self._api.post(f"{self.url}/api/v1/runs", json=body, timeout=3)
            assert (answer.status_code, answer.json()["status"]) == (202, "queued"), answer.text

    def decide(self, request: str) -> None:
        """Ann approves through the API; a server that stops meanwhile gives no answer, and she waits for none."""
        body = {"type": "approve", "reviewer": f"slack:{ANN}"}
        with contextlib.suppress(httpx.TransportError):
            answer = self._api.post(f"{self.url}/api/v1/requests/{request}/decisions", json=body, timeout=3)
            assert answer.status_code == 200, answer.text

    def settle(self, action: str, what: str) -> Any:
        """Ann says what became of an act."""
        answer = self.post(f"/actions/{action}/outcome", {"type": what, "reviewer": f"slack:{ANN}"})
        assert answer.status_code == 200, answer.text
        return answer.json()

    # people in Slack -------------------------------------------------------------------------------------------------

    def cards(self, request: str | None = None) -> list[Message]:
        """The cards that stand in Slack, of one request or of all."""

        def is_meant(message: Message) -> bool:
            payload = (message.metadata or {}).get("event_payload", {})
            return "request_id" in payload and request in {None, payload["request_id"]}

        return [message for message in self.slack.messages[self._earlier :] if is_meant(message)]

    def parked(self, run: str) -> list[str]:
        """Wait until the run rests at its questions; the requests' ids."""

        def look() -> list[str] | None:
            detail = self.run(run)
            found = [request["id"] for request in detail["requests"] if request["status"] == "pending"]
            return found if detail["status"] == "suspended" else None

        return self.until("the run has asked", look)

    def asked(self, run: str, count: int = 1) -> list[str]:
        """Wait until the run has asked, and its questions stand in Slack with their buttons; the requests' ids."""

        def look() -> list[str] | None:
            detail = self.run(run)
            found = [request["id"] for request in detail["requests"] if request["status"] == "pending"]
            shown = all(any(card.buttons for card in self.cards(request)) for request in found)
            # At rest: what is left to do is people's.
            return found if len(found) == count and shown and detail["status"] == "suspended" else None

        return self.until("the run has asked in Slack", look)

    def approve(self, request: str, *, who: str = ANN) -> list[bool]:
        """Click Approve, and again until Slack has got its 200 or the card has no button any more. Which clicks were acknowledged."""
        heard: list[bool] = []

        def click() -> bool:
            buttons = [card for card in self.cards(request) if card.buttons]
            if not buttons:
                return True
            heard.append(self._clicked(who, buttons[0]))
            return heard[-1]

        self.until("a click is acknowledged", click)
        return heard

    def _clicked(self, who: str, card: Message) -> bool:
        try:
            return self.slack.click(who, card, text="Approve").status == 200
        except httpx.TransportError:
            return False

    def shows(self, request: str, *words: str) -> Message:
        """Wait until a card of the request shows these words."""

        def look() -> Message | None:
            found = [card for card in self.cards(request) if all(word in card.plain() for word in words)]
            return found[-1] if found else None

        return self.until(f"the card shows {words}", look)

    def ended(self, run: str) -> Any:
        """Wait for the run's end; the run."""

        def look() -> Any:
            detail = self.run(run)
            return detail if detail["status"] in FINAL else None

        return self.until("the run ends", look)

    def in_doubt(self, run: str) -> Any:
        """Wait until the run is parked at the question what became of its act; the act."""

        def look() -> Any:
            detail = self.run(run)
            unknown = [action for action in detail["actions"] if action["status"] == "unknown"]
            asked = [r for r in detail["requests"] if (r["kind"], r["status"]) == ("outcome", "pending")]
            return unknown[0] if unknown and asked and detail["status"] == "suspended" else None

        return self.until("people are asked what became of the act", look)

    def tell_the_truth(self, run: str) -> None:
        """Ann looks into the books and says of each act in doubt what really became of it: done, or do it now."""
        detail = self.run(run)
        asked = {request["action"]["id"] for request in detail["requests"] if request["kind"] == "outcome"}
        for action in detail["actions"]:
            if action["status"] == "unknown" and action["id"] in asked:
                happened = any(paid["key"] == action["idempotency_key"] for paid in self.paid())
                self.settle(action["id"], "done" if happened else "retry")

    def all_executed(self, run: str, requests: Sequence[str]) -> None:
        """Wait until the cards of all these say so; whoever is asked what became of an act tells the truth."""

        def look() -> bool:
            self.tell_the_truth(run)
            cards = [card for request in requests for card in self.cards(request)]
            return all("Approved by @ann" in card.plain() and "Executed" in card.plain() for card in cards)

        self.until("all that was approved is executed", look)

    # outside ---------------------------------------------------------------------------------------------------------

    def paid(self) -> list[dict[str, Any]]:
        """What was really done, from the disk."""
        lines = self.paid_in.read_bytes().splitlines() if self.paid_in.exists() else []
        return [json.loads(line) for line in lines]

    def until_paid(self, *amounts: int) -> None:
        """Wait until exactly these acts were done, in this order."""
        self.until(f"{amounts} are paid", lambda: [paid["amount"] for paid in self.paid()] == [*amounts])

    def events(self, *kinds: str) -> list[Any]:
        """Audit events of these kinds, in order; all that have happened, also those that no sweep has sealed yet."""
        assert self.command("audit", "verify") == 0, (self.folder / "command.log").read_text()
        return [event for event in self.get("/audit", limit=1_000)["items"] if event["kind"] in kinds]

    def command(self, *argv: str) -> int:
        """Run ``hitl …`` on the same database; its exit code."""
        return run(argv, self.environ, self.folder, self.folder / "command.log")

    def check_at_the_end(self, requests: Sequence[str]) -> None:
        """What must be so however it went: nobody is asked any more, one card per request, the audit's chain holds."""
        self.until("the last planned death has come", lambda: not self._plan and KILL not in self._point)
        assert self.get("/requests", status="pending")["items"] == []
        self.leave()
        assert self.command("audit", "verify") == 0, (self.folder / "command.log").read_text()
        assert [len(self.cards(request)) for request in requests] == [1] * len(requests), self.report()
        assert len(self.cards()) == len(requests), self.report()
        assert all(not card.buttons for card in self.cards()), self.report()


def _spec(point: str, action: str) -> str:
    """``effect.before@2`` as ``HITL_FAILPOINTS`` says it."""
    name, at, nth = point.partition("@")
    return f"{name}{action}{at}{nth}"
