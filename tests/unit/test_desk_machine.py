"""Any sequence of what people, workers and time can do to the desk and the ledger keeps the rules, on memory and on SQLite.

A state machine of hypothesis: two workers, five people, calls that are asked about, answered, claimed, performed, settled, given up,
asked again and overtaken, in any order and with stale knowledge. After every step every request and every act is read and compared.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

from hitl_middleware import audit, dialects
from hitl_middleware.actions import ActionRequest, Decision, Identity
from hitl_middleware.errors import AlreadyExecuted, DoesNotFit, LeaseLost, NotAllowed, Refused
from hitl_middleware.ids import new_id
from hitl_middleware.leases import Claim
from hitl_middleware.ledger import Ledger, Outcome
from hitl_middleware.policy import ReviewPlan
from hitl_middleware.records import PendingInterrupt, Snapshot

from tests.kit.desk_machine import (
    ANN,
    ANY,
    ASKER,
    BOB,
    DECISIONS,
    EVE,
    KIM,
    LEASE,
    MOST_ACTS,
    OUTCOMES,
    PEOPLE,
    PLANS,
    SCHEMA,
    DeskRoom,
)


class DeskMachine(DeskRoom):
    """What can happen."""

    @initialize()
    def begin(self) -> None:
        """A run that has asked about four calls and made a fifth on the record."""
        self.add_run()
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
        before = self.read()
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
            assert self.read() == before
            return
        assert request.status == "pending"
        assert who != EVE
        assert who != ASKER or request.plan.allow_requester
        assert decision.type in request.plan.allowed_decisions
        if decided.status == "approved" and decision.type == "approve":
            people = {
                ANN if one.person == "github:ann" else one.person for one in self.submissions(request.id)
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
        by, before = self.do(self.directory.person, who), self.read()
        try:
            self.do(self.desk.settle_outcome, act.id, what, outcome, by=by, via="test")
        except (NotAllowed, DoesNotFit):
            assert self.read() == before
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
        (after,) = [act for act in self.read()[1] if act.id == claim.action.id]
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
