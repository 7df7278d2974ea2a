"""``hitl serve`` as a process of its own, with its graph from ``langgraph.json``: what it says, what it refuses, what outlives it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from hitl_graphs.support.fakes import MessageSent, RefundCreated, Refused, SupportWorld
from hitl_middleware.testing.fake_slack import FakeSlack, Message, RateLimited

from tests.kit.clocks import until
from tests.kit.commands import SECONDS, Commands
from tests.kit.desk import (
    ANN,
    BOB,
    CHANNEL,
    CONVERSATION,
    ELSEWHERE,
    ORDERS,
    RunningDesk,
    people,
    running_desk,
)

TOKEN = "s3cret-of-the-api"
QUESTION = "Where is my course certificate? My password is hunter2."
REASON = "Wait for the bank; they said Friday."
URL = re.compile(r"http://127\.0\.0\.1:[0-9]+")


@pytest.fixture
def slack() -> Iterator[FakeSlack]:
    """A workspace."""
    with FakeSlack() as fake:
        people(fake)
        yield fake


@pytest.fixture
def services() -> Iterator[SupportWorld]:
    """Front, Stripe and the platform."""
    with SupportWorld(orders=ORDERS, conversations=(CONVERSATION, ELSEWHERE)) as world:
        yield world


@pytest.fixture
def commands(tmp_path) -> Commands:
    """A folder with the desk's manifest and nothing set."""
    manifest = {"graphs": {"support": "hitl_graphs.support:graph"}}
    (tmp_path / "langgraph.json").write_text(json.dumps(manifest), encoding="utf-8")
    return Commands(tmp_path)


def environment(slack: FakeSlack, services: SupportWorld) -> dict[str, str]:
    """What the process is told."""
    mine = {
        "HITL_API_TOKEN": TOKEN,
        "HITL_SLACK_CHANNEL": CHANNEL,
        "HITL_DEFAULT_APPROVERS": f"slack:{ANN},slack:{BOB}",
        "HITL_LEASE_SECONDS": "3",
    }
    return {**slack.environ, **services.environment, **mine}


class Day:
    """Two lives of one server: a draft approved and sent, a refund approved and refused by Stripe, a refund parked over the restart."""

    def __init__(self, commands: Commands, slack: FakeSlack, services: SupportWorld) -> None:
        self.commands, self.slack, self.services = commands, slack, services
        self.answers: list[httpx.Response] = []
        self.urls: list[str] = []
        self.runs: list[dict[str, Any]] = []
        commands.environ |= environment(slack, services)

    def morning(self) -> Message:
        """The first life; the card that still waits at its end."""
        slack, services = self.slack, self.services
        with self.commands.running("serve", "--port", "0") as url:
            self.urls.append(url)
            services.front.app_url = url
            slack.connect(f"{url}/slack/events")
            assert services.front.customer_writes(CONVERSATION, QUESTION).status == 202
            draft = slack.wait_for_message("Send a reply", timeout=SECONDS)
            assert slack.click(ANN, draft, text="Approve").trouble == ""
            slack.wait_for_message("Executed", timeout=SECONDS)
            services.stripe.script(Refused(400, "Charge ch_77 is disputed."))
            services.front.customer_writes(CONVERSATION, "refund order A-1001, 120.00")
            refund = slack.wait_for_message("A-1001", timeout=SECONDS)
            slack.fail("chat.update", RateLimited(retry_after=1))
            assert slack.click(BOB, refund, text="Approve").trouble == ""
            slack.wait_for_message("Failed", timeout=SECONDS)
            services.front.customer_writes(ELSEWHERE, "refund order A-1002, 110.00")
            parked = slack.wait_for_message("A-1002", timeout=SECONDS)
            self.answers += [
                httpx.post(f"{url}/slack/events", content=b"{}"),
                httpx.post(f"{url}/front/webhooks", content=b"{}"),
                httpx.get(f"{url}/api/v1/runs"),
                httpx.get(f"{url}/nowhere", headers={"Authorization": "Bearer no"}),
            ]
        return parked

    def afternoon(self, parked: Message) -> None:
        """The second life: what waited is rejected, and every run ends."""
        slack = self.slack
        with self.commands.running("serve", "--port", "0") as url:
            self.urls.append(url)
            slack.connect(f"{url}/slack/events")
            assert slack.click(ANN, parked, text="Reject").trouble == ""
            form = slack.wait_for(lambda: next(iter(slack.views), None), timeout=SECONDS)
            assert slack.submit_view(ANN, form, {"Reason": REASON}).trouble == ""
            slack.wait_for_message(REASON, timeout=SECONDS)
            with httpx.Client(base_url=url, headers={"Authorization": f"Bearer {TOKEN}"}, timeout=30) as api:
                until(lambda: self._ended(api), "every run has succeeded", seconds=SECONDS)

    def _ended(self, api: httpx.Client) -> bool:
        self.runs = api.get("/api/v1/runs").json()["items"]
        return {run["status"] for run in self.runs} == {"succeeded"}

    def private(self) -> list[str]:
        """What may stand in no log, no audit and no error answer: secrets, and what anybody wrote."""
        named = ("TOKEN", "SECRET", "KEY")
        secrets = [
            value for name, value in self.commands.environ.items() if any(each in name for each in named)
        ]
        assert len(secrets) >= 6
        return [
            *secrets,
            "hunter2",
            "certificate",
            "Wait for the bank",
            "disputed",
            "A-1002",
            "customer@shop.example",
        ]


