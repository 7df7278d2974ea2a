"""People who click, react, write and command, and a real Bolt app that hears of it (E-02)."""

import asyncio
import hashlib
import hmac
import json
import threading
from typing import Any

import httpx
import pytest
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.signature import SignatureVerifier
from slack_sdk.webhook import WebhookClient
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from hitl_middleware.testing.fake_slack import CannotHappen, FakeSlack, Message
from hitl_middleware.testing.loopback import Loopback

from tests.kit.bolt_app import ANN, BOB, CARD, METADATA, REVIEWS, Clock, Heard, call, plain

# ------------------------------------------------------------------------------------------------------------- clicks


def test_a_click_reaches_a_real_bolt_app(fake: FakeSlack, heard: Heard, card: Message):
    """Bolt verifies it, its handler updates the card with the real SDK, and the reply tells status and time."""
    reply = fake.click(ANN, card, text="Approve")

    assert (reply.status, reply.trouble) == (200, "")
    assert 0 < reply.seconds < 3
    (now,) = fake.messages
    assert now.plain() == "Approved by @ann"
    assert now.versions[0].buttons == card.buttons


def test_a_click_carries_all_that_slack_sends(fake: FakeSlack, heard: Heard, card: Message):
    """Person, place, message with blocks and metadata, action with value and style, state, trigger, response_url."""
    fake.click(ANN, card, action_id="approve")

    ((_, body),) = heard
    assert body["type"] == "block_actions"
    assert body["user"] == {"id": ANN, "username": "ann", "name": "ann", "team_id": fake.app.team_id}
    assert body["container"] == {
        "type": "message",
        "message_ts": card.ts,
        "channel_id": REVIEWS,
        "is_ephemeral": False,
    }
    assert (body["team"]["id"], body["api_app_id"]) == (fake.app.team_id, fake.app.app_id)
    assert body["channel"] == {"id": REVIEWS, "name": "reviews"}
    assert body["message"]["blocks"] == list(card.blocks)
    assert body["message"]["metadata"] == METADATA
    (action,) = body["actions"]
    assert action.pop("action_ts")
    assert action == {
        "action_id": "approve",
        "block_id": "decide",
        "type": "button",
        "value": "r1",
        "style": "primary",
        "text": {**plain("Approve"), "emoji": True},
    }
    assert body["state"] == {
        "values": {"decide": {"who": {"type": "static_select", "selected_option": None}}}
    }
    assert body["trigger_id"]
    assert body["response_url"].startswith(fake.base_url)


def test_a_delivery_is_signed_as_slack_signs(fake: FakeSlack, heard: Heard, card: Message):
    """The SDK's own verifier accepts body and headers; the body is a form with one field."""
    delivery = fake.click(ANN, card, action_id="approve").delivery

    assert SignatureVerifier(fake.signing_secret).is_valid_request(delivery.body, dict(delivery.headers))
    assert not SignatureVerifier("other").is_valid_request(delivery.body, dict(delivery.headers))
    assert delivery.body.startswith(b"payload=%7B")
    assert delivery.payload["actions"][0]["action_id"] == "approve"


async def test_a_click_can_be_awaited(fake: FakeSlack, heard: Heard, card: Message):
    """Many at once, from one event loop."""
    reply, other = await asyncio.gather(
        fake.aclick(ANN, card, action_id="approve"), fake.aclick(BOB, card, action_id="approve")
    )
    assert {reply.status, other.status} == {200}
    assert {body["user"]["id"] for _, body in heard} == {ANN, BOB}


def test_a_menu_is_chosen_from(fake: FakeSlack, heard: Heard, card: Message):
    """By value or by text; an option that is not there cannot be chosen."""
    fake.choose(ANN, card, action_id="who", value="Bob")

    ((_, body),) = heard
    assert body["actions"][0]["selected_option"]["value"] == "b"
    with pytest.raises(CannotHappen, match="has no option 'Eve'"):
        fake.choose(ANN, card, action_id="who", value="Eve")


