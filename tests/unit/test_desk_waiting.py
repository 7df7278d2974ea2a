"""What waits for one person is what the desk would take from them."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Mapping
from typing import Any

from hitl_middleware.desk.authority import in_groups
from hitl_middleware.desk.waiting import MOST_READ, Waiting, first_in_line, is_asked, waiting_for
from hitl_middleware.people import ListedPeople
from hitl_middleware.policy import Escalation, ReviewPlan
from hitl_middleware.ports import Person
from hitl_middleware.records import ReviewRequest
from hitl_middleware.settings import ConfigFile
from hitl_middleware.testing.store_contract.case import a_request, a_run

from tests.kit.models import asks, call, says, script
from tests.kit.world import World

PEOPLE = ConfigFile(
    people={"ann": ("slack:UANN", "github:ann")}, groups={"leads": ("ann",)}, operators=("slack:UOPS",)
)
EVE = "slack:UEVE"


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
    """S-14, P-01: approvers by name and group, operators, not the requester; the oldest first, cut with a count; decided ones are gone."""
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
    assert graphs == ["named", "grouped"]
    assert len(waiting(world, "slack:UOPS").items) == 4
    assert waiting(world, "slack:UXXX").items == ()
    cut = waiting(world, "slack:UOPS", most=1)
    assert ([item.request.graph for item in cut.items], cut.more) == (["named"], 3)
    world.decide(waiting(world, "slack:UANN").items[0].request, "approve", by="slack:UANN")
    assert [item.request.graph for item in waiting(world, "slack:UANN").items] == ["grouped"]


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


def waits(world: World, approvers: str, **facts: Any) -> ReviewRequest:
    """One more request that waits, as the desk files it: stored without a graph, because there will be many."""
    run = a_run(status="suspended", driver="caller")
    audience = world.directory.audience((approvers,), facts.get("labels", {}))
    plan = ReviewPlan(verdict="ask", approvers=(approvers,), risk="high" if approvers == EVE else None)
    request = a_request(run.id, **{"plan": plan, "audience": audience} | facts)

    async def file() -> None:
        async with world.store.begin() as uow:
            assert await uow.add_run(run)
            assert await uow.add_request(request)

    world.portal.call(file)
    return request


def line(world: World, identity: str, most: int = 25) -> list[str]:
    """The ids of what is first in line for somebody."""

    async def look() -> list[str]:
        by = await world.directory.person(identity)
        return [each.id for each in await first_in_line(world.store, world.directory, by, most=most)]

    return world.portal.call(look)


def asked(world: World, identity: str) -> bool:
    """Whether something waits for somebody."""

    async def look() -> bool:
        return await is_asked(world.store, world.directory, await world.directory.person(identity))

    return world.portal.call(look)


def test_what_waits_for_others_is_not_looked_at(make_world):
    """O-05: more than is ever read waits for somebody else, and is riskier: one's own is found, and counted, as if nothing else waited."""
    world = make_world(config=PEOPLE)
    for _ in range(MOST_READ):
        waits(world, EVE)
    assert (line(world, "github:ann"), asked(world, "github:ann")) == ([], False)
    named, grouped = waits(world, "slack:UANN"), waits(world, "group:leads")
    assert line(world, "github:ann") == [named.id, grouped.id]
    assert line(world, "github:ann", most=1) == [named.id]
    found = waiting(world, "github:ann", most=1)
    assert ([each.request.id for each in found.items], found.more) == ([named.id], 1)
    assert (asked(world, "github:ann"), asked(world, "slack:UXXX")) == (True, False)


def test_whoever_filed_it(make_world):
    """O-07: what an earlier version filed says of nobody whom it is for, and other rules may have said it otherwise: each is judged."""
    world = make_world(config=PEOPLE)
    known = [
        waits(world, who, audience=before) for before in ("", "by other rules") for who in (EVE, "slack:UANN")
    ]
    assert line(world, "slack:UANN") == [known[1].id, known[3].id]
    assert line(world, EVE) == [known[0].id, known[2].id]
    assert [asked(world, who) for who in (EVE, "github:ann", "slack:UXXX")] == [True, True, False]


def test_one_s_own_is_passed_by(make_world):
    """O-05, P-02: as many as a page shows are found, however many before them one has asked for oneself, which others must decide."""
    world = make_world(config=PEOPLE)
    for _ in range(7):
        waits(world, "slack:UANN", requester="github:ann")
    expected = [waits(world, "slack:UANN").id for _ in range(3)]
    assert (line(world, "slack:UANN", most=2), line(world, "slack:UANN", most=5)) == (expected[:2], expected)


