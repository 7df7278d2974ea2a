"""``/metrics`` after real decisions, and the alert rules that are shipped for it (O-02, O-04)."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml  # type: ignore[import-untyped, unused-ignore]
from langgraph.graph import START, StateGraph
from langgraph.types import interrupt
from prometheus_client.parser import text_string_to_metric_families
from typer.main import get_command
from typing_extensions import TypedDict

from hitl_graphs.support.routes import hitl_router
from hitl_middleware.channels.configured import configured_channels
from hitl_middleware.cli.app import app
from hitl_middleware.clock import SystemClock
from hitl_middleware.hitl import Graph
from hitl_middleware.settings import ConfigFile
from hitl_middleware.testing.fake_slack import FakeSlack

from tests.kit.issue_stage import github_stage
from tests.kit.served import ANN, Served, served
from tests.kit.wall import GONE, Wall
from tests.kit.world import World

ALERTS = Path(__file__).parents[2] / "server" / "alerts.yml"
FOR = {
    "HitlDeliveryAttemptsExhausted", "HitlWebhooksGivenUp", "HitlCommandsNotUnderstood", "HitlResumeFailed", "HitlSignatureFailures",
    "HitlOutcomeUnknown", "HitlOldestPending",
}  # fmt: skip


class Scraped:
    """One scrape."""

    def __init__(self, text: str) -> None:
        self.families = {family.name: family for family in text_string_to_metric_families(text)}
        self.samples = [sample for family in self.families.values() for sample in family.samples]

    @classmethod
    def of(cls, url: str) -> Scraped:
        answer = httpx.get(f"{url}/metrics")
        assert answer.status_code == 200
        return cls(answer.text)

    def value(self, name: str, **labels: str) -> float:
        """The sum over the samples of this name with these labels."""
        return sum(
            sample.value
            for sample in self.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        )


def test_decisions_over_http(serve: Callable[..., Served]) -> None:
    """O-02: runs, suspensions, decisions by channel, latency by graph and tool, outcomes; unknown acts and what waits."""
    server = serve()
    first, second = server.asked(), server.asked()
    server.world.time.advance(90)
    server.decide(first["id"], type="approve")
    server.decide(second["id"], type="reject", message="a secret reason")
    server.decide(second["id"], type="approve")
    server.decide(server.asked()["id"], type="edit")
    server.world.step()
    now = Scraped.of(server.url)
    assert now.value("hitl_run_changes_total", graph="desk", change="started") == 3
    assert now.value("hitl_run_changes_total", graph="desk", change="suspended") == 3
    assert now.value("hitl_run_changes_total", graph="desk", change="resumed") == 2
    assert now.value("hitl_requests_opened_total", graph="desk", step="pay") == 3
    assert now.value("hitl_decisions_total", channel="api", decision="approve") == 1
    assert now.value("hitl_decisions_total", channel="api", decision="reject") == 1
    assert now.value("hitl_answers_refused_total", channel="api", why="already_decided") == 1
    assert now.value("hitl_answers_refused_total") == 1
    assert now.value("hitl_approval_latency_seconds_count", graph="desk", step="pay") == 2
    assert now.value("hitl_approval_latency_seconds_sum", graph="desk", step="pay") == 180
    assert now.value("hitl_approval_latency_seconds_bucket", graph="desk", step="pay", le="60.0") == 0
    assert now.value("hitl_approval_latency_seconds_bucket", graph="desk", step="pay", le="300.0") == 2
    assert now.value("hitl_action_outcomes_total", tool="pay", outcome="succeeded") == 1
    assert now.value("hitl_requests_pending") == 1
    again = Scraped.of(server.url)
    assert again.value("hitl_decisions_total") == 2
    shown = str(again.samples)
    assert not any(private in shown for private in (first["id"], first["run_id"], "secret reason"))


def test_whoever_does_it(
    serve: Callable[..., Served], make_world: Callable[..., World], sqlite_url: str
) -> None:
    """O-02: a server that is only a front counts what another process of its database decides and runs."""
    worker = serve(world=make_world(sqlite_url))
    with served(make_world(sqlite_url), worker.effects) as front:
        worker.decide(worker.asked()["id"], type="approve")
        worker.world.step()
        here, there = Scraped.of(front.url), Scraped.of(worker.url)
    for name in ("hitl_decisions_total", "hitl_run_changes_total", "hitl_action_outcomes_total"):
        assert here.value(name) == there.value(name) > 0


def test_slack(
    serve: Callable[..., Served], make_world: Callable[..., World], monkeypatch: pytest.MonkeyPatch
) -> None:
    """O-02: a click is an accepted webhook and a decision of Slack's; a forged one is a refused webhook and no decision."""
    with FakeSlack() as slack:
        slack.add_user(ANN.removeprefix("slack:"), name="ann")
        slack.add_channel("C0REVIEWS1", "reviews")
        for name, value in slack.environ.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("HITL_SLACK_CHANNEL", "C0REVIEWS1")
        server = serve(world=make_world(clock=SystemClock(), channels=configured_channels(ConfigFile())))
        slack.connect(f"{server.url}/slack/events")
        before = Scraped.of(server.url)
        assert before.value("hitl_webhooks_total", channel="slack") == 0
        server.asked()
        (card,) = slack.messages
        slack.add_user("U0EVE12345", name="eve")
        assert slack.click("U0EVE12345", card, text="Approve").status == 200
        assert slack.click(ANN.removeprefix("slack:"), card, text="Approve").status == 200
        forged = {"X-Slack-Signature": "v0=" + "0" * 64}
        assert server.http.post("/slack/events", content=b"payload=%7B%7D", headers=forged).status_code == 401
        server.world.step()
        now = Scraped.of(server.url)
    assert now.value("hitl_webhooks_total", channel="slack", outcome="accepted") == 2
    assert now.value("hitl_answers_refused_total", channel="slack", why="not_allowed") == 1
    assert now.value("hitl_answers_refused_total") == 1
    assert now.value("hitl_webhooks_total", channel="slack", outcome="refused") == 1
    assert now.value("hitl_webhooks_total", channel="slack", reason="signature") == 1
    assert now.value("hitl_decisions_total", channel="slack", decision="approve") == 1


