"""A labelled issue starts a workflow; people decide its human step by commands on the issue (G-02 to G-12)."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace

import pytest

from hitl_middleware.testing.fake_github import ServerError

from tests.kit.databases import BOTH
from tests.kit.issue_stage import SHOP, US, GitHubStage, github_stage
from tests.kit.world import World

pytestmark = pytest.mark.databases("memory")
on_both = pytest.mark.databases(*BOTH)


@pytest.fixture
def stage(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[GitHubStage]:
    """With a webhook, nothing opened yet."""
    with github_stage(world, monkeypatch) as stage:
        yield stage


@pytest.fixture
def make_stage(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., GitHubStage]]:
    """Other stages."""
    with ExitStack() as stack:
        yield lambda **options: stack.enter_context(github_stage(world, monkeypatch, **options))


# asking -------------------------------------------------------------------------------------------------------------------


@on_both
def test_a_label_starts_a_run_that_asks_on_the_issue(stage: GitHubStage) -> None:
    """G-02, G-03, G-04: mapped input, the request knows repository, issue, its address and its step; one comment asks."""
    issue = stage.opened()
    (run,) = stage.world.runs()
    assert (run.graph, run.status, run.requester) == ("fix", "suspended", "github:bob")
    request = stage.world.only()
    about = {
        "repository": SHOP,
        "issue": str(issue.number),
        "issue_url": f"{stage.fake.web_url}/{SHOP}/issues/{issue.number}",
    }
    assert (request.labels, request.step, request.kind) == (about, "plan-review", "step")
    (card,) = stage.cards()
    text = stage.reads(card)
    for part in (
        "Do this?", "Mend The cart forgets.", "fix", "plan-review", request.code, f"/approve {request.code}", "/reject", "/feedback",
        "anybody with write access to acme/shop",
    ):  # fmt: skip
        assert part in text, part
    assert f"{stage.url}/requests/{request.id}" in card.body
    assert stage.notes() == []


def test_the_same_delivery_again_starts_nothing(stage: GitHubStage) -> None:
    """G-02, G-11: sent again, or copied under another delivery id, which no signature covers."""
    stage.opened()
    labelled = [each for each in stage.fake.deliveries if each.event == "issues" and each.action == "labeled"]
    stage.fake.redeliver(labelled[-1])
    stage.fake.send(stage.fake.forge(labelled[-1]))
    stage.world.step()
    assert len(stage.world.runs()) == 1
    assert [reply.status for reply in stage.fake.replies[-2:]] == [200, 202]


def test_other_labels_start_nothing(stage: GitHubStage) -> None:
    """G-02, G-11: 200, and nothing is stored."""
    issue = stage.fake.open_issue(SHOP, "bob", "Hello")
    stage.fake.label(SHOP, issue.number, "ann", "question")
    stage.world.step()
    assert stage.world.runs() == []
    assert {reply.status for reply in stage.fake.replies} == {200}


# deciding -----------------------------------------------------------------------------------------------------------------


def test_approve_goes_on(stage: GitHubStage) -> None:
    """G-06, G-10, S-08: 👀 and 🚀 on the command, the one card says who approved, one confirmation, the run goes on to its end."""
    stage.opened()
    command = stage.says("ann", "/approve")
    (run,) = stage.world.runs()
    assert run.status == "succeeded"
    assert stage.state()["done"] == "Mend The cart forgets."
    assert stage.reactions(command) == {"eyes", "rocket"}
    (card,) = stage.cards()
    text = stage.reads(card)
    assert "Approved by @ann" in text
    assert "/approve" not in text
    (note,) = stage.notes()
    assert "Resumed" in note
    assert "@ann" in note


REASONS = [("/reject not now\nreally", "not now\nreally"), ("/reject", "Rejected without a reason.")]


@pytest.mark.parametrize(("body", "reason"), REASONS)
def test_reject_stops_with_the_reason(stage: GitHubStage, body: str, reason: str) -> None:
    """G-06: over several lines, or the default one; the workflow ends without the act, and the issue says why."""
    stage.opened()
    stage.says("ann", body)
    (run,) = stage.world.runs()
    assert run.status == "succeeded"
    assert "done" not in stage.state()
    assert stage.state()["review"]["message"] == reason
    (note,) = stage.notes()
    assert "Stopped" in note
    assert reason.splitlines()[0] in note


@on_both
def test_feedback_brings_the_next_round(stage: GitHubStage) -> None:
    """G-06: the words reach the step; the next round is a new request with a new comment and a new code."""
    stage.opened()
    first = stage.world.only()
    stage.says("ann", f"/feedback {first.code} Mind the coupon.\n\nAnd the tests.")
    second = stage.world.only()
    assert second.code != first.code
    assert second.round == 2
    assert second.args is not None
    assert second.args["plan"].endswith("Revised: Mind the coupon.\n\nAnd the tests.")
    old, new = stage.cards()
    assert "Revision requested by @ann" in stage.reads(old)
    assert second.code in stage.reads(new)
    assert "Revision requested" in stage.notes()[0]
    stage.says("meg", f"/approve {second.code}")
    assert stage.world.runs()[0].status == "succeeded"
    assert len(stage.cards()) == 2


def test_words_with_an_approval_are_kept(stage: GitHubStage) -> None:
    """G-05: what follows /approve is the message."""
    stage.opened()
    stage.says("ann", "/approve Well done.")
    assert stage.state()["review"]["message"] == "Well done."


# what does not decide -----------------------------------------------------------------------------------------------------


MISSES = [
    "/Approve", " /approve", "/approved", "approve", "/aprove", "/approve.", "> /approve", "```\n/approve\n```", "    /approve",
    "Fine by me.\n\n/approve", "`/approve`", "/feedback", "/lgtm", "\u200b/approve", "/approve\u00a0now",
]  # fmt: skip


def test_a_near_miss_is_explained(stage: GitHubStage) -> None:
    """G-05: nothing is decided, 👎, and one reply names the right form."""
    stage.opened()
    for number, body in enumerate(MISSES, 1):
        comment = stage.says("ann", body)
        assert stage.world.only().status == "pending", body
        assert stage.reactions(comment) == {"-1"}, body
        assert len(stage.notes()) == number, body
        assert "/" in stage.notes()[-1], body


TALK = ["I approve of this.", "/usr/bin/env is missing", "/deploy now", "Thanks!", "<!-- /approve -->"]


def test_a_conversation_goes_on_undisturbed(stage: GitHubStage) -> None:
    """G-05: no reaction and no reply to what is no command of ours."""
    stage.opened()
    for body in TALK:
        comment = stage.says("ann", body)
        assert (stage.reactions(comment), stage.notes()) == (set(), []), body
    assert stage.world.only().status == "pending"


@on_both
def test_two_wait_and_a_bare_command_decides_nothing(make_stage: Callable[..., GitHubStage]) -> None:
    """G-07: the list of codes is shown; with a code it is the right one."""
    stage = make_stage(triggers=[{"label": "bug", "graph": "fix"}, {"label": "bug", "graph": "second"}])
    issue = stage.fake.open_issue(SHOP, "bob", "Twice")
    stage.issues.append(issue)
    stage.fake.label(SHOP, issue.number, "ann", "bug")
    stage.world.step()
    one, two = stage.world.pending()
    comment = stage.says("ann", "/approve")
    assert len(stage.world.pending()) == 2
    assert stage.reactions(comment) == {"eyes", "-1"}
    (note,) = stage.notes()
    assert one.code in note
    assert two.code in note
    stage.says("ann", f"/approve {two.code}")
    assert stage.world.pending() == [one]


@on_both
def test_where_nothing_waits(stage: GitHubStage) -> None:
    """G-08: on an issue with nothing pending, before and after; a sentence, 2xx, nothing changes."""
    issue = stage.fake.open_issue(SHOP, "bob", "Only talk")
    early = stage.says("ann", "/approve", number=issue.number)
    assert stage.reactions(early) == {"eyes", "-1"}
    assert "nothing waits for a decision" in stage.notes(issue.number)[0]
    stage.opened()
    code = stage.world.only().code
    stage.says("ann", "/reject no")
    late = stage.says("meg", "/approve")
    again = stage.says("meg", f"/approve {code}")
    assert stage.reactions(late) == stage.reactions(again) == {"eyes", "-1"}
    _, bare, coded = stage.notes()
    assert "rejected by @ann" in bare
    assert "already rejected by @ann" in coded
    assert {reply.status for reply in stage.fake.replies} <= {200, 202}
    assert stage.state()["review"]["decision"] == "reject"


def test_a_code_of_another_issue(stage: GitHubStage) -> None:
    """G-07: it names nothing here, and what it names elsewhere is neither decided nor told."""
    stage.opened()
    other = stage.world.only()
    issue = stage.fake.open_issue(SHOP, "bob", "Another")
    stage.says("ann", f"/approve {other.code}", number=issue.number)
    assert stage.world.only() == other
    assert "no code of a request on this issue" in stage.notes(issue.number)[0]


@pytest.mark.parametrize("who", ["eve", "tim"])
def test_without_the_right(stage: GitHubStage, who: str) -> None:
    """G-08, G-09: reading and triage are not enough; the reply says who may, and the card still waits."""
    stage.opened()
    comment = stage.says(who, "/approve")
    assert stage.world.only().status == "pending"
    assert stage.reactions(comment) == {"eyes", "-1"}
    assert "anybody with write access to acme/shop" in stage.notes()[0]


def test_the_requester_does_not_decide(stage: GitHubStage) -> None:
    """G-09: the issue's author, as the trigger says, with write access or not."""
    stage.fake.person("bob", permission="write")
    stage.opened()
    stage.says("bob", "/approve")
    assert stage.world.only().status == "pending"
    assert "whoever asked for it does not decide it" in stage.notes()[0]
    stage.says("ann", "/approve")
    assert stage.world.runs()[0].status == "succeeded"


