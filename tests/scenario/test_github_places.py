"""GitHub beside other places and in bad weather: who may, Slack at the same time, outages, text that means harm (G-09, G-14, G-16)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace

import pytest
import structlog

from hitl_middleware.testing.fake_github import LostReply, SecondaryLimit, ServerError
from hitl_middleware.testing.fake_slack import FakeSlack

from tests.kit.databases import BOTH
from tests.kit.effects import Effects
from tests.kit.issue_stage import SHOP, US, GitHubStage, a_shop, github_stage, workflow
from tests.kit.models import asks, call, says, script
from tests.kit.world import World

pytestmark = pytest.mark.databases("memory")
on_both = pytest.mark.databases(*BOTH)
CHANNEL, KIM = "C0REVIEWS1", "U0KIM12345"


@pytest.fixture
def make_stage(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., GitHubStage]]:
    """Stages with options."""
    with ExitStack() as stack:
        yield lambda **options: stack.enter_context(github_stage(world, monkeypatch, **options))


# who may ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("approvers", "may", "may_not"),
    [
        (["github:eve"], "eve", "ann"),
        (["github:EVE"], "Eve", "ann"),
        (["github:acme/architects"], "tim", "ann"),
        (["github:role:maintain"], "max", "ann"),
        (["github:role:assignee"], "eve", "ann"),
        (["group:leads"], "tim", "ann"),
    ],
)
def test_who_may_decide(
    make_stage: Callable[..., GitHubStage], approvers: list[str], may: str, may_not: str
) -> None:
    """P-01, G-09: a login in any letter case, a team, a role and those above it, assignees, a group of hitl.toml."""
    stage = make_stage(
        graph=workflow(approvers=approvers),
        people={"tim": ["github:Tim", "slack:UTIM"]},
        groups={"leads": ["tim"]},
    )
    stage.fake.person("max", permission="admin")
    stage.fake.team("acme/architects", members=["tim"])
    stage.fake.collaborator(SHOP, "eve", "triage")
    stage.opened()
    stage.fake.assign(SHOP, stage.issues[-1].number, "ann", "eve")
    stage.says(may_not, "/approve")
    assert stage.world.only().status == "pending"
    stage.says(may.lower(), "/approve")
    assert stage.world.runs()[0].status == "succeeded"


def test_a_right_that_was_taken_away(make_stage: Callable[..., GitHubStage]) -> None:
    """G-09: asked from the API, remembered for at most a minute; where GitHub does not say, the answer is no."""
    stage = make_stage()
    stage.opened()
    stage.fake.fail("GET", "*/collaborators/*", ServerError(), times=2)
    stage.says("ann", "/approve")
    assert stage.world.only().status == "pending"
    stage.clock.advance(61)
    stage.fake.collaborator(SHOP, "ann", "read")
    stage.says("ann", "/approve")
    assert stage.world.only().status == "pending"
    stage.says("meg", "/approve")
    assert stage.world.runs()[0].status == "succeeded"


# two places at once -------------------------------------------------------------------------------------------------------


@pytest.fixture
def slack(monkeypatch: pytest.MonkeyPatch, world: World) -> Iterator[FakeSlack]:
    """A workspace that the environment names; Kim is in it."""
    with FakeSlack(now=lambda: world.time.now().timestamp()) as fake:
        fake.add_user(KIM, name="kim")
        fake.add_channel(CHANNEL, "reviews")
        for name, value in fake.environ.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("HITL_SLACK_CHANNEL", CHANNEL)
        yield fake


@on_both
@pytest.mark.parametrize("first", ["slack", "github"])
def test_one_request_in_two_places(
    slack: FakeSlack, make_stage: Callable[..., GitHubStage], first: str
) -> None:
    """G-08, S-10: the first decision wins, wherever it was made; both cards tell it, and the other one hears who was first."""
    stage = make_stage(graph=workflow(approvers=[f"slack:{KIM}", "github:ann"]))
    slack.connect(f"{stage.url}/slack/events")
    stage.opened()
    (card,) = slack.messages
    if first == "slack":
        slack.click(KIM, card, text="Approve")
        late = stage.says("ann", "/reject")
        assert stage.reactions(late) == {"eyes", "-1"}
        assert "approved by" in stage.notes()[-1]
    else:
        stage.says("ann", "/approve")
        slack.click(KIM, card, text="Approve", stale=card)
        stage.world.step()
        (note,) = slack.ephemerals
        assert "already approved by" in note.plain()
    by = "kim" if first == "slack" else "ann"
    assert stage.world.runs()[0].status == "succeeded"
    told = "Approved by kim in Slack" if first == "slack" else "Approved by @ann"
    assert told in stage.reads(stage.cards()[0])
    (card,) = slack.messages
    assert "Approved by" in card.plain()
    assert by in card.plain()
    assert len([note for note in stage.notes() if "Resumed" in note]) == 1


@on_both
def test_an_act_in_two_places(
    slack: FakeSlack, make_stage: Callable[..., GitHubStage], effects: Effects
) -> None:
    """S-08, G-04, P-02: two of three must agree, and Ann counts once in two places; both cards go on to Executed, it is done once."""
    people = {"ann": [f"slack:{KIM}", "github:ann"]}
    stage = make_stage(people=people)
    slack.connect(f"{stage.url}/slack/events")
    tool = effects.pay_tool(approvers=[f"slack:{KIM}", "github:ann", "github:meg"], required_approvals=2)
    stage.world.serve("desk", stage.world.agent([tool], script(says(call("pay", amount=7)))))
    issue = stage.fake.open_issue(SHOP, "bob", "Pay")
    stage.issues.append(issue)
    about = {"repository": SHOP, "issue": str(issue.number)}
    stage.world.begin_run("desk", asks(), labels=about)
    (card,) = slack.messages
    slack.click(KIM, card, text="Approve")
    stage.world.step()
    stage.says("ann", "/approve")
    assert stage.world.only().status == "pending"
    assert effects.done == []
    stage.says("meg", "/approve")
    assert effects.done == [7]
    (card,) = slack.messages
    for shown in (card.plain(), stage.reads(stage.cards()[0])):
        assert "Approved by" in shown
        assert "meg" in shown
        assert "Executed" in shown


def test_what_is_logged(make_stage: Callable[..., GitHubStage]) -> None:
    """O-03: one line for each command, with run, repository, issue, step, request and decision; never a word of what people wrote."""
    stage = make_stage()
    stage.opened()
    request = stage.world.only()
    with structlog.testing.capture_logs() as logs:
        stage.says("eve", "/approve secret words")
        stage.says("ann", "/reject secret words")
    lines = [line for line in logs if line["event"] == "slash command processed"]
    assert [line["outcome"] for line in lines] == ["refused", "carried out"]
    about = {
        "run": request.run_id, "repository": SHOP, "issue": stage.issues[0].number, "step": "plan-review", "request": request.id,
        "decision": "reject", "person": "ann",
    }  # fmt: skip
    assert about.items() <= lines[1].items()
    assert lines[0]["decision"] is None
    assert "secret words" not in str(logs)


def test_a_run_without_an_issue(make_stage: Callable[..., GitHubStage]) -> None:
    """G-16: it suspends without an error, nothing is posted, and it is decided elsewhere."""
    stage = make_stage()
    stage.world.begin_run("fix", {"title": "By hand"})
    request = stage.world.only()
    assert request.plan.approvers == ("api",)
    assert stage.fake.comments() == []
    stage.world.decide(request)
    stage.world.step()
    assert stage.world.runs()[0].status == "succeeded"


# bad weather --------------------------------------------------------------------------------------------------------------


@on_both
def test_github_is_away_all_the_time(make_stage: Callable[..., GitHubStage]) -> None:
    """G-14: the run is suspended and decided at the command line; the comment appears when GitHub returns, and tells the truth."""
    stage = make_stage()
    issue = stage.fake.open_issue(SHOP, "bob", "The cart forgets")
    stage.issues.append(issue)
    about = {"repository": SHOP, "issue": str(issue.number)}
    with stage.fake.unreachable():
        stage.world.begin_run("fix", {"title": issue.title}, labels=about)
        request = stage.world.only()
        stage.world.decide(request)
        for _ in range(3):
            stage.clock.advance(400)
            stage.world.step()
        assert stage.world.runs()[0].status == "succeeded"
    stage.clock.advance(400)
    stage.world.step()
    (card,) = stage.cards()
    assert "Approved by" in stage.reads(card)
    assert len(stage.notes()) == 1


def test_a_lost_reply_is_no_second_comment(make_stage: Callable[..., GitHubStage]) -> None:
    """G-04: the comment was made and its answer lost: it is found by its hidden mark, not posted again; the confirmation likewise."""
    stage = make_stage()
    stage.fake.fail("POST", "*/comments", LostReply())
    stage.opened()
    stage.clock.advance(60)
    stage.world.step()
    assert len(stage.cards()) == 1
    stage.fake.fail("POST", "*/comments", LostReply())
    stage.says("ann", "/approve")
    stage.clock.advance(60)
    stage.world.step()
    assert len(stage.notes()) == 1
    assert "Approved by @ann" in stage.reads(stage.cards()[0])


def test_an_installations_token_may_not_ask_who_it_is(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """G-17: the token of a workflow run, say: what it writes is a bot's, is found again by that and the mark, and people decide."""
    fake = a_shop(world)
    installed = fake.install(fake.add_app("runner"), "acme")
    token = fake.add_token("runner[bot]", kind="installation", permissions=installed.permissions)
    known = fake._hub.world.tokens
    known[token] = replace(known[token], installation=installed.id)
    with github_stage(world, monkeypatch, fake=fake, connected=True, token=token) as stage:
        fake.fail("POST", "*/comments", LostReply())
        stage.opened()
        stage.clock.advance(60)
        stage.world.step()
        (card,) = fake.comments(SHOP, stage.issues[-1].number)
        assert card.user == "runner[bot]"
        stage.says("ann", "/approve")
        assert stage.world.runs()[0].status == "succeeded"
    fake.stop()


