"""Actions and claims: at most one execution per approved action."""

from __future__ import annotations

import asyncio
import datetime as dt
from dataclasses import replace
from typing import Any

import pytest

from hitl_middleware.actions import Identity
from hitl_middleware.ids import new_id
from hitl_middleware.ports import Store
from hitl_middleware.records import Action, Lease
from hitl_middleware.testing.store_contract.case import BORN, ODD, StoreCase, a_request, an_action, an_edit


class ActionContract(StoreCase):
    """What the port says of actions."""

    async def test_an_action_comes_back_as_it_was(self, store: Store) -> None:
        """Every field is kept, the whole answer of the tool byte for byte (rule 2)."""
        run = await self.added_run(store)
        request = await self.added_request(store, run_id=run.id)
        plain = an_action()
        changed = replace(
            plain,
            args={"n": 1},
            digest="other",
            status="failed",
            run_id=run.id,
            request_id=request.id,
            edited=True,
            idempotent=True,
            decision=an_edit(),
            decided_by=ODD,
            claim_id="c",
            claim_owner="me",
            claim_until=BORN,
            attempts=2,
            result_type="msgpack",
            result=bytes(range(256)),
            result_text=ODD,
            error=ODD,
            settled_by="me",
            settled_at=BORN,
            updated_at=BORN + dt.timedelta(seconds=1),
        )
        full = replace(changed, id=new_id(), identity=Identity("", "", ODD))
        async with store.begin() as uow:
            assert await uow.add_action(plain)
            assert await uow.add_action(full)
            assert await uow.action(plain.id) == plain
            assert await uow.action_by_identity(full.identity, lock=True) == full
            await uow.save_action(changed)
            assert await uow.action(plain.id, lock=True) == changed
            assert await uow.actions([plain.id, full.id, new_id()]) == {plain.id: changed, full.id: full}
            assert list(await uow.actions_of_run(run.id)) == [changed, full]
            assert await uow.actions([]) == {}
            assert await uow.action(new_id()) is None

    async def test_what_was_denied_of_a_tool_on_a_thread(self, store: Store) -> None:
        """P-04: newest first, of this thread and this tool only; so a call that is rejected again and again can be told."""
        thread = new_id()

        def one(where: str = thread, **facts: Any) -> Action:
            return an_action(
                **{"tool": "pay", "status": "denied", "identity": Identity(where, "", new_id()), **facts}
            )

        denied = [one(decision=an_edit()), one(), one()]
        others = [one(new_id()), one(tool="look"), one(status="waiting")]
        async with store.begin() as uow:
            for action in (*denied, *others):
                assert await uow.add_action(action)
        async with store.read() as uow:
            assert list(await uow.denied_actions(thread, "pay")) == denied[::-1]
            assert list(await uow.denied_actions(thread, "pay", limit=2)) == denied[:0:-1]
            assert list(await uow.denied_actions("nowhere", "pay")) == []

    async def test_an_identity_is_one_action(self, store: Store) -> None:
        """(thread, checkpoint ns, tool-call id) is unique; another place in the run is another action (rule 3)."""
        first = await self.added_action(store, identity=Identity("t", "ns", "call"))
        async with store.begin() as uow:
            assert not await uow.add_action(an_action(identity=first.identity, digest="other"))
            for other in (
                Identity("t2", "ns", "call"),
                Identity("t", "ns2", "call"),
                Identity("t", "ns", "call2"),
            ):
                assert await uow.add_action(an_action(identity=other))
                assert await uow.action_by_identity(replace(other, checkpoint_ns="nowhere")) is None
            assert await uow.action_by_identity(first.identity) == first

    async def test_several_calls_of_a_thread_at_once(self, store: Store) -> None:
        """Those that are known, by what was asked for; one that shares an id elsewhere in the run is another one's (rule 3)."""
        mine = [Identity("t", ns, call) for ns, call in (("ns", "1"), ("ns2", "1"), ("ns", "odd \0\udfff"))]
        one, _, odd = [await self.added_action(store, identity=each) for each in mine]
        asked = [mine[0], mine[2], Identity("t", "ns3", "1"), Identity("t", "ns", "2")]
        async with store.begin() as uow:
            found = await uow.actions_at(asked, lock=True)
            assert {identity: action.id for identity, action in found.items()} == {
                mine[0]: one.id,
                mine[2]: odd.id,
            }
            assert [*await uow.actions_at(mine[:1])] == mine[:1]
            assert await uow.actions_at([]) == {}

    async def test_a_call_is_known_with_whoever_asked_for_its_run(self, store: Store) -> None:
        """P-02: of a call that is new that is who asked for what the thread does now."""
        old = await self.added_run(store, requester="slack:U1", status="succeeded")
        now = await self.added_run(store, requester="slack:U2", thread_id=old.thread_id)
        action = await self.added_action(
            store, identity=Identity(old.thread_id, "", "1"), run_id=old.id, request_id=None
        )
        async with store.glance() as uow:
            assert await uow.call(action.identity) == (action, "slack:U1")
        async with store.glance() as uow:
            assert await uow.call(Identity(now.thread_id, "", "2")) == (None, "slack:U2")
        async with store.glance() as uow:
            assert await uow.call(Identity("nowhere", "", "2")) == (None, None)

    async def test_text_no_database_can_hold_does_no_harm(self, store: Store) -> None:
        """A call id with NUL and lone surrogates is stored and found again; arguments keep every character (O-08)."""
        odd = Identity("t\0", "ns\ud800", "call \0\udfff")
        action = await self.added_action(store, identity=odd, args={"text": "a\0b\ud800"})
        async with store.begin() as uow:
            assert not await uow.add_action(an_action(identity=odd))
            found = await uow.action_by_identity(odd)
            assert found is not None
            assert (found.id, found.args) == (action.id, action.args)

    async def test_a_request_and_its_action_are_written_in_either_order(self, store: Store) -> None:
        """An action may name a request that follows in the same unit of work – and must then follow."""
        run = await self.added_run(store)
        request = a_request(run.id)
        async with store.begin() as uow:
            assert await uow.add_action(an_action(request_id=request.id, run_id=run.id))
            assert await uow.add_request(request)
        orphan = an_action(request_id=new_id())
        with pytest.raises(Exception):  # noqa: B017, PT011 – each database has its own words
            async with store.begin() as uow:
                await uow.add_action(orphan)
        async with store.begin() as uow:
            assert await uow.action(orphan.id) is None
            assert await uow.add_action(replace(orphan, request_id=None))

    # claims

    async def claim(self, store: Store, action: Action, **changes: Any) -> Action | None:
        """Claim in a unit of its own; by default as it was approved, without a lease."""
        how: dict[str, Any] = {
            "digest": action.digest,
            "claim_id": "claim-1",
            "owner": "me",
            "seconds": 30,
            "lease": None,
        }
        async with store.begin() as uow:
            return await uow.claim_action(action.id, **(how | changes))

    async def refused(self, store: Store, action: Action, **changes: Any) -> bool:
        """Whether a claim is refused and leaves the action as it was."""
        async with store.read() as uow:
            before = await uow.action(action.id)
        claimed = await self.claim(store, action, **changes)
        async with store.read() as uow:
            return claimed is None and await uow.action(action.id) == before

    async def test_a_claim_takes_an_approved_action(self, store: Store) -> None:
        """Approved → executing, with owner, time and one attempt more; nothing else changes (rule 2)."""
        action = await self.added_action(store, attempts=1)
        async with store.begin() as uow:
            now = await uow.now()
        claimed = await self.claim(store, action)
        assert claimed is not None
        assert claimed.claim_until is not None
        assert dt.timedelta(seconds=30) <= claimed.claim_until - now < dt.timedelta(seconds=35)
        assert claimed == replace(
            action,
            status="executing",
            claim_id="claim-1",
            claim_owner="me",
            claim_until=claimed.claim_until,
            attempts=2,
            updated_at=claimed.updated_at,
        )
        async with store.read() as uow:
            assert await uow.action(action.id) == claimed

    @pytest.mark.parametrize("status", ["waiting", "denied", "executing", "succeeded", "failed", "unknown"])
    async def test_only_an_approved_action_is_claimed(self, store: Store, status: Any) -> None:
        """Waiting, denied, taken or ended: no claim (S-10)."""
        action = await self.added_action(store, status=status)
        assert await self.refused(store, action)

    async def test_a_claim_needs_the_digest_that_was_approved(self, store: Store) -> None:
        """What was shown is what runs (rule 3); an action that does not exist is not claimed either."""
        action = await self.added_action(store, digest="approved-digest")
        assert await self.refused(store, action, digest="another-digest")
        assert await self.claim(store, an_action()) is None

    async def test_a_claim_needs_the_fence_of_its_lease(self, store: Store) -> None:
        """A driver whose run was taken over claims nothing; the one that took over does."""
        run = await self.added_run(store)
        action = await self.added_action(store, run_id=run.id)
        async with store.begin() as uow:
            old = await uow.acquire_lease(run.id, "a", 30)
        self.advance(31)
        async with store.begin() as uow:
            new = await uow.acquire_lease(run.id, "b", 30)
        assert await self.refused(store, action, lease=old)
        assert await self.claim(store, action, lease=new) is not None

    async def test_a_claim_needs_the_lease_of_its_own_run(self, store: Store) -> None:
        """A lease on another run does not reach an action; an action of no run is reached by any."""
        run, other = await self.added_run(store), await self.added_run(store)
        action = await self.added_action(store, run_id=run.id)
        free = await self.added_action(store)
        async with store.begin() as uow:
            lease = await uow.acquire_lease(other.id, "a", 30)
        assert await self.refused(store, action, lease=lease)
        assert await self.refused(store, free, lease=Lease(new_id(), "a", 1))
        assert await self.claim(store, free, lease=lease) is not None

    async def test_without_a_lease_nobody_else_may_drive_the_run(self, store: Store) -> None:
        """No claim beside a live lease; once it ran out or was given back there is."""
        run = await self.added_run(store)
        action = await self.added_action(store, run_id=run.id)
        second = await self.added_action(store, run_id=run.id)
        async with store.begin() as uow:
            assert await uow.acquire_lease(run.id, "a", 30) is not None
        assert await self.refused(store, action)
        self.advance(31)
        assert await self.claim(store, action) is not None
        async with store.begin() as uow:
            lease = await uow.acquire_lease(run.id, "b", 30)
            assert lease is not None
        assert await self.refused(store, second)
        async with store.begin() as uow:
            await uow.release_lease(lease)
        assert await self.claim(store, second) is not None

    async def test_one_of_200_claims_the_action(self, store: Store) -> None:
        """200 tasks that would perform one act at the same time: one may (S-10)."""
        action = await self.added_action(store)
        claims = await asyncio.gather(*(self.claim(store, action, claim_id=f"c{n}") for n in range(200)))
        assert len([claim for claim in claims if claim is not None]) == 1
        async with store.read() as uow:
            final = await uow.action(action.id)
            assert final is not None
            assert final.attempts == 1

    async def test_claims_are_renewed_together_and_only_by_their_owner(self, store: Store) -> None:
        """Those still executing under this owner live on; settled, foreign and unknown ones do not come back."""
        actions = [await self.added_action(store) for _ in range(4)]
        for action, owner in zip(actions, ("me", "me", "me", "you"), strict=True):
            assert await self.claim(store, action, claim_id=action.id, owner=owner) is not None
        async with store.begin() as uow:
            ended = await uow.action(actions[2].id, lock=True)
            assert ended is not None
            await uow.save_action(replace(ended, status="succeeded"))
        self.advance(20)
        async with store.begin() as uow:
            alive = await uow.renew_claims([*(a.id for a in actions), new_id()], "me", 30)
            assert alive == {actions[0].id, actions[1].id}
            assert await uow.renew_claims([], "me", 30) == frozenset()
        self.advance(20)
        async with store.begin() as uow:
            assert [a.id for a in await uow.dead_claims(grace=0)] == [actions[3].id]

    async def test_a_dead_claim_has_its_grace(self, store: Store) -> None:
        """A claim whose owner fell silent is dead after its time and the grace, by database time, longest dead first."""
        first, second = await self.added_action(store), await self.added_action(store)
        assert await self.claim(store, first, seconds=30)
        assert await self.claim(store, second, seconds=60)
        self.advance(45)
        async with store.begin() as uow:
            assert not await uow.dead_claims(grace=30)
            assert [a.id for a in await uow.dead_claims(grace=10)] == [first.id]
        self.advance(60)
        async with store.read() as uow:
            assert [a.id for a in await uow.dead_claims(grace=30)] == [first.id, second.id]
            assert [a.id for a in await uow.dead_claims(grace=30, limit=1)] == [first.id]
        async with store.begin() as uow:
            for action in await uow.dead_claims(grace=30):
                await uow.save_action(replace(action, status="unknown"))
            assert not await uow.dead_claims(grace=30)
