"""Events: appended with the change they tell of, chained by a sealer a moment later, checked by anyone.

A chain in the hot path would make every decision wait for every other. So events are written unlinked in the change's own
transaction, and one sealer gives them ``seq`` and ``hash = sha256(previous hash + RFC 8785 JSON of the event)`` in order of id.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from hitl_middleware.actions import canonical
from hitl_middleware.ports import Store
from hitl_middleware.records import AuditEvent, ChainHead

BATCH = 500


def facts(event: AuditEvent) -> dict[str, Any]:
    """What the hash covers: everything but the seal itself."""
    return {
        "id": event.id,
        "at": event.at.isoformat(),
        "kind": event.kind,
        "actor": event.actor,
        "via": event.via,
        "run_id": event.run_id,
        "request_id": event.request_id,
        "action_id": event.action_id,
        "thread_id": event.thread_id,
        "data": event.data,
    }


def exported(event: AuditEvent) -> dict[str, Any]:
    """An event with its seal, as it leaves for a place where nobody here can write: whoever has them all can check the chain."""
    return {"seq": event.seq, **facts(event), "hash": event.hash}


def link(previous: str, event: AuditEvent) -> str:
    """The hash of ``event`` after an event whose hash is ``previous``."""
    return hashlib.sha256(previous.encode() + canonical(facts(event))).hexdigest()


async def seal(store: Store) -> int:
    """Chain what is not chained yet; how many. Safe to call from anywhere at any time: the head is locked while it moves."""
    async with store.read() as uow:
        if not await uow.unsealed(1):
            return 0
    async with store.begin() as uow:
        head = await uow.chain_head(lock=True)
        seq, last, sealed = head.seq, head.hash, []
        for event in await uow.unsealed(BATCH):
            seq, last = seq + 1, link(last, event)
            sealed.append(replace(event, seq=seq, hash=last))
        if sealed:
            await uow.seal(sealed, ChainHead(seq, last))
    return len(sealed)


@dataclass(frozen=True, slots=True)
class Verification:
    """The result of a check. ``problem`` is a sentence, ``None`` when the chain holds as far as it was looked at.

    ``checked``: the number up to which it was. ``unsealed``: events that are not chained yet (as far as ``BATCH``). ``complete``: it was
    looked at to its end.
    """

    checked: int
    unsealed: int
    problem: str | None
    complete: bool = True


async def verify(store: Store, *, after: int = 0, go_on: Callable[[], bool] = lambda: True) -> Verification:
    """Recompute the chain from the first event; from behind number ``after``, whose hash is then taken as it stands.

    It finds an event that was changed, removed, moved or added inside the chain, and one that was cut off its end. Somebody who
    may write the whole database could compute a new chain: export the head now and then to a place they cannot write.
    ``go_on`` is asked before each batch and may end it early. A batch at a time, so that others get their turn; what is sealed meanwhile
    is looked at, too.
    """
    last, seq = "", after
    if after:
        async with store.read() as uow:
            found = await uow.list_audit(after=after - 1, limit=1)
        if not found or found[0].seq != after:
            return Verification(0, 0, f"event {after} is missing")
        last = found[0].hash or ""
    while go_on():
        async with store.read() as uow:
            head = await uow.chain_head()
            events = await uow.list_audit(after=seq, limit=BATCH)
            unsealed = 0 if events else len(await uow.unsealed(BATCH))
        for event in events:
            if event.seq != seq + 1:
                return Verification(seq, 0, f"event {seq + 1} is missing")
            if event.hash != link(last, event):
                return Verification(
                    seq, 0, f"event {event.seq} ({event.id}) was changed after it was written"
                )
            seq, last = seq + 1, event.hash or ""
        if not events:
            problem = None
            if (head.seq, head.hash) != (seq, last):
                problem = f"the chain ends at event {seq}, but {head.seq} were sealed"
            return Verification(seq, unsealed if problem is None else 0, problem)
    return Verification(seq, 0, None, complete=False)
