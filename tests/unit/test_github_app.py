"""A GitHub App in place of a token (G-17): an installation for each repository, its token renewed; real key, real signature."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from pydantic import SecretStr

from hitl_middleware.channels.github import words
from hitl_middleware.channels.github.channel import GitHubChannel
from hitl_middleware.channels.github.client import GitHubClients
from hitl_middleware.channels.github.people import GitHubGroups
from hitl_middleware.channels.github.rest import ask
from hitl_middleware.channels.github.settings import GitHubSettings
from hitl_middleware.clock import ManualClock, SystemClock
from hitl_middleware.errors import DeliveryFailed
from hitl_middleware.ports import Person
from hitl_middleware.records import Target
from hitl_middleware.testing.channel_contract import sample_view
from hitl_middleware.testing.fake_github import App, FakeGitHub, Refused

SHOP, DOCS, TOOLS = "acme/shop", "acme/docs", "umbrella/tools"


@pytest.fixture
def fake() -> Iterator[FakeGitHub]:
    """Two organizations with repositories; the time is the real one, for signatures are checked against it."""
    with FakeGitHub() as github:
        for repository in (SHOP, DOCS, TOOLS):
            github.repository(repository)
            github.person("ann", permission="write")
            github.open_issue(repository, "ann", "Cart forgets its coupon")
        yield github


@pytest.fixture(scope="module")
def key() -> str:
    """Made once: that takes longer than the tests."""
    made = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    form = serialization.PrivateFormat.PKCS8
    return made.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()


@pytest.fixture
def app(fake: FakeGitHub, key: str) -> App:
    """Installed on one of the two."""
    made = fake.add_app("our-app", private_key=key)
    fake.install(made, "acme")
    return made


def settings_of(fake: FakeGitHub, app: App, **more: Any) -> GitHubSettings:
    """What the app knows."""
    said = {"app_id": str(app.id), "private_key": app.private_key, "api_url": fake.url}
    return GitHubSettings.model_validate({**said, **more})


@pytest.fixture
async def clients(fake: FakeGitHub, app: App) -> AsyncIterator[GitHubClients]:
    """As the App."""
    made = GitHubClients(settings_of(fake, app))
    yield made
    await made.close()


async def title(clients: GitHubClients, repository: str) -> str:
    """One thing read."""
    return str(
        await clients.call(
            repository, lambda asked: ask(asked, "GET", f"/repos/{repository}/issues/1").record["title"]
        )
    )


def count(fake: FakeGitHub, end: str) -> int:
    """How often something was asked for."""
    return sum(call.path.endswith(end) for call in fake.calls)


async def test_an_installation_for_each_repository(fake, app, clients):
    """One token for each installation; its repositories, and whoever asks at the same time, share it."""
    fake.install(app, "umbrella")
    titles = await asyncio.gather(*(title(clients, each) for each in (SHOP, TOOLS, DOCS) * 4))
    assert set(titles) == {"Cart forgets its coupon"}
    await title(clients, SHOP.upper())
    await title(clients, TOOLS)
    assert count(fake, "/access_tokens") == 2


async def test_the_environment_and_a_client_id(fake, app, monkeypatch):
    """The App's number or its client id; who we are is its bot."""
    for name, value in fake.environ_of(app).items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("GITHUB_TOKEN", raising=False)
    by_number = GitHubSettings.from_env()
    assert by_number is not None
    for settings in (by_number, settings_of(fake, app, app_id=app.client_id)):
        clients = GitHubClients(settings)
        assert await clients.login() == "our-app[bot]"
        assert await title(clients, SHOP) == "Cart forgets its coupon"
        await clients.close()


async def test_a_token_is_renewed(fake, clients, monkeypatch):
    """One that is about to expire is not used; one that will live is."""
    monkeypatch.setattr("hitl_middleware.testing.fake_github.api.apps.TOKEN_SECONDS", 10)
    await title(clients, SHOP)
    await title(clients, SHOP)
    assert count(fake, "/access_tokens") >= 2
    monkeypatch.undo()
    await title(clients, SHOP)
    before = count(fake, "/access_tokens")
    await title(clients, SHOP)
    assert count(fake, "/access_tokens") == before


async def test_a_token_that_became_worthless(fake, clients):
    """One failure that may pass; the next call has a new token, for every repository of the installation."""
    await title(clients, DOCS)
    await title(clients, SHOP)
    for token in [each for each in fake._hub.world.tokens.values() if each.kind == "installation"]:
        fake.revoke(token.value)
    with pytest.raises(DeliveryFailed) as failed:
        await title(clients, SHOP)
    assert not failed.value.permanent
    assert await title(clients, SHOP) == "Cart forgets its coupon"
    assert await title(clients, DOCS) == "Cart forgets its coupon"