def test_who_is_asked_next_finds_it(make_world, effects):
    """P-03, O-05: when a request is escalated, it waits for those, too; whom it is for is written down when it is filed and then again."""
    world = make_world(config=PEOPLE)
    then: dict[str, Any] = {"on_expiry": "escalate", "escalate_to": [Escalation(["group:leads"])]}
    request = open_request(world, effects, "late", approvers=[EVE], expires_in=dt.timedelta(hours=1), **then)
    assert (line(world, EVE), line(world, "github:ann")) == ([request.id], [])
    assert request.audience == world.directory.audience([EVE], {})
    world.wait(3_600)
    world.step()
    assert world.only().audience == world.directory.audience([EVE, "group:leads"], {})
    assert (line(world, EVE), line(world, "github:ann")) == ([request.id], [request.id])


class Rooms:
    """Somebody's keys to rooms: what a channel knows of its places."""

    def __init__(self, *keys: str) -> None:
        self._keys = keys

    def spelling(self, identity: str) -> str:
        return identity

    async def groups(
        self, person: Person, among: frozenset[str], labels: Mapping[str, str]
    ) -> frozenset[str]:
        held = person.identity == "slack:UANN" and labels.get("room") in self._keys
        return among & {"rooms:keeper"} if held else frozenset()

    def places(self, among: frozenset[str], labels: Mapping[str, str]) -> frozenset[str]:
        return frozenset({labels["room"]}) if "rooms:keeper" in among else frozenset()


def test_one_of_an_audience_tells_of_all(make_world):
    """P-01: the same names for other places are other people: to be a keeper of one room says nothing of the next."""
    people = ListedPeople(groups={"keepers": ("rooms:keeper",)}, sources=[Rooms("red", "blue")])
    world = make_world(directory=people)
    found = []
    for room in ("green", "red", "grey", "blue"):
        for approver in ("rooms:keeper", "group:keepers"):
            found += [waits(world, approver, labels={"room": room}) for _ in range(2)]
    assert len({each.audience for each in found}) == 8
    mine = [each.id for each in found if each.labels["room"] in {"red", "blue"}]
    assert line(world, "slack:UANN") == mine


def test_an_audience_is_the_names_and_their_places():
    """P-01: in whatever order, as often as they are named; a place only where a name of it is among them, be it in a group of the file."""
    people = ListedPeople(groups={"keepers": ("rooms:keeper",)}, sources=[Rooms()])
    red, blue = {"room": "red", "note": "1"}, {"room": "blue", "note": "2"}
    assert people.audience(("a", "b"), red) == people.audience(("b", "a", "b"), blue)
    assert people.audience(("a", "b"), red) != people.audience(("a b",), red) != people.audience((), red)
    for names in (("rooms:keeper",), ("group:keepers", "a")):
        assert people.audience(names, red) != people.audience(names, blue)
        assert people.audience(names, red) == people.audience(names, {**red, "note": "3"})
    assert 0 < len(people.audience(("\ud800" * 999,), {})) <= 64


class Slow(Rooms):
    """Answers when it has been asked about as many rooms as there are, and not before."""

    def __init__(self, rooms: int) -> None:
        super().__init__("0", "1", "2")
        self._rooms = rooms
        self._all = asyncio.Event()
        self.asked: list[str] = []

    async def groups(
        self, person: Person, among: frozenset[str], labels: Mapping[str, str]
    ) -> frozenset[str]:
        self.asked.append(labels["room"])
        if len(self.asked) % self._rooms == 0:
            self._all.set()
        await self._all.wait()
        return await super().groups(person, among, labels)


def test_who_has_to_be_asked_elsewhere_is_asked_once_and_at_once():
    """P-01: requests for the same people need one answer of a channel, and nobody waits for one answer after the other."""
    source = Slow(rooms=3)
    plan = ReviewPlan(verdict="ask", approvers=("rooms:keeper",))
    requests = [a_request("a run", plan=plan, labels={"room": str(number % 3)}) for number in range(9)]

    async def look() -> Mapping[str, Person]:
        by = Person(identity="slack:UANN")
        return await asyncio.wait_for(in_groups(by, requests, ListedPeople(sources=[source])), 30)

    found = asyncio.run(look())
    assert sorted(source.asked) == ["0", "1", "2"]
    assert [found[each.id].groups for each in requests] == [frozenset({"rooms:keeper"})] * 9
