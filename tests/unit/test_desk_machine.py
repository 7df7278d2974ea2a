"""Any sequence of what people, workers and time can do to the desk and the ledger keeps the rules, on memory and on SQLite.

A state machine of hypothesis: two workers, five people, calls that are asked about, answered, claimed, performed, settled, given up,
asked again and overtaken, in any order and with stale knowledge. After every step every request and every act is read and compared.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections import Counter
from contextlib import ExitStack, suppress
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from hitl_middleware import audit, dialects
from hitl_middleware.actions import ActionRequest, Decision, EditedAction, Identity
from hitl_middleware.clock import ManualClock
from hitl_middleware.desk import ReviewDesk
from hitl_middleware.errors import AlreadyExecuted, DoesNotFit, LeaseLost, NotAllowed, Refused
from hitl_middleware.ids import new_id
from hitl_middleware.leases import Claim, Holdings
from hitl_middleware.ledger import Ledger, Outcome
from hitl_middleware.people import ListedPeople
from hitl_middleware.policy import ReviewPlan
from hitl_middleware.ports import PendingInterrupt, Snapshot
from hitl_middleware.records import Action, ReviewRequest, Run
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


class DeskMachine(RuleBasedStateMachine):
    """One run on one thread. ``url``: on which kind of database."""

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
            self.workers.append((holdings, Ledger(self.store, self.clock, holdings, _wake)))
        self.ledger = self.workers[0][1]
        self.directory = directory
        self.desk = ReviewDesk(self.store, self.ledger, directory, _wake)
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

    @initialize()
    def begin(self) -> None:
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
        for plan in (PLANS[0], *PLANS):
            self.ask(plan, 2)
        self.record(3)
        self.the_tables_hold()

    # what the run does -----------------------------------------------------------------------------------------------

    def _open(self) -> None:
        self.do(
            self.desk.open, self.run.id, Snapshot(started=True, finished=False, interrupts=tuple(self.asked))
        )

    @rule(plan=st.sampled_from(PLANS), amount=st.integers(1, 3))
    def ask(self, plan: ReviewPlan, amount: int) -> None:
        """The model calls the tool, and the policy asks."""
        if len(self.acts) < MOST_ACTS:
            value = dialects.ask_call(self._call(amount), plan, title="Pay", schema=SCHEMA)
            self.asked.append(PendingInterrupt(id=new_id(), value=value))
        self._open()

    @rule(amount=st.integers(1, 3))
    def record(self, amount: int) -> None:
        """The policy asks nobody, on the record; twice, as a re-run does it."""
        if len(self.acts) < MOST_ACTS:
            call = self._call(amount)
            for _ in range(2):
                self.do(
                    self.ledger.record,
                    call,
                    ReviewPlan(verdict="record"),
                    run_id=self.run.id,
                    idempotent=False,
                )

    def _call(self, amount: int) -> ActionRequest:
        return ActionRequest(
            name="pay", args={"amount": amount}, identity=Identity("t", f"tools:{new_id()}", "call-1")
        )

    @precondition(lambda self: self.asked)
    @rule(which=ANY)
    def ask_under_another_id(self, which: int) -> None:
        """After a crash the same question has a new id."""
        index = which % len(self.asked)
        self.asked[index] = replace(self.asked[index], id=new_id())
        self._open()

    @precondition(lambda self: self.asked)
    @rule(which=ANY)
    def move_on(self, which: int) -> None:
        """The run goes on without this question. (Not too often, or nothing is ever approved.)"""
        if len(self.asked) < 3:
            return
        self.asked.pop(which % len(self.asked))
        self._open()

    @precondition(lambda self: any(act.status == "unknown" for act in self.acts.values()))
    @rule(which=ANY)
    def ask_what_became_of_it(self, which: int) -> None:
        """The gate comes to an act whose outcome is unknown."""
        unknown = [act for act in self.acts.values() if act.status == "unknown"]
        act = unknown[which % len(unknown)]
        call = ActionRequest(name=act.tool, args=act.args, identity=act.identity)
        self.asked.append(PendingInterrupt(id=new_id(), value=dialects.ask_outcome(call, act.plan)))
        self._open()

    @precondition(lambda self: self.known)
    @rule(which=ANY, plan=st.sampled_from(PLANS))
    def ask_again(self, which: int, plan: ReviewPlan) -> None:
        """The policy wants more for an edited call than the first plan gave."""
        act = self.known[which % len(self.known)]
        if act.edited:
            self.do(self.ledger.ask_again, act, plan)

    # what people do --------------------------------------------------------------------------------------------------

    @precondition(lambda self: self.requests)
    @rule(
        which=ANY,
        decision=st.sampled_from(DECISIONS),
        who=st.sampled_from(PEOPLE),
        seen=st.sampled_from(["", None]),
    )
    def submit(self, which: int, decision: Decision, who: str, seen: str | None) -> None:
        """Anybody answers anything, with the digest they saw or without; a refusal changes nothing."""
        request = list(self.requests.values())[which % len(self.requests)]
        by = self.do(self.directory.person, who)
        before = self._read()
        try:
            decided = self.do(
                self.desk.submit,
                request.id,
                decision,
                by=by,
                via="test",
                if_match=request.digest if seen is None else None,
            )
        except Refused:
            assert self._read() == before
            return
        assert request.status == "pending"
        assert who != EVE
        assert who != ASKER or request.plan.allow_requester
        assert decision.type in request.plan.allowed_decisions
        if decided.status == "approved" and decision.type == "approve":
            people = {
                ANN if one.person == "github:ann" else one.person for one in self._submissions(request.id)
            }
            assert len(people) >= request.plan.required_approvals

    @precondition(lambda self: any(one.status == "pending" for one in self.requests.values()))
    @rule(which=ANY, edit=st.booleans())
    def approve(self, which: int, edit: bool) -> None:
        """Those who may approve do, so that something is approved at all."""
        pending = [
            one for one in self.requests.values() if one.status == "pending" and one.kind == "tool_call"
        ]
        if not pending:
            return
        request = pending[which % len(pending)]
        decision = DECISIONS[1] if edit and request.plan == PLANS[0] else DECISIONS[0]
        with suppress(Refused):  # one of two was enough
            for who in (BOB, ANN):
                by = self.do(self.directory.person, who)
                self.do(self.desk.submit, request.id, decision, by=by, via="test")

    @precondition(lambda self: any(act.status == "unknown" for act in self.acts.values()))
    @rule(which=ANY)
    def approve_again(self, which: int) -> None:
        """An operator has an unknown act tried again."""
        unknown = [act for act in self.acts.values() if act.status == "unknown"]
        by = self.do(self.directory.person, KIM)
        self.do(
            self.desk.settle_outcome,
            unknown[which % len(unknown)].id,
            "retry",
            OUTCOMES[1],
            by=by,
            via="test",
        )

    @precondition(lambda self: self.acts)
    @rule(which=ANY, what=st.sampled_from(["done", "failed", "retry"]), who=st.sampled_from(PEOPLE))
    def settle_by_hand(self, which: int, what: Any, who: str) -> None:
        """Anybody says what became of an act; only of an unknown one, and only who may."""
        act = list(self.acts.values())[which % len(self.acts)]
        outcome = OUTCOMES[0 if what == "done" else 1]
        by, before = self.do(self.directory.person, who), self._read()
        try:
            self.do(self.desk.settle_outcome, act.id, what, outcome, by=by, via="test")
        except (NotAllowed, DoesNotFit):
            assert self._read() == before
            return
        assert act.status == "unknown"
        assert who != EVE

    # what workers do -------------------------------------------------------------------------------------------------

    @precondition(lambda self: self.known)
    @rule(worker=st.integers(0, 1), which=ANY)
    def claim(self, worker: int, which: int) -> None:
        """A worker wants to act on what it believes of an act, however old that is."""
        believed = self.known[which % len(self.known)]
        before = self.acts[believed.id]
        claim = self.do(self.workers[worker][1].claim, believed, None)
        assert (claim is not None) == (before.status == "approved" and before.digest == believed.digest)
        if claim is not None:
            self.claims.append(claim)

    @precondition(lambda self: self.claims)
    @rule(which=ANY)
    def perform(self, which: int) -> None:
        """Enter the tool's body, once or again, in time or late."""
        self._perform(self.claims[which % len(self.claims)])

    def _perform(self, claim: Claim) -> None:
        if claim in self.ended:
            return  # nobody enters a body after it has ended
        with suppress(AlreadyExecuted, LeaseLost):
            claim.spend()
            self.performed[claim.action.id] += 1
            act = self.acts[claim.action.id]
            assert (act.status, act.claim_id) == ("executing", claim.claim_id), (
                f"performed without the right to: {act}"
            )

    @precondition(lambda self: self.claims)
    @rule(which=ANY, outcome=st.sampled_from(OUTCOMES))
    def settle(self, which: int, outcome: Outcome) -> None:
        """Say how it ended, once or again; a late owner may correct an unknown outcome that no person has settled."""
        self._settle(self.claims[which % len(self.claims)], outcome)

    def _settle(self, claim: Claim, outcome: Outcome) -> None:
        before = self.acts[claim.action.id]
        self.ended.append(claim)
        self.do(self._of(claim).settle, claim, outcome)
        (after,) = [act for act in self._read()[1] if act.id == claim.action.id]
        if before.claim_id != claim.claim_id:
            assert after == before

    @precondition(lambda self: self.claims)
    @rule(which=ANY)
    def give_back(self, which: int) -> None:
        """Do not act after all."""
        claim = self.claims[which % len(self.claims)]
        if claim.withdraw():
            self.do(self._of(claim).release, claim)

    def _of(self, claim: Claim) -> Ledger:
        return self.workers[0 if claim.action.claim_owner == "one" else 1][1]

    @rule(seconds=st.sampled_from([1, 9, 11, 25]))
    def time_passes(self, seconds: int) -> None:
        """Nobody renews anything meanwhile: as after a pause, or a death."""
        self.clock.advance(seconds)

    @rule(worker=st.integers(0, 1))
    def renew(self, worker: int) -> None:
        """A heartbeat."""
        self.do(self.workers[worker][0].renew)

    @precondition(lambda self: any(act.status == "approved" for act in self.acts.values()))
    @rule(worker=st.integers(0, 1), which=ANY)
    def claim_what_is_approved(self, worker: int, which: int) -> None:
        """A worker that knows what it is doing."""
        approved = [act for act in self.acts.values() if act.status == "approved"]
        claim = self.do(self.workers[worker][1].claim, approved[which % len(approved)], None)
        assert claim is not None
        self.claims.append(claim)

    @precondition(lambda self: any(act.status == "approved" for act in self.acts.values()))
    @rule(worker=st.integers(0, 1), which=ANY, outcome=st.sampled_from(OUTCOMES))
    def carry_out(self, worker: int, which: int, outcome: Outcome) -> None:
        """The whole way of an approved act, as a worker goes it where nothing comes between."""
        self.claim_what_is_approved(worker, which)
        self.the_tables_hold()
        claim = self.claims[-1]
        self._perform(claim)
        self._settle(claim, outcome)

    @precondition(lambda self: any(act.status == "approved" for act in self.acts.values()))
    @rule(
        worker=st.integers(0, 1),
        which=ANY,
        then=st.sampled_from(["act", "tell", "tell beside another"]),
        outcome=st.sampled_from(OUTCOMES),
    )
    def come_back_too_late(self, worker: int, which: int, then: str, outcome: Outcome) -> None:
        """A worker sleeps between its claim and the act; it is given up, somebody has it tried again, and it wakes up."""
        self.claim_what_is_approved(worker, which)
        self.the_tables_hold()
        slept = self.claims[-1]
        self.die()
        self.the_tables_hold()
        by = self.do(self.directory.person, KIM)
        self.do(self.desk.settle_outcome, slept.action.id, "retry", OUTCOMES[1], by=by, via="test")
        self.the_tables_hold()
        if then == "act":
            self._perform(slept)
            return
        if then == "tell beside another":
            claim = self.do(self.workers[1 - worker][1].claim, self.acts[slept.action.id], None)
            self.claims.append(claim)
            self.the_tables_hold()
        self._settle(slept, outcome)

    @precondition(lambda self: any(act.status == "executing" for act in self.acts.values()))
    @rule()
    def die(self) -> None:
        """Who was acting is silent for too long."""
        self.clock.advance(2.5 * LEASE)
        self.do(self.ledger.bury)

    @rule()
    def bury(self) -> None:
        """The sweep gives up claims whose owner is dead."""
        self.do(self.ledger.bury)

    @rule()
    def seal(self) -> None:
        """The sealer comes by."""
        self.do(audit.seal, self.store)

    # what must always hold -------------------------------------------------------------------------------------------

    def _read(self) -> tuple[list[ReviewRequest], list[Action]]:
        async def read() -> tuple[list[ReviewRequest], list[Action]]:
            async with self.store.read() as uow:
                return list(await uow.requests_of_run(self.run.id)), list(
                    await uow.actions_of_run(self.run.id)
                )

        found: tuple[list[ReviewRequest], list[Action]] = self.do(read)
        return found

    def _submissions(self, request_id: str) -> Any:
        async def read() -> Any:
            async with self.store.read() as uow:
                return await uow.submissions(request_id)

        return self.do(read)

    @invariant()
    def the_tables_hold(self) -> None:
        """Every change is one of the tables'; a decision never changes; no more was performed than approved."""
        if not hasattr(self, "run"):
            return
        requests, acts = self._read()
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


def _wake(topic: str, key: str) -> None:
    """Nobody has to be woken: the machine does everything itself."""


@cache
def _empty_database() -> bytes:
    async def make(url: str) -> None:
        store = open_store(url, clock=ManualClock())
        await store.prepare()
        await store.close()

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(make(f"sqlite:///{folder}/hitl.db"))
        return (Path(folder) / "hitl.db").read_bytes()


def _budget(examples: int) -> settings:
    """The same examples every time, so that a build never fails for what another one did not try."""
    return settings(
        max_examples=examples,
        stateful_step_count=50,
        phases=[Phase.generate],  # a failure is printed as it was found: making it smaller would take minutes
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )


class OnMemory(DeskMachine):
    url = "memory://"


class OnSqlite(DeskMachine):
    url = "sqlite://"


TestOnMemory = OnMemory.TestCase
TestOnMemory.settings = _budget(40)
TestOnSqlite = OnSqlite.TestCase
TestOnSqlite.settings = _budget(8)