def test_github(make_world: Callable[..., World], monkeypatch: pytest.MonkeyPatch) -> None:
    """O-02: commands that were carried out, refused and not understood; a refused delivery; a decision by GitHub and its latency."""
    with github_stage(make_world(), monkeypatch) as stage:
        before = Scraped.of(stage.url)
        assert before.value("hitl_commands_total", outcome="not_understood") == 0
        stage.opened()
        stage.says("ann", "/lgtm")
        stage.says("eve", "/approve")
        stage.says("ann", "/approve")
        forged = {
            "X-GitHub-Event": "ping",
            "X-GitHub-Delivery": "1",
            "X-Hub-Signature-256": "sha256=" + "0" * 64,
        }
        assert httpx.post(f"{stage.url}/github/webhooks", content=b"{}", headers=forged).status_code == 401
        stage.world.step()
        now = Scraped.of(stage.url)
    assert {
        outcome: now.value("hitl_commands_total", channel="github", outcome=outcome)
        for outcome in ("carried_out", "refused", "not_understood")
    } == {"carried_out": 1, "refused": 1, "not_understood": 1}
    assert now.value("hitl_decisions_total", channel="github", decision="approve") == 1
    assert now.value("hitl_approval_latency_seconds_count", graph="fix", step="plan-review") == 1
    assert now.value("hitl_webhooks_total", channel="github", reason="signature") == 1
    assert now.value("hitl_webhooks_total", channel="github", outcome="accepted") >= 4


def test_front(
    serve: Callable[..., Served], make_world: Callable[..., World], monkeypatch: pytest.MonkeyPatch
) -> None:
    """O-02: the webhooks of a route that a graph brings are counted like the others."""
    monkeypatch.setenv("FRONT_WEBHOOK_SECRET", "s3cret")
    world = make_world()
    server = serve(world=world, routers=(hitl_router(world),))
    assert Scraped.of(server.url).value("hitl_webhooks_total", channel="front") == 0
    assert server.http.post("/front/webhooks", content=b"{}").status_code == 401
    assert server.http.get("/front/webhooks").status_code == 405
    now = Scraped.of(server.url)
    assert now.value("hitl_webhooks_total", channel="front", reason="signature") == 1
    assert now.value("hitl_webhooks_total", channel="front") == 1


