"""Actions and the claims on them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, and_, bindparam, case, exists, literal_column, select, update

from hitl_middleware.actions import Identity
from hitl_middleware.records import Action, Lease
from hitl_middleware.stores import rows
from hitl_middleware.stores.columns import LATER, NOW, kept
from hitl_middleware.stores.sql.base import Verbs, insert_new, new, of, reading, taken
from hitl_middleware.stores.tables import ACTION_EXECUTING, RUN_ACTIVE, actions, runs

_ADD = insert_new(actions)
_BY_ID = reading(select(actions).where(actions.c.id == of(actions.c.id)))
_IDENTIFIED = and_(
    actions.c.thread_id == of(actions.c.thread_id),
    actions.c.checkpoint_ns == of(actions.c.checkpoint_ns),
    actions.c.tool_call_id == of(actions.c.tool_call_id),
)
_BY_IDENTITY = reading(select(actions).where(_IDENTIFIED))
_OF_CALLS = reading(
    select(actions).where(
        actions.c.thread_id == of(actions.c.thread_id),
        actions.c.tool_call_id.in_(bindparam("calls", expanding=True)),
    )
)
_one = select(literal_column("1").label("one")).subquery()
_CALL = reading(
    select(
        actions,
        case(
            (
                actions.c.run_id.is_not(None),
                select(runs.c.requester).where(runs.c.id == actions.c.run_id).scalar_subquery(),
            ),
            else_=select(runs.c.requester)
            .where(runs.c.thread_id == of(actions.c.thread_id), RUN_ACTIVE)
            .scalar_subquery(),
        ).label("asked_by"),
    ).select_from(_one.outerjoin(actions, _IDENTIFIED))
)
_OF_RUN = reading(select(actions).where(actions.c.run_id == of(actions.c.run_id)).order_by(actions.c.id))
_BY_IDS = reading(select(actions).where(actions.c.id.in_(bindparam("ids", expanding=True))))
_DENIED = reading(
    select(actions)
    .where(
        actions.c.thread_id == of(actions.c.thread_id),
        actions.c.tool == of(actions.c.tool),
        actions.c.status == literal_column("'denied'"),
    )
    .order_by(actions.c.id.desc())
    .limit(bindparam("rows"))
)
_SAVE = update(actions).where(actions.c.id == of(actions.c.id))

_CLAIM = (
    update(actions)
    .where(
        actions.c.id == of(actions.c.id),
        actions.c.status == literal_column("'approved'"),
        actions.c.digest == of(actions.c.digest),
    )
    .values(
        status=literal_column("'executing'"),
        claim_id=new(actions.c.claim_id),
        claim_owner=new(actions.c.claim_owner),
        claim_until=LATER,
        attempts=actions.c.attempts + 1,
        updated_at=NOW,
    )
    .returning(actions)
)
_ONE: ColumnElement[int] = literal_column("1")
_CLAIM_UNDER_LEASE = _CLAIM.where(
    actions.c.run_id.is_(None) | (actions.c.run_id == of(actions.c.run_id)),
    exists(select(_ONE).where(runs.c.id == of(actions.c.run_id), runs.c.fence == of(runs.c.fence))),
)
_CLAIM_WITHOUT_LEASE = _CLAIM.where(
    ~exists(select(_ONE).where(runs.c.id == actions.c.run_id, runs.c.lease_until > NOW)),
)
# A row that somebody has locked is being settled or released: there is nothing to keep alive, and nobody to wait for while holding others.
_MINE = (
    select(actions.c.id)
    .where(
        ACTION_EXECUTING,
        actions.c.claim_id.in_(bindparam("claims", expanding=True)),
        actions.c.claim_owner == of(actions.c.claim_owner),
    )
    .with_for_update(key_share=True, skip_locked=True)
)
_RENEW = (
    update(actions).where(actions.c.id.in_(_MINE)).values(claim_until=LATER).returning(actions.c.claim_id)
)
_DEAD = (
    select(actions)
    .where(ACTION_EXECUTING, actions.c.claim_until < LATER)
    .order_by(actions.c.claim_until)
    .limit(bindparam("rows"))
)
_DEAD_LOCKING = _DEAD.with_for_update(key_share=True, skip_locked=True)


class ActionVerbs(Verbs):
    """What the port says of actions."""

    async def add_action(self, action: Action) -> bool:
        return await self._add(_ADD, action)

    async def action(self, action_id: str, *, lock: bool = False) -> Action | None:
        return await self._first(_BY_ID, rows.action, lock=lock, of_id=action_id)

    async def action_by_identity(self, identity: Identity, *, lock: bool = False) -> Action | None:
        values = {f"of_{name}": value for name, value in rows.identity_columns(identity).items()}
        return await self._first(_BY_IDENTITY, rows.action, lock=lock, **values)

    async def actions_at(
        self, identities: Collection[Identity], *, lock: bool = False
    ) -> Mapping[Identity, Action]:
        if len(identities) < 2:
            found = {each: await self.action_by_identity(each, lock=lock) for each in identities}
            return {identity: action for identity, action in found.items() if action is not None}
        asked = {Identity(*map(kept, rows.identity_columns(each).values())): each for each in identities}
        (thread_id,) = {each.thread_id for each in asked}
        calls = sorted({each.tool_call_id for each in asked})
        known = await self._all(_OF_CALLS, rows.action, lock=lock, of_thread_id=thread_id, calls=calls)
        return {asked[action.identity]: action for action in known if action.identity in asked}

    async def call(self, identity: Identity) -> tuple[Action | None, str | None]:
        values: dict[str, Any] = {
            f"of_{name}": value for name, value in rows.identity_columns(identity).items()
        }
        (found,) = await self._read(_CALL, **values)
        known = dict(found)
        asked_by = known.pop("asked_by")
        return rows.action(known) if known["id"] is not None else None, asked_by

    async def actions_of_run(self, run_id: str) -> Sequence[Action]:
        return await self._all(_OF_RUN, rows.action, of_run_id=run_id)

    async def actions(self, action_ids: Collection[str]) -> Mapping[str, Action]:
        if not action_ids:
            return {}
        return {action.id: action for action in await self._all(_BY_IDS, rows.action, ids=list(action_ids))}

    async def denied_actions(self, thread_id: str, tool: str, *, limit: int = 500) -> Sequence[Action]:
        return await self._all(_DENIED, rows.action, of_thread_id=thread_id, of_tool=tool, rows=limit)

    async def save_action(self, action: Action) -> None:
        await self._save(_SAVE, action)

    async def claim_action(
        self, action_id: str, *, digest: str, claim_id: str, owner: str, seconds: float, lease: Lease | None
    ) -> Action | None:
        values: dict[str, Any] = {
            "of_id": action_id,
            "of_digest": digest,
            "new_claim_id": claim_id,
            "new_claim_owner": owner,
        }
        if lease is None:
            result = await self._timed(_CLAIM_WITHOUT_LEASE, ahead=seconds, **values)
        else:
            values |= {"of_run_id": lease.run_id, "of_fence": lease.fence}
            result = await self._timed(_CLAIM_UNDER_LEASE, ahead=seconds, **values)
        return taken(result, rows.action)

    async def renew_claims(self, claim_ids: Collection[str], owner: str, seconds: float) -> frozenset[str]:
        if not claim_ids:
            return frozenset()
        result = await self._timed(_RENEW, ahead=seconds, claims=list(claim_ids), of_claim_owner=owner)
        return frozenset(result.column)

    async def dead_claims(self, *, grace: float, limit: int = 100) -> Sequence[Action]:
        statement = _DEAD_LOCKING if self._writes else _DEAD
        result = await self._timed(statement, ahead=-grace, rows=limit)
        return tuple(rows.action(row) for row in result.rows)
