"""The desk and the ledger with two workers, five people and a clock, and what must hold of them after every step."""

from __future__ import annotations

import asyncio
import tempfile
from collections import Counter
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant

from hitl_middleware import audit
from hitl_middleware.actions import Decision, EditedAction
from hitl_middleware.clock import ManualClock
from hitl_middleware.desk import ReviewDesk
from hitl_middleware.dispatch.local import LocalDispatcher
from hitl_middleware.ids import new_id
from hitl_middleware.leases import Claim, Holdings
from hitl_middleware.ledger import Ledger, Outcome
from hitl_middleware.people import ListedPeople
from hitl_middleware.policy import ReviewPlan
from hitl_middleware.records import Action, PendingInterrupt, ReviewRequest, Run
from hitl_middleware.review import ACTION, REQUEST
from hitl_middleware.stores import open_store

LEASE = 10.0
ANN, BOB, EVE, ASKER, KIM = "slack:ANN", "slack:BOB", "slack:EVE", "slack:ASKER", "local:kim"
PEOPLE = [ANN, "github:ann", BOB, EVE, ASKER, KIM]
"""Ann has two names; Eve may never decide; Asker asked for the run; Kim is an operator."""

PLANS = [
    ReviewPlan(
        verdict="ask",
        approvers=(ANN, BOB, ASKER),
        allowed_decisions=("approve", "edit", "reject", "respond", "feedback"),
    ),
    ReviewPlan(verdict="ask", approvers=(ANN, "group:desk"), required_approvals=2),
    ReviewPlan(
        verdict="ask", approvers=(ASKER, BOB), allow_requester=True, allowed_decisions=("approve", "reject")
    ),
]
DECISIONS = [
    Decision(type="approve"),
    Decision(type="edit", edited_action=EditedAction(name="pay", args={"amount": 1})),
    Decision(type="edit", edited_action=EditedAction(name="another_tool", args={"amount": 1})),
    Decision(type="edit", edited_action=EditedAction(name="pay", args={"amount": "much"})),
    Decision(type="reject"),
    Decision(type="respond", message="done by hand"),
    Decision(type="feedback", message="less"),
]
SCHEMA = {"type": "object", "properties": {"amount": {"type": "integer"}}, "required": ["amount"]}
OUTCOMES = [
    Outcome(status="succeeded", text="paid"),
    Outcome(status="failed", error="declined"),
    Outcome(status="unknown", error="timed out"),
]
MOST_ACTS = 6
ANY = st.integers(0, 1_000)
"""Which one of a list that is not known before."""


class DeskRoom(RuleBasedStateMachine):
    """One run on one thread; subclasses say what can happen there. ``url``: on which kind of database."""

    url: ClassVar[str]

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        self.loop = self.stack.enter_context(asyncio.Runner())
        self.clock = ManualClock()
        self.store = open_store(self._database(), clock=self.clock)
        directory = ListedPeople({"ann": (ANN, "github:ann")}, {"desk": (BOB, ASKER)})
        self.workers: list[tuple[Holdings, Ledger]] = []
        for owner in ("one", "two"):
            holdings = Holdings(self.store, self.clock, owner=owner, seconds=LEASE)
            self.workers.append((holdings, Ledger(self.store, self.clock, holdings, LocalDispatcher())))
        self.ledger = self.workers[0][1]
        self.directory = directory
        self.desk = ReviewDesk(self.store, self.ledger, directory, LocalDispatcher())
        self.asked: list[PendingInterrupt] = []
        self.claims: list[Claim] = []
        self.ended: list[Claim] = []
        self.known: list[Action] = []
        """Acts as somebody read them at some time: what a slow worker still believes."""
        self.requests: dict[str, ReviewRequest] = {}
        self.acts: dict[str, Action] = {}
        self.granted: Counter[str] = Counter()
        self.performed: Counter[str] = Counter()

    def _database(self) -> str:
        if self.url == "memory://":
            return self.url
        folder = Path(self.stack.enter_context(tempfile.TemporaryDirectory()))
        (folder / "hitl.db").write_bytes(_empty_database())
        return f"sqlite:///{folder}/hitl.db"

    def do(self, what: Any, *args: Any, **kwargs: Any) -> Any:
        """Run something on the store's loop."""

        async def begin() -> Any:
            return await what(*args, **kwargs)

        return self.loop.run(begin())

    def add_run(self) -> None:
        """A run that Asker asked for."""
        now = self.clock.now()
        self.run = Run(
            id=new_id(), thread_id="t", graph="g", status="running", driver="hitl", created_at=now, updated_at=now,
            requester=ASKER,
        )  # fmt: skip

        async def add() -> None:
            await self.store.prepare()
            async with self.store.begin() as uow:
                await uow.add_run(self.run)

        self.do(add)

    # what must always hold -------------------------------------------------------------------------------------------

    def read(self) -> tuple[list[ReviewRequest], list[Action]]:
        async def read() -> tuple[list[ReviewRequest], list[Action]]:
            async with self.store.read() as uow:
                return list(await uow.requests_of_run(self.run.id)), list(
                    await uow.actions_of_run(self.run.id)
                )

        found: tuple[list[ReviewRequest], list[Action]] = self.do(read)
        return found

    def submissions(self, request_id: str) -> Any:
        async def read() -> Any:
            async with self.store.read() as uow:
                return await uow.submissions(request_id)

        return self.do(read)

    @invariant()
    def the_tables_hold(self) -> None:
        """Every change is one of the tables'; a decision never changes; no more was performed than approved."""
        if not hasattr(self, "run"):
            return
        requests, acts = self.read()
        for request in requests:
            before = self.requests.get(request.id)
            if before is None:
                assert request.status == "pending" or request.decision is None
            elif before.status != request.status:
                assert request.status in REQUEST[before.status], (
                    f"request: {before.status} → {request.status}"
                )
            if before is not None and before.decision is not None:
                assert (request.decision, request.decided_by, request.decided_at) == (
                    before.decision, before.decided_by, before.decided_at,
                )  # fmt: skip
            assert before is None or request.version >= before.version
            self.requests[request.id] = request
        for act in acts:
            old = self.acts.get(act.id)
            if old is not None and old.status != act.status:
                assert act.status in ACTION[old.status], f"action: {old.status} → {act.status}"
            if act.status == "approved" and (old is None or old.status in {"waiting", "unknown"}):
                self.granted[act.id] += 1
            if old != act:
                self.known.append(act)
            self.acts[act.id] = act
            assert self.performed[act.id] <= self.granted[act.id], (
                f"performed without an approval of its own: {act}"
            )
        waiting = [request.action_id for request in requests if request.status == "pending"]
        assert (
            max(
                Counter(
                    (one, kind)
                    for one, kind in zip(
                        waiting, [r.kind for r in requests if r.status == "pending"], strict=True
                    )
                ).values(),
                default=1,
            )
            == 1
        )

    def teardown(self) -> None:
        """The chain of events is whole."""

        async def check() -> None:
            while await audit.seal(self.store):
                pass
            found = await audit.verify(self.store)
            assert (found.problem, found.unsealed) == (None, 0)
            await self.store.close()

        if hasattr(self, "run"):
            self.do(check)
        self.stack.close()


@cache
def _empty_database() -> bytes:
    async def make(url: str) -> None:
        store = open_store(url, clock=ManualClock())
        await store.prepare()
        await store.close()

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(make(f"sqlite:///{folder}/hitl.db"))
        return (Path(folder) / "hitl.db").read_bytes()
