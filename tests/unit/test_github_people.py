"""Roles, teams and assignees as approvers (P-01, G-09): asked of GitHub, remembered for a minute, nobody's where GitHub does not say."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import pytest
import structlog
from pydantic import SecretStr

from hitl_middleware.channels.github.client import GitHubClients
from hitl_middleware.channels.github.people import FRESH_SECONDS, GitHubGroups
from hitl_middleware.channels.github.settings import GitHubSettings
from hitl_middleware.clock import ManualClock
from hitl_middleware.ports import Person
from hitl_middleware.testing.fake_github import (
    FakeGitHub,
    Garbage,
    HangUp,
    Refused,
    SecondaryLimit,
    ServerError,
    Slow,
)

from tests.kit.github_stage import SHOP, fake

__all__ = ["fake"]

ROLES = [f"github:role:{role}" for role in ("read", "triage", "write", "maintain", "admin")]
HERE = {"repository": SHOP, "issue": "1"}


@dataclass
class Asked:
    """What is asked of GitHub about people, on an event loop of its own."""

    fake: FakeGitHub
    clock: ManualClock
    source: GitHubGroups

    def about(self, who: str | Person, *among: str, labels: dict[str, str] | None = None) -> set[str]:
        """Which of the names the person has."""
        person = Person(identity=who) if isinstance(who, str) else who
        given = HERE if labels is None else labels

        async def ask() -> frozenset[str]:
            return await self.source.groups(person, frozenset(among), given)

        return set(asyncio.run(ask()))

    @property
    def paths(self) -> list[str]:
        """What GitHub was asked for."""
        return [call.path for call in self.fake.calls]


def groups_of(fake: FakeGitHub, clock: ManualClock, **more: float) -> GitHubGroups:
    """The source, as the fake's own token has it."""
    settings = GitHubSettings(token=SecretStr(fake.token), api_url=fake.url)
    return GitHubGroups(GitHubClients(settings), clock, **more)


@pytest.fixture
def asked(fake: FakeGitHub, clock: ManualClock) -> Asked:
    """Ann may write, rob may read, max has nothing but an account; ann is an architect, tess has the issue."""
    fake.repository("acme/private", private=True)
    fake.person("tess", permission="triage")
    fake.open_issue(SHOP, "ann", "Cart forgets its coupon", assignees=["tess"])
    fake.team("acme/architects", members=["ann"], pending=["rob"])
    return Asked(fake, clock, groups_of(fake, clock))


