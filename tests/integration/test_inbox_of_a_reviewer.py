"""A reviewer's inbox: what is for them stands first, and nothing of the line is lost (O-05, P-02)."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from hitl_middleware.policy import PlannedEscalation, ReviewPlan
from hitl_middleware.testing.store_contract.case import BORN, a_request, a_run
from hitl_server.pages.inbox import AT_ONCE, LEAST_OF_ALL

from tests.kit.served import Served, with_token
from tests.kit.sign_in import CONFIG, WHO, opened, signed_in
from tests.kit.world import World

ROB, EVE = WHO["reviewer"], "github:eve"


def filed(world: World, plans: Sequence[ReviewPlan], **facts: Any) -> list[str]:
    """One request that waits for each, without a graph: what is looked at is the line."""
    run = a_run(status="suspended", driver="caller")
    made = [
        a_request(run.id, plan=each, audience=world.directory.audience(each.approvers, {}), **facts)
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


def test_people_are_called_by_their_names(make_world: Callable[..., World]):
    """P-01: approvers and who asked by the name that the file has for one of their identities, beside that identity; others as they are."""
    config = CONFIG.model_copy(update={"people": {**CONFIG.people, "<b>ann</b>": ("github:ann",)}})
    with opened(with_token(make_world(config=config))) as server:
        approvers = ("github:ann", ROB, EVE, "group:leads", "api")
        after = PlannedEscalation(approvers=("github:ann",))
        asked = ReviewPlan(verdict="ask", approvers=approvers, on_expiry="escalate", escalate_to=(after,))
        (key,) = filed(server.world, [asked], requester="slack:U0OLGA0001", deadline_at=BORN)
        signed_in(server, ROB)
        listed = server.http.get("/").text
        whole = server.http.get(f"/requests/{key}").text
        ann, others = "&lt;b&gt;ann&lt;/b&gt; (github:ann)", f"rob ({ROB}), {EVE}, the group leads"
        said = re.sub(r"</?bdi>", "", listed)
        assert (
            f"For {ann}, {others}, whoever holds the API token · asked for by olga (slack:U0OLGA0001)" in said
        )
        assert f"{ann}, {others} or whoever holds the API token" in whole
        assert f"{ann} is asked, too" in whole
        assert "olga (slack:U0OLGA0001) – and does not decide it" in whole
        assert "<b>ann" not in listed + whole
