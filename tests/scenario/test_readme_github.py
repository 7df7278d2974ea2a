"""README's "Decide on GitHub", followed to the letter: its settings, its commands, its comments, against a GitHub on loopback."""

from __future__ import annotations

import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from hitl_middleware.settings import ConfigFile
from hitl_middleware.testing.fake_github import FakeGitHub

from tests.kit.commands import Commands

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
SECTION = README.split("### Decide on GitHub")[1].split("\n### ")[0]
ADDRESS = "https://hitl.example.com"
SHOP = "acme/shop"
CARRIED_OUT = {("hitl-bot", "eyes"), ("hitl-bot", "rocket")}


def shown(language: str) -> str:
    """The section's one block of a language."""
    (found,) = re.findall(rf"```{language}\n(.*?)```", SECTION, re.DOTALL)
    return re.sub(r"^   ", "", found, flags=re.MULTILINE)


@pytest.fixture
def fake() -> Iterator[FakeGitHub]:
    """A repository, whoever reports bugs, and whoever may write; the token is the one that step 1 asks for."""
    with FakeGitHub() as fake:
        fake.repository(SHOP, private=True)
        fake.person("bob", permission="read")
        fake.person("ann", permission="write")
        yield fake


def test_its_steps(fake: FakeGitHub, tmp_path: Path):
    """G-02, G-04, G-06, G-17: token and secret, hitl.toml, serve, connect, label; then the three comments as they stand there."""
    fine = {
        "issues": "write",
        "pull_requests": "write",
        "contents": "write",
        "repository_hooks": "write",
        "metadata": "read",
    }
    assert "Issues, Pull requests, Contents, Webhooks: read and write; Metadata: read" in SECTION
    machine = fake.add_token(fake.bot_login, kind="fine_grained", permissions=fine, repositories=[SHOP])
    hitl = Commands(
        tmp_path,
        {
            "GITHUB_API_URL": fake.url,
            "GITHUB_TOKEN": machine,
            "GITHUB_WEBHOOK_SECRET": "a-long-random-word-of-mine",
        },
    )
    (tmp_path / "hitl.toml").write_text(shown("toml"))
    serve, connect = (shlex.split(line)[1:] for line in shown("sh").splitlines())
    approve, reject, feedback = shown("text").splitlines()

    with hitl.running(*serve, "--port", "0") as url:
        connected = hitl.run(*(word.replace(ADDRESS, url) for word in connect), "--yes")
        assert connected.returncode == 0, connected.stdout + connected.stderr
        assert "✗" not in connected.stdout

        issue = fake.open_issue(SHOP, "bob", "The cart forgets", "After a reload the coupon is gone.")
        fake.label(SHOP, issue.number, "ann", "bug")
        fake.wait_for_comment("Waiting for a decision", number=issue.number)
        comments = []
        for words, seen in ((feedback, "round 2"), (approve, "merge-approval"), (reject, "Stopped")):
            comments.append(fake.comment(SHOP, issue.number, "ann", words))
            fake.wait_for_comment(seen, number=issue.number, timeout=30)
        fake.wait_for(lambda: all(set(fake.reactions(each)) == CARRIED_OUT for each in comments))

    (pull,) = fake.pulls
    assert pull.merged_at is None
    assert {each["status"] for each in hitl.json("requests", "list", "--status", "all")["items"]} == {
        "revised",
        "approved",
        "rejected",
    }


def test_every_setting_that_it_shows():
    """Both ``hitl.toml`` of README are read without an error, and say what the defaults are where they call them so."""
    whole = next(text for text in re.findall(r"```toml\n(.*?)```", README, re.DOTALL) if "[people]" in text)
    config = ConfigFile.model_validate(tomllib.loads(whole))
    assert config.github == ConfigFile().github
    (trigger,) = config.triggers
    assert (trigger.label, trigger.graph, trigger.on_new_input) == ("bug", "sdlc-bugfix", "enqueue")
    assert ConfigFile.model_validate(tomllib.loads(shown("toml"))).triggers[0].requester == "author"
