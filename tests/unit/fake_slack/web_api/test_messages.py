"""Who may call, and messages, as the real SDK sees them (E-02)."""

import json
from typing import Any

import httpx
import pytest
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from hitl_middleware.testing.fake_slack import FakeSlack

from tests.kit.slack_client import (
    ANN,
    BOB,
    CARD,
    ELSEWHERE,
    METADATA,
    OLD,
    REVIEWS,
    SECRET,
    Time,
    populated,
    post,
    refused,
)

# ------------------------------------------------------------------------------------------------------ who may call


def test_the_token_says_who_the_bot_is(fake: FakeSlack, client: WebClient):
    """auth.test names workspace and bot; the scopes are in a header, where `hitl doctor` looks for them."""
    answer = client.auth_test()

    assert (answer["user_id"], answer["team_id"]) == (fake.app.bot_user_id, fake.app.team_id)
    assert "chat:write" in answer.headers["x-oauth-scopes"].split(",")


def test_a_call_without_the_right_token_is_refused(fake: FakeSlack):
    """No token: not_authed; another one: invalid_auth; as a form field the right one counts, inside JSON it does not."""
    url = fake.url + "auth.test"

    assert httpx.post(url).json()["error"] == "not_authed"
    assert httpx.post(url, headers={"Authorization": "Bearer xoxb-other"}).json()["error"] == "invalid_auth"
    assert httpx.post(url, data={"token": fake.bot_token}).json()["ok"]
    assert httpx.post(url, json={"token": fake.bot_token}).json()["error"] == "not_authed"


def test_methods_that_are_not_there_are_refused(client: WebClient):
    """unknown_method, with the name that was asked for."""
    assert refused(client, "chat.shout")["req_method"] == "chat.shout"


def test_each_method_needs_its_scope():
    """A bot that may only write is told which scope it lacks; what needs none works."""
    with populated(FakeSlack(scopes=["chat:write"])) as fake:
        client = WebClient(token=fake.bot_token, base_url=fake.url)

        assert client.chat_postMessage(channel=REVIEWS, text="hello")["ok"]
        for method, scope in {
            "users.info": "users:read",
            "conversations.history": "channels:history",
            "conversations.info": "channels:read",
            "reactions.add": "reactions:write",
            "usergroups.list": "usergroups:read",
        }.items():
            answer = refused(client, method, user=ANN, channel=REVIEWS)
            assert (answer["error"], answer["needed"], answer["provided"]) == (
                "missing_scope",
                scope,
                "chat:write",
            )
        assert (
            refused(client, "chat.postMessage", channel=REVIEWS, text="x", username="Ann")["needed"]
            == "chat:write.customize"
        )


@pytest.mark.parametrize(
    ("headers", "body", "error"),
    [
        ({"Content-Type": "application/json"}, b"{", "invalid_json"),
        ({"Content-Type": "application/json"}, b"[" * 100_000, "invalid_json"),
        ({"Content-Type": "application/json"}, b"\xff", "invalid_json"),
        ({"Content-Type": "application/json"}, b"[]", "json_not_object"),
        ({"Content-Type": "application/x-www-form-urlencoded"}, b"text=%ff", "invalid_form_data"),
        ({"Content-Type": "text/xml"}, b"<x/>", "invalid_post_type"),
        ({"Content-Type": "application/json"}, b'{"channel": {}}', "invalid_arguments"),
        ({"Content-Type": "application/json"}, b'{"channel": "C0REVIEWS1", "text": []}', "invalid_arguments"),
        ({"Content-Type": "application/json"}, b"{}", "invalid_arguments"),
    ],
)
def test_malformed_calls_are_refused_by_name(
    fake: FakeSlack, headers: dict[str, str], body: bytes, error: str
):
    """Every malformed body gets 200 and Slack's name for it, and is in the log of calls."""
    token = {"Authorization": f"Bearer {fake.bot_token}"}
    answer = httpx.post(fake.url + "chat.postMessage", content=body, headers={**headers, **token})

    assert (answer.status_code, answer.json()["error"]) == (200, error)
    assert [call.outcome for call in fake.calls] == [error]


# ----------------------------------------------------------------------------------------------------------- messages


def test_a_posted_message_is_stored_as_it_was_given(fake: FakeSlack, client: WebClient):
    """Text, blocks and metadata are there to the letter, escapes included; the answer carries channel and ts."""
    ts = post(client, text="Refund", blocks=CARD, metadata=METADATA)

    (message,) = fake.messages
    assert (message.channel, message.ts, message.text, message.metadata) == (REVIEWS, ts, "Refund", METADATA)
    assert message.blocks[0]["text"]["text"] == "Refund &lt;A-1001&gt;"
    assert message.plain() == "Refund <A-1001>\nApprove"
    assert [(each.action_id, each.text, each.value, each.style) for each in message.buttons] == [
        ("approve", "Approve", "r1", None)
    ]
    assert not message.versions


