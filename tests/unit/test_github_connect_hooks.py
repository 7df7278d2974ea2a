"""What ``hitl connect github`` finds of webhooks, Apps and teams, and the webhook that it makes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, TypeVar

import pytest
from pydantic import SecretStr

from hitl_middleware.channels.finding import Finding
from hitl_middleware.channels.github import hook
from hitl_middleware.channels.github.client import GitHubClients
from hitl_middleware.channels.github.connect import Look, Place
from hitl_middleware.channels.github.rights import EVENTS
from hitl_middleware.channels.github.settings import GitHubSettings
from hitl_middleware.testing.fake_github import App, FakeGitHub, Hook

REPOSITORY = "acme/shop"
URL = "http://127.0.0.1:9/github/webhooks"
SECRET = "0123456789abcdef"
T = TypeVar("T")


@pytest.fixture
def fake() -> Iterator[FakeGitHub]:
    """A GitHub with a private repository; ours is a machine user who may do everything."""
    with FakeGitHub() as fake:
        fake.repository(REPOSITORY, private=True)
        yield fake


def acting(fake: FakeGitHub, act: Callable[[GitHubClients, Place], Awaitable[T]], **said: Any) -> T:
    """What somebody with this token (or as this App) makes of the repository."""

    async def work() -> T:
        clients = GitHubClients(settings(fake, **said))
        try:
            look = Look(clients, REPOSITORY, ())
            _ = [each async for each in look.findings()]
            assert look.place is not None
            return await act(clients, look.place)
        finally:
            await clients.close()

    return asyncio.run(work())


def settings(fake: FakeGitHub, **said: Any) -> GitHubSettings:
    """Ours, or what is said."""
    return GitHubSettings.model_validate({"api_url": fake.url, **(said or {"token": fake.token})})


def as_app(app: App) -> dict[str, Any]:
    """The settings of an App."""
    return {"app_id": str(app.id), "private_key": SecretStr(app.private_key)}


def seen(fake: FakeGitHub, url: str | None = URL, **said: Any) -> Finding:
    """What is said of the webhook."""
    return acting(fake, lambda clients, place: hook.look(clients, place, url), **said)[0]


def made(fake: FakeGitHub, **said: Any) -> Finding:
    """Make the webhook, or mend it."""

    async def make(clients: GitHubClients, place: Place) -> Finding:
        _, there = await hook.look(clients, place, URL)
        return await hook.make(clients, place, URL, SECRET, there)

    return acting(fake, make, **said)


def the_hook(fake: FakeGitHub) -> Hook:
    """The one webhook there is."""
    (found,) = fake.hooks
    return found


def test_there_is_none_and_it_is_made(fake: FakeGitHub) -> None:
    """G-11: its absence is told with both ways out; made, it sends what we need, signed, as JSON; then all is well."""
    absent = seen(fake)
    assert (absent.ok, absent.says) == (False, f"acme/shop has no webhook for {URL}.")
    assert "hitl connect github acme/shop --webhook" in (absent.mend or "")
    assert "webhook = false under [github]" in (absent.mend or "")
    assert made(fake) == Finding("webhook", ok=True, says=f"The webhook {URL} is made.")
    there = the_hook(fake)
    assert (there.url, there.secret, there.content_type, there.active) == (URL, SECRET, "json", True)
    assert sorted(there.events) == sorted(EVENTS)
    fake.finish_deliveries()
    assert [each.event for each in fake.deliveries] == ["ping"]
    well = seen(fake)
    assert well.ok
    assert SECRET not in f"{well.says}{well.mend}"


def test_it_is_found_without_its_address(fake: FakeGitHub) -> None:
    """Where nobody says at what address the server is, the one that ends as ours is meant."""
    assert seen(fake, None).says == "acme/shop has no webhook that ends in /github/webhooks."
    made(fake)
    assert seen(fake, None).ok


def test_an_organization_has_one(fake: FakeGitHub) -> None:
    """A webhook of the organization hears of all its repositories, and does as well; only its owners are shown it."""
    fake.connect(URL)
    fake.person("boss", organizations={"acme": "admin"})
    boss = SecretStr(fake.add_token("boss", scopes=["repo", "admin:repo_hook", "admin:org_hook"]))
    assert seen(fake, token=boss) == Finding("webhook", ok=True, says=f"The webhook {URL} of acme is there.")
    fake.disconnect()
    fake.connect(URL, events=["issues"], secret="")
    wrong = seen(fake, token=boss)
    assert wrong.says == (
        f"The webhook {URL} of acme does not send issue_comment, pull_request_review; "
        "it has no secret, so that nothing it sends can be believed."
    )
    assert f"{fake.web_url}/organizations/acme/settings/hooks" in (wrong.mend or "")
    assert seen(fake).says == f"acme/shop has no webhook for {URL}.", "nobody else is shown it"


def test_it_is_mended(fake: FakeGitHub) -> None:
    """What is wrong with it is told in one sentence, and mended without a second one; its own events stay."""
    made(fake)
    body = {"active": False, "events": ["push"], "config": {"url": URL, "content_type": "form"}}
    _changed(fake, body)
    wrong = seen(fake)
    assert not wrong.ok
    assert wrong.says == (
        f"The webhook {URL} is switched off; it does not send issue_comment, issues, pull_request_review; "
        "it sends forms: its content type must be application/json; it has no secret, so that nothing it sends can be believed."
    )
    assert made(fake).says == f"The webhook {URL} is mended."
    there = the_hook(fake)
    assert (there.secret, there.content_type, there.active) == (SECRET, "json", True)
    assert sorted(there.events) == sorted([*EVENTS, "push"])


def _changed(fake: FakeGitHub, body: dict[str, Any]) -> None:
    """Somebody changes the webhook on GitHub's page."""
    from hitl_middleware.channels.github.questions import put

    path = f"/repos/{REPOSITORY}/hooks/{the_hook(fake).id}"
    acting(fake, lambda clients, place: put(clients, place.name, "PATCH", path, body))


