"""Actions, cards, notices and deliveries."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from hitl_middleware.actions import Identity
from hitl_middleware.records import Action, Card, Delivery, Lease, Notice
from hitl_middleware.stores.memory.runs import ACTIVE
from hitl_middleware.stores.memory.state import RuleBroken, Verbs, oldest_first


class ActionVerbs(Verbs):
    """What the port says of actions."""

    async def add_action(self, action: Action) -> bool:
        taken = self._named(action.identity) is not None
        if not taken:
            self._refer_later(action)
        return self._add(self._state.actions, action, taken=taken)

    async def action(self, action_id: str, *, lock: bool = False) -> Action | None:
        self._may_lock(lock)
        return self._state.actions.get(action_id)

    async def action_by_identity(self, identity: Identity, *, lock: bool = False) -> Action | None:
        self._may_lock(lock)
        return self._named(identity)

    async def actions_at(
        self, identities: Collection[Identity], *, lock: bool = False
    ) -> Mapping[Identity, Action]:
        self._may_lock(lock)
        return {
            action.identity: action
            for action in self._state.actions.values()
            if action.identity in identities
        }

    async def call(self, identity: Identity) -> tuple[Action | None, str | None]:
        action = await self.action_by_identity(identity)
        runs = self._state.runs.values()
        if action is not None and action.run_id is not None:
            run = self._state.runs.get(action.run_id)
        else:
            run = next((r for r in runs if r.thread_id == identity.thread_id and r.status in ACTIVE), None)
        return action, run.requester if run is not None else None

    async def actions_of_run(self, run_id: str) -> Sequence[Action]:
        return oldest_first(a for a in self._state.actions.values() if a.run_id == run_id)

    async def actions(self, action_ids: Collection[str]) -> Mapping[str, Action]:
        return {key: self._state.actions[key] for key in action_ids if key in self._state.actions}

    async def denied_actions(self, thread_id: str, tool: str, *, limit: int = 500) -> Sequence[Action]:
        found = oldest_first(
            a
            for a in self._state.actions.values()
            if (a.identity.thread_id, a.tool, a.status) == (thread_id, tool, "denied")
        )
        return found[::-1][:limit]

    async def save_action(self, action: Action) -> None:
        self._may_write()
        if action.id not in self._state.actions:
            return
        other = self._named(action.identity)
        if other is not None and other.id != action.id:
            msg = f"action {action.id} would take another one's identity"
            raise RuleBroken(msg)
        self._refer_later(action)
        self._put(self._state.actions, action)

    async def claim_action(
        self, action_id: str, *, digest: str, claim_id: str, owner: str, seconds: float, lease: Lease | None
    ) -> Action | None:
        self._may_write()
        action = self._state.actions.get(action_id)
        if action is None or action.status != "approved" or action.digest != digest:
            return None
        if lease is None:
            run = self._state.runs.get(action.run_id or "")
            if run is not None and not self._passed(run.lease_until):
                return None
        else:
            run = self._state.runs.get(lease.run_id)
            if run is None or run.fence != lease.fence or action.run_id not in {None, run.id}:
                return None
        claimed = replace(
            action,
            status="executing",
            claim_id=claim_id,
            claim_owner=owner,
            claim_until=self._in(seconds),
            attempts=action.attempts + 1,
            updated_at=self._clock.now(),
        )
        self._put(self._state.actions, claimed)
        return claimed

    async def renew_claims(self, claim_ids: Collection[str], owner: str, seconds: float) -> frozenset[str]:
        self._may_write()
        alive = [
            a
            for a in self._state.actions.values()
            if a.claim_id in claim_ids and a.claim_owner == owner and a.status == "executing"
        ]
        for action in alive:
            self._put(self._state.actions, replace(action, claim_until=self._in(seconds)))
        return frozenset(a.claim_id for a in alive if a.claim_id is not None)

    async def dead_claims(self, *, grace: float, limit: int = 100) -> Sequence[Action]:
        before = self._in(-grace)
        dead = [
            (a.claim_until, a)
            for a in self._state.actions.values()
            if a.status == "executing" and a.claim_until is not None and a.claim_until < before
        ]
        return tuple(a for _, a in sorted(dead, key=lambda pair: pair[0])[:limit])

    def _named(self, identity: Identity) -> Action | None:
        return next((a for a in self._state.actions.values() if a.identity == identity), None)

    def _refer_later(self, action: Action) -> None:
        """A request and its action may be written in either order."""
        self._refer(self._state.runs, action.run_id)
        if action.request_id is not None:
            self._promised.append(action.request_id)


class CardVerbs(Verbs):
    """What the port says of cards."""

    async def add_card(self, card: Card) -> bool:
        taken = any(c.target == card.target for c in self._cards(card.request_id))
        if not taken:
            self._refer(self._state.requests, card.request_id)
        return self._add(self._state.cards, card, taken=taken)

    async def card(self, card_id: str) -> Card | None:
        return self._state.cards.get(card_id)

    async def cards_of(self, request_id: str) -> Sequence[Card]:
        return self._cards(request_id)

    async def card_at(self, channel: str, ref: str) -> Card | None:
        found = (c for c in self._state.cards.values() if c.ref == ref and c.target.channel == channel)
        return next(iter(oldest_first(found)), None)

    async def want_cards(self, request_id: str, version: int) -> Sequence[Card]:
        self._may_write()
        cards = [
            replace(card, wanted=max(card.wanted, version), next_attempt_at=None, gave_up=False)
            for card in self._cards(request_id)
        ]
        for card in cards:
            self._put(self._state.cards, card)
        return cards

    async def lease_card(self, card_id: str, owner: str, seconds: float) -> Card | None:
        self._may_write()
        card = self._state.cards.get(card_id)
        if card is None or not self._card_due(card):
            return None
        leased = replace(card, attempts=card.attempts + 1, lease_owner=owner, lease_until=self._in(seconds))
        self._put(self._state.cards, leased)
        return leased

    async def save_card(self, card: Card) -> int | None:
        self._may_write()
        row = self._state.cards.get(card.id)
        if row is None or row.lease_owner != card.lease_owner:
            return None
        saved = replace(
            card,
            request_id=row.request_id,
            target=row.target,
            created_at=row.created_at,
            doubt=row.doubt,
            lease_owner=None,
            lease_until=None,
        )
        if row.wanted > card.wanted:
            # A newer version wanted meanwhile is tried, whatever became of this one.
            saved = replace(saved, wanted=row.wanted, gave_up=False)
        self._put(self._state.cards, saved)
        return saved.wanted

    async def doubt_card(self, card_id: str, version: int) -> None:
        self._may_write()
        card = self._state.cards.get(card_id)
        if card is not None and card.doubt < version:
            self._put(self._state.cards, replace(card, doubt=version))

    def _cards(self, request_id: str) -> tuple[Card, ...]:
        return oldest_first(c for c in self._state.cards.values() if c.request_id == request_id)

    def _card_due(self, card: Card) -> bool:
        behind = card.shown < card.wanted and not card.gave_up
        return behind and self._passed(card.next_attempt_at) and self._passed(card.lease_until)


class MailVerbs(Verbs):
    """What the port says of notices and deliveries."""

    async def add_notice(self, notice: Notice) -> bool:
        taken = any(n.key == notice.key for n in self._state.notices.values())
        return self._add(self._state.notices, notice, taken=taken)

    async def lease_notice(self, notice_id: str, seconds: float) -> Notice | None:
        self._may_write()
        notice = self._state.notices.get(notice_id)
        if notice is None or not self._notice_due(notice):
            return None
        leased = replace(notice, attempts=notice.attempts + 1, lease_until=self._in(seconds))
        self._put(self._state.notices, leased)
        return leased

    async def save_notice(self, notice: Notice) -> bool:
        self._may_write()
        row = self._state.notices.get(notice.id)
        if row is None or row.lease_until != notice.lease_until:
            return False
        saved = replace(
            row,
            sent_at=notice.sent_at,
            attempts=notice.attempts,
            next_attempt_at=notice.next_attempt_at,
            error=notice.error,
            gave_up=notice.gave_up,
            lease_until=None,
        )
        self._put(self._state.notices, saved)
        return True

    async def add_delivery(self, delivery: Delivery) -> bool:
        return self._add(
            self._state.deliveries, delivery, taken=self._known(delivery.channel, delivery.key) is not None
        )

    async def delivery(self, channel: str, key: str) -> Delivery | None:
        return self._known(channel, key)

    async def drop_delivery(self, channel: str, key: str) -> None:
        self._may_write()
        if (known := self._known(channel, key)) is not None:
            del self._state.deliveries[known.id]

    async def lease_delivery(self, delivery_id: str, seconds: float) -> Delivery | None:
        self._may_write()
        delivery = self._state.deliveries.get(delivery_id)
        if delivery is None or not self._delivery_due(delivery):
            return None
        leased = replace(delivery, attempts=delivery.attempts + 1, lease_until=self._in(seconds))
        self._put(self._state.deliveries, leased)
        return leased

    async def save_delivery(self, delivery: Delivery) -> bool:
        self._may_write()
        row = self._state.deliveries.get(delivery.id)
        if row is None or row.lease_until != delivery.lease_until:
            return False
        saved = replace(
            row,
            processed_at=delivery.processed_at,
            attempts=delivery.attempts,
            next_attempt_at=delivery.next_attempt_at,
            error=delivery.error,
            lease_until=None,
        )
        self._put(self._state.deliveries, saved)
        return True

    def _known(self, channel: str, key: str) -> Delivery | None:
        deliveries = self._state.deliveries.values()
        return next((d for d in deliveries if (d.channel, d.key) == (channel, key)), None)

    def _notice_due(self, notice: Notice) -> bool:
        unsent = notice.sent_at is None and not notice.gave_up
        return unsent and self._passed(notice.next_attempt_at) and self._passed(notice.lease_until)

    def _delivery_due(self, delivery: Delivery) -> bool:
        open_ = delivery.processed_at is None
        return open_ and self._passed(delivery.next_attempt_at) and self._passed(delivery.lease_until)