def test_a_form_means_the_same_as_json(fake: FakeSlack, client: WebClient):
    """Blocks and metadata as JSON text in a form give the same message."""
    form = {"channel": REVIEWS, "text": "x", "blocks": json.dumps(CARD), "metadata": json.dumps(METADATA)}
    client.api_call("chat.postMessage", data=form)

    (message,) = fake.messages
    assert (message.plain(), message.metadata) == ("Refund <A-1001>\nApprove", METADATA)


def test_time_stamps_are_unique_and_grow(fake: FakeSlack, client: WebClient, time: Time):
    """Messages of one instant, and of a clock that goes back, still have growing time stamps in Slack's form."""
    stamps = [post(client), post(client)]
    time.seconds -= 100
    stamps.append(post(client))

    assert stamps == ["1700000000.000000", "1700000000.000001", "1700000000.000002"]


def test_an_update_keeps_every_earlier_state(fake: FakeSlack, client: WebClient, time: Time):
    """The message shows its newest state; `versions` has each earlier one with its time; metadata stays unless given."""
    ts = post(client, blocks=CARD, metadata=METADATA)
    time.seconds += 5
    client.chat_update(channel=REVIEWS, ts=ts, text="Executing", blocks=CARD[:1])
    time.seconds += 5
    client.chat_update(channel=REVIEWS, ts=ts, text="Executed")

    (message,) = fake.messages
    assert (message.ts, message.plain(), message.buttons, message.metadata) == (ts, "Executed", [], METADATA)
    assert [len(each.buttons) for each in message.versions] == [1, 0]
    assert [each.at for each in (*message.versions, message)] == [1_700_000_000, 1_700_000_005, 1_700_000_010]
    assert message.edited == 1_700_000_010


def test_an_update_of_blocks_alone_replaces_the_text(fake: FakeSlack, client: WebClient):
    """Blocks without text are enough; an empty object takes the metadata away."""
    ts = post(client, metadata=METADATA)
    client.api_call("chat.update", json={"channel": REVIEWS, "ts": ts, "blocks": CARD, "metadata": {}})

    (message,) = fake.messages
    assert (message.text, len(message.blocks), message.metadata) == ("", 2, None)


def test_long_texts(fake: FakeSlack, client: WebClient):
    """A new message is cut after 40,000 characters; an update of more than 4,000 bytes is refused."""
    ts = post(client, text="x" * 40_001)

    assert len(fake.messages[0].text) == 40_000
    assert refused(client, "chat.update", channel=REVIEWS, ts=ts, text="x" * 4_001)["error"] == "msg_too_long"
    assert refused(client, "chat.update", channel=REVIEWS, ts=ts, text="ü" * 2_001)["error"] == "msg_too_long"
    assert client.chat_update(channel=REVIEWS, ts=ts, text="x" * 4_000)["ok"]


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"channel": "C0NOWHERE0"}, "channel_not_found"),
        ({"channel": SECRET}, "channel_not_found"),
        ({"channel": ELSEWHERE}, "not_in_channel"),
        ({"channel": OLD}, "is_archived"),
        ({"text": ""}, "no_text"),
        ({"blocks": "nonsense"}, "invalid_blocks_format"),
        ({"blocks": {"type": "divider"}}, "invalid_blocks_format"),
        ({"blocks": None}, "invalid_blocks_format"),
        ({"blocks": [{"type": "section"}]}, "invalid_blocks"),
        (
            {"blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": "x" * 3000}}] * 5},
            "msg_blocks_too_long",
        ),
        ({"blocks": "[" * 50 + "]" * 50}, "invalid_blocks_format"),
        ({"metadata": "nonsense"}, "invalid_metadata_format"),
        ({"metadata": {"event_type": "x"}}, "invalid_metadata_format"),
        ({"metadata": {"event_type": "x", "event_payload": []}}, "invalid_metadata_format"),
        ({"metadata": {"event_type": "x y", "event_payload": {}}}, "invalid_metadata_format"),
        ({"metadata": {"event_type": "x", "event_payload": {"a": "x" * 8_000}}}, "metadata_too_large"),
        ({"thread_ts": "1"}, "invalid_thread_ts"),
        ({"thread_ts": "1700000000.000009"}, "thread_not_found"),
        ({"attachments": []}, "invalid_attachments"),
    ],
)
def test_a_message_that_slack_refuses_is_not_stored(
    fake: FakeSlack, client: WebClient, fields: dict[str, Any], error: str
):
    """The refusal has Slack's name, nothing is stored, and the log has call, arguments and outcome."""
    arguments = {"channel": REVIEWS, "text": "hello", **fields}

    assert refused(client, "chat.postMessage", **arguments)["error"] == error
    assert fake.messages == []
    (call,) = fake.calls
    assert (call.method, call.arguments, call.outcome, call.ok) == (
        "chat.postMessage",
        arguments,
        error,
        False,
    )


