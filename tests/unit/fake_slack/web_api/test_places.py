"""History, people, places and views, as the real SDK sees them (E-02)."""

from typing import Any

import httpx
import pytest
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from hitl_middleware.testing.fake_slack import FakeSlack

from tests.kit.slack_client import ANN, BOB, CARD, ELSEWHERE, METADATA, MODAL, REVIEWS, post, refused

# -------------------------------------------------------------------------------------------------- history and links


def test_history_is_read_by_pages_newest_first(client: WebClient):
    """Two pages give every message once; `has_more` and the cursor say whether there is another page."""
    stamps = [post(client) for _ in range(5)]

    first = client.conversations_history(channel=REVIEWS, limit=3)
    second = client.conversations_history(
        channel=REVIEWS, limit=3, cursor=first["response_metadata"]["next_cursor"]
    )

    assert [each["ts"] for each in first["messages"] + second["messages"]] == stamps[::-1]
    assert (first["has_more"], second["has_more"]) == (True, False)
    assert second["response_metadata"]["next_cursor"] == ""


def test_history_between_two_times(client: WebClient):
    """The ends are outside, unless they are asked for."""
    stamps = [post(client) for _ in range(4)]
    ends: dict[str, Any] = {"oldest": stamps[0], "latest": stamps[3]}

    inside = client.conversations_history(channel=REVIEWS, **ends)["messages"]
    with_ends = client.conversations_history(channel=REVIEWS, inclusive=True, **ends)["messages"]

    assert [each["ts"] for each in inside] == [stamps[2], stamps[1]]
    assert len(with_ends) == 4
    assert refused(client, "conversations.history", channel=REVIEWS, limit=1000)["error"] == "invalid_limit"
    assert (
        refused(client, "conversations.history", channel=REVIEWS, oldest="soon")["error"]
        == "invalid_ts_oldest"
    )
    assert refused(client, "conversations.history", channel=REVIEWS, cursor="x")["error"] == "invalid_cursor"
    assert refused(client, "conversations.history", channel=ELSEWHERE)["error"] == "not_in_channel"


def test_metadata_comes_only_on_request(client: WebClient):
    """History is silent about metadata without `include_all_metadata`: whoever looks for his own message must ask."""
    post(client, metadata=METADATA)

    assert "metadata" not in client.conversations_history(channel=REVIEWS)["messages"][0]
    asked = client.conversations_history(channel=REVIEWS, include_all_metadata=True)
    assert asked["messages"][0]["metadata"] == METADATA


def test_a_thread_is_not_part_of_the_history(client: WebClient):
    """Replies stand in conversations.replies; history has the parent and what was broadcast."""
    parent = post(client)
    reply = post(client, thread_ts=parent)
    loud = post(client, thread_ts=parent, reply_broadcast=True)

    history = client.conversations_history(channel=REVIEWS)["messages"]
    thread = client.conversations_replies(channel=REVIEWS, ts=parent)["messages"]
    assert [each["ts"] for each in history] == [loud, parent]
    assert [each["ts"] for each in thread] == [parent, reply, loud]


def test_a_permalink_has_the_form_of_slacks(client: WebClient):
    """Channel and time stamp without the point; a message that is not there has none."""
    ts = post(client)

    link = client.chat_getPermalink(channel=REVIEWS, message_ts=ts)["permalink"]
    assert link == f"https://fake-workspace.slack.com/archives/{REVIEWS}/p1700000000000000"
    assert (
        refused(client, "chat.getPermalink", channel=REVIEWS, message_ts="1.1")["error"]
        == "message_not_found"
    )


# --------------------------------------------------------------------------------------------------- people and places


def test_a_direct_conversation_is_opened_once(fake: FakeSlack, client: WebClient):
    """The same person gives the same D… id; it takes messages; posting to the person lands there, too."""
    opened = [client.conversations_open(users=[ANN])["channel"]["id"] for _ in range(2)]
    posted = client.chat_postMessage(channel=ANN, text="hello")["channel"]

    assert len({*opened, posted}) == 1
    assert posted.startswith("D")
    assert client.conversations_info(channel=posted)["channel"]["user"] == ANN
    assert refused(client, "chat.update", channel=ANN, ts="1.1", text="x")["error"] == "channel_not_found"
    assert refused(client, "conversations.open", users="U0NOBODY00")["error"] == "user_not_found"
    assert refused(client, "conversations.open")["error"] == "users_list_not_supplied"