def test_a_card_that_is_given_up(serve: Callable[..., Served], make_world: Callable[..., World]) -> None:
    """O-02, O-04: it is counted as long as it is not delivered."""
    wall = Wall("hall")
    server = serve(world=make_world(channels=[wall]))
    assert Scraped.of(server.url).value("hitl_deliveries_failed") == 0
    wall.refuse = GONE
    server.asked()
    assert Scraped.of(server.url).value("hitl_deliveries_failed") == 1


class _State(TypedDict, total=False):
    said: str


def _broken(*, behind: bool) -> Graph:
    """A graph that breaks, ``behind`` its question or without asking."""

    def step(state: _State) -> _State:
        if behind:
            interrupt("Go on?")
        msg = "it broke"
        raise ValueError(msg)

    return StateGraph(_State).add_node("step", step).add_edge(START, "step").compile()


def test_a_resume_that_fails(open_server: Served) -> None:
    """O-04: a run that fails once people have answered is told from one that fails by itself; both are there, as 0, before."""
    server = open_server
    for name, behind in (("early", False), ("late", True)):
        server.world.serve(name, _broken(behind=behind))
    before = [(each.name, each.labels, each.value) for each in Scraped.of(server.url).samples]
    assert ("hitl_resumes_failed_total", {"graph": "late"}, 0.0) in before
    server.started("early", {"said": ""})
    server.decide(server.asked("late", {"said": ""})["id"], type="respond", answer="yes")
    server.world.step()
    now = Scraped.of(server.url)
    assert now.value("hitl_run_changes_total", graph="early", change="failed") == 1
    assert now.value("hitl_resumes_failed_total", graph="early") == 0
    assert now.value("hitl_run_changes_total", graph="late", change="failed") == 1
    assert now.value("hitl_resumes_failed_total", graph="late") == 1


def rules() -> list[dict[str, Any]]:
    """As Prometheus would read them."""
    (group,) = yaml.safe_load(ALERTS.read_text())["groups"]
    found: list[dict[str, Any]] = group["rules"]
    return found


class TestAlerts:
    def test_they_are_complete(self) -> None:
        """O-04: each alert once, with how long it must hold, a severity, a summary, and commands to run – which exist."""
        commands = set(get_command(app).commands)  # type: ignore[attr-defined]
        assert {rule["alert"] for rule in rules()} == FOR
        assert len(rules()) == len(FOR)
        for rule in rules():
            assert set(rule) == {"alert", "expr", "for", "labels", "annotations"}
            assert re.fullmatch(r"\d+m", rule["for"]), rule["alert"]
            assert rule["labels"]["severity"] in {"info", "warning", "critical"}
            assert rule["annotations"]["summary"]
            named = re.findall(r"`hitl ([a-z]+)", rule["annotations"]["description"])
            assert named, rule["alert"]
            assert set(named) <= commands, rule["alert"]

    def test_they_ask_for_what_is_there(self, open_server: Served) -> None:
        """O-04: every metric and label of an expression is one of a running server; parentheses match, increases are of counters."""
        now = Scraped.of(open_server.url)
        kinds = {
            name: family.type
            for family in now.families.values()
            for name in (family.name, f"{family.name}_total")
        }
        for rule in rules():
            expression = rule["expr"]
            assert expression.count("(") == expression.count(")") > 0
            assert re.search(r"(>|>=) [\d.*\s]+$", expression), rule["alert"]
            named = re.findall(r"(increase\()?\b(hitl_\w+)(?:\{([^}]*)\})?(\[\d+[mh]\])?", expression)
            assert named, rule["alert"]
            for increase, name, selector, window in named:
                assert name in kinds, (rule["alert"], name)
                assert (kinds[name] == "counter") == bool(increase) == bool(window), (rule["alert"], name)
                there = [sample.labels for sample in now.samples if sample.name == name]
                wanted = dict(re.findall(r'(\w+)="([^"]*)"', selector))
                assert any(wanted.items() <= labels.items() for labels in there), (
                    rule["alert"],
                    name,
                    wanted,
                )
            grouped = {
                label for found in re.findall(r"by \(([^)]*)\)", expression) for label in found.split(", ")
            }
            own = {
                label for _, name, *_ in named for s in now.samples if s.name == name for label in s.labels
            }
            assert grouped <= own | {"job", "instance"}, rule["alert"]
