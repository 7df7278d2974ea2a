"""ReviewDesk, the one writer of requests: open · submit · lapse · adopt · settle · supersede.

What an answer does to an action it has the ledger write in the same unit of work; everything slow (resuming the run, changing its
messages) follows from what is stored.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Literal

from hitl_middleware import dialects
from hitl_middleware.actions import CALLER, Decision
from hitl_middleware.desk.answers import Answers, answers_of, questions
from hitl_middleware.desk.authority import check_person, still_open, weigh
from hitl_middleware.desk.filing import Filing
from hitl_middleware.desk.fit import check_fit
from hitl_middleware.desk.lapsing import Lapsing
from hitl_middleware.errors import AlreadyDecided, DoesNotFit, NotFound
from hitl_middleware.failpoints import failpoint
from hitl_middleware.ids import new_id
from hitl_middleware.ledger import Ledger, Outcome, is_adoptable
from hitl_middleware.ports import Directory, Dispatcher, Person, ReviewChannel, Store
from hitl_middleware.quorum import approvals, shows
from hitl_middleware.records import (
    Action,
    Occasion,
    PendingInterrupt,
    ReviewRequest,
    Run,
    Snapshot,
    Submission,
)
from hitl_middleware.redaction import hide_action, hide_request, restored
from hitl_middleware.review import STATUS_AFTER, step
from hitl_middleware.settings import MAX_PENDING
from hitl_middleware.work import Work, unit


class _NothingToAdopt(Exception):
    """Somebody was first; what this unit of work has prepared is rolled back."""


class _AlreadyCounted(Exception):
    """Another process was first to bring what this source says; this unit of work is rolled back."""


class ReviewDesk:
    """Files what runs ask, judges what people answer.

    ``default_approvers`` decide what no policy speaks of. ``max_pending``: how many requests of one thread may be open at a time; a
    further call of a gate is refused. (Other questions are asked all the same: there is no way to refuse them.)
    """

    def __init__(
        self,
        store: Store,
        ledger: Ledger,
        directory: Directory,
        dispatcher: Dispatcher,
        *,
        channels: Iterable[ReviewChannel] = (),
        default_approvers: Sequence[str] = ("api",),
        max_pending: int = MAX_PENDING,
    ) -> None:
        self._store = store
        self._ledger = ledger
        self._directory = directory
        self._dispatcher = dispatcher
        self._filing = Filing(store, ledger, directory, dispatcher, channels, default_approvers, max_pending)
        self._lapsing = Lapsing(store, ledger, directory, self._filing, dispatcher)
        self.lapse = self._lapsing.lapse

    async def open(
        self,
        run_id: str,
        snapshot: Snapshot,
        *,
        complete: bool = True,
        fence: int | None = None,
        anew: Mapping[str, str] = {},
    ) -> Sequence[ReviewRequest]:
        """File what a run asks; see ``Filing.open``."""
        return await self._filing.open(run_id, snapshot, complete=complete, fence=fence, anew=anew)

    # submit ----------------------------------------------------------------------------------------------------------

    async def submit(
        self,
        request_id: str,
        decision: Decision,
        *,
        by: Person,
        via: str,
        if_match: str | None = None,
        source: str | None = None,
    ) -> ReviewRequest:
        """One person's answer. When this returns it is committed; the request as it stands now.

        ``if_match``: the digest the person saw. ``source``: what brought the answer, where that may be read again; one that has counted
        changes nothing more (``counted`` tells of it). Raises ``NotFound``, ``AlreadyDecided``, ``DigestMismatch``, ``DoesNotFit``,
        ``NotAllowed`` or ``ApprovalNotNeeded``; then nothing has changed, but that an answer after a deadline at which the request expires
        finds it expired, also where nobody has looked since.
        """
        failpoint("submit.before")
        if source is not None and (before := await self.counted(source)) is not None:
            return before
        try:
            async with self._store.glance() as uow:
                # Who comes too late is told so without waiting for a lock; who does not looks again under it.
                known = still_open(await uow.request(request_id), request_id)
            by = await self._member(by, known)
            async with unit(self._store, self._dispatcher) as work:
                run = await work.uow.run(known.run_id, lock=True)
                request = still_open(await work.uow.request(request_id, lock=True), request_id, if_match)
                decided = request = await self._lapsing.catch_up(work, request)
                if request.status == "pending":
                    decision = restored(decision, request.args, request.plan.redact)
                    check_fit(request, decision)
                    await check_person(request.plan, request.requester, run, by, self._directory)
                    decided = await self._count(work, request, decision, by, via, source)
        except (_AlreadyCounted, AlreadyDecided):
            # By this very source, where it was read by two at once.
            if source is None or (before := await self.counted(source)) is None:
                raise
            return before
        failpoint("submit.after")
        if decided.status == "expired":
            return still_open(decided, request_id)  # which it is not, and says so
        return decided

    async def counted(self, source: str) -> ReviewRequest | None:
        """The request to which this source has brought an answer, as it stands now."""
        async with self._store.read() as uow:
            submission = await uow.submission_from(source)
            return None if submission is None else await uow.request(submission.request_id)

    async def _member(self, by: Person, request: ReviewRequest | None) -> Person:
        """The same person with the groups that matter here. It may be asked elsewhere, so never inside a transaction."""
        if request is None:
            return by
        # Those of the chain, too: under the lock it may turn out that they are asked by now.
        asked = replace(request, plan=request.plan.model_copy(update={"approvers": request.plan.everyone}))
        return replace(by, groups=await self._directory.groups(by, asked))

    async def look(self, request_id: str, *, by: Person, if_match: str | None = None) -> ReviewRequest:
        """The request as people may see it, if ``by`` could answer it now: as ``submit`` before it looks at the answer. Decides nothing.

        Raises ``NotFound``, ``AlreadyDecided``, ``DigestMismatch`` or ``NotAllowed``.
        """
        request = still_open(await self._lapsing.current(request_id), request_id, if_match)
        async with self._store.read() as uow:
            run = await uow.run(request.run_id)
        await check_person(
            request.plan, request.requester, run, await self._member(by, request), self._directory
        )
        return hide_request(request)

    async def _count(
        self,
        work: Work,
        request: ReviewRequest,
        decision: Decision,
        by: Person,
        via: str,
        source: str | None = None,
    ) -> ReviewRequest:
        earlier = await work.uow.submissions(request.id) if shows(request) else ()
        one, fills = await weigh(request.plan, by, earlier, decision, self._directory)
        submission = Submission(
            id=new_id(),
            request_id=request.id,
            person=by.identity,
            name=by.name,
            via=via,
            decision=decision,
            created_at=work.now,
            vouched_by=by.vouched_by,
            source=source,
            counts_as=one,
            fills=fills,
        )
        if not await work.uow.add_submission(submission):
            raise _AlreadyCounted
        await work.audit(
            "submission.received",
            by.identity,
            via=via,
            request=request,
            decision=decision.type,
            vouched_by=by.vouched_by,
            fills=list(fills) or None,
        )
        if decision.type == "approve" and not approvals(request.plan, (*earlier, submission)).complete:
            counted = replace(request, version=request.version + 1, updated_at=work.now)
            await work.show(counted)
            return counted
        status = STATUS_AFTER[decision.type]
        step("request", request.status, status)
        decided = replace(
            request,
            status=status,
            version=request.version + 1,
            decision=decision,
            decided_by=by.identity,
            decided_by_name=by.name,
            decided_at=work.now,
            decided_via=via,
            updated_at=work.now,
        )
        if decision.edited_action is not None:
            decided = replace(decided, args=dict(decision.edited_action.args), edited_from=request.args)
        action = await work.uow.action(request.action_id, lock=True) if request.action_id else None
        if action is not None:
            action = await self._ledger.decide(work, action, decision, by.identity)
            decided = replace(decided, args=dict(action.args), digest=action.digest)
        cards = await work.show(decided)
        await self._filing.leave_notices(work, decided, cards, Occasion("decided"))
        await work.want(request.run_id)
        await work.audit(
            f"request.{status}", by.identity, via=via, request=decided, decision=decision.type, digest=decided.digest,
            proposed_digest=request.digest if decided.digest != request.digest else None, vouched_by=by.vouched_by,
        )  # fmt: skip
        return decided

    # adopting --------------------------------------------------------------------------------------------------------

    async def adopt(self, item: PendingInterrupt, decisions: Sequence[Decision], graph: str) -> None:
        """Let what the user's own code resumed with count: request, decision and action in one transaction (DESIGN rule 1).

        ``item`` is a question of the gate's own with one decision for each call it asks about. A call about which a request was ever
        opened is left as it is: there the store decides. Raises ``DoesNotFit``; then nothing has changed.
        """
        failpoint("adopt.before")
        asked = list(zip(dialects.read(item.value), decisions, strict=True))
        with suppress(_NothingToAdopt):
            async with unit(self._store, self._dispatcher) as work:
                thread_id = next(q.call.identity.thread_id for q, _ in asked if q.call is not None)
                run = await self._run_of_caller(work, thread_id, graph)
                known = await work.uow.requests_of_thread(thread_id, lock=True)
                first = position = max(
                    (r.position + 1 for r in known if r.interrupt_id == item.id), default=0
                )
                waiting = await work.uow.queued_runs(thread_id)
                for question, answer in asked:
                    assert question.call is not None  # noqa: S101 – the gate asks about calls
                    action = await work.uow.action_by_identity(question.call.identity, lock=True)
                    if action is None or not is_adoptable(action):
                        continue
                    request = await self._filing.file(
                        work, run, item, question, position, waiting, action=action
                    )
                    decision = restored(answer, request.args, request.plan.redact)
                    # The arguments of an edit were held against the tool itself, in the graph.
                    check_fit(replace(request, response_schema=None), decision)
                    await self._count(work, request, decision, Person(identity=CALLER), CALLER)
                    position += 1
                if position == first:
                    raise _NothingToAdopt
        failpoint("adopt.after")

    async def _run_of_caller(self, work: Work, thread_id: str, graph: str) -> Run:
        """The run, locked, under which the caller's answer is entered: the thread's own, or one per thread that nobody attached.

        Of such a run nothing but the answers is ever known, so it is entered as closed: it keeps nothing waiting behind it.
        """
        if (active := await work.uow.active_run(thread_id, lock=True)) is not None:
            return active
        # Calls of one turn are entered at once, by tasks that find no run to lock: they take turns at the one row that is always there.
        await work.uow.chain_head(lock=True)
        before = [r.run_id for r in await work.uow.requests_of_thread(thread_id) if r.decided_via == CALLER]
        run_id = before[-1] if before else new_id()
        if not before:
            run = Run(
                id=run_id,
                thread_id=thread_id,
                graph=graph,
                status="succeeded",
                driver="caller",
                started_by=CALLER,
                created_at=work.now,
                updated_at=work.now,
            )
            await work.uow.add_run(run)
            await work.audit("run.adopted", CALLER, run=run)
        entered = await work.uow.run(run_id, lock=True)
        assert entered is not None  # noqa: S101 – a request has its run, or it was added just now
        return entered

    # outcomes, superseding -------------------------------------------------------------------------------------------

    async def settle_outcome(
        self,
        action_id: str,
        what: Literal["done", "failed", "retry"],
        outcome: Outcome,
        *,
        by: Person,
        via: str,
        attempt: int | None = None,
    ) -> Action:
        """A person says what became of an ``unknown`` act; the request of kind ``outcome`` is answered with it.

        ``attempt``: which of the act's attempts the person was asked about. Raises ``NotFound``, ``NotAllowed``, ``DoesNotFit``.
        """
        async with self._store.read() as uow:
            action = await uow.action(action_id)
            if action is None:
                raise NotFound(kind="action", key=action_id)
            asked = await uow.request(action.request_id) if action.request_id else None
        await self._may_settle(action, asked, by)
        async with unit(self._store, self._dispatcher) as work:
            settled = await self._ledger.settle_unknown(
                work, action_id, what, by=by.identity, via=via, outcome=outcome, attempt=attempt
            )
            for request in await work.uow.requests_of_thread(action.identity.thread_id, lock=True):
                if (
                    request.kind == "outcome"
                    and request.action_id == action_id
                    and request.status == "pending"
                ):
                    answered = replace(
                        request,
                        status="answered",
                        version=request.version + 1,
                        decision=Decision(type="respond", answer=what),
                        decided_by=by.identity,
                        decided_by_name=by.name,
                        decided_at=work.now,
                        decided_via=via,
                        updated_at=work.now,
                    )
                    await work.show(answered)
                    await work.audit("request.answered", by.identity, via=via, request=answered, outcome=what)
        return settled

    async def unsettled(self, request_id: str, *, by: Person) -> tuple[ReviewRequest, Action]:
        """A request and its act, whose outcome is unknown and which ``by`` may settle. Decides nothing.

        Raises ``NotFound``, ``NotAllowed``, ``DoesNotFit``.
        """
        async with self._store.read() as uow:
            request = await uow.request(request_id)
            action = await uow.action(request.action_id) if request and request.action_id else None
        if request is None or action is None:
            raise NotFound(kind="request", key=request_id)
        await self._may_settle(action, request, by)
        if action.status != "unknown":
            raise DoesNotFit(field="action", why=f"the outcome is known by now: {action.status}")
        return hide_request(request), hide_action(action)

    async def _may_settle(self, action: Action, asked: ReviewRequest | None, by: Person) -> None:
        plan = asked.plan if asked is not None else self._filing.complete(action.plan, {})
        by = await self._member(by, asked)
        await check_person(plan, asked.requester if asked else None, None, by, self._directory)

    async def take_back(self, work: Work, run_id: str, why: str) -> None:
        """Take back every pending request of a run, as a part of the caller's unit: their actions are denied with ``why``."""
        for request in await self._pending(work, run_id):
            await self._filing.supersede(work, request, why)

    async def note(self, run_id: str, text: str) -> None:
        """Put a line on every pending card of a run."""
        async with unit(self._store, self._dispatcher) as work:
            await self.add_note(work, run_id, text)

    async def add_note(self, work: Work, run_id: str, text: str) -> None:
        """The same, as a part of the caller's unit."""
        for request in await self._pending(work, run_id):
            if text not in request.notes:
                notes = (*request.notes, text)
                await work.show(
                    replace(request, notes=notes, version=request.version + 1, updated_at=work.now)
                )

    async def _pending(self, work: Work, run_id: str) -> Sequence[ReviewRequest]:
        locked = [await work.uow.request(r.id, lock=True) for r in await work.uow.requests_of_run(run_id)]
        return [request for request in locked if request is not None and request.status == "pending"]

    # answers ---------------------------------------------------------------------------------------------------------

    async def answers(self, run: Run, snapshot: Snapshot) -> Answers:
        """What is decided of what the run asks. For the gate's own questions the values are hints."""
        calls = [question.call for _, _, question in questions(snapshot) if question.call is not None]
        async with self._store.read() as uow:
            requests = await uow.requests_of_thread(run.thread_id)
            known = await uow.actions_at([call.identity for call in calls])
        return answers_of(run, snapshot, requests, known)

    async def bring(self, work: Work, run: Run, snapshot: Snapshot) -> Answers:
        """File what a run asks, as a part of the caller's unit, which holds the run's lock; and what is decided of it already."""
        filed = await self._filing.bring(work, run, snapshot)
        return answers_of(run, snapshot, tuple(filed.requests.values()), filed.actions)
