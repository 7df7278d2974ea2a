"""Filing: a run's questions become requests, actions and cards, in one unit of work."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from hitl_middleware import deadlines, dialects
from hitl_middleware.actions import ActionRequest, Decision
from hitl_middleware.desk import answers
from hitl_middleware.desk.answers import answering, asked, filed, withdrawn
from hitl_middleware.desk.found import Before, Filed
from hitl_middleware.dialects import Question
from hitl_middleware.errors import LeaseLost, NotFound
from hitl_middleware.failpoints import failpoint
from hitl_middleware.ids import new_code, new_id
from hitl_middleware.ledger import Ledger
from hitl_middleware.policy import ReviewPlan
from hitl_middleware.ports import Directory, Dispatcher, ReviewChannel, Store
from hitl_middleware.records import Action, Card, Occasion, PendingInterrupt, ReviewRequest, Run, Snapshot
from hitl_middleware.redaction import hide_request
from hitl_middleware.refusals import refuse
from hitl_middleware.review import step
from hitl_middleware.work import Work, unit

CODE_TRIES = 20


class Filing:
    """Brings requests in line with where runs stand. A part of the desk."""

    def __init__(
        self,
        store: Store,
        ledger: Ledger,
        directory: Directory,
        dispatcher: Dispatcher,
        channels: Iterable[ReviewChannel],
        default_approvers: Sequence[str],
        max_pending: int,
    ) -> None:
        self._store = store
        self._ledger = ledger
        self._directory = directory
        self._dispatcher = dispatcher
        self._channels = tuple(channels)
        self._default_approvers = tuple(default_approvers)
        self._max_pending = max_pending

    async def open(
        self,
        run_id: str,
        snapshot: Snapshot,
        *,
        complete: bool = True,
        fence: int | None = None,
        anew: Mapping[str, str] = {},
    ) -> Sequence[ReviewRequest]:
        """Bring the run's requests in line with the questions it stands at; one transaction. The requests that are new.

        A question without a request gets one. A question asked again under a new interrupt id is bound to its open request. A pending
        request whose question is gone was answered elsewhere or overtaken: superseded. With ``fence``: that of the lease under which
        the snapshot was taken; raises ``LeaseLost`` where it is out of date. ``anew``: interrupts of others whose answer the graph did not
        take, with what their requests say of that, by interrupt id: where all was decided it counts no more, and is asked in new requests.
        """
        failpoint("open.before")
        async with unit(self._store, self._dispatcher) as work:
            run = await work.uow.run(run_id, lock=True)
            if run is None:
                raise NotFound(kind="run", key=run_id)
            if fence is not None and run.fence != fence:
                raise LeaseLost(run=run_id)
            found = await self.bring(work, run, snapshot, complete=complete, anew=anew)
        failpoint("open.after")
        return found.opened

    async def bring(
        self,
        work: Work,
        run: Run,
        snapshot: Snapshot,
        *,
        complete: bool = True,
        anew: Mapping[str, str] = {},
    ) -> Filed:
        """The same, as a part of the caller's unit, which holds the run's lock; what is known of the run's questions then."""
        known = list(await work.uow.requests_of_thread(run.thread_id, lock=True))
        standing = asked(snapshot)
        calls = [q.call.identity for _, together in standing for q in together if q.call is not None]
        actions = await work.uow.actions_at(calls, lock=True)
        found = Filed([], {request.id: request for request in known}, actions)
        before = Before(known, await work.uow.queued_runs(run.thread_id), actions)
        successor = any(after.on_new_input == "supersede" for after in before.waiting)
        ids = {item.id for item, _ in standing}
        tasks = {q.call.identity.checkpoint_ns for _, (q, *_) in standing if q.call is not None}
        room = await self._room(work, known, ids, tasks)
        bound: set[str] = set()
        for item, together in standing:
            full, why = len(found.opened) >= room, anew.get(item.id)
            for request, is_new in await self._bind(
                work, run, item, together, before, full=full, why_anew=why
            ):
                bound.add(request.id)
                found.requests[request.id] = request
                if not is_new:
                    continue
                found.opened.append(request)
                if successor:  # it would only be asked to be taken back: nobody is bothered with a card
                    await self.supersede(work, request, "New input replaced this run")
                else:
                    await self.post(work, request)
        open_still = [r for r in known if r.run_id == run.id and r.status == "pending" and r.id not in bound]
        for request in open_still:
            if request.interrupt_id in ids and request.action_id is None:
                await self.supersede(work, request, "The run asks something else now")
            elif complete and not await self._waits_its_turn(work, request, tasks):
                await self.supersede(work, request, "The run moved on without this answer")
        return found

    async def _room(
        self, work: Work, known: Sequence[ReviewRequest], ids: Collection[str], tasks: Collection[str]
    ) -> int:
        """How many more requests the thread may have open, beside those that stay open."""
        pending = [request for request in known if request.status == "pending"]
        if len(pending) + len(ids) <= self._max_pending:
            return self._max_pending  # enough for all of them, whatever stays
        stay = [r for r in pending if r.interrupt_id in ids or await self._waits_its_turn(work, r, tasks)]
        return self._max_pending - len(stay)

    async def _waits_its_turn(self, work: Work, request: ReviewRequest, tasks: Collection[str]) -> bool:
        """Calls that share a task show one question at a time, and not always the same one first: the others are still asked."""
        action = await work.uow.action(request.action_id) if request.action_id else None
        open_status = "unknown" if request.kind == "outcome" else "waiting"
        return action is not None and action.status == open_status and action.identity.checkpoint_ns in tasks

    async def _bind(
        self,
        work: Work,
        run: Run,
        item: PendingInterrupt,
        together: Sequence[Question],
        thread: Before,
        *,
        full: bool,
        why_anew: str | None,
    ) -> Sequence[tuple[ReviewRequest, bool]]:
        """The requests of one interrupt, and which of them are new. ``full``: a further call of ours is refused."""
        known = thread.requests
        first = max((r.position + 1 for r in known if r.interrupt_id == item.id), default=0)
        if together[0].call is not None:
            found = [
                await self._bind_own(work, run, item, question, thread, first + position, full=full)
                for position, question in enumerate(together)
            ]
            return [pair for pair in found if pair is not None]
        if together[0].place is not None:
            return [await self._bind_placed(work, run, item, together[0], thread, first)]
        before = filed(item, together, known)
        if before and (why_anew is None or any(request.status == "pending" for request in before)):
            if why_anew is not None:
                before = [await self._note(work, request, why_anew) for request in before]
            return [(request, False) for request in before]
        return [
            (
                await self.file(
                    work,
                    run,
                    item,
                    question,
                    first + position,
                    thread.waiting,
                    content=dialects.fingerprint(together, position),
                    note=why_anew,
                ),
                True,
            )
            for position, question in enumerate(together)
        ]

    async def _note(self, work: Work, request: ReviewRequest, text: str) -> ReviewRequest:
        """Whoever still has to decide this is told something more."""
        if request.status == "pending" and text not in request.notes:
            notes = (*request.notes, text)
            request = replace(request, notes=notes, version=request.version + 1, updated_at=work.now)
            await work.show(request)
        return request

    async def _bind_own(
        self,
        work: Work,
        run: Run,
        item: PendingInterrupt,
        question: Question,
        thread: Before,
        position: int,
        *,
        full: bool,
    ) -> tuple[ReviewRequest, bool] | None:
        # LangGraph numbers a task's interrupts by the answers it remembers: after a crash, or among parallel calls of one task, an id
        # comes again with another question. So our own are known by their action.
        assert question.call is not None  # noqa: S101 – that is what makes it our own
        action = thread.actions.get(question.call.identity)
        if question.kind == "outcome":
            if action is None or action.status != "unknown" or question.early:
                return None  # settled meanwhile, or somebody is at it, or the gate looks again: nothing to ask a person
        elif action is not None and action.status != "waiting":
            return None  # decided: the next resume carries the answer
        open_request = (
            answers.open_request_of(action, question, thread.requests) if action is not None else None
        )
        if open_request is None and full and answers.may_be_refused(question, action):
            await self._refuse(work, run, question.call, question.plan, action)
            return None
        if open_request is None:
            before = answers.edited_from(action, thread.requests) if action is not None else None
            new = await self.file(
                work, run, item, question, position, thread.waiting, action=action, edited_from=before
            )
            return new, True
        if open_request.interrupt_id != item.id:
            open_request = replace(open_request, interrupt_id=item.id, position=position, updated_at=work.now)
            await work.uow.save_request(open_request)
        return open_request, False

    async def _bind_placed(
        self,
        work: Work,
        run: Run,
        item: PendingInterrupt,
        question: Question,
        thread: Before,
        position: int,
    ) -> tuple[ReviewRequest, bool]:
        """A step or an ``ask``: known by its place, whatever id it has this time."""
        request = answering(question, thread.requests)
        if request is None or not (
            request.status == "pending" or request.decision or withdrawn(request, run.id)
        ):
            new = await self.file(
                work, run, item, question, position, thread.waiting, content=question.digest
            )
            return new, True
        if request.status == "pending" and request.interrupt_id != item.id:
            request = replace(request, interrupt_id=item.id, position=position, updated_at=work.now)
            await work.uow.save_request(request)
        return request, False

    async def _refuse(
        self, work: Work, run: Run, call: ActionRequest, plan: ReviewPlan, action: Action | None
    ) -> None:
        """Nobody is asked: people who are flooded with questions do not read them. The run goes on with the refusal."""
        reason = f"{self._max_pending} questions of this thread wait for people already"
        why = f"{call.name} was not called: {reason}, and no more are asked at a time. Call it again when some are answered."
        refused = plan.model_copy(update={"reason": reason})
        await refuse(self._ledger, work, call, refused, why, run_id=run.id, action=action)
        await work.want(run.id)

    async def file(  # noqa: PLR0913 – each is one fact of the request
        self,
        work: Work,
        run: Run,
        item: PendingInterrupt,
        question: Question,
        position: int,
        waiting: Sequence[Run],
        *,
        action: Action | None = None,
        content: str = "",
        edited_from: dict[str, Any] | None = None,
        note: str | None = None,
    ) -> ReviewRequest:
        """Store one question as a request, with its action where it has one; nobody is told of it yet. ``waiting``: the queued runs."""
        request_id, action_id = new_id(), action.id if action else new_id()
        plan, call = self.complete(question.plan, run.labels), question.call
        deadline_at, due_at = deadlines.times(plan, question.kind, work.now)
        if call is not None and action is None:
            action = await self._ledger.propose(
                work,
                call,
                plan,
                action_id=action_id,
                run_id=run.id,
                request_id=request_id,
                idempotent=question.idempotent,
            )
        elif action is not None and question.kind == "tool_call":
            action = replace(
                action, request_id=request_id, run_id=action.run_id or run.id, updated_at=work.now
            )
            await work.uow.save_action(action)
        notes = [] if note is None else [note]
        notes += [after.note for after in waiting if after.note]
        if action is not None and action.edited:
            notes.append("A reviewer edited the call, and the policy asks about the edited one")
        request = ReviewRequest(
            id=request_id,
            code=new_code(),
            kind=question.kind,
            status="pending",
            version=1,
            run_id=run.id,
            thread_id=run.thread_id,
            graph=run.graph,
            interrupt_id=item.id,
            position=position,
            checkpoint_ns=question.place.checkpoint_ns if question.place else item.checkpoint_ns,
            plan=plan,
            audience=self._directory.audience(plan.approvers, run.labels),
            title=question.title,
            description=question.description,
            tool=call.name if call else question.tool,
            args=dict(action.args) if action else question.shown,
            digest=action.digest if action else content,
            response_schema=question.response_schema,
            action_id=action.id if action else None,
            requester=run.requester,
            deadline_at=deadline_at,
            due_at=due_at,
            notes=(*question.notes, *notes),
            step=question.step,
            round=question.round,
            ordinal=question.place.ordinal if question.place else None,
            edited_from=edited_from,
            labels=dict(run.labels),
            created_at=work.now,
            updated_at=work.now,
        )
        for _ in range(CODE_TRIES):
            if await work.uow.add_request(request):
                break
            request = replace(request, code=new_code())
        else:
            msg = f"no request could be stored for interrupt {item.id} of thread {run.thread_id}"
            raise RuntimeError(msg)
        work.remember(request)
        await work.audit(
            "request.opened",
            "gate",
            request=request,
            digest=request.digest,
            reason=plan.reason,
            round=request.round,
        )
        return request

    def complete(self, plan: ReviewPlan, labels: Mapping[str, str]) -> ReviewPlan:
        """The plan with its approvers filled in where the policy names none: by the settings, and by the channels where it is asked."""
        there = [each for channel in self._channels for each in channel.approvers(labels)]
        return plan.completed([*self._default_approvers, *there])

    async def leave_notices(
        self, work: Work, request: ReviewRequest, cards: Sequence[Card], occasion: Occasion, *, key: str = ""
    ) -> None:
        """What the channels that show a request say once on an occasion; stored with it. ``key`` tells occasions of one kind apart."""
        for channel in self._channels:
            for card in cards:
                if card.target.channel != channel.name:
                    continue
                for draft in channel.notices(hide_request(request), card, occasion):
                    unique = f"{channel.name}:{request.id}:{key}{draft.key}"
                    await work.tell(channel.name, replace(draft, key=unique))

    async def post(self, work: Work, request: ReviewRequest) -> None:
        """A card in every place where the request belongs and has none."""
        for channel in self._channels:
            for target in channel.targets(request):
                card = Card(
                    id=new_id(),
                    request_id=request.id,
                    target=target,
                    created_at=work.now,
                    wanted=request.version,
                )
                if await work.uow.add_card(card):
                    work.wake("card", card.id, channel.name)

    async def supersede(self, work: Work, request: ReviewRequest, why: str) -> None:
        """Take a pending request back: the run moved on, or will. Its action is denied with ``why``."""
        step("request", request.status, "superseded")
        gone = replace(
            request,
            status="superseded",
            version=request.version + 1,
            notes=(*request.notes, why),
            updated_at=work.now,
        )
        action = await work.uow.action(request.action_id, lock=True) if request.action_id else None
        if action is not None and action.status == "waiting":
            await self._ledger.decide(work, action, Decision(type="reject", message=why), "hitl")
        await work.show(gone)
        await work.want(request.run_id)
        await work.audit("request.superseded", "hitl", request=gone, reason=why)
