"""A quorum with roles over every way to answer: one request, one count; and people who answer in the same moment."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from hitl_middleware.errors import AlreadyDecided
from hitl_middleware.settings import ConfigFile
from hitl_middleware.testing.fake_slack import FakeSlack

from tests.kit.commands import Commands
from tests.kit.databases import BOTH
from tests.kit.effects import Effects
from tests.kit.issue_stage import SHOP, GitHubStage, github_stage
from tests.kit.models import asks, call, says, script
from tests.kit.world import World

CHANNEL, KIM = "C0REVIEWS1", "U0KIM12345"
TEAM, SECURITY = "github:acme/architects", "group:security"

# ------------------------------------------------------------------------------------------- one person, every way to answer


@pytest.fixture
def slack(monkeypatch: pytest.MonkeyPatch, world: World) -> Iterator[FakeSlack]:
    """A workspace that the environment names; there Ann is called Kim."""
    with FakeSlack(now=lambda: world.time.now().timestamp()) as fake:
        fake.add_user(KIM, name="kim")
        fake.add_channel(CHANNEL, "reviews")
        for name, value in fake.environ.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("HITL_SLACK_CHANNEL", CHANNEL)
        yield fake


@pytest.fixture
def stage(slack: FakeSlack, world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[GitHubStage]:
    """A repository with a team, and one person with three names."""
    people = {"ann": [f"slack:{KIM}", "github:ann", "local:ann"]}
    with github_stage(
        world, monkeypatch, people=people, groups={"security": ["ann"]}, api_acts_for=["*"]
    ) as found:
        found.fake.team("acme/architects", members=["tim"])
        slack.connect(f"{found.url}/slack/events")
        yield found


@pytest.mark.databases("sqlite")
def test_one_person_everywhere(
    slack: FakeSlack, stage: GitHubStage, effects: Effects, url: str, tmp_path: Path
) -> None:
    """P-01, P-02: Ann approves in Slack, on GitHub, by the API and in a terminal, and is one of two; everything shows who is missing.

    Meg, who is no architect, is refused with a sentence; Tim of the team completes it; it is done once.
    """
    rules: dict[str, Any] = {
        "required_approvals": 2,
        "required_from": [SECURITY, TEAM],
        "approvers": ["github:meg"],
    }
    tool = effects.pay_tool(**rules)
    world = stage.world
    world.serve("desk", world.agent([tool], script(says(call("pay", amount=7)))))
    issue = stage.fake.open_issue(SHOP, "bob", "Pay")
    stage.issues.append(issue)
    world.begin_run("desk", asks(), labels={"repository": SHOP, "issue": str(issue.number)})
    request = world.only()
    assert "Approvals: 0 of 2 – still needed from the group security and the team acme/architects" in (
        stage.reads(stage.cards()[0])
    )

    (card,) = slack.messages
    assert slack.click(KIM, card, text="Approve").status == 200
    world.step()
    (card,) = slack.messages
    assert "*Approvals*\n1 of 2\n*By*\n@kim\n*Still needed*\n`github:acme/architects`" in card.plain()
    on_github = "Approvals: 1 of 2 by kim – still needed from the team acme/architects"
    assert on_github in stage.reads(stage.cards()[0])

    far = "1 of 2 approvals (by kim) – still needed from github:acme/architects"
    again = stage.says("ann", "/approve")
    assert stage.reactions(again) == {"eyes", "rocket"}
    with httpx.Client(base_url=stage.url, trust_env=False) as api:
        where = f"/api/v1/requests/{request.id}"
        told = api.post(f"{where}/decisions", json={"type": "approve", "reviewer": "github:ann"}).json()
        assert (told["status"], told["approvals"]) == (
            "pending",
            {"needed": 2, "given_by": [f"slack:{KIM}"], "still_from": [TEAM]},
        )
        page = api.get(f"/requests/{request.id}").text
        assert far in page
    (tmp_path / "hitl.toml").write_text(f'[people]\nann = ["slack:{KIM}", "github:ann", "local:ann"]\n')
    terminal = Commands(tmp_path, {"HITL_DATABASE_URL": url})
    assert terminal.said("requests", "approve", request.code, "--as", "local:ann") == (
        f"Counted. pay [{request.code}]: {far}.\n"
    )

    refused = stage.says("meg", "/approve")
    assert stage.reactions(refused) == {"eyes", "-1"}
    assert stage.notes()[-1] == (
        "Your approval would change nothing: 1 of 2 approvals – still needed from github:acme/architects. "
        "If it should not happen, you can still reject it."
    )
    assert (world.only().status, effects.done) == ("pending", [])

    stage.says("tim", "/approve")
    assert (world.requests()[-1].status, effects.done) == ("approved", [7])
    (card,) = slack.messages
    for told_ in (card.plain(), stage.reads(stage.cards()[0])):
        assert "2 of 2" in told_
        assert "Still needed" not in told_
        assert "Executed" in told_


# --------------------------------------------------------------------------------------------------------- in the same moment

ANN, BOB, EVE = "slack:UANN", "slack:UBOB", "slack:UEVE"
PEOPLE = ConfigFile(
    people={"ann": (ANN, "github:ann"), "bob": (BOB, "github:bob")},
    groups={"security": ("bob",), "architects": ("ann", EVE)},
)


@pytest.fixture
def pair(make_world: Callable[..., World], url: str, effects: Effects) -> Callable[..., tuple[World, World]]:
    """Two processes' worth of one database, and one open request."""

    def make(**rules: Any) -> tuple[World, World]:
        one, two = make_world(url, config=PEOPLE), make_world(url, config=PEOPLE)
        one.serve("a", one.agent([effects.pay_tool(**rules)], script(says(call("pay", amount=7)))))
        one.begin_run("a", asks())
        return one, two

    return make


