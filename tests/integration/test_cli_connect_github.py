"""``hitl connect github`` as its users have it: what it says, what it writes, and that no secret is on the screen."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from hitl_middleware.settings import load_config
from hitl_middleware.testing.fake_github import FakeGitHub

from tests.kit.commands import AtTerminal, Commands


@pytest.fixture
def fake() -> Iterator[FakeGitHub]:
    """A GitHub with a repository."""
    with FakeGitHub() as fake:
        fake.repository("acme/shop", private=True)
        yield fake


@pytest.fixture
def hitl(tmp_path: Path) -> Commands:
    """The command line in an empty folder."""
    return Commands(tmp_path)


def test_nothing_is_set(hitl: Commands) -> None:
    """Exit code 2, and the exact names of what to set; a name of no form is told before anything is asked."""
    done = hitl.run("connect", "github", "acme/shop")
    assert (done.returncode, done.stdout) == (2, "")
    for name in ("GITHUB_TOKEN", "GITHUB_APP_ID", "GITHUB_APP_PRIVATE_KEY_PATH", "GITHUB_WEBHOOK_SECRET"):
        assert name in done.stderr
    (hitl.folder / "hitl.toml").write_text("[github]\nenabled = false\n")
    off = hitl.refused("connect", "github", "acme/shop", GITHUB_TOKEN="ghp_x")
    assert off == "hitl.toml says enabled = false under [github]; take that line out to use GitHub"
    assert hitl.refused("connect", "github", "shop") == (
        "'shop' is no repository: give owner and name, as in acme/shop"
    )


def test_without_a_webhook(hitl: Commands, fake: FakeGitHub) -> None:
    """G-12: a token alone is enough: poll mode is written down, with an example trigger; the second time nothing is written."""
    given = {"GITHUB_API_URL": fake.url, "GITHUB_TOKEN": fake.token}
    said = hitl.said("connect", "github", f"{fake.web_url}/acme/shop", "--yes", **given)
    assert "✗" not in said
    assert "✓ Without a webhook: issues of pending requests are re-read every 30 s.\n" in said
    assert said.endswith("Written: hitl.toml\nacme/shop is connected. Start: hitl serve\n")
    assert fake.token not in said
    assert load_config(hitl.folder / "hitl.toml").github.webhook is False
    again = hitl.json("connect", "github", "acme/shop", **given)
    assert (again["ok"], again["written"]) == (True, [])
    assert [each["check"] for each in again["checks"]] == [
        "token",
        "repository",
        "role",
        "scopes",
        "people",
        "webhook",
    ]
    refused = hitl.refused("connect", "github", "acme/shop", "--webhook", "https://x.example", **given)
    assert "says webhook = false under [github]" in refused


def test_a_webhook_is_made(hitl: Commands, fake: FakeGitHub) -> None:
    """G-11: with a secret that nobody has seen: it is made, given to GitHub, and written to a file that only its owner reads."""
    given = {"GITHUB_API_URL": fake.url, "GITHUB_TOKEN": fake.token}
    words = ("connect", "github", "acme/shop", "--webhook", "http://127.0.0.1:9")
    assert hitl.refused(*words, **given).startswith("GITHUB_WEBHOOK_SECRET is not set.")
    (hitl.folder / "hitl.toml").write_text("[github]\napprovers = ['github:nobody-here']\n")
    assert hitl.run(*words, "--yes", **given).returncode == 2, "not while something else is wrong"
    (hitl.folder / "hitl.toml").unlink()
    assert fake.hooks == []
    done = hitl.run(*words, "--yes", **given)
    assert done.returncode == 0, done
    (hook,) = fake.hooks
    assert (hook.url, hook.content_type) == ("http://127.0.0.1:9/github/webhooks", "json")
    assert (hitl.folder / ".env").read_text() == f"GITHUB_WEBHOOK_SECRET={hook.secret}\n"
    assert "✓ The webhook http://127.0.0.1:9/github/webhooks is made.\n" in done.stdout
    assert hook.secret not in done.stdout + done.stderr
    assert load_config(hitl.folder / "hitl.toml").github.webhook is True
    again = hitl.json(*words, GITHUB_WEBHOOK_SECRET=hook.secret, **given)
    assert (again["ok"], again["written"], len(fake.hooks)) == (True, [], 1)


def test_what_is_wrong_ends_with_2(hitl: Commands, fake: FakeGitHub) -> None:
    """What is wrong and how to mend it, for programs; nothing is written."""
    done = hitl.run("connect", "github", "acme/nope", "--yes", "--json", **fake.environ)
    assert done.returncode == 2
    assert '"ok": false' in done.stdout
    assert "Is acme/nope spelt right?" in done.stdout
    assert not (hitl.folder / "hitl.toml").exists()


def test_a_token_is_typed_in_unseen(hitl: Commands, fake: FakeGitHub) -> None:
    """Asked for at a terminal, checked first, then written to a file that only its owner reads."""
    with AtTerminal(hitl.folder, "connect", "github", "acme/shop", GITHUB_API_URL=fake.url) as terminal:
        terminal.answers(fake.token)
        terminal.sees("re-read every 30 s")
        terminal.answers("y")
        terminal.answers("y")
        assert terminal.ends() == 0
    assert fake.token not in terminal.shown
    written = hitl.folder / ".env"
    assert written.read_text() == f"GITHUB_TOKEN={fake.token}\n"
    assert written.stat().st_mode & 0o777 == 0o600
