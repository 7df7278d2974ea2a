"""A few months of requests as they might have been: several graphs, people, channels and reasons, and whatever can go wrong.

``fill(store, now)`` writes them; the same each time. For pages, screenshots and notebooks that need something to show:

    ann     reads and answers in Slack                cleo   works through what waits by the dozen, on the page
    bob     approves within seconds, on GitHub        zoe    says no, with reasons
"""

from __future__ import annotations

import datetime as dt
import random
import uuid
from dataclasses import dataclass, field, replace
from typing import Any

from hitl_middleware import audit
from hitl_middleware.actions import Decision, DecisionType, EditedAction, Identity
from hitl_middleware.ids import CODE_LENGTH, CROCKFORD
from hitl_middleware.policy import ReviewPlan
from hitl_middleware.ports import Store
from hitl_middleware.records import Action, AuditEvent, ReviewRequest, Run, Submission
from hitl_middleware.review import STATUS_AFTER, ActionStatus, RequestKind

SECOND = dt.timedelta(seconds=1)
PEOPLE = {
    "ann": ("slack:U024BE7LH", "Ann Archer", "slack"),
    "bob": ("github:bob", "bob", "github"),
    "cleo": ("slack:U0CLEO0001", "Cleo Marsh", "inbox"),
    "zoe": ("github:zoe", "Zoë Quill", "github"),
}
REASONS = (
    "The amount does not fit the order.", "the amount does not fit the order", "The amount does  not fit the order.",
    "Wrong customer", "wrong customer.", "Needs a test", "Needs a test", "Not before the release", "Ask legal first", None,
)  # fmt: skip

WAITING, BURST = 6, 9
"""Of all requests: those that nobody has answered yet, and those that cleo approves one after the other."""


@dataclass(frozen=True, slots=True)
class Step:
    """What a graph asks: how long people take for it (seconds, half of them less), and how often they approve."""

    graph: str
    name: str
    kind: RequestKind
    takes: float
    approved: float
    often: int
    risk: str | None = None


STEPS = (
    Step("support", "process_refund", "tool_call", 420, 0.7, 5, "money"),
    Step("support", "update_email", "tool_call", 1_500, 0.8, 2, "high"),
    Step("support", "send_draft", "tool_call", 90, 1.0, 6),
    Step("sdlc-bugfix", "fix-review", "step", 9_000, 0.55, 3),
    Step("sdlc-bugfix", "merge-approval", "step", 3_600, 0.85, 3, "high"),
    Step("human-approval", "plan-review", "step", 40_000, 0.6, 2),
    Step("human-approval", "a_tool_whose_name_is_longer_than_anybody_would_like", "tool_call", 600, 0.7, 1),
)


@dataclass(slots=True)
class History:
    """What there is to write."""

    runs: list[Run] = field(default_factory=list)
    requests: list[ReviewRequest] = field(default_factory=list)
    submissions: list[Submission] = field(default_factory=list)
    actions: list[Action] = field(default_factory=list)
    events: list[AuditEvent] = field(default_factory=list)


async def fill(store: Store, now: dt.datetime, *, count: int = 400, days: float = 75) -> History:
    """Write ``count`` requests of the last ``days`` days, and seal their events."""
    made = history(now, count=count, days=days)
    for at in range(0, len(made.runs), 500):
        async with store.begin() as uow:
            for run in made.runs[at : at + 500]:
                assert await uow.add_run(run)
    async with store.begin() as uow:
        for request in made.requests:
            assert await uow.add_request(request)
        for submission in made.submissions:
            assert await uow.add_submission(submission)
        for action in made.actions:
            assert await uow.add_action(action)
        for event in made.events:
            await uow.append(event)
    while await audit.seal(store):
        pass
    return made


def history(now: dt.datetime, *, count: int = 400, days: float = 75) -> History:
    """The same, not yet written."""
    return _Author(now, days).written(count)