def test_bots_and_our_own_account_do_not_decide(stage: GitHubStage) -> None:
    """G-09: whatever rights they have; a bot gets no words, so that two programs never talk to each other for ever."""
    stage.fake.bot("helper[bot]", permission="write")
    stage.opened()
    bot = stage.says("helper[bot]", "/approve")
    assert (stage.reactions(bot), stage.notes()) == ({"-1"}, [])
    stage.says(US, "/approve")
    assert stage.world.only().status == "pending"
    assert "this account is the one that this server writes with" in stage.notes()[0]


def test_a_program_that_writes_as_a_person_does_not_decide(stage: GitHubStage) -> None:
    """G-09: GitHub names the person and the app through which it was written (``performed_via_github_app``). That is no person's word."""
    assistant = stage.fake.add_app("assistant")
    issue = stage.opened()
    written = stage.fake.comment(SHOP, issue.number, "ann", "/approve", app=assistant)
    stage.world.step()
    assert (stage.reactions(written), stage.notes()) == ({"-1"}, [])
    assert stage.world.only().status == "pending"


def test_an_edited_comment_does_not_decide(stage: GitHubStage) -> None:
    """G-09: edited before it was read again, be it within the same second; nor one that is deleted by then."""
    stage.opened()
    same_second = stage.says("ann", "/approve", step=False)
    stage.fake.edit_comment(same_second, "ann", "/approve with words")
    stage.world.step()
    assert stage.world.only().status == "pending"
    assert "edited" in stage.notes()[0]
    later = stage.says("ann", "/reject", step=False)
    stage.clock.advance(5)
    stage.fake.edit_comment(later, "ann", "/approve")
    gone = stage.says("ann", "/approve", step=False)
    stage.fake.delete_comment(gone, "ann")
    stage.world.step()
    assert stage.world.only().status == "pending"
    assert len(stage.notes()) == 2


