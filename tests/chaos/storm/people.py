"""Those who want things done, and those who decide. They insist: what was not heard is said again."""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import httpx

from hitl_middleware.testing.fake_github import NothingCame
from hitl_middleware.testing.fake_slack import CannotHappen

from tests.chaos.storm.cast import Place
from tests.chaos.storm.doubt import GLANCE, Bookkeeper, Witness
from tests.chaos.storm.outside import Broken, Decided, Unanswered
from tests.chaos.storm.plan import Answer, Errand, Kind, answer_to
from tests.chaos.storm.world import ANN, BOB, LABEL, REVIEWER, SHOP, World, card_of

HANDS: Final = 6
"""What they do at the same time."""
INSIST: Final = 3.0
"""Seconds after which a command on GitHub that had no consequence is written again, and a click that cannot be made is given up."""
EDIT: Final = 1_000_000
"""What an edit adds to an amount, so that it shows."""

WORDS: Final[dict[Kind, str | None]] = {
    "approve": None,
    "edit": None,
    "reject": "not today",
    "feedback": "less, please",
}


class People:
    """They look again and again, and do what there is to do. ``cast``: who may be alive; while an owner may still act, nobody settles."""

    def __init__(
        self, world: World, errands: Iterator[Errand], cast: Sequence[Place], *, open_runs: int
    ) -> None:
        self._world = world
        self._errands = errands
        self._open_runs = open_runs
        self._hands = ThreadPoolExecutor(HANDS, thread_name_prefix="hand")
        self._busy: set[str] = set()
        self._patience: dict[str, float] = {}
        self._over = threading.Event()
        self._witness = Witness(world, self._over)
        self._bookkeeper = Bookkeeper(world, cast, self._witness)
        self._begun: set[str] = set()
        self.pending: list[Any] = []
        """What waited at the last look."""

    def look(self, *, begin: bool) -> None:
        """Look once, and have hands do what there is to do. ``begin``: also want more. Raises ``Unanswered`` and ``Broken``."""
        api = self._world.api
        self.pending = list(api.pages("/requests", status="pending"))
        for request in self.pending:
            self._do(request["id"], self._answer, request)
        if not begin:
            return
        runs = api.get("/runs", limit=50)["items"]
        left = sum(run["status"] not in {"succeeded", "failed", "cancelled"} for run in runs)
        wanted = self._open_runs - left - len(self._begun)
        for _ in range(wanted):
            self.want(next(self._errands))

    def want(self, errand: Errand) -> None:
        """Have this done."""
        self._begun.add(errand.name)
        self._do(errand.name, self._begin, errand)

    def rest(self) -> None:
        """Insist no more, and finish what hands are at."""
        self._over.set()
        self._hands.shutdown()

    @property
    def idle(self) -> bool:
        """Whether no hand is at anything."""
        return not self._busy

    def _do(self, key: str, act: Callable[[Any], None], about: Any) -> None:
        if key in self._busy:
            return
        self._busy.add(key)

        def hand() -> None:
            try:
                act(about)
            except (Unanswered, CannotHappen, NothingCame):
                pass  # they come back to it
            except Exception:  # noqa: BLE001 – it is told in the table, whatever it was
                self._world.heard.troubles.append(f"{act.__name__}: {traceback.format_exc()}")
            finally:
                self._busy.discard(key)

        self._hands.submit(hand)

    # wanting things --------------------------------------------------------------------------------------------------

    def _begin(self, errand: Errand) -> None:
        """Ask until it is acknowledged; who is not sure asks again, on the same thread."""
        try:
            if errand.turns:
                self._ask_for(errand)
            else:
                self._label(errand)
        finally:
            self._begun.discard(errand.name)

    def _ask_for(self, errand: Errand) -> None:
        world = self._world
        body = {"graph": "till", "input": {"turns": errand.turns}, "thread_id": errand.name}
        while not self._over.is_set():
            try:
                answer = world.api.post("/runs", body)
            except Unanswered:
                self._over.wait(GLANCE)
                continue
            if answer.status_code != 202:
                msg = f"POST /runs: {answer.status_code} {answer.text}"
                raise Broken(msg)
            run = answer.json()["id"]
            world.heard.runs.append(run)
            self._witness.run(run)
            return

    def _label(self, errand: Errand) -> None:
        world = self._world
        issue = world.github.open_issue(SHOP, "bob", errand.name, "It always does.")
        before = len(world.github.deliveries)
        world.github.label(SHOP, issue.number, REVIEWER, LABEL)
        made = [each for each in world.github.deliveries[before:] if each.action == "labeled"]
        told = next(each for each in made if each.payload["issue"]["number"] == issue.number)
        while not any(r.status // 100 == 2 for r in world.github.replies if r.delivery.guid == told.guid):
            if self._over.wait(GLANCE):
                return
            world.github.redeliver(
                told
            )  # whoever wants a run from a label sees to it that the app has heard of it
        world.heard.labelled.append(issue.number)

    # deciding --------------------------------------------------------------------------------------------------------

    def _answer(self, request: dict[str, Any]) -> None:
        if request["kind"] == "outcome":
            self._bookkeeper.look(request)
            return
        on_issue = request["kind"] == "step"
        about = f"{request['thread_id']}/{request['tool']}/{(request['args'] or {}).get('amount')}"
        answer = answer_to(self._world.seed, about, on_issue=on_issue, round_=request["round"] or 1)
        if on_issue:
            self._comment(request, answer)
        elif answer.way == "slack" and self._click(request, answer):
            pass
        else:
            self._say(request, answer)

    def _say(self, request: dict[str, Any], answer: Answer) -> None:
        rival = threading.Thread(target=self._contest, args=(request,), daemon=True)
        if answer.contested:
            rival.start()
        for _ in range(1 + answer.twice):
            self._decide(request, answer.kind, f"slack:{ANN}")
        if answer.contested:
            rival.join()

    def _contest(self, request: dict[str, Any]) -> None:
        try:
            self._decide(request, "reject", f"slack:{BOB}")
        except Unanswered:
            pass  # the other one decides
        except Broken as error:
            self._world.heard.troubles.append(str(error))

    def _decide(self, request: dict[str, Any], kind: Kind, by: str) -> None:
        body: dict[str, Any] = {"type": kind, "reviewer": by, "message": WORDS[kind]}
        if kind == "edit":
            args = {"amount": request["args"]["amount"] + EDIT}
            body["edited_action"] = {"name": request["tool"], "args": args}
        answer = self._world.api.post(f"/requests/{request['id']}/decisions", body)
        if answer.status_code == 200:
            self._world.heard.decided.append(Decided(request["id"], kind, by))
            self._witness.decision(request["id"])
        elif answer.status_code != 409:  # somebody was first
            msg = f"{kind} of {request['id']}: {answer.status_code} {answer.text}"
            raise Broken(msg)

    def _click(self, request: dict[str, Any], answer: Answer) -> bool:
        """Click Approve, where there is a card; ``False``: there is none, and they have waited for it long enough."""
        world, key = self._world, request["id"]
        card = card_of(world.slack, key)
        if card is None or not card.buttons:
            return self._is_patient(key)
        click = world.slack.draft_click(ANN, card, text="Approve", stale=card)
        for _ in range(1 + answer.twice):
            try:
                heard = world.slack.send(click).status == 200
            except httpx.TransportError as error:
                raise Unanswered(str(error)) from error
            if heard:
                world.heard.decided.append(Decided(key))
                self._witness.decision(key)
        return True

    def _is_patient(self, key: str) -> bool:
        since = self._patience.setdefault(key, time.monotonic())
        return time.monotonic() - since < INSIST

    def _comment(self, request: dict[str, Any], answer: Answer) -> None:
        """Write the command, and again where it had no consequence for a while."""
        key, world = request["id"], self._world
        if time.monotonic() < self._patience.get(key, 0):
            return
        self._patience[key] = time.monotonic() + INSIST
        words = f"/{answer.kind} {request['code']} {WORDS[answer.kind] or ''}".strip()
        before = len(world.github.replies)
        comment = world.github.comment(SHOP, int(request["labels"]["issue"]), REVIEWER, words)
        replies = [each for each in world.github.replies[before:] if each.delivery.event == "issue_comment"]
        if any(r.status // 100 == 2 and r.delivery.payload["comment"]["id"] == comment.id for r in replies):
            world.heard.commands.append(comment.id)
