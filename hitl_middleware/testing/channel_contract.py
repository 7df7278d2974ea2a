"""What every ``ReviewChannel`` must do, as a suite: subclass ``ChannelContract`` and give it a fixture ``world``.

    class TestBoard(ChannelContract):
        @pytest.fixture
        def world(self):
            return BoardWorld()

``world`` (``ChannelWorld``) is the channel under test beside a fake place that can be looked at and can be made to fail. A whole channel
to begin from is in ``example_channel.py``; its ``BoardWorld``:

    @dataclass
    class BoardWorld:
        board: Board = field(default_factory=Board)
        target = Target(channel="board", address="hall")

        @property
        def channel(self):
            return BoardChannel(self.board)

        def messages(self):
            return list(self.board.pins)

        def words(self, ref):
            return self.board.pins[ref][1]

        def parsed(self, ref):
            return ""                                       # a board shows everything to the letter

        def notes(self):
            return self.board.notes

        def notice(self):
            body = {"text": "Nothing was changed."}
            return Notice(id="n", key="k", channel="board", address="hall", body=body, created_at=SystemClock().now())

        def lose_next_reply(self):
            self.board.trouble = "lost"

        def fail_next(self):
            self.board.trouble = "down"

        def limit_next(self, seconds):
            self.board.trouble, self.board.seconds = "limited", seconds

        def refuse_next_for_good(self):
            self.board.trouble = "refused"

        def delete(self, ref):
            del self.board.pins[ref]

The tests are coroutines: run them with pytest-asyncio in its auto mode.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal, Protocol

import pytest

from hitl_middleware.actions import Decision, Identity, digest
from hitl_middleware.clock import SystemClock
from hitl_middleware.errors import DeliveryFailed
from hitl_middleware.ids import new_code, new_id
from hitl_middleware.policy import ReviewPlan
from hitl_middleware.ports import ReviewChannel
from hitl_middleware.records import Action, Card, CardView, Notice, Occasion, ReviewRequest, Run, Target

HOSTILE = "EVIL <!channel> <@U0EVIL> @everyone *b* `c` ```d``` </pre> [x](https://evil.example) :tada: \u202eEVIL\u200b @EVIL <!-- EVIL https://evil.example/EVIL"
"""What a model or a user may write. Wherever a place parses text, ``EVIL`` must not appear."""


class ChannelWorld(Protocol):
    """A channel and the place it talks to."""

    @property
    def channel(self) -> ReviewChannel:
        """The channel under test."""

    @property
    def target(self) -> Target:
        """Where it can post."""

    def messages(self) -> Sequence[str]:
        """The refs of all messages that stand in the place, oldest first."""

    def words(self, ref: str) -> str:
        """All a person reads of a message."""

    def parsed(self, ref: str) -> str:
        """All text of a message that the place parses (as markup, mentions, links) instead of showing it to the letter."""

    def notes(self) -> Sequence[str]:
        """The words of all one-off messages, oldest first."""

    def notice(self) -> Notice:
        """A notice that can be delivered."""

    def lose_next_reply(self) -> None:
        """The place does what it is asked next, and the answer is lost."""

    def fail_next(self) -> None:
        """The place answers the next call with trouble of its own (HTTP 500 or alike) and does nothing."""

    def limit_next(self, seconds: int) -> None:
        """The place refuses the next call for ``seconds``."""

    def refuse_next_for_good(self) -> None:
        """The place says of the next call what it would say of the same one tomorrow."""

    def delete(self, ref: str) -> None:
        """Somebody deletes a message."""


def sample_view(
    target: Target, now: dt.datetime, *, args: dict[str, Any] | None = None, **changes: Any
) -> CardView:
    """A card of a pending refund; ``changes`` are fields of its request."""
    plan = ReviewPlan(
        verdict="ask", approvers=("slack:U024BE7LH",), reason="the rule for process_refund asks"
    )
    args = {"order_id": "A-1001", "amount_cents": 12_000} if args is None else args
    identity = Identity("thread-1", "tools:1", "call-1")
    run = Run(
        id=new_id(),
        thread_id="thread-1",
        graph="support",
        status="suspended",
        driver="hitl",
        created_at=now,
        updated_at=now,
    )
    request = ReviewRequest(
        id=new_id(),
        code=new_code(),
        kind="tool_call",
        status="pending",
        version=1,
        run_id=run.id,
        thread_id=run.thread_id,
        graph=run.graph,
        interrupt_id="interrupt-1",
        plan=plan,
        title="Refund",
        tool="process_refund",
        args=args,
        digest=digest("process_refund", args, "1", identity),
        created_at=now,
        updated_at=now,
    )
    request = replace(request, **changes)
    action = Action(
        id=new_id(),
        identity=identity,
        tool="process_refund",
        args=args,
        digest=request.digest,
        proposed_digest=request.digest,
        plan=plan,
        status="waiting",
        idempotency_key=new_id(),
        created_at=now,
        updated_at=now,
        run_id=run.id,
        request_id=request.id,
    )
    card = Card(id=new_id(), request_id=request.id, target=target, created_at=now, wanted=1)
    return CardView(card=card, request=request, action=action, submissions=(), run=run, url=None)


def approved(view: CardView, **action: Any) -> CardView:
    """The same card after somebody approved; ``action`` are fields of the act."""
    request = replace(
        view.request,
        status="approved",
        version=view.request.version + 1,
        decision=Decision(type="approve"),
        decided_by="local:ann",
        decided_by_name="ann",
        decided_at=view.request.updated_at,
        decided_via="terminal",
    )
    act = replace(view.action, **{"status": "approved", **action}) if view.action else None
    return replace(view, request=request, action=act)


class ChannelContract:
    """Post once, keep it true, find it again, fail honestly, parse nothing of what others wrote."""

    @pytest.fixture
    def now(self) -> dt.datetime:
        """When the cards were made; override it where the place has a clock of its own."""
        return SystemClock().now()

    async def test_posts_one_message_that_says_what_is_asked(
        self, world: ChannelWorld, now: dt.datetime
    ) -> None:
        """One message, under the ref that was returned, with tool, arguments and state."""
        ref = await world.channel.post(sample_view(world.target, now))
        assert list(world.messages()) == [ref]
        assert "process_refund" in world.words(ref)
        assert "A-1001" in world.words(ref)
        assert "Waiting for a decision" in world.words(ref)

    @pytest.mark.parametrize(
        ("status", "word"),
        [("executing", "Executing"), ("succeeded", "Executed"), ("failed", "Failed"), ("unknown", "Unknown")],
    )
    async def test_update_changes_that_message(
        self, world: ChannelWorld, now: dt.datetime, status: str, word: str
    ) -> None:
        """The same single message tells both stories: who approved, and what became of the act."""
        view = sample_view(world.target, now)
        ref = await world.channel.post(view)
        await world.channel.update(approved(view, status=status), ref)
        assert list(world.messages()) == [ref]
        assert "Approved by" in world.words(ref)
        assert "ann" in world.words(ref)
        assert word in world.words(ref)
        assert "Waiting for a decision" not in world.words(ref)

    async def test_find_knows_nothing_before_the_post(self, world: ChannelWorld, now: dt.datetime) -> None:
        """A card that was never posted is not found, though others stand in the same place."""
        await world.channel.post(sample_view(world.target, now))
        assert not await world.channel.find(sample_view(world.target, now))

    async def test_finds_the_message_whose_reply_was_lost(
        self, world: ChannelWorld, now: dt.datetime
    ) -> None:
        """The post fails in a way that may pass; find then returns the one message that stands there."""
        view = sample_view(world.target, now)
        world.lose_next_reply()
        with pytest.raises(DeliveryFailed) as failed:
            await world.channel.post(view)
        assert not failed.value.permanent
        assert failed.value.unheard
        assert list(await world.channel.find(view)) == list(world.messages())

    async def test_takes_back_what_stands_twice(self, world: ChannelWorld, now: dt.datetime) -> None:
        """Two messages of one card are both found, oldest first, beside another card's; the one that is taken back is gone, for good."""
        view = sample_view(world.target, now)
        first, other, second = [
            await world.channel.post(each) for each in (view, sample_view(world.target, now), view)
        ]
        assert list(await world.channel.find(view)) == [first, second]
        await world.channel.remove(second)
        await world.channel.remove(second)
        assert list(world.messages()) == [first, other]
        assert list(await world.channel.find(view)) == [first]

    async def test_what_could_not_be_taken_back_stands(self, world: ChannelWorld, now: dt.datetime) -> None:
        """Trouble of the place is said, and may pass."""
        ref = await world.channel.post(sample_view(world.target, now))
        world.fail_next()
        with pytest.raises(DeliveryFailed) as failed:
            await world.channel.remove(ref)
        assert not failed.value.permanent
        assert list(world.messages()) == [ref]

    async def test_trouble_of_the_place_may_pass(self, world: ChannelWorld, now: dt.datetime) -> None:
        """Nothing was posted, nothing is found, and the failure does not say that it is for good."""
        view = sample_view(world.target, now)
        world.fail_next()
        with pytest.raises(DeliveryFailed) as failed:
            await world.channel.post(view)
        assert not failed.value.permanent
        assert list(world.messages()) == []
        assert not await world.channel.find(view)

    async def test_says_how_long_the_place_wants_to_be_left_alone(
        self, world: ChannelWorld, now: dt.datetime
    ) -> None:
        """The place's own number of seconds is in the failure."""
        world.limit_next(7)
        with pytest.raises(DeliveryFailed) as failed:
            await world.channel.post(sample_view(world.target, now))
        assert failed.value.retry_after == 7
        assert not failed.value.permanent

    async def test_says_what_no_later_attempt_can_mend(self, world: ChannelWorld, now: dt.datetime) -> None:
        """A refusal of the message itself is permanent."""
        world.refuse_next_for_good()
        with pytest.raises(DeliveryFailed) as failed:
            await world.channel.post(sample_view(world.target, now))
        assert failed.value.permanent

    async def test_a_deleted_message_stays_deleted(self, world: ChannelWorld, now: dt.datetime) -> None:
        """Changing it fails for good, and no new one appears."""
        view = sample_view(world.target, now)
        ref = await world.channel.post(view)
        world.delete(ref)
        with pytest.raises(DeliveryFailed) as failed:
            await world.channel.update(approved(view), ref)
        assert failed.value.permanent
        assert list(world.messages()) == []

    async def test_nothing_of_others_is_parsed(self, world: ChannelWorld, now: dt.datetime) -> None:
        """Text of models and users is shown to the letter, with what is invisible made visible, in every field."""
        view = sample_view(
            world.target,
            now,
            args={HOSTILE: HOSTILE, "lines": f"one\n{HOSTILE}"},
            title=HOSTILE,
            description=HOSTILE,
            requester=HOSTILE,
            notes=(HOSTILE,),
            plan=ReviewPlan(verdict="ask", approvers=(HOSTILE,), reason=HOSTILE, risk=HOSTILE),
        )
        ref = await world.channel.post(view)
        shown = world.words(ref)
        assert "EVIL <!channel> <@U0EVIL> @everyone" in shown
        assert "⟦U+202E⟧EVIL⟦U+200B⟧" in shown
        assert "\u202e" not in shown
        assert "EVIL" not in world.parsed(ref)
        said = replace(
            approved(view, status="failed", error=HOSTILE).request,
            decision=Decision(type="approve", message=HOSTILE),
            decided_by=HOSTILE,
            decided_by_name=HOSTILE,
        )
        await world.channel.update(replace(approved(view, status="failed", error=HOSTILE), request=said), ref)
        assert "EVIL" in world.words(ref)
        assert "EVIL" not in world.parsed(ref)

    async def test_too_long_is_cut_loudly(self, world: ChannelWorld, now: dt.datetime) -> None:
        """The message says that something is missing; it does not quietly stop."""
        ref = await world.channel.post(sample_view(world.target, now, args={"text": "x" * 200_000}))
        assert "CUT" in world.words(ref)

    async def test_asks_only_in_places_of_its_own(self, world: ChannelWorld, now: dt.datetime) -> None:
        """Where a request belongs is this channel's business alone, and the same whenever it is asked."""
        request = sample_view(world.target, now).request
        found = world.channel.targets(request)
        assert {target.channel for target in found} <= {world.channel.name}
        assert len({target.address for target in found}) == len(found)
        assert list(world.channel.targets(request)) == list(found)

    async def test_names_approvers_as_policies_do(self, world: ChannelWorld) -> None:
        """Names of people or groups, as text; a run without labels has them or has none, and it is no error."""
        assert all(isinstance(name, str) and name for name in world.channel.approvers({}))

    async def test_delivers_what_a_decision_leaves_behind(
        self, world: ChannelWorld, now: dt.datetime
    ) -> None:
        """Each of its drafts is a notice that it delivers, with others' words as data; none of them is a second card."""
        view = approved(sample_view(world.target, now, title=HOSTILE))
        said = replace(
            view.request, decision=Decision(type="approve", message=HOSTILE), decided_by_name=HOSTILE
        )
        told = await self._say(world, said, view.card, Occasion("decided"), now)
        assert len(world.notes()) == told
        assert not any("\u202e" in note for note in world.notes())
        assert list(world.messages()) == []

    @pytest.mark.parametrize("kind", ["reminder", "overdue", "escalated"])
    async def test_tells_of_a_deadline(
        self, world: ChannelWorld, now: dt.datetime, kind: Literal["reminder", "overdue", "escalated"]
    ) -> None:
        """P-03: who has to answer is told by a message of its own; what was asked stands in it as data, if at all."""
        view = sample_view(world.target, now, title=HOSTILE, deadline_at=now + dt.timedelta(hours=1))
        card = replace(view.card, ref=await world.channel.post(view), shown=1)
        told = await self._say(world, view.request, card, Occasion(kind, ("api", "group:finance")), now)
        assert len(world.notes()) == told > 0
        assert not any("\u202e" in note for note in world.notes())

    @staticmethod
    async def _say(
        world: ChannelWorld, request: ReviewRequest, card: Card, occasion: Occasion, now: dt.datetime
    ) -> int:
        drafts = world.channel.notices(request, card, occasion)
        assert list(world.channel.notices(request, card, occasion)) == list(drafts)
        assert len({draft.key for draft in drafts}) == len(drafts)
        for draft in drafts:
            await world.channel.notify(
                Notice(
                    id=new_id(),
                    key=draft.key,
                    channel=world.channel.name,
                    address=draft.address,
                    body=draft.body,
                    created_at=now,
                )
            )
        return len(drafts)

    async def test_delivers_a_notice(self, world: ChannelWorld) -> None:
        """One one-off message; the living ones are left alone."""
        await world.channel.notify(world.notice())
        assert len(world.notes()) == 1
        assert list(world.messages()) == []

    async def test_a_notice_that_cannot_be_delivered_now_fails(self, world: ChannelWorld) -> None:
        """It may be tried again."""
        world.fail_next()
        with pytest.raises(DeliveryFailed) as failed:
            await world.channel.notify(world.notice())
        assert not failed.value.permanent
        assert list(world.notes()) == []