def test_help_and_status(stage: GitHubStage) -> None:
    """G-05: answered for everybody, deciding nothing."""
    stage.opened()
    asked = stage.says("eve", "/hitl help")
    stage.says("eve", "/hitl status")
    assert stage.reactions(asked) == {"rocket"}
    help_, status = stage.notes()
    assert "/feedback" in help_
    assert stage.world.only().code in status


# getting there ------------------------------------------------------------------------------------------------------------


@on_both
def test_a_lost_delivery_still_decides(stage: GitHubStage) -> None:
    """G-12: re-read after the interval; nobody has to write again."""
    stage.opened()
    stage.fake.lose_deliveries()
    stage.says("ann", "/approve")
    assert stage.world.only().status == "pending"
    stage.clock.advance(31)
    stage.world.step()
    assert stage.world.runs()[0].status == "succeeded"


def test_without_a_webhook_at_all(
    make_stage: Callable[..., GitHubStage], monkeypatch: pytest.MonkeyPatch
) -> None:
    """G-12: re-reading alone is enough, feedback and second round included; unchanged answers cost nothing (304)."""
    stage = make_stage(connected=False, github={"webhook": False})
    issue = stage.fake.open_issue(SHOP, "bob", "Quiet")
    stage.issues.append(issue)
    about = {"repository": SHOP, "issue": str(issue.number)}
    stage.world.begin_run("fix", {"title": "Quiet"}, labels=about, requester="github:bob")
    stage.says("ann", "/feedback more")
    for _ in range(3):
        stage.clock.advance(31)
        stage.world.step()
    assert stage.world.only().round == 2
    assert [call.status for call in stage.fake.calls if call.method == "GET"][-1] == 304
    stage.says("ann", "/approve")
    stage.clock.advance(31)
    stage.world.step()
    assert stage.world.runs()[0].status == "succeeded"


