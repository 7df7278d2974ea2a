"""What the doctor finds of acts, messages and the audit; and that its judgement of requests is that of the desk."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from hitl_middleware import OutcomeUnknown
from hitl_middleware.diagnosis.judge import Chart, Standing, stand
from hitl_middleware.ids import new_id
from hitl_middleware.records import Delivery, Notice

from tests.kit.databases import BOTH
from tests.kit.doctoring import asking, found, heal, only
from tests.kit.effects import Effects
from tests.kit.models import asks, call, says, script
from tests.kit.wall import GONE, Wall
from tests.kit.world import LEASE, World

pytestmark = pytest.mark.databases("memory")
on_both = pytest.mark.databases(*BOTH)
"""The rest is about what is judged, not about how it is stored."""


def test_an_act_in_doubt(world: World, effects: Effects) -> None:
    """Told until a person has settled it; the doctor settles nothing."""

    def lose() -> None:
        raise OutcomeUnknown

    effects.then = lose
    world.serve("pay", world.agent([effects.pay_tool()], script(says(call("pay", amount=7)))))
    world.begin_run("pay", asks())
    world.decide(world.only())
    world.step()
    assert only(world) == ("outcome unknown", [world.act().id])
    assert heal(world) == []
    world.say(world.act(), "done")
    world.step()
    assert found(world) == []


def test_an_act_whose_process_died(make_world: Callable[..., World], url: str, effects: Effects) -> None:
    """Claimed, and never heard of again where no sweep runs: marked as unknown, never repeated."""
    world = make_world(url)
    world.serve("pay", world.agent([effects.pay_tool()], script(says(call("pay", amount=7)))))
    run = world.begin_run("pay", asks())
    world.decide(world.only())

    async def claim() -> None:
        async with world.store.begin() as uow:
            (action,) = await uow.actions_of_run(run.id)
            claimed = await uow.claim_action(
                action.id, digest=action.digest, claim_id=new_id(), owner="dead", seconds=LEASE, lease=None
            )
            assert claimed is not None

    world.portal.call(claim)
    assert found(world) == []
    world.wait(5 * LEASE)
    assert only(world) == ("claim dead", [world.act().id])
    assert heal(world) == [world.act().id]
    assert (world.act().status, effects.done) == ("unknown", [])


@on_both
def test_messages_that_were_given_up(make_world: Callable[..., World], url: str, effects: Effects) -> None:
    """G-14: a card, a message and a webhook, each with its error; healed they are due again, and come through."""
    wall = Wall()
    world = make_world(url, channels=[wall])
    world.serve("pay", world.agent([effects.pay_tool()], script(says(call("pay", amount=7)))))
    wall.refuse = GONE
    world.begin_run("pay", asks())
    ids = world.portal.call(_given_up, world)
    told = {finding.check: finding for finding in found(world)}
    assert {check: list(finding.ids) for check, finding in told.items()} == ids | {
        "card given up": list(told["card given up"].ids)
    }
    assert "there is no such place" in told["card given up"].says
    acted: list[str] = []

    async def act(delivery: Delivery) -> None:
        acted.append(delivery.id)

    world.inbox.handle("front", act)
    assert sorted(heal(world)) == sorted(key for finding in told.values() for key in finding.ids)
    assert (len(wall.pinned), wall.told, acted) == (0, [], []), "the doctor sends nothing"
    world.step()
    assert (len(wall.pinned), len(wall.told), acted) == (1, 1, ids["webhook given up"])
    assert wall.log[:3] == ["post", "find", "post"], "an earlier attempt may have arrived"
    assert found(world) == []


async def _given_up(world: World) -> dict[str, list[str]]:
    """A message and a webhook that were given up."""
    async with world.store.begin() as uow:
        now = await uow.now()
        notice = Notice(
            id=new_id(), key="k", channel="wall", address="hall", body={}, created_at=now, attempts=12,
            error="no such place", gave_up=True,
        )  # fmt: skip
        delivery = Delivery(
            id=new_id(), channel="front", key="d", body=b"{}", received_at=now, processed_at=now, attempts=8,
            error="it broke",
        )  # fmt: skip
        assert await uow.add_notice(notice)
        assert await uow.add_delivery(delivery)
    return {"notice given up": [notice.id], "webhook given up": [delivery.id]}


def test_an_audit_that_was_changed(world: World) -> None:
    """O-01: the doctor recomputes the chain."""
    world.serve("poll", asking(world.checkpointer()))
    world.begin_run("poll", {})
    world.trail()

    async def forge() -> None:
        async with world.store.begin() as uow:
            event = (await uow.list_audit(limit=1))[0]
            head = await uow.chain_head(lock=True)
            await uow.append(replace(event, id=new_id(), kind="forged", seq=head.seq + 1, hash="f" * 64))

    world.portal.call(forge)
    (finding,) = found(world)
    assert (finding.check, finding.healable) == ("audit", False)
    assert "was changed after it was written" in finding.says


def test_what_the_doctor_says_is_what_filing_does(world: World, effects: Effects) -> None:
    """The judgement and the desk agree: nothing is missing or overtaken at any moment of a run of several calls in one task."""
    tools = [effects.pay_tool(), effects.pay_tool("send")]
    model = script(
        says(call("pay", "k1", amount=1), call("send", "k2", amount=2), call("pay", "k3", amount=3))
    )
    world.serve("pay", world.plain(tools, model, one_task=True))
    run = world.begin_run("pay", asks())
    assert found(world) == []
    while (pending := world.pending()) and world.run_now(run).status == "suspended":
        world.decide(pending[0], "reject" if len(pending) == 2 else "approve")
        world.step()
        assert found(world) == []
    assert world.run_now(run).status == "succeeded"


def test_calls_of_one_task_wait_their_turn(world: World, effects: Effects) -> None:
    """DESIGN §6: one task shows one question at a time, and not always the same one first: the others are not overtaken for that."""
    model = script(says(call("pay", "k1", amount=1), call("pay", "k2", amount=2)))
    world.serve("pay", world.plain([effects.pay_tool()], model, one_task=True))
    run = world.begin_run("pay", asks())
    first, its_act = world.only(), world.act()
    world.decide(first)
    world.step()
    second, snapshot = world.only(), world.portal.call(world.graphs.look, world.run_now(run))
    acts = {action.identity: action for action in (*world.actions(), its_act)}
    chart = Chart(
        run=world.run_now(run), at=world.time.now(), requests=(first, second), actions=acts, snapshot=snapshot
    )
    assert stand(chart) == Standing(missing=(), overtaken=())
    denied = {**acts, its_act.identity: replace(its_act, status="denied")}
    assert stand(replace(chart, actions=denied)) == Standing(missing=(), overtaken=(first,))
    assert [item.id for item in stand(replace(chart, requests=())).missing] == [second.interrupt_id]
