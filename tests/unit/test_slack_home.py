"""The home tab: what it shows, what it may hold, and whose messages it leads to. Pure, and once over the fake's Web API."""

from __future__ import annotations

import asyncio
import datetime as dt
from dataclasses import replace
from typing import Any

from hitl_middleware.channels.slack import home
from hitl_middleware.channels.slack.events import HomeOpened, kept
from hitl_middleware.channels.slack.heed import Heed
from hitl_middleware.channels.slack.settings import SlackSettings
from hitl_middleware.clock import SystemClock
from hitl_middleware.desk.waiting import Waiting, WaitingRequest
from hitl_middleware.errors import DeliveryFailed
from hitl_middleware.ids import new_id
from hitl_middleware.quorum import Approvals, Approver
from hitl_middleware.records import Card, Delivery, Target
from hitl_middleware.testing.channel_contract import HOSTILE, sample_view
from hitl_middleware.testing.fake_slack import FakeSlack, Refused, ServerError, words
from hitl_middleware.testing.fake_slack.views import problems

from tests.kit.slack_stage import ANN, BOB, CHANNEL, REVIEWS, SmallDesk

NOW = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
WORKSPACE = "https://acme.slack.com/"
PAGES = "https://hitl.example.com"


def test_how_far_it_is_that_several_approve():
    """P-02: as the card says it, the role as a mention where Slack knows it; nothing where one person decides."""
    found = Approvals(2, (Approver("github:bob", "github:bob", "bob", frozenset()),), (f"slack:{ANN}",))
    view, said = tab(replace(waits(), approvals=found))
    assert "1 of 2 approvals – still needed from" in said
    assert f"<@{ANN}>" in str(view)
    assert "approval" not in tab(waits())[1]


def posted(address: str, ref: str | None, *, channel: str = "slack") -> Card:
    """A message of a request."""
    return Card(
        id=new_id(),
        request_id="r",
        target=Target(channel=channel, address=address),
        created_at=NOW,
        wanted=1,
        ref=ref,
    )


def waits(*cards: Card, **changes: Any) -> WaitingRequest:
    """A request that waits."""
    return WaitingRequest(sample_view(REVIEWS, NOW, **changes).request, cards)


def tab(*items: WaitingRequest, more: int = 0) -> tuple[dict[str, Any], str]:
    """The tab, and all its words; Slack would take it."""
    view = home.view(Waiting(items, more, NOW), user=ANN, workspace_url=WORKSPACE, pages=PAGES)
    assert problems(view, "home") == []
    return view, words.plain(view["blocks"], "", {})


def test_what_it_says_of_a_request():
    """S-14: title, tool, since when, until when, code, a way to the message and one to the page; as of when it is."""
    card = posted(CHANNEL, f"{CHANNEL}:1700000000.000100")
    item = waits(card, deadline_at=NOW + dt.timedelta(hours=8))
    view, said = tab(item)
    assert said.startswith("1 request waits for you\nAs of 2026-03-01 12:00 UTC")
    for part in (
        "Refund",
        "process_refund",
        "asked 2026-03-01 12:00 UTC",
        "until 2026-03-01 20:00 UTC",
        item.request.code,
    ):
        assert part in said
    written = str(view)
    assert f"{WORKSPACE}archives/{CHANNEL}/p1700000000000100" in written
    assert f"{PAGES}/requests/{item.request.id}" in written


def test_nothing_waits():
    """An empty list says so."""
    assert tab()[1].startswith("Nothing waits for you")


def test_as_many_as_slack_takes():
    """S-14: 100 blocks at most, the newest first, and how many more."""
    items = [waits(title=f"Request {number}") for number in range(60)]
    view, said = tab(*items, more=7)
    assert len(view["blocks"]) <= home.MOST_BLOCKS
    assert said.startswith("67 requests wait for you")
    assert f"… and {67 - home.MOST_ITEMS} more" in said
    assert "Request 0\n" in said
    assert "Request 59" not in said


def test_words_of_models_stay_data():
    """Rule 9: a title with mentions and markup calls nobody and links nowhere."""
    view, said = tab(waits(title=HOSTILE, tool="<!channel>"))
    section = view["blocks"][2]
    assert section["text"]["type"] == "plain_text"
    assert "<!channel>" not in str(view)
    assert "<!channel>" in said


def test_whose_message_it_leads_to():
    """S-14: to the person's own copy first, else to one in a channel, never to somebody else's direct message."""
    theirs, mine = posted(BOB, "D0BOB:1.1"), posted(ANN, "D0ANN:2.2")
    common, elsewhere = posted("#reviews", f"{CHANNEL}:3.3"), posted("acme/app", "5", channel="github")
    link = lambda *cards: home.message_link(cards, ANN, WORKSPACE)  # noqa: E731
    assert link(theirs, common, mine) == f"{WORKSPACE}archives/D0ANN/p22"
    assert link(theirs, common) == f"{WORKSPACE}archives/{CHANNEL}/p33"
    assert link(theirs, elsewhere) is None
    assert link(replace(common, ref=None)) is None
    assert home.message_link([common], ANN, None) is None


def test_it_is_published_for_the_person():
    """S-14: over the Web API; Slack down: again later; a refusal that lasts: logged, and left."""
    with FakeSlack() as fake:
        fake.add_user(ANN, name="ann")
        settings = SlackSettings.model_validate(
            {"bot_token": fake.bot_token, "signing_secret": "s", "api_url": fake.url}
        )
        heed = Heed(settings, SmallDesk(waiting=Waiting((waits(),), 0, SystemClock().now()), pages=PAGES))
        body = kept(HomeOpened(id="Ev1", user_id=ANN))
        delivery = Delivery(id="d", channel="slack", key="k", body=body, received_at=NOW)

        def act() -> str:
            try:
                asyncio.run(heed.act(delivery))
            except DeliveryFailed as failed:
                return str(failed.facts["reason"])
            return ""

        fake.fail("views.publish", ServerError(500))
        assert act() == "Slack gave no usable answer (HTTP 500)"
        fake.fail("views.publish", Refused("invalid_arguments"))
        assert act() == ""
        assert fake.home_of(ANN) is None
        assert act() == ""
        published = fake.home_of(ANN)
        assert published is not None
        assert "1 request waits for you" in published.plain()
        assert [each.method for each in fake.calls].count("auth.test") == 1