def test_commands_are_judged_in_the_order_they_were_written(stage: GitHubStage) -> None:
    """G-12: the later comment's delivery arrives first, the earlier comment counts."""
    stage.opened()
    with stage.fake.holding_deliveries() as held:
        stage.says("ann", "/reject wrong", step=False)
        stage.says("meg", "/approve", step=False)
    for delivery in reversed(held):
        stage.fake.send(delivery)
        stage.world.step()
    assert stage.state()["review"]["decision"] == "reject"
    assert len(stage.notes()) == 2, "one confirmation, one reply to who came second"


def test_what_was_written_before_it_was_asked_does_not_decide(stage: GitHubStage) -> None:
    """G-12: an approval of round 1 that is read late does not approve round 2."""
    stage.opened()
    first = stage.world.only()
    stage.fake.lose_deliveries()
    stage.says("ann", "/approve", step=False)
    stage.world.decide(first, "feedback", message="Once more")
    stage.world.step()
    stage.clock.advance(31)
    stage.world.step()
    assert stage.world.only().round == 2
    assert "asked after this was written" in stage.notes()[-1]


def test_a_comment_that_may_be_older_than_the_question(stage: GitHubStage) -> None:
    """G-12: while ours is not there, times decide, in GitHub's whole seconds: one of the very second in which it was asked is refused."""
    stage.clock.advance(0.5)
    stage.fake.fail("POST", "*/comments", ServerError())
    stage.opened()
    assert stage.cards() == []
    stage.says("ann", "/approve")
    assert stage.world.only().status == "pending"
    assert "asked after this was written" in stage.notes()[-1]
    stage.clock.advance(0.5)
    stage.says("ann", "/approve")
    assert stage.state()["review"]["decision"] == "approve"


@on_both
def test_a_hundred_deliveries_to_two_servers_are_one_decision(
    make_world: Callable[..., World], url: str, clock: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """G-11, G-12: in any order, copied, to two servers of one database: one decision, one run, one confirmation, two reactions."""
    one, two = make_world(url, clock=clock), make_world(url, clock=clock)
    with github_stage(one, monkeypatch) as stage, github_stage(two, monkeypatch, fake=stage.fake) as other:
        stage.opened()
        comment = stage.says("ann", "/approve", step=False)
        sent = stage.fake.deliveries[-1]
        copies = [stage.fake.forge(sent) for _ in range(50)] + [sent] * 50
        random.Random(7).shuffle(copies)
        for number, copy in enumerate(copies):
            where = (stage, other)[number % 2]
            stage.fake.send(replace(copy, url=f"{where.url}/github/webhooks"))
            if number % 10 == 0:
                where.world.step()
        stage.world.step()
        other.world.step()
        assert [run.status for run in one.runs()] == ["succeeded"]
        assert len(stage.notes()) == 1
        assert stage.reactions(comment) == {"eyes", "rocket"}
