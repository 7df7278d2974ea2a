"""What is out of order, for the diagnosis."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from operator import attrgetter

from hitl_middleware.records import Action, Card, Delivery, Mail, Notice, Run, Undelivered
from hitl_middleware.stores.memory.state import Verbs, oldest_first


class TroubleVerbs(Verbs):
    """What the port says of the diagnosis."""

    async def active_runs(self, *, after: str = "", limit: int = 100) -> Sequence[Run]:
        return self._by_thread(("running", "suspended"), after)[:limit]

    async def unasked_runs(
        self, *, among: Collection[str], after: str = "", limit: int = 100
    ) -> Sequence[Run]:
        asking = {r.run_id for r in self._state.requests.values() if r.status == "pending"}
        return tuple(
            run
            for run in self._by_thread(("suspended",), after)
            if run.graph in among
            and run.wanted <= run.seen
            and self._passed(run.lease_until)
            and run.id not in asking
        )[:limit]

    async def unknown_actions(self, *, after: str = "", limit: int = 100) -> Sequence[Action]:
        unknown = (a for a in self._state.actions.values() if a.status == "unknown" and a.id > after)
        return oldest_first(unknown)[:limit]

    async def undelivered(self, topic: Mail, *, after: str = "", limit: int = 100) -> Sequence[Undelivered]:
        found = (_told(each) for each in self._mail(topic) if each.id > after and _given_up(each))
        return oldest_first(found)[:limit]

    async def deliver_again(self, topic: Mail, key: str) -> str | None:
        self._may_write()
        found = next((each for each in self._mail(topic) if each.id == key and _given_up(each)), None)
        match found:
            case None:
                return None
            case Card():
                self._put(self._state.cards, replace(found, gave_up=False, attempts=1, next_attempt_at=None))
                return found.target.channel
            case Notice():
                self._put(
                    self._state.notices, replace(found, gave_up=False, attempts=1, next_attempt_at=None)
                )
            case Delivery():
                again = replace(found, processed_at=None, attempts=1, next_attempt_at=None)
                self._put(self._state.deliveries, again)
        return found.channel

    def _by_thread(self, statuses: Collection[str], after: str) -> tuple[Run, ...]:
        found = (r for r in self._state.runs.values() if r.status in statuses and r.thread_id > after)
        return tuple(sorted(found, key=attrgetter("thread_id")))

    def _mail(self, topic: Mail) -> Iterable[Card | Notice | Delivery]:
        match topic:
            case "card":
                return self._state.cards.values()
            case "notice":
                return self._state.notices.values()
            case "delivery":
                return self._state.deliveries.values()


def _given_up(each: Card | Notice | Delivery) -> bool:
    match each:
        case Card():
            return each.gave_up and each.shown < each.wanted
        case Notice():
            return each.gave_up and each.sent_at is None
        case Delivery():
            return each.processed_at is not None and each.error is not None


def _told(each: Card | Notice | Delivery) -> Undelivered:
    if isinstance(each, Delivery):
        return Undelivered(
            id=each.id,
            topic="delivery",
            channel=each.channel,
            address=each.key,
            attempts=each.attempts,
            error=each.error,
            since=each.received_at,
        )
    place = each.target if isinstance(each, Card) else each
    return Undelivered(
        id=each.id,
        topic="card" if isinstance(each, Card) else "notice",
        channel=place.channel,
        address=place.address,
        attempts=each.attempts,
        error=each.error,
        since=each.created_at,
        request_id=each.request_id if isinstance(each, Card) else None,
    )