def test_only_what_stands_there_can_be_clicked(fake: FakeSlack, heard: Heard, card: Message):
    """No such button, no such person, no such message, not in the channel: an error in the test, nothing is sent."""
    fake.add_channel("C0BOBS0001", "bobs", members=[BOB])
    fake.add_user("U0GONE0001", name="gone", deleted=True)
    call(fake, "chat.postMessage", channel="C0BOBS0001", blocks=CARD)

    for user, place, text, problem in (
        (ANN, card, "Ok", "has 0 times a button"),
        ("U0NOBODY00", card, "Approve", "There is no U0NOBODY00"),
        (ANN, (REVIEWS, "1.1"), "Approve", "There is no message 1.1"),
        (ANN, fake.messages[-1], "Approve", "sees no conversation C0BOBS0001"),
        (ANN, card, None, "has 2 times a button"),
        ("U0GONE0001", card, "Approve", "is gone"),
        (fake.app.bot_user_id, card, "Approve", "is a bot"),
    ):
        with pytest.raises(CannotHappen, match=problem):
            fake.click(user, place, text=text)
    assert heard == []


def test_an_old_card_is_clicked_only_on_purpose(fake: FakeSlack, heard: Heard, card: Message):
    """After the update the button is gone; `stale` sends the click of somebody whose screen still shows it."""
    fake.click(ANN, card, action_id="approve")
    with pytest.raises(CannotHappen, match="as it is now"):
        fake.click(BOB, card, action_id="approve")

    (now,) = fake.messages
    reply = fake.click(BOB, now, action_id="approve", stale=now.versions[0])

    assert reply.status == 200
    assert heard[-1][1]["message"]["blocks"] == list(card.blocks)
    assert heard[-1][1]["user"]["id"] == BOB


def test_a_click_in_an_ephemeral_message(fake: FakeSlack, heard: Heard):
    """Only its reader can click; Slack then sends where it stands and not what it says."""
    call(fake, "chat.postEphemeral", channel=REVIEWS, user=ANN, blocks=CARD)
    (shown,) = fake.ephemerals
    with pytest.raises(CannotHappen, match="Only U024BE7LH sees"):
        fake.click(BOB, shown, action_id="reject")

    fake.click(ANN, shown, action_id="reject")

    ((_, body),) = heard
    assert body["container"]["is_ephemeral"]
    assert "message" not in body


def test_without_a_request_url_nothing_is_sent(fake: FakeSlack, card: Message):
    """The test is told to connect first; only plain HTTP is delivered to."""
    with pytest.raises(CannotHappen, match="call connect"):
        fake.click(ANN, card, action_id="approve")
    with pytest.raises(CannotHappen, match="http:// addresses only"):
        fake.connect("https://example.com/slack/events")


# ------------------------------------------------------------------------------------------------- events and commands


def test_a_reaction_is_stored_and_told(fake: FakeSlack, heard: Heard, card: Message):
    """The message has it, the app hears of it; the same one twice cannot happen."""
    assert fake.react(ANN, card, "thumbsup").status == 200

    fake.wait_for(lambda: fake.messages[-1].reactions == (("thumbsup", ANN),))
    ((_, event),) = heard
    assert (event["user"], event["reaction"], event["item"]["ts"]) == (ANN, "thumbsup", card.ts)
    with pytest.raises(CannotHappen, match="has reacted"):
        fake.react(ANN, card, "thumbsup")


def test_words_are_stored_and_told(fake: FakeSlack, heard: Heard, card: Message):
    """A message by a person, in a thread if wanted, with the kind of its conversation."""
    fake.say(ANN, REVIEWS, "looks fine", thread_ts=card.ts)

    ((_, event),) = heard
    assert (event["text"], event["user"], event["channel_type"], event["thread_ts"]) == (
        "looks fine",
        ANN,
        "channel",
        card.ts,
    )
    assert fake.messages[-1].user == ANN


def test_a_retry_is_the_same_event(fake: FakeSlack, heard: Heard, card: Message):
    """The same event_id, a fresh signature, and the headers that say so."""
    first = fake.react(ANN, card, "eyes").delivery

    again = fake.retry(first)

    assert again.status == 200
    assert again.delivery.payload["event_id"] == first.payload["event_id"]
    assert dict(again.delivery.headers)["X-Slack-Retry-Num"] == "1"