class _Author:
    def __init__(self, now: dt.datetime, days: float) -> None:
        self._count = 0
        self._now = now
        self._days = days
        self._luck = random.Random(7)
        self._made = History()

    def written(self, count: int) -> History:
        moments = sorted(
            self._now - dt.timedelta(days=self._days) * self._luck.random() ** 1.4 for _ in range(count)
        )
        for at in moments[: count - WAITING - BURST]:
            self._ask(self._luck.choices(STEPS, [each.often for each in STEPS])[0], at)
        burst = self._now - dt.timedelta(days=2, hours=3)
        for number in range(BURST):
            self._ask(STEPS[0], burst - dt.timedelta(minutes=50 - number), burst + number * 5 * SECOND)
        for number in range(WAITING):
            at = self._now - dt.timedelta(minutes=9 * (WAITING - number))
            self._ask(STEPS[number % len(STEPS)], at, self._now + SECOND)
        self._sessions()
        self._made.events.sort(key=lambda event: event.id)
        return self._made

    def _ask(self, step: Step, at: dt.datetime, burst: dt.datetime | None = None) -> None:
        """``burst``: when it is approved, where that is not left to luck."""
        run_id, request_id, action_id = self._id(at), self._id(at), self._id(at)
        thread = f"{step.graph}-{run_id[-6:]}"
        run = Run(
            id=run_id, thread_id=thread, graph=step.graph, status="suspended", driver="hitl", created_at=at, updated_at=at,
            requester="slack:U0REQ00001", started_by="api", seen=1,
        )  # fmt: skip
        plan = ReviewPlan(
            verdict="ask", approvers=("group:reviewers",), risk=step.risk, reason=f"{step.name} is asked", policy_version="1",
            required_approvals=2 if step.name == "merge-approval" else 1, redact=("iban",),
        )  # fmt: skip
        args = {
            "order_id": f"A-{self._luck.randrange(1_000, 9_999)}",
            "amount_cents": self._luck.randrange(500, 90_000),
            "iban": "DE00 0000",
        }
        tool = step.name if step.kind == "tool_call" else None
        request = ReviewRequest(
            id=request_id, code=self._code(), kind=step.kind, status="pending", version=1, run_id=run_id, thread_id=thread,
            graph=step.graph, interrupt_id=f"i-{request_id}", plan=plan, title=step.name.replace("_", " ").capitalize(),
            created_at=at, updated_at=at, tool=tool, args=args, step=None if tool else step.name, round=None if tool else 1,
            action_id=action_id if tool else None, requester=run.requester,
        )  # fmt: skip
        action = Action(
            id=action_id, identity=Identity(thread, "tools:1", f"call-{action_id}"), tool=step.name, args=args, digest="d",
            proposed_digest="d", plan=plan, status="waiting", idempotency_key=action_id, created_at=at, updated_at=at,
            run_id=run_id, request_id=request_id,
        )  # fmt: skip
        self._event(at, "run.started", "api", None, request)
        self._event(at, "request.opened", "hitl", None, request)
        self._answer(step, run, request, action, burst)

    def _answer(
        self, step: Step, run: Run, request: ReviewRequest, action: Action, burst: dt.datetime | None
    ) -> None:
        luck = self._luck
        who = "cleo" if burst else luck.choices(list(PEOPLE), [5, 3, 2, 2])[0]
        hasty = who == "bob" and not request.plan.by_several and luck.random() < 0.6
        took = 2.0 if hasty else step.takes * luck.lognormvariate(0, 1.1)
        decided = burst or request.created_at + dt.timedelta(seconds=max(1.0 if hasty else 20.0, took))
        if decided > self._now:
            self._keep(run, request, action)
            return
        if not burst and luck.random() < 0.04:
            expired = replace(request, status=luck.choice(["expired", "superseded"]), updated_at=decided)
            self._event(decided, f"request.{expired.status}", "hitl", None, expired)
            self._keep(replace(run, status="cancelled"), expired, replace(action, status="denied"))
            return
        decision = self._decision(step, who, request, burst)
        answers = (
            [who, "ann" if who != "ann" else "zoe"]
            if request.plan.by_several and decision.type == "approve"
            else [who]
        )
        for each in answers[::-1]:
            identity, name, via = PEOPLE[each]
            at = decided if each == who else request.created_at + (decided - request.created_at) / 2
            self._made.submissions.append(
                Submission(
                    id=self._id(at), request_id=request.id, person=identity, name=name, via=via, decision=decision,
                    created_at=at, counts_as=each,
                )
            )  # fmt: skip
            self._event(at, "submission.received", identity, via, request, decision=decision.type)
        identity, name, via = PEOPLE[who]
        status = STATUS_AFTER[decision.type]
        done = replace(
            request, status=status, version=2, decision=decision, decided_by=identity, decided_by_name=name, decided_at=decided,
            decided_via=via, updated_at=decided,
        )  # fmt: skip
        self._event(decided, f"request.{status}", identity, via, done, decision=decision.type)
        self._keep(replace(run, status="succeeded"), done, self._performed(done, action, decided))

    def _decision(self, step: Step, who: str, request: ReviewRequest, burst: dt.datetime | None) -> Decision:
        luck = self._luck
        approved = step.approved if who != "zoe" or step.approved == 1 else 0.2
        if burst or who == "bob" or luck.random() < approved:
            if request.tool and luck.random() < 0.12 and not burst:
                args = {**(request.args or {}), "amount_cents": 100}
                return Decision(type="edit", edited_action=EditedAction(name=request.tool, args=args))
            return Decision(type="approve")
        kind: DecisionType = "feedback" if luck.random() < 0.3 else "reject"
        return Decision(type=kind, message=luck.choice(REASONS) if kind == "reject" else "Shorter, please")

    def _performed(self, request: ReviewRequest, action: Action, at: dt.datetime) -> Action:
        if request.status != "approved":
            return replace(action, status="denied", decided_by=request.decided_by)
        status: ActionStatus = self._luck.choices(["succeeded", "failed", "unknown"], [90, 6, 4])[0]  # type: ignore[assignment]  # one of them
        if request.tool:
            self._event(at + SECOND, "action.claimed", "hitl", None, request)
            self._event(at + 2 * SECOND, f"action.{status}", "hitl", None, request)
        error = None if status == "succeeded" else "The service did not answer in time."
        return replace(
            action,
            status=status,
            attempts=1,
            error=error,
            decided_by=request.decided_by,
            updated_at=at + 2 * SECOND,
        )

    def _keep(self, run: Run, request: ReviewRequest, action: Action) -> None:
        self._made.runs.append(run)
        self._made.requests.append(request)
        if request.tool:
            self._made.actions.append(action)

    def _sessions(self) -> None:
        for number, (identity, name, _) in enumerate(PEOPLE.values()):
            at = self._now - dt.timedelta(days=2, hours=number)
            facts: dict[str, Any] = {"name": name, "role": "reviewer", "from": "127.0.0.1"}
            via = identity.partition(":")[0]
            self._made.events.append(
                AuditEvent(id=self._id(at), at=at, kind="session.begun", actor=identity, via=via, data=facts)
            )

    def _event(
        self, at: dt.datetime, kind: str, actor: str, via: str | None, request: ReviewRequest, **data: Any
    ) -> None:
        where = {"graph": request.graph, "tool": request.tool, "step": request.step, **data}
        self._made.events.append(
            AuditEvent(
                id=self._id(at), at=at, kind=kind, actor=actor, via=via, run_id=request.run_id, request_id=request.id,
                action_id=request.action_id, thread_id=request.thread_id,
                data={name: value for name, value in where.items() if value is not None},
            )
        )  # fmt: skip

    def _id(self, at: dt.datetime) -> str:
        """A UUIDv7 (RFC 9562, 5.7) of that moment; later ones of the same millisecond are larger."""
        self._count += 1
        number = int(at.timestamp() * 1_000) << 80 | 7 << 76 | (self._count >> 18 & 0xFFF) << 64
        return str(
            uuid.UUID(int=number | 0b10 << 62 | (self._count & 0x3FFFF) << 44 | self._luck.getrandbits(44))
        )

    def _code(self) -> str:
        return "".join(self._luck.choices(CROCKFORD, k=CODE_LENGTH))
