"""Roles in a quorum, as the desk counts them: who fills which, whose approval would change nothing, what escalation changes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any

import pytest

from hitl_middleware import Escalation
from hitl_middleware.desk.offers import offers
from hitl_middleware.desk.waiting import waiting_for
from hitl_middleware.errors import ApprovalNotNeeded, ConfigurationError, DoesNotFit, NotAllowed
from hitl_middleware.people import ListedPeople
from hitl_middleware.ports import Person
from hitl_middleware.settings import ConfigFile

from tests.kit.effects import Effects
from tests.kit.flows import planning
from tests.kit.models import asks, call, says, script
from tests.kit.wall import Wall
from tests.kit.world import World

ANN, BOB, EVE, KIM, OPS = "slack:UANN", "slack:UBOB", "slack:UEVE", "slack:UKIM", "slack:UOPS"
ARCHITECTS, SECURITY = "group:architects", "group:security"
PEOPLE = ConfigFile(
    people={"ann": (ANN, "github:ann"), "bob": (BOB,)},
    groups={"architects": ("ann", EVE), "security": ("bob", EVE)},
    operators=(OPS,),
)
BOTH_ROLES: dict[str, Any] = {
    "approvers": [KIM],
    "required_approvals": 2,
    "required_from": [ARCHITECTS, SECURITY],
}
Ask = Callable[..., World]


@pytest.fixture
def ask(make_world: Callable[..., World], effects: Effects) -> Ask:
    """A world with one open request by a policy of these rules."""

    def make(
        requester: str | None = None,
        directory: ListedPeople | None = None,
        channels: Sequence[Wall] = (),
        **rules: Any,
    ) -> World:
        world = make_world(config=PEOPLE, directory=directory, channels=channels)
        world.serve("a", world.agent([effects.pay_tool(**rules)], script(says(call("pay", amount=7)))))
        world.begin_run("a", asks(), requester=requester)
        return world

    return make


def approve(world: World, *people: str) -> str:
    """They approve, one after the other; what the last of them is told."""
    told = [world.decide(world.requests()[-1], by=person).status for person in people]
    return told[-1]


def progress(world: World) -> str | None:
    """What people are told."""
    return world.portal.call(world.views.request, world.requests()[-1].id).progress


def stored(world: World) -> list[tuple[str, str | None, tuple[str, ...]]]:
    """The answers: by whom, as whom, in which roles."""
    detail = world.portal.call(world.views.request, world.requests()[-1].id)
    return [(each.person, each.counts_as, each.fills) for each in detail.submissions]


def test_each_role_is_among_those_who_approved(ask: Ask, effects: Effects) -> None:
    """P-02: two people, of whom one is an architect and one of security; what fills what is stored with the answer."""
    world = ask(**BOTH_ROLES)
    assert world.only().plan.approvers == (KIM, ARCHITECTS, SECURITY)
    assert progress(world) == "0 of 2 approvals – still needed from architects and security"
    assert approve(world, ANN) == "pending"
    assert progress(world) == "1 of 2 approvals (by ann) – still needed from security"
    assert approve(world, "github:ann", ANN) == "pending"
    assert progress(world) == "1 of 2 approvals (by ann) – still needed from security"
    world.step()
    assert effects.done == []
    assert approve(world, BOB) == "approved"
    assert progress(world) == "2 of 2 (by ann, bob)"
    world.step()
    assert effects.done == [7]
    one = "github:ann"
    assert stored(world) == [
        (ANN, one, (ARCHITECTS,)), (one, one, (ARCHITECTS,)), (ANN, one, (ARCHITECTS,)), (BOB, BOB, (SECURITY,)),
    ]  # fmt: skip


def test_one_person_in_both_roles_is_one_person(ask: Ask) -> None:
    """P-02: Eve fills both roles; somebody else has to agree, whoever of the approvers that is."""
    world = ask(**BOTH_ROLES)
    assert approve(world, EVE) == "pending"
    assert progress(world) == f"1 of 2 approvals (by {EVE}) – still needed: 1 more"
    assert approve(world, KIM) == "approved"


def test_one_person_in_both_roles_is_enough_where_one_is_asked_for(ask: Ask) -> None:
    """P-02: roles do not make more people necessary."""
    assert approve(ask(required_from=[ARCHITECTS, SECURITY]), EVE) == "approved"
    assert approve(ask(required_from=[ARCHITECTS, SECURITY]), ANN, BOB) == "approved"


def test_an_approval_that_would_change_nothing_is_refused(ask: Ask) -> None:
    """P-02: with a sentence that says who is needed; nothing is stored, and the same person may still say no."""
    world = ask(**BOTH_ROLES)
    approve(world, KIM)
    before, given = world.only(), stored(world)
    with pytest.raises(ApprovalNotNeeded) as refused:
        approve(world, OPS)
    assert str(refused.value) == (
        f"An approval by {OPS} would change nothing: 1 of 2 approvals – still needed from architects and security. "
        "Whoever thinks that it should not happen can still reject it."
    )
    assert (world.only(), stored(world)) == (before, given)
    assert world.decide(before, "reject", by=OPS).status == "rejected"


def test_who_has_approved_is_not_asked_to_again(ask: Ask) -> None:
    """P-02: a button that would change nothing is not offered, and why is said; to nobody else, and not to who has a missing role."""
    world = ask(**BOTH_ROLES)

    def offered(*identities: str) -> str | None:
        person = Person(identity=identities[0], identities=frozenset(identities))
        return world.portal.call(offers, world.store, world.directory, person, [world.only()])[
            world.only().id
        ].unneeded

    assert offered(ANN, "github:ann") is None
    approve(world, ANN)
    assert offered("github:ann", ANN) == "You have approved: 1 of 2 approvals – still needed from security."
    assert offered(BOB) is None
    assert offered(ANN, "github:ann", BOB) is None


def test_an_operator_fills_no_role(ask: Ask) -> None:
    """P-02: who may settle anything counts as a person, and stands in for nobody; nor does who is no approver at all."""
    world = ask(required_approvals=2, required_from=[SECURITY])
    assert approve(world, OPS) == "pending"
    with pytest.raises(ApprovalNotNeeded):
        approve(world, "local:me")
    with pytest.raises(NotAllowed):
        approve(world, ANN)
    assert approve(world, BOB) == "approved"


def test_who_asked_for_it_fills_no_role(ask: Ask) -> None:
    """P-02: not under any name, though they have the role; who else has it does."""
    world = ask(requester=ANN, required_from=[ARCHITECTS])
    for name in (ANN, "github:ann"):
        with pytest.raises(NotAllowed, match="whoever asked for it does not decide it"):
            approve(world, name)
    assert approve(world, EVE) == "approved"


def test_a_no_in_between_ends_it(ask: Ask, effects: Effects) -> None:
    """P-02: of any approver, in a role or not."""
    world = ask(**BOTH_ROLES)
    approve(world, ANN)
    assert world.decide(world.only(), "feedback", by=KIM, message="less").status == "revised"
    world.step()
    assert effects.done == []


def test_edits(ask: Ask, effects: Effects) -> None:
    """P-02, P-04: an edit is one person's approval: of whoever has the one role, and of nobody where several must agree."""
    several = ask(required_from=[ARCHITECTS, SECURITY])
    with pytest.raises(DoesNotFit, match="give feedback instead"):
        several.decide(several.only(), "edit", edit={"amount": 1}, by=EVE)
    world = ask(approvers=[KIM], required_from=[SECURITY])
    with pytest.raises(ApprovalNotNeeded):
        world.decide(world.only(), "edit", edit={"amount": 1}, by=KIM)
    assert world.decide(world.only(), "edit", edit={"amount": 1}, by=BOB).status == "approved"
    world.step()
    assert effects.done == [1]