def test_refused_blocks_say_where(client: WebClient):
    """Slack's answer points at the place, as its own does."""
    answer = refused(
        client, "chat.postMessage", channel=REVIEWS, blocks=[{"type": "divider", "colour": "red"}]
    )

    problem = "invalid additional property: colour [json-pointer:/blocks/0]"
    assert answer["errors"] == [problem]
    assert answer["response_metadata"]["messages"] == [f"[ERROR] {problem}"]


def test_a_public_channel_needs_no_membership_with_the_scope():
    """`chat:write.public` posts where the bot is not a member, but not where it cannot look."""
    with populated(FakeSlack(scopes=["chat:write", "chat:write.public"])) as fake:
        client = WebClient(token=fake.bot_token, base_url=fake.url)

        assert client.chat_postMessage(channel=ELSEWHERE, text="hello")["ok"]
        assert refused(client, "chat.postMessage", channel=SECRET, text="x")["error"] == "channel_not_found"


def test_only_its_author_changes_a_message(fake: FakeSlack, client: WebClient):
    """A person's message: cant_update_message, cant_delete_message; one that is not there: message_not_found."""
    message = fake.post_as(ANN, REVIEWS, "mine")
    place = {"channel": REVIEWS, "ts": message.ts}

    assert refused(client, "chat.update", **place, text="x")["error"] == "cant_update_message"
    assert refused(client, "chat.delete", **place)["error"] == "cant_delete_message"
    place["ts"] = "1700000000.999999"
    assert refused(client, "chat.update", **place, text="x")["error"] == "message_not_found"
    assert refused(client, "chat.delete", **place)["error"] == "message_not_found"


def test_a_deleted_message_is_gone(fake: FakeSlack, client: WebClient):
    """It is no longer among the messages, cannot be changed, and is kept among the deleted."""
    ts = post(client)
    client.chat_delete(channel=REVIEWS, ts=ts)

    assert fake.messages == []
    assert [each.ts for each in fake.deleted] == [ts]
    assert refused(client, "chat.update", channel=REVIEWS, ts=ts, text="x")["error"] == "message_not_found"


def test_an_ephemeral_message_is_for_one_person(fake: FakeSlack, client: WebClient):
    """It is not among the messages nor in history, cannot be updated; who is not in the channel cannot get one."""
    ts = client.chat_postEphemeral(channel=REVIEWS, user=ANN, text="too late")["message_ts"]
    fake.add_channel("C0BOBS0001", "bobs", members=[BOB])

    assert [(each.visible_to, each.plain()) for each in fake.ephemerals] == [(ANN, "too late")]
    assert fake.messages == []
    assert client.conversations_history(channel=REVIEWS)["messages"] == []
    assert refused(client, "chat.update", channel=REVIEWS, ts=ts, text="x")["error"] == "message_not_found"
    assert (
        refused(client, "chat.postEphemeral", channel="C0BOBS0001", user=ANN, text="x")["error"]
        == "user_not_in_channel"
    )


def test_an_archived_channel_stays_as_it_is(fake: FakeSlack, client: WebClient):
    """Nothing is posted, nothing changed, nobody told; it is read all the same."""
    ts = post(client)
    fake.add_channel(REVIEWS, "reviews", archived=True)

    assert refused(client, "chat.postMessage", channel=REVIEWS, text="x")["error"] == "is_archived"
    assert refused(client, "chat.update", channel=REVIEWS, ts=ts, text="x")["error"] == "is_inactive"
    assert (
        refused(client, "chat.postEphemeral", channel=REVIEWS, user=ANN, text="x")["error"] == "is_archived"
    )
    assert [each["text"] for each in client.conversations_history(channel=REVIEWS)["messages"]] == ["hello"]


def test_somebody_who_has_left(fake: FakeSlack, client: WebClient):
    """Their direct conversation takes messages and is not opened any more; they see no message that is for them alone."""
    fake.add_user(BOB, name="bob", deleted=True)

    assert client.chat_postMessage(channel=BOB, text="x")["channel"].startswith("D")
    assert refused(client, "conversations.open", users=BOB)["error"] == "user_disabled"
    told = refused(client, "chat.postEphemeral", channel=REVIEWS, user=BOB, text="x")
    assert told["error"] == "user_not_in_channel"


def test_one_message_a_second_in_a_channel(fake: FakeSlack, client: WebClient, time: Time):
    """A few at once, then one a second; the others are told to come again in one. Every channel has its own limit."""
    fake.add_channel("C0REVIEWS2", "more")
    fake.limit_posts(at_once=2)
    post(client), post(client)
    with pytest.raises(SlackApiError) as caught:
        post(client)
    response = caught.value.response
    assert (response.status_code, response["error"], response.headers["Retry-After"]) == (
        429,
        "ratelimited",
        "1",
    )
    assert client.chat_postMessage(channel="C0REVIEWS2", text="x")["ok"]
    time.seconds += 1
    post(client)
    with pytest.raises(SlackApiError):
        post(client)
    assert len(fake.messages) == 4
