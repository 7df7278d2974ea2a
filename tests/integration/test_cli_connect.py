"""``hitl connect slack`` as its users have it: what it says, what it writes, and that no secret is on the screen."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from hitl_middleware.channels.slack import scopes
from hitl_middleware.settings import load_config
from hitl_middleware.testing.fake_slack import FakeSlack

from tests.kit.commands import AtTerminal, Commands
from tests.kit.slack_stage import CHANNEL


@pytest.fixture
def slack() -> Iterator[FakeSlack]:
    """A workspace with an app of ours."""
    with FakeSlack(scopes=scopes.ALL) as slack:
        slack.add_channel(CHANNEL, "reviews")
        yield slack


@pytest.fixture
def hitl(tmp_path: Path) -> Commands:
    """The command line in an empty folder."""
    return Commands(tmp_path)


def test_nothing_is_set(hitl):
    """Exit code 2, and the exact names of what to set."""
    done = hitl.run("connect", "slack")
    assert (done.returncode, done.stdout) == (2, "")
    for name in ("SLACK_BOT_TOKEN", "SLACK_SIGNING_SECRET", "SLACK_APP_TOKEN", "slack-manifest.yaml"):
        assert name in done.stderr


def test_it_looks_and_writes_the_channel(hitl, slack):
    """S-14: every check in a sentence, a test card in the channel, ``[slack] channel`` in hitl.toml; the second time nothing is written."""
    said = hitl.said("connect", "slack", "--channel", CHANNEL, "--yes", **slack.environ)
    assert "✗" not in said
    assert said.endswith("Written: hitl.toml\nSlack is connected. Start: hitl serve\n")
    assert slack.bot_token not in said
    assert load_config(hitl.folder / "hitl.toml").slack.channel == CHANNEL
    (card,) = slack.messages
    assert len(card.versions) == 1
    again = hitl.json("connect", "slack", "--no-test-card", **slack.environ)
    assert (again["ok"], again["written"], len(slack.messages)) == (True, [], 1)
    assert [each["check"] for each in again["checks"]] == ["token", "scopes", "signing secret", "channel"]


def test_what_is_wrong_ends_with_2(hitl, slack):
    """What is wrong and how to mend it, for people and for programs; nothing is written."""
    slack.add_channel("C0OUTSIDE1", "outside", bot_is_member=False)
    done = hitl.run("connect", "slack", "--channel", "C0OUTSIDE1", "--yes", "--json", **slack.environ)
    assert done.returncode == 2
    assert '"ok": false' in done.stdout
    assert "/invite @hitl" in done.stdout
    assert not (hitl.folder / "hitl.toml").exists()


def test_secrets_are_typed_in_unseen(hitl, slack):
    """Asked for at a terminal, checked first, then written to a file that only its owner reads."""
    with AtTerminal(hitl.folder, "connect", "slack", "--no-test-card", SLACK_API_URL=slack.url) as terminal:
        terminal.answers(slack.bot_token)
        terminal.answers("")
        terminal.answers(slack.app_token)
        terminal.sees("opens a Socket Mode connection")
        terminal.answers("y")
        assert terminal.ends() == 0
    assert slack.bot_token not in terminal.shown
    assert slack.app_token not in terminal.shown
    written = hitl.folder / ".env"
    assert written.read_text() == f"SLACK_BOT_TOKEN={slack.bot_token}\nSLACK_APP_TOKEN={slack.app_token}\n"
    assert written.stat().st_mode & 0o777 == 0o600
