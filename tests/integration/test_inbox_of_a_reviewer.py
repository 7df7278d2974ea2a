"""A reviewer's inbox: what is for them stands first, and nothing of the line is lost (O-05, P-02)."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from hitl_middleware.policy import ReviewPlan
from hitl_middleware.testing.store_contract.case import a_request, a_run
from hitl_server.pages.inbox import AT_ONCE, LEAST_OF_ALL

from tests.kit.served import Served, with_token
from tests.kit.sign_in import CONFIG, WHO, opened, signed_in
from tests.kit.world import World

ROB, EVE = WHO["reviewer"], "github:eve"


def filed(world: World, plans: Sequence[ReviewPlan]) -> list[str]:
    """One request that waits for each, without a graph: what is looked at is the line."""
    run = a_run(status="suspended", driver="caller")
    made = [
        a_request(run.id, plan=each, audience=world.directory.audience(each.approvers or (), {}))
        for each in plans
    ]

    async def file() -> None:
        async with world.store.begin() as uow:
            assert await uow.add_run(run)
            assert all([await uow.add_request(each) for each in made])

    world.portal.call(file)
    return [each.id for each in made]


def plan(who: str, **facts: Any) -> ReviewPlan:
    """For one to decide."""
    return ReviewPlan(verdict="ask", approvers=(who,), **facts)


def pages(server: Served) -> list[list[str]]:
    """The ids on each page, from the first to the last."""
    found, address = [], "/"
    while True:
        text = server.http.get(address).text
        found.append(re.findall(r'id="r-([0-9a-f-]+)"', text))
        following = re.search(r'href="([^"]*cursor=[^"]*)"', text)
        if following is None:
            return found
        address = following[1]


@pytest.mark.parametrize(("own", "rest"), [(3, AT_ONCE - 3), (AT_ONCE + 3, LEAST_OF_ALL)])
def test_their_own_first_and_then_the_line(make_world: Callable[..., World], own: int, rest: int):
    """O-05: no longer a page than anybody's, however much is for them; the line goes on where that page ended, nothing is missed."""
    with opened(with_token(make_world(config=CONFIG))) as server:
        others = filed(server.world, [plan(EVE, risk="high")] * 40)
        mine = filed(server.world, [plan(ROB)] * own)
        signed_in(server, ROB)
        first, *following = pages(server)
        assert first == [*mine[:AT_ONCE], *others[:rest]]
        assert [each for page in following for each in page] == [*others[rest:], *mine]
        assert all(len(page) == AT_ONCE for page in following[:-1])


def test_how_far_it_is(make_world: Callable[..., World]):
    """P-02: of what stands first because it is theirs the list says who is still needed, too, wherever in the line it is."""
    with opened(with_token(make_world(config=CONFIG))) as server:
        filed(server.world, [plan(EVE, risk="high")] * AT_ONCE)
        filed(server.world, [plan(ROB, required_approvals=2)])
        signed_in(server, ROB)
        assert server.http.get("/").text.count("0 of 2 approvals – still needed: 2 more") == 1
