"""Runs and their leases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, case, exists, func, literal_column, select, update
from sqlalchemy.exc import IntegrityError

from hitl_middleware.records import Driver, Lease, Page, Run
from hitl_middleware.review import RunStatus
from hitl_middleware.stores import rows
from hitl_middleware.stores.columns import LATER, NOW
from hitl_middleware.stores.sql.base import (
    Verbs,
    insert_new,
    new,
    newest_first,
    of,
    page,
    passed,
    reading,
)
from hitl_middleware.stores.tables import RUN_ACTIVE, RUN_QUEUED, runs

_ADD = insert_new(runs)
_BY_ID = reading(select(runs).where(runs.c.id == of(runs.c.id)))
_ACTIVE = reading(select(runs).where(runs.c.thread_id == of(runs.c.thread_id), RUN_ACTIVE))
_QUEUED = reading(
    select(runs).where(runs.c.thread_id == of(runs.c.thread_id), RUN_QUEUED).order_by(runs.c.id)
)
_FIRST, _NEXT = newest_first(runs)

_SET = (
    update(runs)
    .where(runs.c.id == of(runs.c.id))
    .values(
        status=new(runs.c.status),
        error=new(runs.c.error),
        driver=func.coalesce(new(runs.c.driver), runs.c.driver),
        updated_at=NOW,
    )
)
_other = runs.alias("other")
ACTIVE_STATUSES: tuple[ColumnElement[str], ...] = (literal_column("'running'"), literal_column("'suspended'"))
_SET_STILL_ACTIVE = _SET.where(RUN_ACTIVE)
_SET_ACTIVE = _SET.where(
    ~exists(
        select(literal_column("1")).where(
            _other.c.thread_id == runs.c.thread_id,
            _other.c.id != runs.c.id,
            _other.c.status.in_(ACTIVE_STATUSES),
        )
    )
)
_LABEL = (
    update(runs)
    .where(runs.c.id == of(runs.c.id))
    .values(labels=new(runs.c.labels), updated_at=runs.c.updated_at)
)
_WANT = (
    update(runs).where(runs.c.id == of(runs.c.id)).values(wanted=runs.c.wanted + 1).returning(runs.c.graph)
)
_LEAVE = (
    update(runs)
    .where(runs.c.id == of(runs.c.id), runs.c.fence == of(runs.c.fence))
    .values(
        status=new(runs.c.status),
        error=new(runs.c.error),
        seen=case((runs.c.seen > new(runs.c.seen), runs.c.seen), else_=new(runs.c.seen)),
        updated_at=case((runs.c.status == new(runs.c.status), runs.c.updated_at), else_=NOW),
        lease_owner=None,
        lease_until=None,
    )
)

_ACQUIRE = (
    update(runs)
    .where(runs.c.id == of(runs.c.id), passed(runs.c.lease_until))
    .values(lease_owner=new(runs.c.lease_owner), lease_until=LATER, fence=runs.c.fence + 1)
    .returning(runs.c.fence)
)
_held = (
    runs.c.id == of(runs.c.id),
    runs.c.lease_owner == of(runs.c.lease_owner),
    runs.c.fence == of(runs.c.fence),
)
_RENEW = update(runs).where(*_held).values(lease_until=LATER)
_RELEASE = update(runs).where(*_held).values(lease_owner=None, lease_until=None)


class RunVerbs(Verbs):
    """What the port says of runs and leases."""

    async def add_run(self, run: Run) -> bool:
        return await self._add(_ADD, run)

    async def run(self, run_id: str, *, lock: bool = False) -> Run | None:
        return await self._first(_BY_ID, rows.run, lock=lock, of_id=run_id)

    async def active_run(self, thread_id: str, *, lock: bool = False) -> Run | None:
        return await self._first(_ACTIVE, rows.run, lock=lock, of_thread_id=thread_id)

    async def queued_runs(self, thread_id: str) -> Sequence[Run]:
        return await self._all(_QUEUED, rows.run, of_thread_id=thread_id)

    async def set_run(
        self, run_id: str, status: RunStatus, *, error: str | None = None, driver: Driver | None = None
    ) -> bool:
        values: dict[str, Any] = {
            "of_id": run_id,
            "new_status": status,
            "new_error": error,
            "new_driver": driver,
        }
        if status not in {"running", "suspended"}:
            return (await self._timed(_SET, **values)).changed == 1
        if (await self._timed(_SET_STILL_ACTIVE, **values)).changed == 1:
            return True  # it is the thread's one already: nobody can be in its way
        try:
            # On PostgreSQL two units may both find the thread free; there the unique index decides.
            async with self._connection.savepoint():
                return (await self._timed(_SET_ACTIVE, **values)).changed == 1
        except IntegrityError:
            return False

    async def label_run(self, run_id: str, labels: Mapping[str, str]) -> None:
        run = await self.run(run_id, lock=True)
        if run is not None:
            await self._execute(_LABEL, of_id=run_id, new_labels={**run.labels, **labels})

    async def want_run(self, run_id: str) -> str | None:
        return next(iter((await self._execute(_WANT, of_id=run_id)).column), None)

    async def leave_run(
        self, lease: Lease, status: RunStatus, *, seen: int, error: str | None = None
    ) -> None:
        values = {"of_id": lease.run_id, "of_fence": lease.fence}
        values |= {"new_status": status, "new_error": error, "new_seen": seen, "clock": self._time()}
        await self._tell(_LEAVE, **values)

    async def list_runs(self, *, cursor: str | None = None, limit: int = 50) -> Page[Run]:
        values = {} if cursor is None else {"of_id": cursor}
        result = await self._execute(_FIRST if cursor is None else _NEXT, rows=limit + 1, **values)
        return page(result.rows, rows.run, limit)

    async def acquire_lease(self, run_id: str, owner: str, seconds: float) -> Lease | None:
        result = await self._timed(_ACQUIRE, ahead=seconds, of_id=run_id, new_lease_owner=owner)
        return Lease(run_id, owner, result.column[0]) if result.rows else None

    async def renew_lease(self, lease: Lease, seconds: float) -> bool:
        result = await self._timed(
            _RENEW, ahead=seconds, of_id=lease.run_id, of_lease_owner=lease.owner, of_fence=lease.fence
        )
        return result.changed == 1

    async def release_lease(self, lease: Lease) -> None:
        await self._tell(_RELEASE, of_id=lease.run_id, of_lease_owner=lease.owner, of_fence=lease.fence)
