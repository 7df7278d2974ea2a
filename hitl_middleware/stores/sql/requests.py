"""Review requests and the answers given to them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Select, Text, bindparam, select, type_coerce, update

from hitl_middleware.actions import Place
from hitl_middleware.records import Page, ReviewRequest, Submission
from hitl_middleware.review import RequestStatus
from hitl_middleware.stores import rows
from hitl_middleware.stores.columns import NOW, Within, written
from hitl_middleware.stores.sql.base import Verbs, insert_new, newest_first, of, page, reading
from hitl_middleware.stores.tables import (
    REQUEST_PLACED,
    SUBMISSION_SOURCED,
    requests,
    submissions,
)

_ADD = insert_new(requests)
_BY_ID = reading(select(requests).where(requests.c.id == of(requests.c.id)))
_BY_CODE = reading(
    select(requests).where(requests.c.code == of(requests.c.code)).order_by(requests.c.id.desc())
)
_OF_THREAD = reading(
    select(requests).where(requests.c.thread_id == of(requests.c.thread_id)).order_by(requests.c.id)
)
_OF_RUN = reading(select(requests).where(requests.c.run_id == of(requests.c.run_id)).order_by(requests.c.id))
AT_PLACE = reading(
    select(requests)
    .where(
        requests.c.thread_id == of(requests.c.thread_id),
        requests.c.checkpoint_ns == of(requests.c.checkpoint_ns),
        requests.c.ordinal == of(requests.c.ordinal),
        REQUEST_PLACED,
    )
    .order_by(requests.c.id)
)
_SAVE = update(requests).where(requests.c.id == of(requests.c.id))
_BUMP = (
    update(requests)
    .where(requests.c.id == of(requests.c.id))
    .values(version=requests.c.version + 1, updated_at=NOW)
    .returning(requests.c.version)
)


@cache
def _listing(labels: int, *, of_status: bool) -> tuple[Select[Any], Select[Any]]:
    conditions: list[ColumnElement[bool]] = [
        Within(bindparam(f"label_{number}", type_=Text()), type_coerce(requests.c.labels, Text()))
        for number in range(labels)
    ]
    if of_status:
        conditions.append(requests.c.status == of(requests.c.status))
    return newest_first(requests, *conditions)


def labelled(pair: tuple[str, str]) -> str:
    """What stands in the column where a label has a value: a quote inside a name or a value is written with a backslash before it."""
    return written(dict([pair]))[1:-1]


_SUBMIT = insert_new(submissions)
_FROM = reading(
    select(submissions).where(submissions.c.source == of(submissions.c.source), SUBMISSION_SOURCED)
)
_SUBMISSIONS = reading(
    select(submissions)
    .where(submissions.c.request_id == of(submissions.c.request_id))
    .order_by(submissions.c.id)
)
_SUBMISSIONS_OF = reading(
    select(submissions)
    .where(submissions.c.request_id.in_(bindparam("requests", expanding=True)))
    .order_by(submissions.c.id)
)


class RequestVerbs(Verbs):
    """What the port says of requests and submissions."""

    async def add_request(self, request: ReviewRequest) -> bool:
        return await self._add(_ADD, request)

    async def request(self, request_id: str, *, lock: bool = False) -> ReviewRequest | None:
        return await self._first(_BY_ID, rows.request, lock=lock, of_id=request_id)

    async def requests_by_code(self, code: str) -> Sequence[ReviewRequest]:
        return await self._all(_BY_CODE, rows.request, of_code=code)

    async def requests_of_thread(self, thread_id: str, *, lock: bool = False) -> Sequence[ReviewRequest]:
        return await self._all(_OF_THREAD, rows.request, lock=lock, of_thread_id=thread_id)

    async def requests_of_run(self, run_id: str) -> Sequence[ReviewRequest]:
        return await self._all(_OF_RUN, rows.request, of_run_id=run_id)

    async def requests_at(self, place: Place) -> Sequence[ReviewRequest]:
        return await self._all(
            AT_PLACE,
            rows.request,
            of_thread_id=place.thread_id,
            of_checkpoint_ns=place.checkpoint_ns,
            of_ordinal=place.ordinal,
        )

    async def save_request(self, request: ReviewRequest) -> None:
        await self._save(_SAVE, request)

    async def bump_request(self, request_id: str) -> int | None:
        found = (await self._timed(_BUMP, of_id=request_id)).column
        return found[0] if found else None

    async def list_requests(
        self,
        *,
        status: RequestStatus | None = None,
        labels: Mapping[str, str] = {},
        cursor: str | None = None,
        limit: int = 50,
    ) -> Page[ReviewRequest]:
        first, following = _listing(len(labels), of_status=status is not None)
        values = {f"label_{number}": labelled(pair) for number, pair in enumerate(labels.items())}
        if status is not None:
            values["of_status"] = str(status)
        if cursor is not None:
            values["of_id"] = cursor
        result = await self._execute(first if cursor is None else following, rows=limit + 1, **values)
        return page(result.rows, rows.request, limit)

    async def add_submission(self, submission: Submission) -> bool:
        return await self._add(_SUBMIT, submission)

    async def submission_from(self, source: str) -> Submission | None:
        return await self._first(_FROM, rows.submission, of_source=source)

    async def submissions(self, request_id: str) -> Sequence[Submission]:
        return await self._all(_SUBMISSIONS, rows.submission, of_request_id=request_id)

    async def submissions_of(self, request_ids: Collection[str]) -> Sequence[Submission]:
        if not request_ids:
            return ()
        return await self._all(_SUBMISSIONS_OF, rows.submission, requests=list(request_ids))
