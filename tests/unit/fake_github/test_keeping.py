"""A GitHub that outlives its process, and the shape of what it answers (E-02)."""

import inspect
import warnings
from pathlib import Path

from github import Github
from github.GithubObject import GithubObject

from hitl_middleware.testing.fake_github import FakeGitHub

from tests.kit.github_stage import SHOP, pygithub


def test_everything_is_there_after_a_restart(tmp_path: Path):
    """Secrets, people, issues, comments, reactions, code, reviews; and numbers go on from there."""
    kept = tmp_path / "github.json"
    with FakeGitHub(kept_in=kept) as first:
        first.repository(SHOP, files={"a.bin": b"\xff\x00"})
        first.person("ann", permission="write")
        first.team("acme/architects", members=["ann"])
        first.install(first.add_app("hitl"))
        issue = first.open_issue(SHOP, "ann", "one", labels=["bug"])
        comment = first.comment(SHOP, issue.number, "ann", "/approve")
        first.react(comment, "ann", "eyes")
        first.push(SHOP, "ann", "fix", {"b.py": "b\n"})
        pull = first.open_pull(SHOP, "ann", "fix", "two")
        first.review(SHOP, pull.number, "hitl-bot", "approve")
        told = first._hub.world
    with FakeGitHub(kept_in=kept) as second:
        assert second._hub.world == told
        assert (second.token, second.webhook_secret) == (first.token, first.webhook_secret)
        hub = pygithub(second)
        assert hub.get_repo(SHOP).get_issue(1).get_comment(comment.id).body == "/approve"
        assert hub.get_repo(SHOP).get_issue(1).create_comment("later").id > comment.id
        assert second.files(SHOP, "fix")["b.py"] == "b\n"
        assert not second.repository(SHOP).private
        assert set(second.files(SHOP)) == {"a.bin"}


def test_pygithub_finds_what_it_reads_in_every_object(fake: FakeGitHub, hub: Github):
    """Each attribute of each object has the type that PyGithub expects of GitHub."""
    fake.label(SHOP, fake.open_issue(SHOP, "ann", "one", assignees=["ann"]).number, "ann", "bug")
    fake.close_issue(SHOP, 1, "ann")
    fake.comment(SHOP, 1, "ann", "hello")
    fake.react(fake.comments()[0], "ann", "eyes")
    fake.push(SHOP, "ann", "fix", {"b.py": "b\n"})
    number = fake.open_pull(SHOP, "ann", "fix", "two").number
    fake.review(SHOP, number, "rob", "approve")
    fake.team("acme/architects", members=["ann"])
    fake.connect("http://127.0.0.1:9/", SHOP)
    fake.merge(SHOP, number, "ann")
    repo = hub.get_repo(SHOP)
    issue, pull = repo.get_issue(1), repo.get_pull(number)
    found: list[GithubObject] = [
        repo,
        issue,
        pull,
        hub.get_user("ann"),
        hub.get_user(),
        hub.get_organization("acme").get_team_by_slug("architects"),
        *issue.get_comments(),
        *issue.get_comments()[0].get_reactions(),
        *issue.get_events(),
        *issue.labels,
        *pull.get_reviews(),
        *pull.get_files(),
        *pull.get_commits(),
        *repo.get_hooks(),
        *repo.get_branches(),
        repo.get_branch("main"),
        repo.get_commit("main"),
        repo.get_git_ref("heads/main"),
        repo.get_git_tree("main"),
        repo.get_git_commit(repo.get_branch("main").commit.sha),
        repo.compare("main", "fix"),
        repo.get_commit("main").get_combined_status(),
        hub.get_rate_limit(),
    ]
    read = 0
    for each in found:
        for name, _ in inspect.getmembers(type(each), lambda member: isinstance(member, property)):
            with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
                getattr(each, name)  # raises where the type is another
            read += 1
    assert read > 500