def test_who_we_are_is_learned_from_what_we_write(make_stage: Callable[..., GitHubStage]) -> None:
    """G-09: without a question of its own; should GitHub not say, our own account decides nothing all the same."""
    stage = make_stage()
    stage.fake.fail("GET", "/user", ServerError(), times=99)
    stage.opened()
    stage.says(US, "/approve")
    assert stage.world.only().status == "pending"
    stage.says("ann", "/approve")
    assert stage.world.runs()[0].status == "succeeded"


def test_a_limit_is_waited_out(make_stage: Callable[..., GitHubStage]) -> None:
    """G-14: GitHub's own number of seconds, and not a moment less."""
    stage = make_stage()
    stage.fake.fail("POST", "*/comments", SecondaryLimit(retry_after=120))
    stage.opened()
    stage.clock.advance(119)
    stage.world.step()
    assert stage.cards() == []
    stage.clock.advance(2)
    stage.world.step()
    assert len(stage.cards()) == 1


def test_a_comment_that_cannot_be_posted_is_given_up_visibly(make_stage: Callable[..., GitHubStage]) -> None:
    """G-14: after the last attempt it shows as a failed delivery and is counted; the request is still decidable elsewhere."""
    stage = make_stage()
    stage.fake.fail("POST", "*/comments", ServerError(), times=50)
    stage.opened()
    for _ in range(14):
        stage.clock.advance(400)
        stage.world.step()
    assert stage.world.portal.call(stage.world.views.tally).failed_deliveries == 1
    detail = stage.world.portal.call(stage.world.views.request, stage.world.only().id)
    (card,) = detail.cards
    assert card.gave_up
    assert card.error
    stage.world.decide(detail.request)
    stage.fake.recover()
    stage.world.step()
    assert stage.world.runs()[0].status == "succeeded"


