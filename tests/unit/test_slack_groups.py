"""User groups as approvers: asked of Slack, remembered for a minute, and nobody's where Slack does not say."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace

import pytest
import structlog

from hitl_middleware.channels.configured import configured_directory
from hitl_middleware.channels.slack.groups import SlackGroups
from hitl_middleware.channels.slack.settings import SlackSettings
from hitl_middleware.clock import ManualClock
from hitl_middleware.desk.authority import check_person
from hitl_middleware.errors import NotAllowed
from hitl_middleware.people import ListedPeople
from hitl_middleware.policy import ReviewPlan
from hitl_middleware.records import ReviewRequest
from hitl_middleware.settings import ConfigFile
from hitl_middleware.testing.fake_slack import FakeSlack, Garbage, Refused, ServerError
from hitl_middleware.testing.store_contract.case import a_request

from tests.kit.slack_stage import ANN, BOB, EVE

FINANCE = "slack:S0FINANCE1"


@pytest.fixture
def fake() -> Iterator[FakeSlack]:
    """A workspace with one user group."""
    with FakeSlack() as fake:
        for user, name in ((ANN, "ann"), (BOB, "bob"), (EVE, "eve")):
            fake.add_user(user, name=name)
        fake.add_usergroup("S0FINANCE1", "finance", users=[ANN])
        yield fake


def people(fake: FakeSlack, clock: ManualClock) -> ListedPeople:
    """Ann is also somebody on GitHub."""
    said = {"bot_token": fake.bot_token, "signing_secret": "s", "api_url": fake.url}
    known = {"ann": (f"slack:{ANN}", "github:ann")}
    source = SlackGroups(SlackSettings.model_validate(said), clock)
    return ListedPeople(known, {"money": (FINANCE,)}, sources=[source])


def asked(*approvers: str) -> ReviewRequest:
    """A request for these to decide."""
    return a_request("run-1", plan=ReviewPlan(verdict="ask", approvers=approvers))


def groups(directory: ListedPeople, *identities: str) -> list[bool]:
    """Who is in finance."""

    async def look() -> list[bool]:
        found = [await directory.groups(await directory.person(each), asked(FINANCE)) for each in identities]
        return [FINANCE in each for each in found]

    return asyncio.run(look())


def test_who_is_in_it(fake):
    """P-01: by any of a person's identities; one call tells of everybody; others of other channels are not asked about."""
    directory = people(fake, ManualClock())
    assert groups(directory, f"slack:{ANN}", "github:ann", f"slack:{BOB}") == [True, True, False]
    assert groups(people(fake, ManualClock()), "github:other") == [False]
    assert [call.method for call in fake.calls] == ["usergroups.list"]


def test_it_is_remembered_for_a_minute(fake):
    """P-01: who leaves may decide for sixty seconds more, not longer."""
    clock = ManualClock()
    directory = people(fake, clock)
    assert groups(directory, f"slack:{ANN}") == [True]
    fake.add_usergroup("S0FINANCE1", "finance", users=[BOB])
    clock.advance(59)
    assert groups(directory, f"slack:{ANN}", f"slack:{BOB}") == [True, False]
    clock.advance(1)
    assert groups(directory, f"slack:{ANN}", f"slack:{BOB}") == [False, True]


@pytest.mark.parametrize("fault", [ServerError(500), Refused("missing_scope"), Garbage()])
def test_where_slack_does_not_say_nobody_is(fake, fault):
    """Rule 8: no answer is a no, also for whom the last answer named; it is said in the log, and asked again for the next."""
    clock = ManualClock()
    directory = people(fake, clock)
    assert groups(directory, f"slack:{ANN}") == [True]
    clock.advance(60)
    fake.fail("usergroups.list", fault)
    with structlog.testing.capture_logs() as logs:
        assert groups(directory, f"slack:{ANN}") == [False]
    assert [each["event"] for each in logs] == ["slack.user_groups_not_known"]
    assert groups(directory, f"slack:{ANN}") == [True]


def test_the_desk_takes_it_for_an_approver(fake):
    """P-01: named by a policy itself, or inside a group of hitl.toml; being in a group does not make one the requester."""
    directory = people(fake, ManualClock())

    async def may(identity: str, approver: str, requester: str | None = None) -> bool:
        by = await directory.person(identity)
        by = replace(by, groups=await directory.groups(by, asked(approver)))
        try:
            await check_person(
                ReviewPlan(verdict="ask", approvers=(approver,)), requester, None, by, directory
            )
        except NotAllowed:
            return False
        return True

    for approver in (FINANCE, "group:money"):
        assert asyncio.run(may(f"slack:{ANN}", approver))
        assert asyncio.run(may(f"slack:{ANN}", approver, requester=FINANCE))
        assert not asyncio.run(may(f"slack:{BOB}", approver))
        assert not asyncio.run(may(f"slack:{ANN}", approver, requester="github:ann"))


def test_only_where_it_is_asked_for(fake, monkeypatch):
    """Slack is asked nothing where no setting says so, or no group of its own is among the approvers."""
    for name, value in fake.environ.items():
        monkeypatch.setenv(name, value)

    async def found(config: ConfigFile, *approvers: str) -> frozenset[str]:
        directory = configured_directory(config, ManualClock())
        return await directory.groups(await directory.person(f"slack:{ANN}"), asked(*approvers))

    on = ConfigFile.model_validate({"slack": {"user_groups": True}})
    assert asyncio.run(found(ConfigFile(), FINANCE)) == frozenset()
    assert asyncio.run(found(on, f"slack:{ANN}", "group:money")) == frozenset()
    assert not fake.calls
    assert asyncio.run(found(on, FINANCE, f"slack:{ANN}")) == {FINANCE}
    for name in fake.environ:
        monkeypatch.delenv(name)
    assert asyncio.run(found(on, FINANCE)) == frozenset()