def test_a_command_is_answered_in_place(fake: FakeSlack, heard: Heard):
    """The words of the answer are seen by who typed it, and by nobody else."""
    fake.command(ANN, "/hitl", "ann", channel=REVIEWS)

    assert (heard[0][1]["command"], heard[0][1]["text"]) == ("/hitl", "ann")
    assert [(each.visible_to, each.plain()) for each in fake.ephemerals] == [(ANN, "Nothing waits for ann.")]


def test_the_request_url_is_verified(fake: FakeSlack, heard: Heard):
    """Bolt gives the challenge back."""
    assert fake.verify_url().trouble == ""


# -------------------------------------------------------------------------------------------------------- response_url


def hook(fake: FakeSlack, card: Message) -> WebhookClient:
    """The SDK's client for the response_url of a click."""
    return WebhookClient(fake.choose(ANN, card, action_id="who", value="a").delivery.payload["response_url"])


def test_a_response_url_answers_replaces_and_deletes(fake: FakeSlack, heard: Heard, card: Message):
    """To one person by default, to all on request, in the place of the card, or taking it away."""
    client = hook(fake, card)

    assert client.send(text="only you").status_code == 200
    assert client.send(text="all", response_type="in_channel").status_code == 200
    assert client.send(text="Approved", replace_original=True).status_code == 200
    assert fake.message(REVIEWS, card.ts).plain() == "Approved"
    assert client.send(delete_original=True).status_code == 200

    assert [each.plain() for each in fake.ephemerals] == ["only you"]
    assert [each.plain() for each in fake.messages] == ["all"]
    assert [call.method for call in fake.calls if call.ok][-4:] == ["response_url"] * 4


def test_a_response_url_ends(fake: FakeSlack, heard: Heard, card: Message, clock: Clock):
    """After five uses or half an hour: 404; nonsense does not count and gets 400."""
    client = hook(fake, card)

    assert client.send().status_code == 400
    assert client.send(blocks=[{"type": "section"}]).body == json.dumps(
        {
            "ok": False,
            "error": "invalid_blocks",
            "errors": ["must have at least one of: text, fields [json-pointer:/blocks/0]"],
            "response_metadata": {
                "messages": ["[ERROR] must have at least one of: text, fields [json-pointer:/blocks/0]"]
            },
        }
    )
    assert [client.send(text="x").status_code for _ in range(6)] == [200] * 5 + [404]
    other = hook(fake, card)
    clock.moved += 30 * 60 + 1
    assert (other.send(text="x").status_code, "expired_url" in other.send(text="x").body) == (404, True)
    assert WebhookClient(f"{fake.base_url}/response/nothing").send(text="x").status_code == 404


# ---------------------------------------------------------------------------------------------------- what is not Slack


def test_a_replay_has_the_same_bytes(fake: FakeSlack, heard: Heard, card: Message):
    """Body and headers are identical; Bolt, which does not remember, hears it twice. With `at`, the age is real."""
    first = fake.choose(ANN, card, action_id="who", value="a").delivery

    again = fake.replay(first)
    old = fake.replay(first, at=first.at - 301)

    assert (again.delivery, again.status) == (first, 200)
    assert (old.delivery.body, old.status) == (first.body, 401)
    assert len(heard) == 2


@pytest.mark.parametrize(
    ("forged", "status"),
    [
        ({"secret": "wrong"}, 401),
        ({"at": 1_000_000_000.0}, 401),
        ({"headers": {"X-Slack-Signature": None}}, 401),
        ({"headers": {"X-Slack-Signature": "v0=" + "0" * 64}}, 401),
        ({}, 200),
    ],
)
def test_a_forged_click_is_refused_by_bolt(
    fake: FakeSlack, heard: Heard, card: Message, forged: dict[str, Any], status: int
):
    """A genuine body with a wrong secret, an old time or no signature is 401; with all of them right it is heard."""
    draft = fake.draft_click(ANN, card, action_id="approve")

    assert fake.send(fake.forge(draft, **forged)).status == status
    assert len(heard) == (status == 200)