def test_a_day_of_a_server(commands, slack, services, tmp_path):
    """S-15, O-01, O-03: a real process, restarted once. It says its address on stdout and nowhere else; the log says what was published,
    decided and resumed, with run, request and conversation, and nobody's words or secrets; the audit has every step and its chain holds.
    """
    day = Day(commands, slack, services)
    day.afternoon(day.morning())
    assert [bool(URL.fullmatch(url)) for url in day.urls] == [True, True]
    assert [answer.status_code for answer in day.answers] == [401] * 4
    assert (len(day.runs), len(slack.messages)) == (3, 3)
    assert len(services.front.made(MessageSent)) == 1
    assert services.stripe.made(RefundCreated) == ()

    log = (tmp_path / "stderr.txt").read_text(encoding="utf-8")
    lines = [json.loads(line) for line in log.splitlines()]
    runs = {(run["id"], run["thread_id"].removeprefix("front:")) for run in day.runs}
    decided = [line for line in lines if line["event"] == "slack.decided"]
    assert [line["decision"] for line in decided] == ["approve", "approve", "reject"]
    assert [line["person"] for line in decided] == [f"slack:{ANN}", f"slack:{BOB}", f"slack:{ANN}"]
    assert {line["run"] for line in decided} == {run for run, _ in runs}
    published = [line for line in lines if line["event"] == "review card published"]
    assert {(line["run"], line["conversation"]) for line in published} == runs
    assert {line["request"] for line in published} == {line["request"] for line in decided}
    resumed = [line for line in lines if line["event"] == "run resumed"]
    assert {(line["run"], line["conversation"]) for line in resumed} == runs
    assert "delivery failed" in {line["event"] for line in lines}
    assert "Traceback" not in log
    assert not re.search(r"(127\.0\.0\.1|localhost|\[::1\]):[0-9]", log)

    assert commands.run("audit", "verify").returncode == 0
    exported = commands.said("audit", "export")
    trail = [json.loads(line) for line in exported.splitlines()]
    kinds = [event["kind"] for event in trail]
    for kind, count in {"opened": 3, "approved": 2, "rejected": 1}.items():
        assert kinds.count(f"request.{kind}") == count
    assert (kinds.count("action.succeeded"), kinds.count("action.failed"), kinds.count("run.succeeded")) == (
        1,
        1,
        3,
    )
    assert {event["via"] for event in trail if event["kind"] == "submission.received"} == {"slack"}

    told = "".join(answer.text for answer in day.answers)
    assert [each for each in day.private() if each in log or each in told or each in exported] == []


@pytest.mark.parametrize(
    ("words", "environ", "sentence"),
    [
        (
            ("serve", "--port", "0"),
            {"SLACK_BOT_TOKEN": "xoxb-1"},
            "SLACK_BOT_TOKEN is set but neither SLACK_SIGNING_SECRET nor SLACK_APP_TOKEN is",
        ),
        (
            ("worker",),
            {"SLACK_SIGNING_SECRET": "abc"},
            "SLACK_SIGNING_SECRET is set but SLACK_BOT_TOKEN is not",
        ),
        (
            ("serve", "--port", "0"),
            {"HITL_DATABASE_URL": "postgresql://hitl:hunter2@127.0.0.1:1/hitl"},
            "cannot be reached",
        ),
    ],
    ids=["token without secret", "secret without token", "database away"],
)
def test_what_stops_it(commands, words, environ, sentence):
    """Rule 8, E-04: nothing is served; one sentence on stderr that names what to mend, exit code 2, and no secret."""
    said = commands.refused(*words, **environ)
    assert sentence in said
    assert "hunter2" not in said
    assert "xoxb-1" not in said


def test_slack_can_be_off(url, monkeypatch):
    """Rule 8, O-07: nothing of Slack is set: its route answers 404 with a sentence, all else works, and people decide elsewhere."""
    with running_desk(
        url, monkeypatch, SLACK_BOT_TOKEN="", SLACK_SIGNING_SECRET=" ", FRONT_WEBHOOK_SECRET=""
    ) as desk:
        for path, missing in (
            ("/slack/events", "SLACK_BOT_TOKEN"),
            ("/front/webhooks", "FRONT_WEBHOOK_SECRET"),
        ):
            answer = desk.api.post(path, content=b"payload={}")
            assert (answer.status_code, missing in answer.json()["detail"]) == (404, True)
        given = {"conversation_id": CONVERSATION, "text": "refund order A-1001, 120.00"}
        assert desk.api.post("/api/v1/runs", json={"graph": "support", "input": given}).status_code == 202
        desk.settle()
        decided = desk.decide(desk.only()["id"], "approve")
        assert decided["action"]["status"] == "succeeded"


def test_slack_may_go_and_come_back(url, monkeypatch, slack):
    """O-07: off for one life of the server, pending requests stay; decided meanwhile, the card tells it as soon as Slack is on again."""

    def shown(desk: RunningDesk) -> str:
        desk.settle()
        (card,) = slack.messages
        return str(card.plain())

    with running_desk(url, monkeypatch, slack=slack) as desk:
        desk.customer("refund order A-1001, 120.00")
        assert "Waiting for a decision" in shown(desk)
    with running_desk(url, monkeypatch, slack=slack, SLACK_BOT_TOKEN="", SLACK_SIGNING_SECRET="") as desk:
        assert desk.only()["status"] == "pending"
        desk.decide(desk.only()["id"], "approve")
        assert "Waiting for a decision" in shown(desk)
    with running_desk(url, monkeypatch, slack=slack) as desk:
        desk.later(120)
        assert "✅ Approved by @ann\n✅ Executed" in shown(desk)