def test_who_may_not_look(fake: FakeGitHub) -> None:
    """GitHub shows webhooks to administrators only: that is said, with the page where a person sees them; no mistake of anybody's."""
    fake.person("ann", permission="write")
    ann = SecretStr(fake.add_token("ann"))
    told = seen(fake, token=ann)
    assert (told.ok, told.checked) == (True, False)
    assert f"{fake.web_url}/{REPOSITORY}/settings/hooks" in (told.mend or "")
    refused = made(fake, token=ann)
    assert not refused.ok
    assert f"{URL}, application/json, the secret in GITHUB_WEBHOOK_SECRET" in (refused.mend or "")
    assert fake.hooks == []


def test_an_app(fake: FakeGitHub) -> None:
    """G-17: who it is, its installation's permissions and that people can be asked about; without it each is told."""
    app = fake.add_app()
    said = as_app(app)
    assert _found(fake, **said) == [
        ("app", True, "The GitHub App is hitl; it writes as hitl[bot]."),
        (
            "installation",
            False,
            "GitHub shows the GitHub App (GITHUB_APP_ID) no such repository, issue or comment; it may lack access (404: Not Found).",
        ),
    ]
    installed = fake.install(app, permissions={"metadata": "read", "issues": "read", "contents": "write"})
    ((what, _, says),) = [each for each in _found(fake, **said) if not each[1]]
    assert (what, says) == (
        "permissions",
        "The App lacks Issues: write (it has read); Pull requests: write (it has none).",
    )
    fake.suspend(installed)
    ((what, _, says),) = [each for each in _found(fake, **said) if not each[1]]
    assert (what, says) == ("installation", "The App's installation on acme/shop is suspended.")


def test_an_app_that_is_installed(fake: FakeGitHub) -> None:
    """G-17: everything is there, and nothing of its key or its tokens is told."""
    app = fake.add_app()
    fake.install(app)
    found = _found(fake, **as_app(app))
    assert [(what, ok) for what, ok, _ in found] == [
        ("app", True),
        ("permissions", True),
        ("repository", True),
        ("people", True),
    ]
    assert "PRIVATE KEY" not in str(found)
    assert "ghs_" not in str(found)


def test_an_apps_webhook(fake: FakeGitHub) -> None:
    """G-11, G-17: an App has one of its own, whose address and secret are written by the App itself."""
    app = fake.add_app()
    fake.install(app)
    said = as_app(app)
    fake.connect("http://127.0.0.1:9/elsewhere", app=app)
    assert seen(fake, **said).says == f"The App has no webhook for {URL}."
    assert made(fake, **said).ok
    assert (the_hook(fake).url, the_hook(fake).secret) == (URL, SECRET)
    assert seen(fake, **said).ok


def test_teams(fake: FakeGitHub) -> None:
    """P-01: a team that may decide is there, or is not (or may not be seen): told with its name and what it takes."""
    fake.team("acme/architects", members=["ann"])
    assert _found(fake, "github:acme/architects")[-1] == ("team", True, "The team acme/architects is there.")
    what, ok, says = _found(fake, "github:acme/nobody")[-1]
    assert (what, ok) == ("team", False)
    assert says.startswith("There is no team acme/nobody, or it may not be seen.")
    blind = SecretStr(fake.add_token("hitl-bot", scopes=["repo"]))
    wrong = [each for each in _found(fake, "github:acme/architects", token=blind) if not each[1]]
    assert ("scopes", False, "The token lacks the scopes read:org.") in wrong


def _found(fake: FakeGitHub, *names: str, **said: Any) -> list[tuple[str, bool, str]]:
    async def work() -> list[tuple[str, bool, str]]:
        clients = GitHubClients(settings(fake, **said))
        try:
            found = [each async for each in Look(clients, REPOSITORY, names).findings()]
        finally:
            await clients.close()
        assert all(each.mend for each in found if not each.ok)
        return [(each.what, each.ok, each.says) for each in found]

    return asyncio.run(work())