class TestRoles:
    @pytest.mark.parametrize("at", range(5))
    def test_a_role_and_all_below_it(self, asked, at):
        """G-09: whoever has a role has the lower ones, too, and none above it."""
        asked.fake.person("zoe", permission=ROLES[at].rpartition(":")[2])
        assert asked.about("github:zoe", *ROLES) == set(ROLES[: at + 1])
        assert len(asked.paths) == 1

    @pytest.mark.parametrize(("base", "held"), [("read", 1), ("triage", 1), ("write", 3), ("maintain", 3)])
    def test_a_custom_role_is_worth_its_permission(self, asked, base, held):
        """Organizations make up roles; GitHub then says by ``permission`` what they are worth: read, write or admin."""
        asked.fake.custom_role("acme", "release-captain", base=base)
        asked.fake.person("zoe", permission="release-captain", on=SHOP)
        assert asked.about("github:zoe", *ROLES) == set(ROLES[:held])

    def test_nobody_without_access(self, asked):
        """Who may do nothing on a private repository, and who does not exist, have no role."""
        there = {"repository": "acme/private", "issue": "1"}
        assert asked.about("github:max", *ROLES, labels=there) == set()
        assert asked.about("github:nobody-at-all", *ROLES) == set()

    def test_on_the_requests_own_repository(self, asked):
        """The same person may have a role in one repository and none in another; without a repository nobody is asked."""
        asked.fake.person("zoe", permission="write", on="acme/private")
        assert asked.about("github:zoe", "github:role:write") == set()
        there = {"repository": "acme/private"}
        assert asked.about("github:zoe", "github:role:write", labels=there) == {"github:role:write"}
        before = len(asked.paths)
        for labels in ({}, {"issue": "1"}, {"repository": "no repository", "issue": "1"}):
            assert asked.about("github:ann", *ROLES, labels=labels) == set()
        assert len(asked.paths) == before

    def test_letter_case_makes_no_difference(self, asked):
        """GitHub does not tell Ann from ann; the answer has the approver's own spelling."""
        named = ("GitHub:Role:Write", "github:Acme/Architects")
        assert asked.about("github:ANN", *named, labels={"repository": "Acme/SHOP"}) == set(named)
        assert asked.source.spelling("GitHub:Ann") == "github:ann"
        assert asked.source.spelling("slack:U024BE7LH") == "slack:U024BE7LH"

    def test_an_answer_about_somebody_else_is_none(self, asked):
        """What is said of one person is not taken for another; nor is a role that nobody knows."""
        for told in (
            b'{"permission": "admin", "role_name": "admin", "user": {"login": "zoe"}}',
            b'{"permission": "admin", "role_name": "admin", "user": null}',
            b'{"permission": "owner", "role_name": "emperor", "user": {"login": "rob"}}',
            b'{"permission": ["admin"], "role_name": {"admin": 1}, "user": {"login": "rob"}}',
        ):
            asked.fake.fail("GET", "*/permission", Garbage(told))
            assert asked.about("github:rob", *ROLES) == set()
            asked.clock.advance(FRESH_SECONDS)


class TestTeamsAndAssignees:
    def test_active_members_alone(self, asked):
        """An invitation that was not accepted is no membership; nor is being a member of the organization."""
        named = ("github:acme/architects", "github:acme/nowhere")
        asked.fake.person("zoe", organizations=["acme"])
        assert asked.about("github:ann", *named) == {"github:acme/architects"}
        assert asked.about("github:rob", *named) == set()
        assert asked.about("github:zoe", *named) == set()

    def test_a_team_needs_no_issue(self, asked):
        """A run without repository and issue may be decided by a team."""
        assert asked.about("github:ann", "github:acme/architects", labels={}) == {"github:acme/architects"}

    def test_the_assignees_of_the_labelled_issue(self, asked):
        """``github:role:assignee`` is whoever the issue is assigned to now."""
        assert asked.about("github:tess", "github:role:assignee") == {"github:role:assignee"}
        assert asked.about("github:ann", "github:role:assignee") == set()
        assert asked.about("github:tess", "github:role:assignee", labels={**HERE, "issue": "999"}) == set()
        assert asked.about("github:tess", "github:role:assignee", labels={"repository": SHOP}) == set()


class TestPlaces:
    @pytest.mark.parametrize(
        ("name", "turns_on"),
        [
            ("github:role:write", {"repository"}),
            ("GitHub:Role:Admin", {"repository"}),
            ("github:role:assignee", {"repository", "issue"}),
            ("github:acme/architects", set()),
            ("github:ann", set()),
            ("slack:S0FINANCE1", set()),
        ],
    )
    def test_what_an_answer_turns_on(self, asked, name, turns_on):
        """P-01: a role is one repository's, an assignee one issue's, all else the same everywhere: such requests share an audience."""
        here = {"repository": SHOP, "issue": "1", "conversation": "7"}
        for label, other in (("repository", "acme/private"), ("issue", "2"), ("conversation", "8")):
            places = [
                asked.source.places(frozenset({name, "github:rob"}), labels)
                for labels in (here, here | {label: other})
            ]
            assert (places[0] != places[1]) == (label in turns_on)
        assert asked.source.places(frozenset({name}), {}) == asked.source.places(
            frozenset({name}), {"issue": "x"}
        )
        assert asked.paths == []


