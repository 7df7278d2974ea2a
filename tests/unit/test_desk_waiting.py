"""What waits for one person is what the desk would take from them."""

from __future__ import annotations

from typing import Any

from hitl_middleware.desk.waiting import Waiting, first_in_line, waiting_for
from hitl_middleware.records import ReviewRequest
from hitl_middleware.settings import ConfigFile

from tests.kit.models import asks, call, says, script
from tests.kit.world import World

PEOPLE = ConfigFile(
    people={"ann": ("slack:UANN", "github:ann")}, groups={"leads": ("ann",)}, operators=("slack:UOPS",)
)


def waiting(world: World, identity: str, *, most: int = 50) -> Waiting:
    """Looked up as the home tab does it."""

    async def look() -> Waiting:
        return await waiting_for(
            world.store, world.directory, await world.directory.person(identity), most=most
        )

    return world.portal.call(look)


def open_request(
    world: World, effects, name: str, requester: str | None = None, **rules: Any
) -> ReviewRequest:
    """One more request, by a policy of these rules."""
    world.serve(name, world.agent([effects.pay_tool(**rules)], script(says(call("pay", amount=7)))))
    world.begin_run(name, asks(), requester=requester)
    return next(request for request in world.pending() if request.graph == name)


def test_it_is_judged_as_an_answer(make_world, effects):
    """S-14, P-01: approvers by name and group, operators, not the requester; the newest first, cut with a count; decided ones are gone."""
    world = make_world(config=PEOPLE)
    several: dict[str, dict[str, Any]] = {
        "named": {"approvers": ["slack:UANN"]},
        "grouped": {"approvers": ["group:leads"]},
        "other": {"approvers": ["slack:UEVE"]},
        "mine": {"approvers": ["slack:UANN"], "requester": "slack:UANN"},
    }
    for name, rules in several.items():
        open_request(world, effects, name, **rules)
    graphs = [item.request.graph for item in waiting(world, "github:ann").items]
    assert graphs == ["grouped", "named"]
    assert len(waiting(world, "slack:UOPS").items) == 4
    assert waiting(world, "slack:UXXX").items == ()
    cut = waiting(world, "slack:UOPS", most=1)
    assert ([item.request.graph for item in cut.items], cut.more) == (["mine"], 3)
    world.decide(waiting(world, "slack:UANN").items[0].request, "approve", by="slack:UANN")
    assert [item.request.graph for item in waiting(world, "slack:UANN").items] == ["named"]


def test_the_first_in_line(make_world, effects):
    """O-05: what is riskiest first, of equal ones the oldest; no more than asked for, and nobody else's is among it."""
    world = make_world(config=PEOPLE)
    several: dict[str, dict[str, Any]] = {
        "older": {"approvers": ["slack:UANN"]},
        "other": {"approvers": ["slack:UEVE"], "risk": "high"},
        "newer": {"approvers": ["group:leads"]},
        "risky": {"approvers": ["slack:UANN"], "risk": "high"},
    }
    for name, rules in several.items():
        open_request(world, effects, name, **rules)

    async def look(most: int) -> list[str]:
        by = await world.directory.person("github:ann")
        found = await first_in_line(world.store, world.directory, by, most=most)
        return [request.graph for request in found]

    assert world.portal.call(look, 25) == ["risky", "older", "newer"]
    assert world.portal.call(look, 2) == ["risky", "older"]


def test_who_has_voted_is_not_waited_for(make_world, effects):
    """P-02: of two needed approvals one is given: it waits for the others only."""
    world = make_world(config=PEOPLE)
    rules: dict[str, Any] = {"approvers": ["slack:UANN", "slack:UEVE"], "required_approvals": 2}
    request = open_request(world, effects, "two", **rules)
    world.decide(request, "approve", by="github:ann")
    assert waiting(world, "slack:UANN").items == ()
    assert len(waiting(world, "slack:UEVE").items) == 1
