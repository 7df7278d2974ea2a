"""What a process that works does by itself, put together from its ``Hitl``'s parts."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from hitl_middleware import audit
from hitl_middleware.ports import Crew, Topic, Wakeup
from hitl_middleware.publish import Publisher
from hitl_middleware.runs.advance import Advancer
from hitl_middleware.runs.recall import Recall

if TYPE_CHECKING:
    from hitl_middleware.hitl import Hitl

GRACE = 0.7
"""How much of HITL_STOP_SECONDS what is under way may take. The rest is for requests, which are let out before, and for closing."""


def crew_of(hitl: Hitl) -> Crew:
    """The reconcilers, chores and heartbeat of a process. Channels are made now, and raise ``ChannelHalfConfigured``."""
    store, dispatcher, seconds = hitl.store, hitl.dispatcher, hitl.settings.lease_seconds
    advancer = Advancer(store, hitl.desk, hitl.all_graphs, hitl.holdings, dispatcher)
    publisher = Publisher(
        store, hitl.channels, dispatcher, owner=hitl.owner, public_url=hitl.public_url, seconds=seconds
    )
    return Crew(
        reconcilers={
            "run": advancer.advance,
            "request": hitl.desk.lapse,
            "card": publisher.publish,
            "notice": publisher.notify,
            "delivery": hitl.inbox.process,
        },
        able=partial(_able, hitl),
        due=partial(_due, hitl),
        chores={
            "bury": hitl.ledger.bury,
            "recall": Recall(store, hitl.all_graphs, hitl.clock, dispatcher),
            "seal": partial(audit.seal, store),
        },
        errands=hitl.errands,
        after_you=hitl.courtesy.after_you,
        heartbeat=hitl.holdings.renew,
        sweep_seconds=min(1.0, seconds / 3),
        beat_seconds=seconds / 3,
        grace_seconds=hitl.settings.stop_seconds * GRACE,
    )


def _able(hitl: Hitl, topic: Topic) -> Collection[str]:
    """What this process can do something about; the rest is another one's of the same database."""
    graphs, channels = hitl.all_graphs.graphs(), [channel.name for channel in hitl.channels]
    able: Mapping[Topic, Collection[str]] = {
        "run": graphs, "request": graphs, "card": channels, "notice": channels, "delivery": hitl.inbox.channels,
    }  # fmt: skip
    return able[topic]


async def _due(hitl: Hitl, topic: Topic) -> Sequence[Wakeup]:
    able = _able(hitl, topic)
    if not able:
        return ()
    async with hitl.store.read() as uow:
        found = await uow.due(topic, among=able)
    return [Wakeup(topic, key, doer) for key, doer in found.items()]
