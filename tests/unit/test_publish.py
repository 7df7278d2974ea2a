"""Cards: one per place, and true in the end, whatever the place does."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

import pytest

from hitl_middleware.actions import Decision
from hitl_middleware.clock import ManualClock
from hitl_middleware.dispatch.local import LocalDispatcher
from hitl_middleware.errors import DeliveryFailed
from hitl_middleware.ids import new_id
from hitl_middleware.ports import Person, Wakeup
from hitl_middleware.publish import BACKOFF, LEASES, MAX_ATTEMPTS, Publisher
from hitl_middleware.records import Card, CardView, Notice

from tests.kit.effects import Effects
from tests.kit.models import asks, call, says, script
from tests.kit.wall import DOWN, GONE, LOST, Wall
from tests.kit.world import LEASE, World


@pytest.fixture
def wall() -> Wall:
    """One place."""
    return Wall()


@pytest.fixture
def posted(make_world: Callable[..., World], wall: Wall, effects: Effects) -> World:
    """A world with that channel."""
    world = make_world(channels=[wall])
    world.serve("a", world.agent([effects.pay_tool()], script(says(call("pay", amount=7)))))
    return world


def _card(world: World) -> Card:
    (request,) = world.requests()
    (card,) = world.portal.call(world.views.request, request.id).cards
    return card


def _park(world: World) -> None:
    world.begin_run("a", asks())


def _shown(wall: Wall) -> list[tuple[str, str | None]]:
    return [
        (view.request.status, view.action.status if view.action else None) for view in wall.pinned.values()
    ]


def test_a_card_follows_its_request_to_the_end(posted: World, wall: Wall) -> None:
    """S-08: posted once, changed with every change, true in the end."""
    _park(posted)
    assert _shown(wall) == [("pending", "waiting")]
    posted.decide(posted.only())
    posted.step()

    assert _shown(wall) == [("approved", "succeeded")]
    assert wall.log.count("post") == 1
    assert _card(posted).shown == _card(posted).wanted == posted.requests()[0].version


def test_every_place_has_its_card(make_world: Callable[..., World], effects: Effects) -> None:
    """S-14: every posted copy is tracked and updated."""
    wall = Wall("hall", "kitchen")
    world = make_world(channels=[wall])
    world.serve("a", world.agent([effects.pay_tool()], script(says(call("pay", amount=7)))))
    world.begin_run("a", asks())
    world.decide(world.only(), "reject")
    world.step()

    assert sorted(wall.pinned) == ["hall-1", "kitchen-2"]
    assert _shown(wall) == [("rejected", "denied")] * 2


def test_a_failed_execution_shows_on_an_approved_card(posted: World, wall: Wall, effects: Effects) -> None:
    """S-09: the decision stays approved, the card says that it failed and why."""

    def fail() -> None:
        msg = "no such account"
        raise LookupError(msg)

    effects.then = fail
    _park(posted)
    posted.decide(posted.only())
    posted.step()

    (view,) = wall.pinned.values()
    assert view.action is not None
    assert (view.request.status, view.action.status) == ("approved", "failed")
    assert view.action.error == "LookupError: no such account"


def test_a_lost_reply_is_looked_for(posted: World, wall: Wall) -> None:
    """DESIGN §6: posted, but nobody was told: the next attempt finds the message instead of posting another."""
    wall.lose = LOST
    _park(posted)
    posted.wait(BACKOFF[0])
    posted.step()

    assert wall.log == ["post", "find", "update"]
    assert len(wall.pinned) == 1
    assert _card(posted).ref == "hall-1"


def test_a_lost_reply_is_looked_for_after_a_change_too(posted: World, wall: Wall) -> None:
    """DESIGN §6: the request is decided before the second attempt: still one message, and it is true."""
    wall.lose = LOST
    _park(posted)
    posted.decide(posted.only(), "reject")
    posted.step()
    posted.wait(1_000)
    posted.step()

    assert len(wall.pinned) == 1
    assert _shown(wall) == [("rejected", "denied")]


def test_a_place_that_is_down_is_tried_again_later(posted: World, wall: Wall) -> None:
    """G-14: with growing pauses, by database time; then it is true."""
    wall.refuse = DOWN
    _park(posted)
    posted.step()
    assert (wall.log, wall.pinned) == (["post"], {})
    assert _card(posted).error == "the wall is down"
    wall.refuse = DOWN
    posted.wait(BACKOFF[0])
    posted.step()
    assert wall.log == ["post", "find", "post"]
    posted.wait(BACKOFF[1])
    posted.step()

    assert _shown(wall) == [("pending", "waiting")]
    assert _card(posted).error is None


def test_a_place_that_says_when_is_taken_at_its_word(posted: World, wall: Wall) -> None:
    """G-14: Retry-After."""
    wall.refuse = DeliveryFailed("rate limited", retry_after=77)
    _park(posted)
    posted.wait(76)
    posted.step()
    assert wall.pinned == {}
    posted.wait(1)
    posted.step()
    assert len(wall.pinned) == 1


class Bucket(Wall):
    """Takes ``room`` cards at once and then one a second, as Slack does with a channel; everybody else is told to come in a second."""

    def __init__(self, seconds: Callable[[], float], room: float) -> None:
        super().__init__()
        self._seconds, self._room, self._left, self._at = seconds, room, room, seconds()
        self.limited = 0

    async def post(self, view: CardView) -> str:
        now = self._seconds()
        self._left, self._at = min(self._room, self._left + now - self._at), now
        if self._left < 1:
            self.limited += 1
            reason = "rate limited"
            raise DeliveryFailed(reason, retry_after=1)
        self._left -= 1
        return await super().post(view)


def test_many_cards_at_once_are_all_posted(
    make_world: Callable[..., World], clock: ManualClock, effects: Effects
) -> None:
    """G-14, S-14: told to come again at one moment all would come at once, one would get through, and the rest run out of attempts."""
    place = Bucket(lambda: clock.now().timestamp(), room=5)
    world = make_world(channels=[place])
    calls = [call("pay", amount=number) for number in range(45)]
    world.serve("a", world.agent([effects.pay_tool()], script(says(*calls))))
    _park(world)
    for _ in range(300):
        if len(place.pinned) == len(calls):
            break
        world.wait(2)
        world.step()
    cards = [
        card
        for request in world.requests()
        for card in world.portal.call(world.views.request, request.id).cards
    ]
    assert len(cards) == len(calls)
    assert [card.gave_up for card in cards] == [False] * len(calls)
    assert len(place.pinned) == len(calls)
    assert place.limited < 10 * len(calls)


def test_a_place_that_is_gone_is_given_up_until_there_is_news(posted: World, wall: Wall) -> None:
    """G-14: shown as failed delivery and not tried for ever; a newer version is worth another attempt."""
    wall.refuse = GONE
    _park(posted)
    posted.wait(10_000)
    posted.step()
    assert wall.log == ["post"]
    assert _card(posted).gave_up
    posted.decide(posted.only(), "reject")
    posted.step()

    assert _shown(wall) == [("rejected", "denied")]
    assert not _card(posted).gave_up


def test_attempts_run_out(posted: World, wall: Wall) -> None:
    """G-14: after ``MAX_ATTEMPTS`` it is a failed delivery; the request is decidable elsewhere all the same."""
    wall.refuse = DOWN
    _park(posted)
    for _ in range(3 * MAX_ATTEMPTS):
        wall.refuse = DOWN
        posted.wait(BACKOFF[-1])
        posted.step()
    assert wall.log.count("post") == MAX_ATTEMPTS
    assert _card(posted).gave_up
    wall.refuse = None
    posted.decide(posted.only())
    posted.step()
    assert posted.act().status == "succeeded"


def test_a_bug_in_a_channel_stops_nothing_else(posted: World, wall: Wall) -> None:
    """DESIGN §2.10: any exception of a channel is one failed attempt."""
    wall.refuse = ZeroDivisionError("oops")
    _park(posted)
    assert _card(posted).error == "ZeroDivisionError"
    posted.wait(BACKOFF[0])
    posted.step()
    assert len(wall.pinned) == 1


def test_publishing_is_harmless_at_any_time(posted: World, wall: Wall) -> None:
    """DESIGN §1: a reconciler: called again with nothing to do, it does nothing."""
    _park(posted)
    card = _card(posted)
    for _ in range(3):
        posted.publish(card.id)
    posted.publish("nope")
    assert wall.log == ["post"]


def test_a_notice_is_said_once(posted: World, wall: Wall) -> None:
    """DESIGN §1: one-off messages: stored with the change, delivered once, tried again where the place was down."""

    async def store() -> None:
        async with posted.store.begin() as uow:
            notice = Notice(
                id=new_id(),
                key="k",
                channel="wall",
                address="hall",
                body={"text": "hi"},
                created_at=await uow.now(),
            )
            assert await uow.add_notice(notice)

    posted.portal.call(store)
    wall.refuse = DOWN
    posted.step()
    assert wall.told == []
    posted.wait(BACKOFF[0])
    posted.step()
    posted.wait(10_000)
    posted.step()
    assert [notice.body for notice in wall.told] == [{"text": "hi"}]


class Late(Wall):
    """A wall whose next card is pinned only after ``meanwhile``."""

    meanwhile: Callable[[], Awaitable[None]] | None = None

    async def post(self, view: CardView) -> str:
        """Pin a new card, late."""
        then, self.meanwhile = self.meanwhile, None
        if then is not None:
            await then()
        return await super().post(view)


def test_who_was_away_for_long_leaves_no_second_card(
    make_world: Callable[..., World], effects: Effects
) -> None:
    """S-14: a worker is stopped in the middle of posting, another takes the card over and posts it, the first one's comes after all:
    one message remains, the one that is known, and it is true.
    """
    wall = Late()
    world = make_world(channels=[wall])
    world.serve("a", world.agent([effects.pay_tool()], script(says(call("pay", amount=7)))))

    async def taken_over() -> None:
        world.time.advance(LEASES * LEASE)
        async with world.store.read() as uow:
            (card_id,) = await uow.due("card")
        another = Publisher(
            world.store, [wall], world.dispatcher, owner="another", public_url=None, seconds=LEASE
        )
        await another.publish(card_id)

    wall.meanwhile = taken_over
    _park(world)
    world.step()

    assert wall.log.count("post") == 2
    assert list(wall.pinned) == [_card(world).ref]
    world.decide(world.only(), "reject")
    world.step()
    assert _shown(wall) == [("rejected", "denied")]


def test_what_another_process_asked_for_meanwhile_is_shown_at_once(
    make_world: Callable[..., World], effects: Effects
) -> None:
    """S-08: it found the card taken, and left; who has it looks again, rather than its sweep a second later."""
    wall = Late()
    world = make_world(channels=[wall])
    world.serve("a", world.agent([effects.pay_tool()], script(says(call("pay", amount=7)))))
    run = world.portal.call(world.start_run, "a", asks())
    world.advance_run(run.id)
    request_id = world.only().id
    woken: list[Wakeup] = []

    class Told(LocalDispatcher):
        def wake(self, wakeups: Sequence[Wakeup]) -> None:
            woken.extend(wakeups)

    async def decided() -> None:
        by = Person(identity="local:ann", operator=True)
        await world.desk.submit(request_id, Decision(type="reject"), by=by, via="test")

    wall.meanwhile = decided
    publisher = Publisher(world.store, [wall], Told(), owner="us", public_url=None, seconds=LEASE)
    card = _card(world)
    world.portal.call(publisher.publish, card.id)

    assert [(each.topic, each.key, each.at) for each in woken] == [("card", card.id, None)]
    world.portal.call(publisher.publish, card.id)
    assert _shown(wall) == [("rejected", "denied")]
    assert len(woken) == 1


def test_a_post_that_comes_after_its_successor_is_taken_back(posted: World, wall: Wall) -> None:
    """S-14: no answer came, nothing was found, it was posted again, and then the first one came after all: it is looked for once more."""
    wall.refuse = LOST
    _park(posted)
    posted.wait(BACKOFF[0])
    posted.step()
    (ref,) = wall.pinned
    wall.pinned["hall-0"] = wall.pinned[ref]
    posted.wait(1_000)
    posted.step()

    assert list(wall.pinned) == [ref]
    assert not _card(posted).doubtful
    assert wall.log == ["post", "find", "post", "find", "update", "remove"]


def test_a_post_that_was_refused_is_not_looked_for_twice(posted: World, wall: Wall) -> None:
    """G-14: an answer was heard, so nothing can come late."""
    wall.refuse = DOWN
    _park(posted)
    posted.wait(BACKOFF[0])
    posted.step()
    posted.wait(1_000)
    posted.step()
    assert wall.log == ["post", "find", "post"]