async def test_where_it_is_not_installed(fake, app, clients):
    """The sentence says what to do; as soon as it is done, it works."""
    for act in (lambda: title(clients, TOOLS), lambda: asyncio.to_thread(clients.repository, TOOLS)):
        with pytest.raises(DeliveryFailed, match=f"not installed on {TOOLS}") as failed:
            await act()
        assert not failed.value.permanent
    fake.install(app, "umbrella")
    assert await title(clients, TOOLS) == "Cart forgets its coupon"


async def test_suspended_and_let_go_on(fake, app):
    """A suspended installation gives no token: that may pass, and is not taken for a deleted comment."""
    installed = fake.install(app, "umbrella")
    clients = GitHubClients(settings_of(fake, app))
    fake.suspend(installed)
    with pytest.raises(DeliveryFailed, match="suspended") as failed:
        await title(clients, TOOLS)
    assert not failed.value.permanent
    fake.suspend(installed, suspended=False)
    assert await title(clients, TOOLS) == "Cart forgets its coupon"
    await clients.close()


async def test_removed_and_installed_again(fake, app, clients):
    """It has a new number then; the old one is forgotten when it does not work any more."""
    await title(clients, SHOP)
    world = fake._hub.world
    with fake._hub.changing():
        world.installations.clear()
        for token in [*world.tokens.values()]:
            if token.kind == "installation":
                del world.tokens[token.value]
    with pytest.raises(DeliveryFailed):
        await title(clients, SHOP)
    fake.install(app, "acme")
    assert await title(clients, SHOP) == "Cart forgets its coupon"


@pytest.mark.parametrize("what", ["another key", "no key"])
async def test_a_key_that_is_not_the_apps(fake, app, what):
    """It may pass: an operator sets the right one. The sentence names the App, and holds nothing of the key."""
    key = (
        fake.add_app("other").private_key if what == "another key" else "-----BEGIN RSA PRIVATE KEY-----\nx\n"
    )
    clients = GitHubClients(settings_of(fake, app, private_key=SecretStr(key)))
    for act in (
        lambda: title(clients, SHOP),
        clients.login,
        lambda: asyncio.to_thread(clients.repository, SHOP),
    ):
        with pytest.raises(DeliveryFailed, match="GitHub App") as failed:
            await act()
        assert not failed.value.permanent
        assert "KEY-----" not in str(failed.value)
    await clients.close()


async def test_a_comment_and_its_own_mark(fake, app):
    """Posted and found again as the App's bot; another bot's copy of the mark is not ours."""
    channel = GitHubChannel(settings_of(fake, app))
    view = sample_view(Target(channel="github", address=f"{SHOP}#1"), SystemClock().now())
    fake.bot("other[bot]", permission="write")
    await fake.acomment(SHOP, 1, "other[bot]", f"{words.card_marker(view.card.id)}\nApproved")
    assert not await channel.find(view)
    ref = await channel.post(view)
    assert list(await channel.find(view)) == [ref]
    assert [each.user for each in fake.comments()] == ["other[bot]", "our-app[bot]"]
    await channel.close()


async def test_for_effects(fake, clients):
    """PyGithub's own object, with the installation's token."""
    repository = await asyncio.to_thread(clients.repository, SHOP)
    comment = await asyncio.to_thread(repository.get_issue(1).create_comment, "done")
    assert comment.user.login == "our-app[bot]"


async def test_teams_by_the_organizations_installation(fake, clients, clock: ManualClock):
    """P-01: an App knows the teams of where it is installed; of others, nobody is in any."""
    fake.team("acme/architects", members=["ann"])
    fake.team("umbrella/architects", members=["ann"])
    source = GitHubGroups(clients, clock)
    named = frozenset({"github:acme/architects", "github:umbrella/architects", "github:role:write"})
    held = await source.groups(Person(identity="github:ann"), named, {"repository": SHOP})
    assert held == {"github:acme/architects", "github:role:write"}


async def test_no_token_for_the_moment(fake, clients):
    """A failure of the token's request is that of the call, with GitHub's own time to wait."""
    fake.fail("POST", "*/access_tokens", Refused(500))
    with pytest.raises(DeliveryFailed):
        await title(clients, SHOP)
    assert await title(clients, SHOP) == "Cart forgets its coupon"


async def test_the_token_of_an_installation_as_it_is(fake, clients):
    """A workflow run has such a token; it may not ask who it is, so what bots wrote with our mark is ours, and nobody else's."""
    await title(clients, SHOP)
    (token,) = [each.value for each in fake._hub.world.tokens.values() if each.kind == "installation"]
    channel = GitHubChannel(GitHubSettings(token=SecretStr(token), api_url=fake.url))
    assert await channel.clients.login() == ""
    view = sample_view(Target(channel="github", address=f"{SHOP}#1"), SystemClock().now())
    await fake.acomment(SHOP, 1, "ann", words.card_marker(view.card.id))
    assert not await channel.find(view)
    ref = await channel.post(view)
    assert list(await channel.find(view)) == [ref]
    await channel.close()
