"""What ``hitl connect github`` finds and says; against a GitHub as strict as the real one."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from pydantic import SecretStr

from hitl_middleware.channels.finding import Finding
from hitl_middleware.channels.github import hook, rights
from hitl_middleware.channels.github.client import GitHubClients
from hitl_middleware.channels.github.connect import Look, Place, named_in
from hitl_middleware.channels.github.settings import GitHubSettings
from hitl_middleware.channels.github.setup_files import with_example
from hitl_middleware.channels.setup_files import with_setting
from hitl_middleware.errors import ConfigurationError
from hitl_middleware.testing.fake_github import FakeGitHub, HangUp, SecondaryLimit, ServerError

REPOSITORY = "acme/shop"


@pytest.fixture
def fake() -> Iterator[FakeGitHub]:
    """A GitHub with a private repository; ours is a machine user with every scope."""
    with FakeGitHub() as fake:
        fake.repository(REPOSITORY, private=True)
        yield fake


def looked(
    fake: FakeGitHub, *names: str, repository: str = REPOSITORY, **said: Any
) -> tuple[list[Finding], Place | None]:
    """Everything that is found with this token, and the place."""
    settings = GitHubSettings.model_validate({"token": fake.token, "api_url": fake.url, **said})

    async def look() -> tuple[list[Finding], Place | None]:
        clients = GitHubClients(settings)
        try:
            looking = Look(clients, repository, names)
            return [each async for each in looking.findings()], looking.place
        finally:
            await clients.close()

    return asyncio.run(look())


def wrong(fake: FakeGitHub, *names: str, **said: Any) -> list[tuple[str, str]]:
    """What is wrong, and that each of it says how to mend it."""
    bad = [each for each in looked(fake, *names, **said)[0] if not each.ok]
    assert all(each.mend for each in bad)
    return [(each.what, each.says) for each in bad]


def kinds(found: Sequence[Finding]) -> list[tuple[str, bool, bool]]:
    """What was looked at, whether it is well, whether it could be checked."""
    return [(each.what, each.ok, each.checked) for each in found]


def test_a_classic_token(fake: FakeGitHub) -> None:
    """Who it is, the repository, role, scopes, and whether people can be asked about; the secret is in none of it."""
    found, place = looked(fake)
    assert kinds(found) == [
        (name, True, True) for name in ("token", "repository", "role", "scopes", "people")
    ]
    assert [each.says for each in found] == [
        "GITHUB_TOKEN is a classic token of hitl-bot.",
        "acme/shop is there (private).",
        "hitl-bot may write in acme/shop.",
        "The token has every scope it needs.",
        "It can be asked what somebody may do in acme/shop (hitl-bot: admin).",
    ]
    assert place is not None
    assert (place.name, place.login, place.kind) == (REPOSITORY, "hitl-bot", "classic")
    assert not [each for each in found if fake.token in f"{each.says}{each.mend}"]
    assert [call.method for call in fake.calls] == ["GET"] * len(fake.calls), "nothing is written there"


def test_a_fine_grained_token(fake: FakeGitHub) -> None:
    """What it may write is not told by GitHub, and that is said; what it may not even read is found."""
    fake.person("ann", permission="write")
    given = {"issues": "write", "pull_requests": "write", "contents": "write"}
    token = fake.add_token("ann", kind="fine_grained", permissions=given, expires_at=4_000_000_000)
    found, _ = looked(fake, token=SecretStr(token))
    assert kinds(found)[:3] == [("token", True, True), ("repository", True, True), ("role", True, True)]
    assert found[0].says.startswith("GITHUB_TOKEN is a fine-grained token of ann")
    poor = fake.add_token("ann", kind="fine_grained", permissions={"metadata": "read"})
    ((what, says),) = wrong(fake, token=SecretStr(poor))
    assert what == "permissions"
    assert says == "The token may not even read in acme/shop: Issues, Pull requests, Contents."


def test_of_what_is_public_nothing_can_be_told_by_reading(fake: FakeGitHub) -> None:
    """A fine-grained token in a public repository: said to be unchecked, with what it needs."""
    fake.repository("acme/open")
    fake.person("ann", permission="write")
    token = fake.add_token("ann", kind="fine_grained", permissions={})
    found, _ = looked(fake, repository="acme/open", token=SecretStr(token))
    (told,) = [each for each in found if each.what == "permissions"]
    assert (told.ok, told.checked) == (True, False)
    assert "Issues: write, Pull requests: write, Contents: write" in told.says


def test_one_thing_is_wrong(fake: FakeGitHub) -> None:
    """E-04: each in one sentence, with another that says how to mend it."""
    assert wrong(fake, token=SecretStr("ghp_0000")) == [
        ("token", "GitHub does not accept GITHUB_TOKEN (401: Bad credentials).")
    ]
    ((what, says),) = wrong(fake, repository="acme/nope")
    assert (what, "no such repository" in says) == ("repository", True)
    fake.repository("acme/old", archived=True)
    assert wrong(fake, repository="acme/old") == [
        ("repository", "acme/old is archived: nothing can be written there.")
    ]
    fake.repository("acme/silent", has_issues=False)
    assert wrong(fake, repository="acme/silent") == [
        ("repository", "acme/silent has no issues: there is nowhere to ask.")
    ]
    fake.person("eve", permission="read")
    reader = SecretStr(fake.add_token("eve"))
    assert [what for what, _ in wrong(fake, token=reader)] == ["role", "people"]
    fake.person("ann", permission="write")
    scopeless = SecretStr(fake.add_token("ann", scopes=["repo"]))
    assert wrong(fake, token=scopeless) == []


def test_people_who_are_to_decide(fake: FakeGitHub) -> None:
    """P-01: those whom hitl.toml names are looked up; a role is always there, a name of no form is told."""
    fake.person("ann")
    names = named_in(
        ["github:ann", "github:role:write", "github:role:assignee", "slack:U1", "group:x", "ann"]
    )
    assert kinds(looked(fake, *names)[0])[5:] == [("person", True, True)]
    (there_is_nobody,) = wrong(fake, "github:nobody-here")
    assert there_is_nobody[0] == "person"
    assert there_is_nobody[1].startswith("There is nobody called nobody-here on GitHub.")
    assert wrong(fake, "github:role:king") == [("person", "github:role:king names nobody on GitHub.")]


def test_github_is_away(fake: FakeGitHub) -> None:
    """No answer, trouble of its own, a limit: told as that, and not as something that is missing."""
    fake.fail("GET", "/user", HangUp())
    ((what, says),) = wrong(fake)
    assert (what, says.startswith("GitHub could not be reached")) == ("github", True)
    fake.fail("GET", "/repos/*", ServerError(503))
    assert wrong(fake) == [("github", "GitHub gave no usable answer (HTTP 503).")]
    fake.fail("GET", "/repos/*", SecondaryLimit(retry_after=30))
    assert wrong(fake) == [("github", "GitHub asks us to slow down.")]


# rights --------------------------------------------------------------------------------------------------------------


def test_what_is_lacking() -> None:
    """By GitHub's own names; more than is needed counts for what is needed."""
    assert rights.missing_scopes(["repo", "admin:org"], private=True, teams=True) == ()
    assert rights.missing_scopes(["public_repo"], private=False, teams=False) == ()
    assert rights.missing_scopes(["public_repo"], private=True, teams=True) == ("repo", "read:org")
    enough = {"metadata": "read", "issues": "admin", "pull_requests": "write", "contents": "write"}
    assert rights.missing_permissions(enough, teams=False) == ()
    assert rights.missing_permissions(enough | {"contents": "read"}, teams=True) == (
        "Contents: write (it has read)",
        "Members (of the organization): read (it has none)",
    )