# text that means harm -----------------------------------------------------------------------------------------------------

HARM = (
    "`` ``` ~~~ </details> <!-- hitl:card:1 --> @ann @acme/architects #1 acme/shop#2 <img src=x> [x](https://evil.example) "
    "\u202e evil \u200b \u2028 | a | b |\n/approve\n> quote\n# Heading\n- [ ] task\r/approve\x00"
)


def test_hostile_text_stays_data(make_stage: Callable[..., GitHubStage]) -> None:
    """G-04, rule 9: in title, plan, reason and reply: nobody is mentioned, nothing is referred to, nothing is hidden, one comment each."""
    stage = make_stage()
    stage.fake.person("max", permission="write")
    issue = stage.opened(title=HARM.replace("\n", " ")[:200], body=HARM)
    stage.says("ann", f"/feedback {HARM}")
    stage.says("meg", f"/reject {HARM}")
    ours = stage.of_us(issue.number)
    assert len(stage.cards()) == 2
    assert len(ours) == 4
    for comment in ours:
        seen = stage.fake.seen(stage.fake.comment_now(comment))
        assert (seen.mentions, seen.references, seen.images) == ((), (), ())
        assert [link for link in seen.links if not link.startswith(stage.url)] == []
        assert "\u202e" not in seen.text
        assert comment.body.count("<!--") - seen.text.count("<!--") == 1, "the one hidden mark is ours"


def test_what_does_not_fit_cannot_be_approved_there(make_stage: Callable[..., GitHubStage]) -> None:
    """Rule 9: 100 kB of plan are cut loudly, the comment offers no /approve and takes none; it says where to, and /reject works."""
    stage = make_stage(graph=workflow(show=["plan", "body"]))
    issue = stage.opened()
    stage.says("ann", "/reject")
    about = {"repository": SHOP, "issue": str(issue.number)}
    stage.world.begin_run("fix", {"title": "Large", "body": "x" * 100_000}, labels=about)
    card = stage.cards()[-1]
    text = stage.reads(card)
    assert "CUT" in text
    assert "/approve" not in text
    stage.says("ann", "/approve")
    assert stage.world.only().status == "pending"
    assert "too long" in stage.notes()[-1]
    stage.says("ann", "/reject")
    assert stage.world.pending() == []
