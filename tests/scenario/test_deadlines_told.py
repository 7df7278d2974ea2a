"""Deadlines where people are: reminders, overdue, expired and escalated in Slack and on GitHub, through the real SDKs and the fakes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from typing import Any

import pytest
from pydantic import SecretStr

from hitl_middleware import Escalation
from hitl_middleware.channels.slack.channel import SlackChannel
from hitl_middleware.channels.slack.settings import SlackSettings
from hitl_middleware.clock import ManualClock
from hitl_middleware.settings import ConfigFile
from hitl_middleware.testing.fake_slack import FakeSlack, LostReply, Message

from tests.kit.desk import ANN, BOB, CHANNEL, EVE, people
from tests.kit.effects import Effects
from tests.kit.issue_stage import GitHubStage, github_stage, workflow
from tests.kit.models import asks, call, says, script
from tests.kit.world import World

HOUR = timedelta(hours=1)
LATE = 3_600.0
CHAIN = {
    "expires_in": HOUR,
    "on_expiry": "escalate",
    "remind": [timedelta(minutes=10)],
}

# ---------------------------------------------------------------------------------------------------------------- Slack


class Office:
    """A workspace and a call that waits there; ``world`` moves by ``step`` alone."""

    def __init__(self, slack: FakeSlack, world: World) -> None:
        self.slack, self.world = slack, world

    def later(self, seconds: float) -> None:
        """Let time pass, and what is due by then."""
        self.world.wait(seconds)
        self.world.step()

    def replies(self, card: Message) -> list[str]:
        """What stands below a card."""
        return [
            each.plain()
            for each in self.slack.messages
            if (each.channel, each.thread_ts) == (card.channel, card.ts)
        ]

    @property
    def cards(self) -> list[Message]:
        """Every card, as it is now."""
        return [each for each in self.slack.messages if each.thread_ts is None]


@pytest.fixture
def office(
    make_world: Callable[..., World], effects: Effects, clock: ManualClock
) -> Iterator[Callable[..., Office]]:
    """Opens one. ``dm``: as of ``[slack]``; ``rules``: of the call's policy."""
    with ExitStack() as stack:

        def make(*, dm: Any = False, **rules: Any) -> Office:
            slack = stack.enter_context(FakeSlack(now=lambda: clock.now().timestamp()))
            people(slack)
            settings = SlackSettings(
                bot_token=SecretStr(slack.bot_token),
                signing_secret=SecretStr(slack.signing_secret),
                api_url=slack.url,
                channel=CHANNEL,
                dm=dm,
            )
            groups = ConfigFile(people={"eve": (f"slack:{EVE}",)}, groups={"leads": ("eve",)})
            channel = SlackChannel(
                settings, members=lambda group: [f"slack:{EVE}"] if group == "group:leads" else []
            )
            world = make_world(channels=[channel], config=groups)
            given: dict[str, Any] = {"approvers": [f"slack:{ANN}", f"slack:{BOB}"]} | rules
            world.serve("a", world.agent([effects.pay_tool(**given)], script(says(call("pay", amount=7)))))
            world.begin_run("a", asks(), thread_id="t-1")
            return Office(slack, world)

        yield make


def test_slack_reminds_in_the_thread_and_asks_the_next(
    office: Callable[..., Office], effects: Effects
) -> None:
    """P-03, S-08: who has not answered is mentioned below the card, then who is asked next; the card follows."""
    desk = office(**CHAIN, escalate_to=[Escalation(["group:leads"], HOUR)])
    (card,) = desk.cards
    desk.later(LATE - 600)
    assert len(desk.replies(card)) == 1
    assert desk.replies(card)[0].startswith("Reminder for @ann, @bob: `pay` waits for a decision until ")
    desk.later(600)
    assert desk.replies(card)[1].startswith(
        "Escalated to @eve, because nobody answered in time: `pay`. Please decide by "
    )
    (card,) = desk.cards
    assert "Escalated to group:leads: Nobody answered by" in card.plain()
    desk.world.decide(desk.world.only(), by=f"slack:{EVE}")
    desk.later(2 * LATE)
    (card,) = desk.cards
    assert "Approved by @eve" in card.plain()
    assert (len(desk.replies(card)), effects.done) == (2, [7])


def test_slack_says_overdue_and_expired(office: Callable[..., Office]) -> None:
    """P-03: left, a card says since when it is overdue and keeps its buttons; expired, it says so and has none."""
    left = office(expires_in=HOUR)
    left.later(LATE)
    (card,) = left.cards
    assert "Overdue, and still waiting for a decision" in card.plain()
    assert "Overdue since" in card.plain()
    assert [button.text for button in card.buttons if button.text == "Approve"] == ["Approve"]
    assert left.replies(card)[0].startswith("Overdue since ")


def test_slack_says_expired(office: Callable[..., Office], effects: Effects) -> None:
    """P-03: the card has no buttons any more, and says that nothing was done."""
    desk = office(expires_in=HOUR, on_expiry="reject")
    desk.later(LATE)
    (card,) = desk.cards
    assert "Expired – nobody answered in time, so it was not done" in card.plain()
    assert (card.buttons, effects.done, desk.replies(card)) == ([], [], [])


