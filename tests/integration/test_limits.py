"""The limit on who cannot show who they are, at the real routes (O-08)."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest

from hitl_graphs.support.fakes.front_webhooks import WebhookSender
from hitl_graphs.support.routes import hitl_router
from hitl_middleware.channels.configured import configured_channels
from hitl_middleware.channels.github.signature import sign
from hitl_middleware.clock import SystemClock
from hitl_middleware.settings import ConfigFile
from hitl_middleware.testing.fake_slack import FakeSlack
from hitl_server.limits import MOST_FAILURES

from tests.kit.served import ANN, TOKEN, Served
from tests.kit.world import World

FORGED = {
    "/slack/events": {"X-Slack-Request-Timestamp": "1", "X-Slack-Signature": "v0=" + "0" * 64},
    "/github/webhooks": {
        "X-GitHub-Event": "ping",
        "X-GitHub-Delivery": "1",
        "X-Hub-Signature-256": "sha256=" + "0" * 64,
    },
    "/front/webhooks": {"X-Front-Signature": "guessed"},
}


def test_a_token_that_is_wrong(locked_server: Served) -> None:
    """O-08: guessed tokens are answered 429 with Retry-After; the true one from the same address works, and so do health checks."""
    with httpx.Client(base_url=locked_server.url, headers={"Authorization": "Bearer guessed"}) as guess:
        assert {guess.get("/api/v1/runs").status_code for _ in range(MOST_FAILURES)} == {401}
        refused = guess.get("/api/v1/runs")
        assert (refused.status_code, refused.headers["content-type"]) == (429, "application/problem+json")
        assert refused.headers["retry-after"] == "2"
        assert refused.headers["cache-control"] == "no-store"
        assert guess.get("/readyz").status_code == 200
        locked_server.decide(locked_server.asked()["id"], type="approve").raise_for_status()
        locked_server.world.time.advance(2)
        assert guess.get("/api/v1/runs").status_code == 401
    assert TOKEN not in refused.text
    metrics = locked_server.http.get("/metrics").text
    assert f'hitl_unknown_callers_total{{outcome="unauthorized"}} {MOST_FAILURES + 1}.0' in metrics
    assert 'hitl_unknown_callers_total{outcome="rate_limited"} 1.0' in metrics


def test_signed_webhooks(
    serve: Callable[..., Served], make_world: Callable[..., World], monkeypatch: pytest.MonkeyPatch
) -> None:
    """O-08, issue 5: forged webhooks of any channel are soon answered 429, and counted; no signed one from their address is lost."""
    with FakeSlack() as slack:
        slack.add_user(ANN.removeprefix("slack:"), name="ann")
        slack.add_channel("C0REVIEWS1", "reviews")
        set_to = {
            "HITL_SLACK_CHANNEL": "C0REVIEWS1",
            "FRONT_API_TOKEN": "t",
            "FRONT_WEBHOOK_SECRET": "front-secret",
        }
        for name, value in (slack.environ | set_to).items():
            monkeypatch.setenv(name, value)
        world = make_world(clock=SystemClock(), channels=configured_channels(ConfigFile()))
        for name in ("GITHUB_TOKEN", "GITHUB_WEBHOOK_SECRET"):
            monkeypatch.setenv(name, "hub-secret")
        server = serve(world=world, routers=(hitl_router(world),))
        slack.connect(f"{server.url}/slack/events")
        server.asked()

        def forge() -> set[int]:
            return {
                server.http.post(path, content=b"{}", headers=headers).status_code
                for path, headers in FORGED.items()
            }

        for _ in range(MOST_FAILURES // 3):
            assert forge() == {401}
        assert forge() == {429}
        (card,) = slack.messages
        assert slack.click(ANN.removeprefix("slack:"), card, text="Approve").status == 200
        signed = FORGED["/github/webhooks"] | {
            "X-Hub-Signature-256": sign("hub-secret", b"{}"),
            "Content-Type": "application/json",
        }
        assert server.http.post("/github/webhooks", content=b"{}", headers=signed).status_code == 200
        told = WebhookSender("front-secret", lambda: world.clock.now().timestamp()).sign("sync", None)
        answer = server.http.post("/front/webhooks", content=told.body, headers=dict(told.headers))
        assert answer.status_code == 200
        server.world.step()
        assert server.effects.done == [5]
        metrics = server.http.get("/metrics").text
    for channel in ("slack", "github", "front"):
        labels = f'channel="{channel}",outcome="refused",reason="rate_limited"'
        assert f"hitl_webhooks_total{{{labels}}} 1.0" in metrics
