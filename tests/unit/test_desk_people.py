"""Who may decide: approvers, groups, defaults, operators, requesters, tokens – and how many."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from hitl_middleware.actions import Decision
from hitl_middleware.errors import DoesNotFit, NotAllowed
from hitl_middleware.settings import ConfigFile

from tests.kit.effects import Effects
from tests.kit.models import asks, call, says, script
from tests.kit.world import World

PEOPLE = ConfigFile(
    people={"ann": ("slack:UANN", "github:ann"), "bob": ("slack:UBOB",)},
    groups={"leads": ("ann", "slack:UEVE"), "empty": ()},
    operators=("bob", "slack:UOPS"),
)
Ask = Callable[..., World]


@pytest.fixture
def ask(make_world: Callable[..., World], effects: Effects) -> Ask:
    """A world with one open request by a policy of these rules; ``run``: options of its run."""

    def make(
        *, run: dict[str, Any] | None = None, approvers_by_default: tuple[str, ...] = (), **rules: Any
    ) -> World:
        world = make_world(config=PEOPLE, approvers=approvers_by_default)
        world.serve("a", world.agent([effects.pay_tool(**rules)], script(says(call("pay", amount=7)))))
        world.begin_run("a", asks(), **(run or {}))
        return world

    return make


def _may(world: World, identity: str) -> bool:
    before = world.only()
    try:
        world.decide(before, "reject", by=identity)
    except NotAllowed:
        assert world.only() == before, "a refusal changes nothing"
        return False
    return True


@pytest.mark.parametrize(
    ("approvers", "identity", "may"),
    [
        (["slack:UANN"], "slack:UANN", True),
        (["slack:UANN"], "github:ann", True),
        (["slack:UANN"], "slack:UEVE", False),
        (["slack:UANN"], "slack:uann", False),
        (["slack:UANN"], "UANN", False),
        (["group:leads"], "github:ann", True),
        (["group:leads"], "slack:UEVE", True),
        (["group:leads"], "slack:UXXX", False),
        (["group:leads"], "group:leads", False),
        (["group:empty"], "slack:UANN", False),
        (["group:nosuch"], "slack:UANN", False),
        (["slack:UEVE", "group:leads"], "slack:UANN", True),
        (["slack:UANN"], "slack:UOPS", True),
        (["slack:UANN"], "slack:UBOB", True),
        (["slack:UANN"], "local:me", True),
        (["slack:UANN"], "api", False),
        (["api"], "api", True),
    ],
)
def test_who_may_decide(ask: Ask, approvers: list[str], identity: str, *, may: bool) -> None:
    """P-01, DESIGN §2.7: the listed, under any name of theirs; members of a listed group; operators. Nobody else."""
    assert _may(ask(approvers=approvers), identity) is may


def test_the_refusal_says_who_may(ask: Ask) -> None:
    """DESIGN §2.7: with a sentence."""
    world = ask(approvers=["slack:UANN", "group:leads"])
    with pytest.raises(
        NotAllowed, match="slack:UXXX may not decide this: it is for slack:UANN or group:leads to decide"
    ):
        world.decide(world.only(), by="slack:UXXX")


@pytest.mark.parametrize(
    ("default", "identity", "may"),
    [
        ((), "api", True),
        ((), "slack:UANN", False),
        (("slack:UANN",), "slack:UANN", True),
        (("slack:UANN",), "api", False),
    ],
)
def test_default_approvers(ask: Ask, default: tuple[str, ...], identity: str, *, may: bool) -> None:
    """DESIGN §5: ``HITL_DEFAULT_APPROVERS`` decide what no policy speaks of; unset: the token (and operators). Frozen when asked."""
    world = ask(approvers_by_default=default)
    assert world.only().plan.approvers == (default or ("api",))
    assert _may(world, identity) is may


@pytest.mark.parametrize(
    ("requester", "identity", "allow", "may"),
    [
        ("slack:UANN", "slack:UANN", False, False),
        ("slack:UANN", "github:ann", False, False),
        ("slack:UANN", "slack:UANN", True, True),
        ("slack:UEVE", "slack:UANN", False, True),
        ("slack:UOPS", "slack:UOPS", False, False),
        ("slack:UANN", "slack:UOPS", False, True),
        (None, "slack:UANN", False, True),
    ],
)
def test_nobody_decides_what_they_asked_for(
    ask: Ask, requester: str | None, identity: str, *, allow: bool, may: bool
) -> None:
    """P-02: under no name of theirs, operators neither; unless the policy allows it."""
    world = ask(approvers=["slack:UANN", "slack:UEVE"], allow_requester=allow, run={"requester": requester})
    assert _may(world, identity) is may


@pytest.mark.parametrize(
    ("requester", "vouched_by", "may"),
    [
        ("slack:UEVE", "api", False),
        ("slack:UEVE", "other", True),
        ("slack:UEVE", None, True),
        (None, "api", True),
    ],
)
def test_a_token_does_not_name_the_judge_of_its_own_run(
    ask: Ask, requester: str | None, vouched_by: str | None, *, may: bool
) -> None:
    """DESIGN §5: a reviewer named by the token that started the run does not count where another person is wanted."""
    world = ask(approvers=["slack:UANN"], run={"requester": requester, "started_by": "api"})
    approve = Decision(type="approve")

    async def submit() -> None:
        await world.submit(world_request, approve, identity="slack:UANN", via="api", vouched_by=vouched_by)

    world_request = world.only().id
    if may:
        world.portal.call(submit)
    else:
        with pytest.raises(NotAllowed, match="the token that started this run"):
            world.portal.call(submit)


def test_two_are_two_people(ask: Ask, effects: Effects) -> None:
    """P-01, P-02: the same person twice, or under another name, counts once; the second person completes it."""
    world = ask(approvers=["slack:UANN", "slack:UEVE", "github:ann"], required_approvals=2)
    request = world.only()
    for identity in ("slack:UANN", "slack:UANN", "github:ann"):
        assert world.decide(request, by=identity).status == "pending"
    world.step()
    assert effects.done == []

    assert world.decide(request, by="slack:UEVE").status == "approved"
    world.step()
    assert effects.done == [7]
    people = [s.person for s in world.portal.call(world.views.request, request.id).submissions]
    assert people == ["slack:UANN", "slack:UANN", "github:ann", "slack:UEVE"]


def test_one_no_is_enough(ask: Ask, effects: Effects) -> None:
    """P-02: a rejection ends it, also after approvals."""
    world = ask(approvers=["slack:UANN", "slack:UEVE"], required_approvals=2)
    world.decide(world.only(), by="slack:UANN")
    assert world.decide(world.only(), "reject", by="slack:UEVE").status == "rejected"
    world.step()
    assert effects.done == []


def test_one_alone_does_not_edit_what_two_must_approve(ask: Ask) -> None:
    """P-02, P-04: an edit would be approved by one; it is refused with the way that works."""
    world = ask(approvers=["slack:UANN", "slack:UEVE"], required_approvals=2)
    with pytest.raises(DoesNotFit, match="give feedback instead"):
        world.decide(world.only(), "edit", edit={"amount": 1}, by="slack:UANN")


def test_a_half_approved_card_has_news(ask: Ask) -> None:
    """S-08: the first of two approvals bumps the version, so every card shows it."""
    world = ask(approvers=["slack:UANN", "slack:UEVE"], required_approvals=2)
    before = world.only().version
    world.decide(world.only(), by="slack:UANN")
    assert world.only().version == before + 1


@pytest.mark.parametrize(
    ("identity", "may"), [("slack:UANN", True), ("slack:UEVE", False), ("slack:UOPS", True)]
)
def test_who_may_settle_an_outcome(ask: Ask, effects: Effects, identity: str, *, may: bool) -> None:
    """DESIGN §3: the plan's approvers or an operator say what became of an unknown act."""

    def time_out() -> None:
        raise TimeoutError

    effects.then = time_out
    world = ask(approvers=["slack:UANN"])
    world.decide(world.only(), by="slack:UANN")
    world.step()
    action = world.act()
    if may:
        assert world.say(action, "done", by=identity).status == "succeeded"
    else:
        with pytest.raises(NotAllowed):
            world.say(action, "done", by=identity)
        assert world.act() == action
