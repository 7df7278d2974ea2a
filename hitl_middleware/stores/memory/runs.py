"""Runs, leases, requests and submissions."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace

from hitl_middleware.actions import Place
from hitl_middleware.records import Driver, Lease, Page, ReviewRequest, Run, Submission
from hitl_middleware.review import RequestStatus, RunStatus
from hitl_middleware.stores.line import PlaceInLine, place_in_line
from hitl_middleware.stores.memory.state import RuleBroken, Verbs, oldest_first, page

ACTIVE = ("running", "suspended")


class RunVerbs(Verbs):
    """What the port says of runs and leases."""

    async def add_run(self, run: Run) -> bool:
        busy = run.status in ACTIVE and self._active(run.thread_id) is not None
        return self._add(self._state.runs, run, taken=busy)

    async def run(self, run_id: str, *, lock: bool = False) -> Run | None:
        self._may_lock(lock)
        return self._state.runs.get(run_id)

    async def active_run(self, thread_id: str, *, lock: bool = False) -> Run | None:
        self._may_lock(lock)
        return self._active(thread_id)

    async def queued_runs(self, thread_id: str) -> Sequence[Run]:
        return oldest_first(
            r for r in self._state.runs.values() if r.thread_id == thread_id and r.status == "queued"
        )

    async def set_run(
        self, run_id: str, status: RunStatus, *, error: str | None = None, driver: Driver | None = None
    ) -> bool:
        self._may_write()
        run = self._state.runs.get(run_id)
        if run is None:
            return False
        active = self._active(run.thread_id)
        if status in ACTIVE and active is not None and active.id != run_id:
            return False
        changed = replace(
            run, status=status, error=error, driver=driver or run.driver, updated_at=self._clock.now()
        )
        self._put(self._state.runs, changed)
        return True

    async def label_run(self, run_id: str, labels: Mapping[str, str]) -> None:
        self._may_write()
        if (run := self._state.runs.get(run_id)) is not None:
            self._put(self._state.runs, replace(run, labels={**run.labels, **labels}))

    async def want_run(self, run_id: str) -> str | None:
        self._may_write()
        if (run := self._state.runs.get(run_id)) is None:
            return None
        self._put(self._state.runs, replace(run, wanted=run.wanted + 1))
        return run.graph

    async def leave_run(
        self, lease: Lease, status: RunStatus, *, seen: int, error: str | None = None
    ) -> None:
        self._may_write()
        run = self._state.runs.get(lease.run_id)
        if run is None or run.fence != lease.fence:
            return
        at = run.updated_at if run.status == status else self._clock.now()
        left = replace(run, status=status, error=error, seen=max(run.seen, seen), updated_at=at)
        self._put(self._state.runs, replace(left, lease_owner=None, lease_until=None))

    async def list_runs(self, *, cursor: str | None = None, limit: int = 50) -> Page[Run]:
        return page(self._state.runs.values(), cursor, limit)

    async def acquire_lease(self, run_id: str, owner: str, seconds: float) -> Lease | None:
        self._may_write()
        run = self._state.runs.get(run_id)
        if run is None or not self._passed(run.lease_until):
            return None
        taken = replace(run, lease_owner=owner, lease_until=self._in(seconds), fence=run.fence + 1)
        self._put(self._state.runs, taken)
        return Lease(run_id, owner, taken.fence)

    async def renew_lease(self, lease: Lease, seconds: float) -> bool:
        self._may_write()
        run = self._state.runs.get(lease.run_id)
        if run is None or (run.lease_owner, run.fence) != (lease.owner, lease.fence):
            return False
        self._put(self._state.runs, replace(run, lease_until=self._in(seconds)))
        return True

    async def release_lease(self, lease: Lease) -> None:
        self._may_write()
        run = self._state.runs.get(lease.run_id)
        if run is not None and (run.lease_owner, run.fence) == (lease.owner, lease.fence):
            self._put(self._state.runs, replace(run, lease_owner=None, lease_until=None))

    def _active(self, thread_id: str) -> Run | None:
        runs = self._state.runs.values()
        return next((r for r in runs if r.thread_id == thread_id and r.status in ACTIVE), None)


class RequestVerbs(Verbs):
    """What the port says of requests and submissions."""

    async def add_request(self, request: ReviewRequest) -> bool:
        taken = self._collides(request)
        if not taken:
            self._refer(self._state.runs, request.run_id)
        return self._add(self._state.requests, request, taken=taken)

    async def request(self, request_id: str, *, lock: bool = False) -> ReviewRequest | None:
        self._may_lock(lock)
        return self._state.requests.get(request_id)

    async def requests_by_code(self, code: str) -> Sequence[ReviewRequest]:
        return oldest_first(r for r in self._state.requests.values() if r.code == code)[::-1]

    async def requests_of_thread(self, thread_id: str, *, lock: bool = False) -> Sequence[ReviewRequest]:
        self._may_lock(lock)
        return oldest_first(r for r in self._state.requests.values() if r.thread_id == thread_id)

    async def requests_of_run(self, run_id: str) -> Sequence[ReviewRequest]:
        return oldest_first(r for r in self._state.requests.values() if r.run_id == run_id)

    async def requests_at(self, place: Place) -> Sequence[ReviewRequest]:
        return oldest_first(r for r in self._state.requests.values() if r.place == place)

    async def bump_request(self, request_id: str) -> int | None:
        self._may_write()
        if (request := self._state.requests.get(request_id)) is None:
            return None
        self._put(
            self._state.requests, replace(request, version=request.version + 1, updated_at=self._clock.now())
        )
        return request.version + 1

    async def save_request(self, request: ReviewRequest) -> None:
        self._may_write()
        if request.id not in self._state.requests:
            return
        self._refer(self._state.runs, request.run_id)
        if self._collides(request):
            msg = f"request {request.id} would take another one's interrupt or code"
            raise RuleBroken(msg)
        self._put(self._state.requests, request)

    async def list_requests(
        self,
        *,
        status: RequestStatus | None = None,
        labels: Mapping[str, str] = {},
        cursor: str | None = None,
        limit: int = 50,
    ) -> Page[ReviewRequest]:
        wanted = labels.items()
        found = (
            r
            for r in self._state.requests.values()
            if status in {None, r.status} and wanted <= r.labels.items()
        )
        return page(found, cursor, limit)

    async def list_waiting(
        self, *, among: Collection[str] | None = None, cursor: str | None = None, limit: int = 50
    ) -> Page[ReviewRequest]:
        after = place_in_line(cursor)
        line = self._line(lambda r: among is None or r.audience in among)
        found = [r for r in line if after is None or PlaceInLine.of(r) > after]
        return Page(
            tuple(found[:limit]), PlaceInLine.of(found[limit - 1]).cursor if len(found) > limit else None
        )

    async def list_audiences(self, *, cursor: str | None = None, limit: int = 50) -> Page[ReviewRequest]:
        first: dict[str, ReviewRequest] = {}
        for request in self._line(lambda r: cursor is None or r.audience > cursor):
            first.setdefault(request.audience, request)
        found = [first[audience] for audience in sorted(first)]
        return Page(tuple(found[:limit]), found[limit - 1].audience if len(found) > limit else None)

    async def add_submission(self, submission: Submission) -> bool:
        self._refer(self._state.requests, submission.request_id)
        sourced = submission.source is not None
        taken = sourced and await self.submission_from(submission.source or "") is not None
        return self._add(self._state.submissions, submission, taken=taken)

    async def submission_from(self, source: str) -> Submission | None:
        return next((s for s in self._state.submissions.values() if s.source == source), None)

    async def submissions(self, request_id: str) -> Sequence[Submission]:
        return await self.submissions_of((request_id,))

    async def submissions_of(self, request_ids: Collection[str]) -> Sequence[Submission]:
        return oldest_first(s for s in self._state.submissions.values() if s.request_id in request_ids)

    def _line(self, wanted: Callable[[ReviewRequest], bool]) -> list[ReviewRequest]:
        pending = (r for r in self._state.requests.values() if r.status == "pending" and wanted(r))
        return sorted(pending, key=PlaceInLine.of)

    def _collides(self, new: ReviewRequest) -> bool:
        """Whether another request has this one's place, or both are pending under one code."""
        place = (new.thread_id, new.interrupt_id, new.position)
        return any(
            old.id != new.id
            and (
                (old.thread_id, old.interrupt_id, old.position) == place
                or (old.code == new.code and old.status == new.status == "pending")
            )
            for old in self._state.requests.values()
        )