class TestWhoIsAskedAbout:
    def test_all_accounts_of_one_person(self, asked):
        """P-01: somebody who answers on Slack has the rights of their GitHub account; other identities are not asked about."""
        ann = Person(identity="slack:U024BE7LH", identities=frozenset({"slack:U024BE7LH", "github:Ann"}))
        assert asked.about(ann, "github:role:write") == {"github:role:write"}
        assert [path.rpartition("collaborators/")[2] for path in asked.paths] == ["ann/permission"]

    def test_several_accounts_are_one_person(self, asked):
        """Any of them will do, and each is asked about once."""
        both = Person(identity="github:rob", identities=frozenset({"github:rob", "github:Ann", "github:ann"}))
        assert asked.about(both, *ROLES) == set(ROLES[:3])
        assert len(asked.paths) == 2

    @pytest.mark.parametrize(
        "who", ["slack:U024BE7LH", "local:ann", "api", "github:acme/architects", "github:role:write"]
    )
    def test_nobody_else(self, asked, who):
        """Who has no account on GitHub is in none of its groups; a group's name is nobody's."""
        assert asked.about(who, *ROLES, "github:acme/architects", "github:role:assignee") == set()
        assert asked.paths == []

    def test_only_what_an_approver_names(self, asked):
        """Logins, groups of hitl.toml and other channels' names need no question."""
        assert asked.about("github:ann", "github:ann", "group:ops", "slack:S0FINANCE1", "api") == set()
        assert asked.paths == []

    def test_a_hostile_login_stays_in_its_place(self, asked):
        """What is no login is not asked about, so it cannot lead to another address."""
        for name in ("ann/permission?x=", "../../ann", "a b", "ann%2f", ""):
            assert asked.about(f"github:{name}", "github:role:write") == set()
        assert asked.paths == []


class TestMemory:
    def test_for_a_minute(self, asked):
        """A role that was taken away counts for at most 60 s, and GitHub is asked once in that time."""
        assert asked.about("github:ann", "github:role:write") == {"github:role:write"}
        asked.fake.person("ann", permission="read")
        asked.clock.advance(FRESH_SECONDS - 1)
        assert asked.about("github:ann", "github:role:write", "github:role:admin") == {"github:role:write"}
        assert len(asked.paths) == 1
        asked.clock.advance(1)
        assert asked.about("github:ann", "github:role:write") == set()
        assert len(asked.paths) == 2

    @pytest.mark.parametrize(
        "trouble",
        [
            Refused(403),
            Refused(401),
            ServerError(),
            ServerError(503),
            Garbage(),
            Garbage(b"[1]"),
            HangUp(),
            SecondaryLimit(),
        ],
        ids=lambda each: f"{type(each).__name__}-{getattr(each, 'status', '')}",
    )
    def test_any_failure_is_a_no_and_is_not_remembered(self, asked, trouble):
        """Rule 8: fail closed, say so without a secret, and ask again next time."""
        asked.fake.fail("GET", "*/permission", trouble)
        with structlog.testing.capture_logs() as logs:
            assert asked.about("github:ann", "github:role:write") == set()
        (said,) = logs
        assert said["event"] == "github.groups_not_known"
        assert asked.fake.token not in repr(logs)
        assert asked.about("github:ann", "github:role:write") == {"github:role:write"}

    def test_one_failure_leaves_the_rest(self, asked):
        """What GitHub did say counts."""
        asked.fake.fail("GET", "*/memberships/*", ServerError())
        found = asked.about("github:ann", "github:role:write", "github:acme/architects")
        assert found == {"github:role:write"}

    def test_nobody_waits_for_a_slow_github(self, fake, clock):
        """Bounded patience: an answer that does not come in time is a no; others are not held up by it."""
        slow = Asked(fake, clock, groups_of(fake, clock, patience=0.05))
        fake.fail("GET", "*/permission", Slow(3))
        with structlog.testing.capture_logs() as logs:
            assert slow.about("github:ann", "github:role:write") == set()
        assert [each["why"] for each in logs] == ["no answer within 0.05 s"]