class Changing:
    """A channel's group whose members change."""

    def __init__(self) -> None:
        self.members = {ANN}

    def spelling(self, identity: str) -> str:
        return identity

    async def groups(
        self, person: Person, among: frozenset[str], labels: Mapping[str, str]
    ) -> frozenset[str]:
        return among & {"slack:STEAM"} if person.identities & self.members else frozenset()

    def places(self, among: frozenset[str], labels: Mapping[str, str]) -> frozenset[str]:
        return frozenset()


def test_a_role_is_settled_when_the_answer_is_given(ask: Ask) -> None:
    """P-02: who has left the group since filled it then; who leaves before they answer does not, and who comes into it does."""
    team = Changing()
    world = ask(
        directory=ListedPeople(sources=[team]),
        approvers=[BOB, EVE],
        required_approvals=2,
        required_from=["slack:STEAM"],
    )
    approve(world, ANN)
    team.members.clear()
    assert progress(world) == f"1 of 2 approvals (by {ANN}) – still needed: 1 more"
    assert approve(world, BOB) == "approved"

    team.members = {ANN}
    other = ask(directory=ListedPeople(sources=[team]), approvers=[ANN, BOB], required_from=["slack:STEAM"])
    team.members = {BOB}
    with pytest.raises(ApprovalNotNeeded):
        approve(other, ANN)
    assert approve(other, BOB) == "approved"