def test_direct_messages_reach_whom_it_concerns(office: Callable[..., Office]) -> None:
    """P-03, S-14: with direct messages the next people get a card of their own, and who has answered is left alone."""
    desk = office(dm="only", required_approvals=2, **CHAIN, escalate_to=[Escalation([f"slack:{EVE}"])])
    assert len(desk.cards) == 2
    desk.world.decide(desk.world.only(), by=f"slack:{ANN}")
    desk.later(LATE - 600)
    ann, bob = desk.cards
    assert (len(desk.replies(ann)), len(desk.replies(bob))) == (0, 1)
    desk.later(600)
    assert len(desk.cards) == 3
    assert (len(desk.replies(ann)), len(desk.replies(bob)), len(desk.replies(desk.cards[2]))) == (0, 1, 0)


def test_a_reminder_whose_reply_is_lost_is_not_said_twice(office: Callable[..., Office]) -> None:
    """P-03, S-10: Slack has it, the answer is lost: the next attempt finds it in the thread."""
    desk = office(expires_in=HOUR, remind=[timedelta(minutes=10)])
    (card,) = desk.cards
    desk.slack.fail("chat.postMessage", LostReply())
    desk.later(LATE - 600)
    desk.later(60)
    assert len(desk.replies(card)) == 1


# --------------------------------------------------------------------------------------------------------------- GitHub


@pytest.fixture
def stage(
    make_world: Callable[..., World], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., GitHubStage]]:
    """A workflow on an issue; ``rules`` of its step."""
    with ExitStack() as stack:

        def make(**rules: Any) -> GitHubStage:
            graph = workflow(**({"approvers": ["github:ann"]} | rules))
            found = stack.enter_context(github_stage(make_world(), monkeypatch, graph=graph))
            found.opened()
            return found

        yield make


def _later(stage: GitHubStage, seconds: float) -> None:
    stage.world.wait(seconds)
    stage.world.step()


def test_github_reminds_and_asks_the_next(stage: Callable[..., GitHubStage]) -> None:
    """P-03, G-04: a comment mentions whom the plan names, the card names them; whoever is asked next decides by a comment."""
    here = stage(**CHAIN, escalate_to=[Escalation(["github:meg"], HOUR)])
    here.says("meg", "/approve")
    assert here.world.only().status == "pending"
    before = len(here.of_us())
    _later(here, LATE - 600)
    (reminder,) = here.of_us()[before:]
    assert "Reminder for @ann: Do this? waits for a decision until" in here.reads(reminder)
    assert "ann" in here.fake.seen(here.fake.comment_now(reminder)).mentions
    _later(here, 600)
    escalated = here.of_us()[-1]
    assert "Escalated to @meg, because nobody answered in time: Do this?" in here.reads(escalated)
    assert "Escalated to" in here.reads(here.cards()[0])
    here.says("meg", "/approve")
    assert here.world.requests()[0].decided_by == "github:meg"
    assert here.state()["done"] == "Mend The cart forgets."


def test_github_says_overdue(stage: Callable[..., GitHubStage]) -> None:
    """P-03: the comment and the card say so, and a command still counts."""
    here = stage(expires_in=HOUR)
    _later(here, LATE)
    assert "Overdue, and still waiting for a decision – the deadline was" in here.reads(here.cards()[0])
    assert here.notes()[-1].startswith("⏰ Overdue since")
    here.says("ann", "/hitl status")
    assert "overdue since" in here.notes()[-1]
    here.says("ann", "/approve")
    assert here.state()["done"]


def test_github_says_expired(stage: Callable[..., GitHubStage]) -> None:
    """P-03, G-06: the workflow takes its reject edge; a command that comes too late is told so and changes nothing."""
    here = stage(expires_in=HOUR, on_expiry="reject")
    code = here.world.only().code
    _later(here, LATE)
    assert here.state()["review"]["decision"] == "reject"
    assert "Expired – nobody answered in time" in here.reads(here.cards()[0])
    assert "Expired – Do this? was expired at" in here.notes()[-1]
    here.says("ann", f"/approve {code}")
    assert "was already expired" in here.notes()[-1]
    assert here.world.requests()[0].status == "expired"


def test_a_command_after_the_deadline_and_before_the_sweep_is_late(stage: Callable[..., GitHubStage]) -> None:
    """P-03, G-08: judged by the database's time: refused with a sentence."""
    here = stage(expires_in=HOUR, on_expiry="reject")
    here.world.wait(LATE)
    here.says("ann", "/approve", step=False)
    (delivery,) = here.world.portal.call(here.world._crew.due, "delivery")
    here.world.portal.call(here.world.inbox.process, delivery.key)
    assert here.world.requests()[0].status == "expired"
    here.world.step()
    assert any("was already expired at" in note for note in here.notes())
    assert "done" not in here.state()