# the webhook ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "address"),
    [
        ("https://hitl.example.com", "https://hitl.example.com/github/webhooks"),
        ("https://example.com/hitl/", "https://example.com/hitl/github/webhooks"),
        ("https://example.com/github/webhooks/", "https://example.com/github/webhooks"),
        ("http://127.0.0.1:8100", "http://127.0.0.1:8100/github/webhooks"),
    ],
)
def test_where_github_delivers(typed: str, address: str) -> None:
    """The server's address is enough."""
    assert hook.address(typed) == address


@pytest.mark.parametrize(
    "typed",
    ["hitl.example.com", "ftp://x", "https://", "https://u:p@x", "http://hitl.example.com", "https://x?y"],
)
def test_what_is_no_address(typed: str) -> None:
    """Refused with a sentence; nothing goes over plain HTTP."""
    with pytest.raises(ConfigurationError, match="--webhook"):
        hook.address(typed)


def test_what_is_wrong_with_a_webhook() -> None:
    """All of it in one sentence."""
    right: dict[str, Any] = {
        "id": 1,
        "url": "https://x/github/webhooks",
        "active": True,
        "events": frozenset(rights.EVENTS),
        "content_type": "json",
        "signed": True,
        "verified": True,
        "last_status": None,
    }
    assert hook.problems(hook.Hook(**right)) == ""
    assert hook.problems(hook.Hook(**right | {"events": frozenset({"*"})})) == ""
    bad = {"active": False, "events": frozenset({"issues"}), "content_type": "form", "signed": False}
    assert hook.problems(hook.Hook(**right | bad)) == (
        "is switched off; it does not send issue_comment, pull_request_review; it sends forms: its content type must be application/json; "
        "it has no secret, so that nothing it sends can be believed"
    )


# what is written -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", "[github]\nwebhook = false\n"),
        ("[github] # ours\npoll_seconds = 5\n", "[github] # ours\nwebhook = false\npoll_seconds = 5\n"),
        ("[github]\nwebhook = false", "[github]\nwebhook = false"),
    ],
)
def test_a_setting_is_written_where_it_belongs(before: str, after: str) -> None:
    """What stands in hitl.toml stays as it stands."""
    assert with_setting(before, "github", "webhook", value=False) == after


def test_settings_that_are_not_written() -> None:
    """Another value is not replaced; a form that is not understood is left to its author."""
    with pytest.raises(
        ConfigurationError, match="webhook is true already; change that line to webhook = false"
    ):
        with_setting("[github]\nwebhook = true\n", "github", "webhook", value=False)
    with pytest.raises(ConfigurationError, match="add webhook = false to it by hand"):
        with_setting("github.poll_seconds = 5\n", "github", "webhook", value=False)


def test_an_example_begins_nothing() -> None:
    """How a run would begin, in comments; written once."""
    once = with_example("[github]\nwebhook = false\n", REPOSITORY)
    assert '# repositories = ["acme/shop"]' in once
    assert all(line.startswith("#") for line in once.splitlines()[3:])
    assert with_example(once, REPOSITORY) == once