def at_once(worlds: tuple[World, World], *people: str) -> list[str]:
    """They approve in the same moment, each in a process of their own; what each of them is told."""
    request = worlds[0].only()

    def approve(number: int) -> str:
        try:
            return worlds[number % 2].decide(request, by=people[number]).status
        except AlreadyDecided:
            return "late"

    with ThreadPoolExecutor(len(people)) as pool:
        return sorted(pool.map(approve, range(len(people))))


@pytest.mark.databases(*BOTH)
def test_in_the_same_moment(pair: Callable[..., tuple[World, World]], effects: Effects) -> None:
    """P-01, P-02, S-10: one person in two places at once is one; two people at once are two; one of all who complete it decides."""
    worlds = pair(approvers=[ANN, BOB, EVE], required_approvals=3, required_from=["group:security"])
    for _ in range(3):
        assert at_once(worlds, ANN, "github:ann", ANN, "github:ann") == ["pending"] * 4
    view = worlds[1].portal.call(worlds[1].views.request, worlds[0].only().id)
    assert view.progress == "1 of 3 approvals (by ann) – still needed: 2 more, among them security"
    assert (len(view.submissions), {each.counts_as for each in view.submissions}) == (12, {"github:ann"})
    answers = at_once(worlds, BOB, EVE, "github:bob", "github:ann")
    assert answers.count("approved") == 1
    worlds[0].step()
    (done,) = worlds[0].requests()
    assert (done.status, effects.done) == ("approved", [7])
    found = worlds[0].portal.call(worlds[0].views.request, done.id).approvals
    assert ({each.counts_as for each in found.given}, found.complete) == (
        {"github:ann", "github:bob", EVE},
        True,
    )


@pytest.mark.databases(*BOTH)
def test_both_roles_in_the_same_moment(pair: Callable[..., tuple[World, World]], effects: Effects) -> None:
    """P-02, S-10: neither of two who fill one role each is lost: the second of them, whoever that is, decides."""
    worlds = pair(required_approvals=2, required_from=["group:architects", "group:security"])
    assert at_once(worlds, ANN, BOB) == ["approved", "pending"]
    worlds[0].step()
    assert effects.done == [7]
