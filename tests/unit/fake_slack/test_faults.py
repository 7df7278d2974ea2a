"""Scripted faults, as the real SDK meets them, and waiting for what comes (E-02)."""

import threading
from collections.abc import Iterator
from typing import Any

import aiohttp
import httpx
import pytest
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from hitl_middleware.testing.fake_slack import (
    FakeSlack,
    Garbage,
    LostReply,
    NothingCame,
    RateLimited,
    Refused,
    ServerError,
    Slow,
    TimeoutAfterAccepting,
)

REVIEWS = "C0REVIEWS1"


@pytest.fixture
def fake() -> Iterator[FakeSlack]:
    """A running Slack with one channel."""
    with FakeSlack() as running:
        running.add_channel(REVIEWS, "reviews")
        yield running


@pytest.fixture
def client(fake: FakeSlack) -> WebClient:
    """The real SDK, which tries nothing twice."""
    return WebClient(token=fake.bot_token, base_url=fake.url, timeout=1, retry_handlers=[])


def post(client: WebClient, text: str = "hello") -> Any:
    """Post, whatever comes of it."""
    return client.chat_postMessage(channel=REVIEWS, text=text)


def test_rate_limited(fake: FakeSlack, client: WebClient):
    """429 with Retry-After and `ratelimited`; nothing is posted; the next call works."""
    fake.fail("chat.postMessage", RateLimited(retry_after=7))

    with pytest.raises(SlackApiError) as caught:
        post(client)
    response = caught.value.response
    assert (response.status_code, response["error"], response.headers["retry-after"]) == (
        429,
        "ratelimited",
        "7",
    )
    assert fake.messages == []
    assert post(client)["ok"]
    assert [(call.outcome, call.fault) for call in fake.calls] == [
        ("ratelimited", RateLimited(retry_after=7)),
        ("ok", None),
    ]


@pytest.mark.parametrize("fault", [ServerError(), ServerError(503), Garbage()], ids=repr)
def test_no_json(fake: FakeSlack, client: WebClient, fault: ServerError | Garbage):
    """The SDK gets a body that it cannot read; nothing is posted."""
    fake.fail("chat.postMessage", fault)

    with pytest.raises(SlackApiError):
        post(client)
    assert fake.messages == []
    assert [call.fault for call in fake.calls] == [fault]
    assert not fake.calls[0].ok


def test_refused_by_script(fake: FakeSlack, client: WebClient):
    """The error that was scripted, with its details."""
    fake.fail("chat.postMessage", Refused("restricted_action", {"needed": "a word with the administrator"}))

    with pytest.raises(SlackApiError) as caught:
        post(client)
    assert caught.value.response["error"] == "restricted_action"
    assert caught.value.response["needed"] == "a word with the administrator"


@pytest.mark.parametrize("fault", [LostReply(), TimeoutAfterAccepting()], ids=repr)
def test_done_and_not_answered(fake: FakeSlack, client: WebClient, fault: LostReply | TimeoutAfterAccepting):
    """The client sees an error, the message is posted all the same, and the log says ok."""
    fake.fail("chat.postMessage", fault)

    with pytest.raises((ConnectionError, TimeoutError)):
        post(client)
    assert [each.text for each in fake.messages] == ["hello"]
    assert [(call.outcome, call.fault) for call in fake.calls] == [("ok", fault)]


async def test_done_and_not_answered_to_the_asynchronous_client(fake: FakeSlack):
    """AsyncWebClient sees an error as well, and the message is posted."""
    fake.fail("chat.postMessage", LostReply(), TimeoutAfterAccepting())
    client = AsyncWebClient(token=fake.bot_token, base_url=fake.url, timeout=1, retry_handlers=[])

    for _ in range(2):
        with pytest.raises((aiohttp.ClientError, TimeoutError)):
            await client.chat_postMessage(channel=REVIEWS, text="hello")
    assert len(fake.messages) == 2


def test_the_sdk_posts_twice_when_a_reply_is_lost(fake: FakeSlack):
    """With its own retries on, as they are by default, one call leaves two messages: the hazard in DESIGN §6."""
    fake.fail("chat.postMessage", LostReply())

    assert post(WebClient(token=fake.bot_token, base_url=fake.url))["ok"]
    assert len(fake.messages) == 2


def test_slow(fake: FakeSlack, client: WebClient):
    """The right answer comes, only later; who waits too briefly has posted all the same."""
    fake.fail("chat.postMessage", Slow(0.05), Slow(30))

    assert post(client)["ok"]
    with pytest.raises(TimeoutError):
        post(client)
    assert len(fake.messages) == 2


def test_faults_are_met_in_their_order(fake: FakeSlack, client: WebClient):
    """First come, first served, by method or for any; `times` repeats; what is left can be seen and forgotten."""
    fake.fail("auth.test", Refused("first"))
    fake.fail("*", Refused("second"), times=2)
    fake.fail("chat.postMessage", Refused("third"))

    for error in ("second", "second", "third"):
        with pytest.raises(SlackApiError, match=error):
            post(client)
    assert fake.faults == [("auth.test", Refused("first"))]
    fake.recover()
    assert client.auth_test()["ok"]


def test_the_end_does_not_wait_for_those_who_hang(fake: FakeSlack):
    """Closing drops a request that would hang for a minute."""
    fake.fail("chat.postMessage", TimeoutAfterAccepting())
    errors: list[Exception] = []

    def hang() -> None:
        try:
            post(WebClient(token=fake.bot_token, base_url=fake.url, timeout=60, retry_handlers=[]))
        except ConnectionError as error:
            errors.append(error)

    hanging = threading.Thread(target=hang)
    hanging.start()
    fake.wait_for(lambda: fake.calls)
    fake.close()
    hanging.join(timeout=10)

    assert len(errors) == 1


def test_waiting_ends_with_what_was_waited_for(fake: FakeSlack, client: WebClient):
    """What the predicate returns is handed on; a predicate may call this Slack itself."""
    posting = threading.Thread(target=post, args=(client, "Executed"))
    posting.start()

    message = fake.wait_for_message("Executed", channel=REVIEWS)
    history = fake.wait_for(lambda: client.conversations_history(channel=REVIEWS)["messages"])

    posting.join()
    assert [each["ts"] for each in history] == [message.ts]


async def test_waiting_does_not_block_the_loop(fake: FakeSlack):
    """The coroutine waits while this same loop posts."""
    client = AsyncWebClient(token=fake.bot_token, base_url=fake.url)
    await client.chat_postMessage(channel=REVIEWS, text="Executed")

    assert (await fake.await_for_message("Executed")).text == "Executed"
    assert await fake.await_for(lambda: len(fake.calls)) == 1


def test_waiting_in_vain_tells_what_there_is(fake: FakeSlack, client: WebClient):
    """The error lists messages, views and the last calls with their outcomes."""
    post(client, "Approved")

    with pytest.raises(NothingCame) as caught:
        fake.wait_for_message("Executed", timeout=0.01)
    assert "'Approved'" in str(caught.value)
    assert "chat.postMessage: ok" in str(caught.value)


def test_many_threads_lose_nothing(fake: FakeSlack):
    """400 posts from 16 threads are 400 messages with 400 time stamps."""
    headers = {"Authorization": f"Bearer {fake.bot_token}"}
    with httpx.Client(base_url=fake.url, headers=headers, timeout=30) as http:

        def work() -> None:
            for _ in range(25):
                http.post("chat.postMessage", data={"channel": REVIEWS, "text": "hello"})

        threads = [threading.Thread(target=work) for _ in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert len({each.ts for each in fake.messages}) == 400
    assert len(fake.calls) == 400