def test_any_bytes_can_be_sent(fake: FakeSlack):
    """Raw bytes, huge ones and payloads go out as they are, rightly signed."""
    received: list[tuple[dict[str, str], bytes]] = []

    async def keep(request: Request) -> Response:
        received.append((dict(request.headers), await request.body()))
        return Response(status_code=413)

    with Loopback(Starlette(routes=[Route("/", keep, methods=["POST"])])) as server:
        fake.connect(server.url)
        for body in (b"\xff\x00", b"x" * 2_000_000, {"type": "nonsense"}):
            reply = fake.send(fake.forge(body, content_type="application/x-www-form-urlencoded"))
            assert reply.trouble == "The app answered with HTTP 413."

    for headers, body in received:  # the SDK's verifier takes text only
        base = b"v0:" + headers["x-slack-request-timestamp"].encode() + b":" + body
        expected = hmac.new(fake.signing_secret.encode(), base, hashlib.sha256).hexdigest()
        assert headers["x-slack-signature"] == f"v0={expected}"
    assert [len(body) for _, body in received][:2] == [2, 2_000_000]


def test_an_app_that_does_not_answer():
    """A delivery gives up in its own time; the fake goes on answering meanwhile."""
    hang = threading.Event()

    async def never(request: Request) -> Response:
        await asyncio.to_thread(hang.wait, 10)
        return Response()

    with (
        FakeSlack(give_up_after=0.2) as impatient,
        Loopback(Starlette(routes=[Route("/", never, methods=["POST"])])) as server,
    ):
        impatient.add_user(ANN, name="ann")
        impatient.add_channel(REVIEWS, "reviews")
        impatient.connect(server.url)
        with pytest.raises(httpx.ReadTimeout):
            impatient.say(ANN, REVIEWS, "anybody there?")
        assert call(impatient, "auth.test")["ok"]
        assert [each.text for each in impatient.messages] == ["anybody there?"]
        hang.set()


async def test_a_click_that_blocks_its_own_loop_is_explained():
    """The time-out says that the method with the a is to be awaited, where a loop runs in this thread."""
    held = threading.Event()

    async def never(request: Request) -> Response:
        await asyncio.to_thread(held.wait, 10)
        return Response()

    with (
        FakeSlack(give_up_after=0.1) as impatient,
        Loopback(Starlette(routes=[Route("/", never, methods=["POST"])])) as server,
    ):
        impatient.connect(server.url)
        with pytest.raises(httpx.ReadTimeout) as caught:
            impatient.verify_url()
        assert "aclick" in caught.value.__notes__[0]
        held.set()


def test_a_reaction_is_taken_back(fake: FakeSlack, heard: Heard, card: Message):
    """By the person who set it, with its own event; by the bot over the Web API."""
    fake.react(BOB, card, "x")
    fake.unreact(BOB, card, "x")
    assert [each.payload["event"]["type"] for each in fake.deliveries[-2:]] == [
        "reaction_added",
        "reaction_removed",
    ]
    assert fake.message(REVIEWS, card.ts).reactions == ()
    with pytest.raises(CannotHappen):
        fake.unreact(BOB, card, "x")
    client = WebClient(token=fake.bot_token, base_url=fake.url)
    client.reactions_add(channel=REVIEWS, timestamp=card.ts, name="eyes")
    client.reactions_remove(channel=REVIEWS, timestamp=card.ts, name="eyes")
    with pytest.raises(SlackApiError, match="no_reaction"):
        client.reactions_remove(channel=REVIEWS, timestamp=card.ts, name="eyes")


def test_the_app_hears_of_its_own_reactions_and_of_opened_homes(fake: FakeSlack, heard: Heard, card: Message):
    """As Slack tells it: who, what, and the tab; a home that was published comes with it."""
    fake.react_as_bot(card, "eyes")
    assert fake.deliveries[-1].payload["event"]["user"] == fake.app.bot_user_id
    fake.open_home(ANN)
    event = fake.deliveries[-1].payload["event"]
    assert (event["type"], event["user"], event["tab"], "view" in event) == (
        "app_home_opened",
        ANN,
        "home",
        False,
    )
    client = WebClient(token=fake.bot_token, base_url=fake.url)
    client.views_publish(user_id=ANN, view={"type": "home", "blocks": []})
    fake.open_home(ANN)
    (home,) = [each for each in fake.views if each.type == "home"]
    assert fake.deliveries[-1].payload["event"]["view"]["id"] == home.id