def test_people_groups_and_channels_are_found(client: WebClient):
    """What was added is there under Slack's names; what was not is refused under Slack's names."""
    assert client.users_info(user=ANN)["user"]["profile"]["email"] == "ann@example.com"
    assert [each["name"] for each in client.users_list()["members"]] == ["hitl", "ann", "bob"]
    assert client.usergroups_users_list(usergroup="S0LEADS001")["users"] == [ANN, BOB]
    assert client.usergroups_list(include_users=True)["usergroups"][0]["users"] == [ANN, BOB]
    assert client.conversations_info(channel=REVIEWS)["channel"]["is_member"] is True
    assert client.team_info()["team"]["name"] == "Fake Workspace"
    assert client.api_test(foo="bar")["args"] == {"foo": "bar"}
    assert refused(client, "users.info", user="U0NOBODY00")["error"] == "user_not_found"
    assert refused(client, "usergroups.users.list", usergroup="S0NOBODY00")["error"] == "no_such_subteam"
    assert refused(client, "team.info", team="T0OTHER000")["error"] == "team_not_found"


def test_conversations_are_listed_by_kind(client: WebClient):
    """Public channels by default, archived ones unless left out; private ones only with the bot inside."""
    names = [each["name"] for each in client.conversations_list()["channels"]]
    alive = [each["name"] for each in client.conversations_list(exclude_archived=True)["channels"]]

    assert names == ["reviews", "old", "elsewhere"]
    assert alive == ["reviews", "elsewhere"]
    assert client.conversations_list(types="private_channel,im")["channels"] == []
    assert refused(client, "conversations.list", types="rooms")["error"] == "invalid_types"


def test_reactions_are_part_of_a_message(fake: FakeSlack, client: WebClient):
    """They show in history and make no new version; the same one twice is refused."""
    ts = post(client)
    client.reactions_add(channel=REVIEWS, timestamp=ts, name="eyes")

    assert client.conversations_history(channel=REVIEWS)["messages"][0]["reactions"] == [
        {"name": "eyes", "users": [fake.app.bot_user_id], "count": 1}
    ]
    assert fake.messages[0].versions == ()
    place = {"channel": REVIEWS, "timestamp": ts}
    assert refused(client, "reactions.add", **place, name="eyes")["error"] == "already_reacted"
    assert refused(client, "reactions.add", **place, name=":eyes:")["error"] == "invalid_name"


# -------------------------------------------------------------------------------------------------------------- views


def test_a_modal_needs_a_trigger(client: WebClient):
    """Without one: invalid_arguments; with one that Slack never issued: invalid_trigger_id."""
    assert refused(client, "views.open", view=MODAL)["error"] == "invalid_arguments"
    assert refused(client, "views.open", trigger_id="1.2.3", view=MODAL)["error"] == "invalid_trigger_id"


def test_a_home_tab_is_published_and_replaced(fake: FakeSlack, client: WebClient):
    """There is one per person; a stale hash is refused; a modal is no home tab."""
    home = {
        "type": "home",
        "blocks": [{"type": "header", "text": {"type": "plain_text", "text": "Waiting: 1"}}],
    }
    first = client.views_publish(user_id=ANN, view=home)["view"]
    client.views_publish(user_id=ANN, view=home, hash=first["hash"])

    assert [(each.user, each.type, each.plain()) for each in fake.views] == [(ANN, "home", "Waiting: 1")]
    assert (
        refused(client, "views.publish", user_id=ANN, view=home, hash=first["hash"])["error"]
        == "hash_conflict"
    )
    assert refused(client, "views.publish", user_id=ANN, view=MODAL)["error"] == "invalid_arguments"
    assert refused(client, "views.update", view_id="V0NOTHERE0", view=home)["error"] == "not_found"


# ------------------------------------------------------------------------------------------------------- the async SDK


async def test_the_asynchronous_client_works_alike(fake: FakeSlack):
    """AsyncWebClient posts, updates, reads with GET and is refused with the same names."""
    client = AsyncWebClient(token=fake.bot_token, base_url=fake.url)
    posted = await client.chat_postMessage(channel=REVIEWS, text="hello", blocks=CARD, metadata=METADATA)
    await client.chat_update(channel=REVIEWS, ts=posted["ts"], text="Executed")
    history = await client.conversations_history(channel=REVIEWS, limit=1, include_all_metadata=True)

    assert history["messages"][0]["metadata"] == METADATA
    assert [each.plain() for each in fake.messages] == ["Executed"]
    with pytest.raises(SlackApiError, match="message_not_found"):
        await client.chat_update(channel=REVIEWS, ts="1700000000.999999", text="x")


def test_secrets_stay_out_of_the_log(fake: FakeSlack):
    """A token sent as a form field is not among the arguments of the call."""
    httpx.post(fake.url + "auth.test", data={"token": fake.bot_token})

    assert [call.arguments for call in fake.calls] == [{}]
