"""PyGithub as we use it: in threads of our own, each with a connection of its own, repeating nothing, telling nobody the token."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from github import GithubException
from github.Requester import Requester
from pydantic import SecretStr

from hitl_middleware.channels.github.client import THREADS, GitHubClients
from hitl_middleware.channels.github.rest import ask
from hitl_middleware.channels.github.settings import GitHubSettings
from hitl_middleware.errors import DeliveryFailed
from hitl_middleware.testing.fake_github import (
    FakeGitHub,
    LostReply,
    Refused,
    SecondaryLimit,
    ServerErrorAfterAccepting,
)
from hitl_middleware.testing.loopback import Loopback

from tests.kit.github_stage import SHOP, fake

__all__ = ["fake"]


def clients_for(api_url: str, token: str = "ghp_s3cret") -> GitHubClients:
    """Clients with a token."""
    return GitHubClients(GitHubSettings(token=SecretStr(token), api_url=api_url))


@pytest.fixture
async def clients(fake: FakeGitHub) -> AsyncIterator[GitHubClients]:
    """With the fake's own token; an issue is there."""
    fake.open_issue(SHOP, "ann", "Cart forgets its coupon")
    made = clients_for(fake.url, fake.token)
    yield made
    await made.close()


@pytest.fixture
def hurried() -> Iterator[None]:
    """Threads take turns as often as they can: what they could do to each other, they do."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(usual)


class TestThreads:
    async def test_answers_do_not_get_mixed_up(self, clients, fake, hurried):
        """PyGithub keeps the request under way on its connection; many at once each get the answer to their own."""
        comments = [await fake.acomment(SHOP, 1, "ann", f"{number}") for number in range(40)]

        def read(comment_id: int) -> Any:
            return lambda asked: ask(asked, "GET", f"/repos/{SHOP}/issues/comments/{comment_id}").record[
                "body"
            ]

        told = await asyncio.gather(*(clients.call(SHOP, read(comment.id)) for comment in comments))
        assert told == [comment.body for comment in comments]

    async def test_a_bounded_number_at_once(self, clients):
        """As many as there are threads, each with a client of its own, and no more; the others wait."""
        together, seen, most, under_way = threading.Barrier(THREADS, timeout=10), set(), [0], [0]
        lock = threading.Lock()

        def act(requester: Requester) -> None:
            with lock:
                under_way[0] += 1
                most[0] = max(most[0], under_way[0])
                seen.add(requester)
            together.wait()
            with lock:
                under_way[0] -= 1

        await asyncio.gather(*(clients.call(SHOP, act) for _ in range(2 * THREADS)))
        assert most == [THREADS]
        assert len(seen) == THREADS

    async def test_whoever_stops_waiting_disturbs_nobody(self, clients, fake):
        """A call that is given up ends by itself; the next one has its own answer."""
        begun, go_on = threading.Event(), threading.Event()

        def slow(requester: Requester) -> str:
            begun.set()
            go_on.wait(10)
            return str(ask(requester, "GET", "/user").record["login"])

        given_up = asyncio.ensure_future(clients.call(SHOP, slow))
        await asyncio.to_thread(begun.wait, 10)
        given_up.cancel()
        with pytest.raises(asyncio.CancelledError):
            await given_up
        title = await clients.call(
            SHOP, lambda asked: ask(asked, "GET", f"/repos/{SHOP}/issues/1").record["title"]
        )
        go_on.set()
        assert title == "Cart forgets its coupon"

    async def test_after_closing_it_opens_anew(self, clients):
        """Closing lets go of threads and connections; whoever calls later is served all the same."""
        assert await clients.login() == "hitl-bot"
        await clients.close()
        await clients.close()
        assert (
            await clients.call(SHOP, lambda asked: ask(asked, "GET", "/user").record["login"]) == "hitl-bot"
        )


class TestRepository:
    """For the effects of graphs: PyGithub's own object."""

    async def test_one_act_is_one_request(self, clients, fake):
        """G-01: no look-up before an act, no waiting between two writes."""
        repository = await asyncio.to_thread(clients.repository, SHOP)
        assert fake.calls == []
        comment = await asyncio.to_thread(repository.get_issue(1).create_comment, "first")
        await asyncio.to_thread(repository.get_issue(1).create_comment, "second")
        assert comment.body == "first"
        assert [f"{call.method} {call.path}" for call in fake.calls] == [
            f"POST /repos/{SHOP}/issues/1/comments"
        ] * 2

    @pytest.mark.parametrize(
        "fault",
        [LostReply(), ServerErrorAfterAccepting(), SecondaryLimit(retry_after=1)],
        ids=lambda each: type(each).__name__,
    )
    async def test_nothing_is_repeated(self, clients, fake, fault):
        """Rule 2: an effect whose answer is lost, or that is limited, is tried once; what then is for the ledger to say."""
        fake.fail("POST", "*/comments", fault)
        issue = clients.repository(SHOP).get_issue(1)
        with pytest.raises((GithubException, OSError)) as failed:
            await asyncio.to_thread(issue.create_comment, "once")
        assert len(fake.calls) == 1
        assert not clients.failure(failed.value).permanent


