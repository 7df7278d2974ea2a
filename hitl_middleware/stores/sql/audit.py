"""Audit events and the end of their chain."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import fields
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Select, bindparam, func, insert, select, update

from hitl_middleware.ports import AuditSearch
from hitl_middleware.records import AuditEvent, ChainHead
from hitl_middleware.stores import rows
from hitl_middleware.stores.columns import Words
from hitl_middleware.stores.sql.base import Verbs, new, of, reading
from hitl_middleware.stores.tables import AUDIT_SEALED, AUDIT_UNSEALED, audit, audit_head

_APPEND = insert(audit)
_UNSEALED = reading(select(audit).where(AUDIT_UNSEALED).order_by(audit.c.id).limit(bindparam("rows")))
_HEAD = reading(select(audit_head.c.seq, audit_head.c.hash).where(audit_head.c.id == 1))
_SEAL = (
    update(audit)
    .where(audit.c.id == of(audit.c.id), AUDIT_UNSEALED)
    .values(seq=new(audit.c.seq), hash=new(audit.c.hash))
)
_MOVE_HEAD = update(audit_head).where(audit_head.c.id == 1)
_LIST = select(audit).where(audit.c.seq > of(audit.c.seq)).order_by(audit.c.seq).limit(bindparam("rows"))

_FOUND: dict[str, ColumnElement[bool]] = {
    "kind": audit.c.kind == of(audit.c.kind),
    # No range of the index of kinds: most events are of the few families, and those would have to be sorted.
    "family": func.substr(audit.c.kind, 1, bindparam("letters")) == bindparam("of_family", type_=Words()),
    "actors": audit.c.actor.in_(bindparam("of_actors", type_=Words(), expanding=True)),
    "run_id": audit.c.run_id == of(audit.c.run_id),
    "request_id": audit.c.request_id == of(audit.c.request_id),
    "thread_id": audit.c.thread_id == of(audit.c.thread_id),
    "since": audit.c.at >= bindparam("of_since"),
    "until": audit.c.at < bindparam("of_until"),
    "after": audit.c.seq > of(audit.c.seq),
    "before": audit.c.seq < of(audit.c.seq),
}


@cache
def finding(wanted: Collection[str], *, newest_first: bool) -> Select[Any]:
    """Sealed events under these conditions (a frozen set of names of ``_FOUND``), in order or in the other direction."""
    order = audit.c.seq.desc() if newest_first else audit.c.seq
    conditions = [condition for name, condition in _FOUND.items() if name in wanted]
    return select(audit).where(AUDIT_SEALED, *conditions).order_by(order).limit(bindparam("rows"))


class AuditVerbs(Verbs):
    """What the port says of the audit."""

    async def append(self, event: AuditEvent) -> None:
        await self._tell(_APPEND, **rows.row_of(event))

    async def unsealed(self, limit: int) -> Sequence[AuditEvent]:
        return await self._all(_UNSEALED, rows.event, rows=limit)

    async def chain_head(self, *, lock: bool = False) -> ChainHead:
        head = await self._first(_HEAD, lambda row: ChainHead(row["seq"], row["hash"]), lock=lock)
        return head or ChainHead(0, "")

    async def seal(self, events: Sequence[AuditEvent], head: ChainHead) -> None:
        sealed = [{"of_id": event.id, "new_seq": event.seq, "new_hash": event.hash} for event in events]
        if sealed:
            await self._connection.execute(_SEAL, sealed)
        await self._tell(_MOVE_HEAD, seq=head.seq, hash=head.hash)

    async def list_audit(
        self, *, after: int = 0, limit: int = 500, run_id: str | None = None, request_id: str | None = None
    ) -> Sequence[AuditEvent]:
        statement, values = _LIST, {"of_seq": after, "rows": limit}
        if run_id is not None:
            statement = statement.where(audit.c.run_id == run_id)
        if request_id is not None:
            statement = statement.where(audit.c.request_id == request_id)
        return tuple(rows.event(row) for row in (await self._execute(statement, **values)).rows)

    async def find_audit(
        self, search: AuditSearch, *, cursor: int | None = None, newest_first: bool = False, limit: int = 100
    ) -> Sequence[AuditEvent]:
        wanted = {
            field.name: value
            for field in fields(search)
            if (value := getattr(search, field.name)) not in {None, ()}
        }
        values = {f"of_{name}": value for name, value in wanted.items()}
        names = set(wanted)
        if search.family is not None:
            names = (names - {"kind"}) | {"family"}
            del values["of_kind"]
            values |= {"of_family": search.family, "letters": len(search.family)}
        if cursor is not None:
            names.add("before" if newest_first else "after")
            values["of_seq"] = cursor
        statement = finding(frozenset(names), newest_first=newest_first)
        return tuple(rows.event(row) for row in (await self._execute(statement, rows=limit, **values)).rows)