@pytest.mark.parametrize("stands_in", [True, False])
def test_escalation(ask: Ask, *, stands_in: bool) -> None:
    """P-02, P-03: whoever is asked next fills a role they do not have only where the policy says so."""
    then = Escalation([KIM], stands_in_for=[SECURITY] if stands_in else [])
    world = ask(
        required_approvals=2, required_from=[ARCHITECTS, SECURITY], expires_in=timedelta(hours=1), on_expiry="escalate",
        escalate_to=[then],
    )  # fmt: skip
    approve(world, ANN)
    with pytest.raises(NotAllowed):
        approve(world, KIM)
    world.wait(3_600)
    world.step()
    assert world.only().plan.approvers == ("api", ARCHITECTS, SECURITY, KIM)
    if stands_in:
        assert approve(world, KIM) == "approved"
    else:
        with pytest.raises(ApprovalNotNeeded):
            approve(world, KIM)
        assert approve(world, BOB) == "approved"


def test_only_who_is_needed_is_reminded(ask: Ask) -> None:
    """P-02, P-03: while anybody could bring it further all are who have not answered; then those whose role is missing."""
    wall = Wall()
    reminders = [timedelta(minutes=30), timedelta(minutes=10)]
    world = ask(
        channels=[wall],
        **BOTH_ROLES | {"approvers": [KIM, BOB]},
        expires_in=timedelta(hours=1),
        remind=reminders,
    )
    world.wait(1_800)
    world.step()
    approve(world, ANN)
    world.wait(1_200)
    world.step()
    assert [notice.body["text"] for notice in wall.told] == [
        f"pay: reminder to {KIM}, {BOB}, {ARCHITECTS}, {SECURITY}",
        f"pay: reminder to {SECURITY}",
    ]


def test_a_workflow_step(make_world: Callable[..., World], effects: Effects) -> None:
    """P-02: a step takes the same two keywords; the run goes on when the last one has agreed, whose words it gets."""
    world = make_world(config=PEOPLE)
    graph = planning(effects, approvers=[KIM], required_approvals=2, required_from=[SECURITY])
    world.serve("a", graph.compile())
    run = world.begin_run("a", {"topic": "bees"})
    world.decide(world.only(), by=KIM, message="fine")
    world.step()
    assert (effects.done, progress(world)) == (
        [],
        f"1 of 2 approvals (by {KIM}) – still needed from security",
    )
    with pytest.raises(ApprovalNotNeeded):
        approve(world, OPS)
    world.decide(world.only(), by=BOB, message="safe")
    world.step()
    found = world.graphs._graphs["a"].get_state({"configurable": {"thread_id": run.thread_id}})
    (review,) = found.values["done"]
    assert (review["decision"], review["message"], review["by"], effects.done) == (
        "approve",
        "safe",
        BOB,
        [1],
    )


def test_what_waits_for_whom(ask: Ask) -> None:
    """S-14, P-02: a request waits for those whose approval would bring it further, and for nobody else."""
    world = ask(**BOTH_ROLES)

    def waits(identity: str) -> bool:
        async def look() -> bool:
            person = await world.directory.person(identity)
            return bool((await waiting_for(world.store, world.directory, person, most=5)).items)

        return world.portal.call(look)

    assert [waits(who) for who in (ANN, BOB, EVE, KIM, "slack:UXXX")] == [True, True, True, True, False]
    approve(world, ANN)
    assert [waits(who) for who in (ANN, "github:ann", BOB, EVE, KIM)] == [False, False, True, True, False]


def test_one_identity_is_one_person(make_world: Callable[..., World]) -> None:
    """P-01, E-04: an account that two people claim would count for both; it is refused where it is written."""
    with pytest.raises(ConfigurationError, match=r"\[people\] slack:UANN belongs to ann and to bob"):
        ListedPeople({"ann": ("github:ann", ANN), "bob": (ANN,)})
    with pytest.raises(ConfigurationError, match="belongs to ann and to bob"):
        _ = make_world(config=ConfigFile(people={"ann": (ANN,), "bob": (ANN,)})).directory