class Elsewhere:
    """A server that sends everybody on, with ``status`` and ``location``; what was asked of it, and with which credentials."""

    def __init__(self, status: int = 200, location: str = "") -> None:
        self.status, self.location, self.asked = status, location, list[tuple[str, str, str]]()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await receive()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.complete"})
            return
        headers = {name.decode().lower(): value.decode() for name, value in scope["headers"]}
        self.asked.append((scope["method"], scope["path"], headers.get("authorization", "")))
        moved = self.location and "/moved" not in scope["path"]
        location = [(b"location", self.location.encode())] if moved else []
        await send(
            {"type": "http.response.start", "status": self.status if moved else 200, "headers": location}
        )
        await send({"type": "http.response.body", "body": b'{"login": "here"}'})


class TestRedirects:
    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    async def test_a_token_goes_nowhere_else(self, status):
        """Where an answer sends us to another place, that place gets no request, and so no token."""
        thief, here = Elsewhere(), Elsewhere(status)
        with Loopback(thief) as there, Loopback(here) as server:
            # Another name of this machine, as another host would have one; then another port, where PyGithub goes on at its own.
            for location, passes in (
                (there.url.replace("127.0.0.1", "localhost"), False),
                (there.url, status == 301),
            ):
                here.location = f"{location}/moved"
                clients = clients_for(server.url)
                expected = contextlib.nullcontext() if passes else pytest.raises(DeliveryFailed)
                with expected:
                    await clients.call(SHOP, lambda asked: ask(asked, "POST", "/user", body={}))
                await clients.close()
        assert thief.asked == []

    @pytest.mark.parametrize("status", [301, 307, 308])
    async def test_a_repository_that_was_renamed(self, status):
        """GitHub sends writes on to the new address, on its own host: the same act is done there, once."""
        here = Elsewhere(status)
        with Loopback(here) as server:
            here.location = f"{server.url}/moved/comments"
            clients = clients_for(server.url)
            told = await clients.call(
                SHOP, lambda asked: ask(asked, "POST", "/old/comments", body={"body": "x"})
            )
            await clients.close()
        assert told.record == {"login": "here"}
        assert [(method, path) for method, path, _ in here.asked] == [
            ("POST", "/old/comments"),
            ("POST", "/moved/comments"),
        ]

    async def test_a_redirect_to_itself_ends(self):
        """One step is followed, not a circle."""
        here = Elsewhere(307)
        with Loopback(here) as server:
            here.location = f"{server.url}/again"
            clients = clients_for(server.url)
            with pytest.raises(DeliveryFailed):
                await clients.call(SHOP, lambda asked: ask(asked, "POST", "/x", body={}))
            await clients.close()
        assert len(here.asked) == 2


async def test_nothing_secret_is_logged(clients, fake, caplog):
    """Not even where everything is logged: what PyGithub writes down at DEBUG, bodies and an App's tokens, it keeps to itself."""
    caplog.set_level(logging.DEBUG)
    body = "a customer's words"
    await clients.call(
        SHOP, lambda asked: ask(asked, "POST", f"/repos/{SHOP}/issues/1/comments", body={"body": body})
    )
    await asyncio.to_thread(clients.repository(SHOP).get_issue(1).create_comment, body)
    assert len(fake.comments()) == 2
    assert body not in caplog.text
    assert fake.token not in caplog.text


@pytest.mark.parametrize("status", [401, 403, 404])
async def test_who_we_are_is_not_guessed(clients, fake, status):
    """G-09: a person's token that GitHub refuses for a while does not make that person somebody else, who may decide."""
    fake.fail("GET", "/user", Refused(status))
    with pytest.raises(DeliveryFailed):
        await clients.login()
    assert await clients.login() == "hitl-bot"


@pytest.mark.parametrize("name", ["shop", "acme/shop/../../user", "acme/shop?x=", "acme/sh op", "/", ""])
async def test_what_is_no_repository_is_not_asked_for(clients, fake, name):
    """A name that came from elsewhere leads to no other address."""
    with pytest.raises(DeliveryFailed, match="is no repository") as failed:
        clients.repository(name)
    assert failed.value.permanent
    assert fake.calls == []


async def test_who_we_are(clients, fake):
    """Asked once, and again where it was not told."""
    fake.fail("GET", "/user", LostReply())
    with pytest.raises(DeliveryFailed):
        await clients.login()
    assert [await clients.login(), await clients.login()] == ["hitl-bot", "hitl-bot"]
    assert len(fake.calls) == 2
