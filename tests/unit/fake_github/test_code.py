"""Branches, files and commits, by PyGithub as it is (E-02)."""

import shutil
import subprocess
from pathlib import Path

import pytest
from github import Github, GithubException, InputGitTreeElement, UnknownObjectException

from hitl_middleware.testing.fake_github import FakeGitHub
from hitl_middleware.testing.fake_github.git import put, put_files

from tests.kit.github_stage import SHOP, http, pygithub


def status_of(refused: pytest.ExceptionInfo[GithubException]) -> int:
    """The HTTP status of a refusal."""
    return refused.value.status


def test_a_file_is_changed_only_by_who_has_seen_it(fake: FakeGitHub, hub: Github):
    """201 for a new file, 422 without the sha of one that is there, 409 with an old one, 404 without the branch."""
    repo = hub.get_repo(SHOP)
    made = repo.create_file("src/a b.py", "Add", "one\n", branch="main")
    assert made["commit"].sha == fake.branches(SHOP)["main"]
    with pytest.raises(GithubException) as refused:
        repo.create_file("src/a b.py", "Again", "two\n")
    assert status_of(refused) == 422
    assert refused.value.data["message"].endswith('"sha" wasn\'t supplied.')
    old = repo.get_contents("src/a b.py")
    assert not isinstance(old, list)
    assert old.decoded_content == b"one\n"
    repo.update_file("src/a b.py", "Change", b"two\n", old.sha)
    for act in (
        lambda: repo.update_file("src/a b.py", "Change", "three\n", old.sha),
        lambda: repo.delete_file("src/a b.py", "Delete", old.sha),
    ):
        with pytest.raises(GithubException) as refused:
            act()
        assert status_of(refused) == 409
    with pytest.raises(GithubException) as refused:
        repo.create_file("b.py", "Add", "", branch="nowhere")
    assert (status_of(refused), "Branch nowhere not found" in str(refused.value)) == (404, True)
    assert fake.files(SHOP) == {"README.md": "# shop\n", "src/a b.py": "two\n"}

    listed = repo.get_contents("src")
    assert isinstance(listed, list)
    assert [(each.name, each.type) for each in listed] == [("a b.py", "file")]
    repo.delete_file("src/a b.py", "Delete", listed[0].sha)
    with pytest.raises(UnknownObjectException):
        repo.get_contents("src/a b.py")
    assert [each.message for each in fake.log(SHOP)] == ["Delete", "Change", "Add", "Initial commit"]


def test_several_files_are_one_commit(fake: FakeGitHub, hub: Github):
    """Blobs, a tree on top of another, a commit, and a ref that moves to it: as git does it, and only forward."""
    repo = hub.get_repo(SHOP)
    main = repo.get_branch("main").commit
    repo.create_git_ref("refs/heads/fix/12", main.sha)
    blob = repo.create_git_blob("cGF5Cg==", "base64")
    tree = repo.create_git_tree(
        [
            InputGitTreeElement("src/pay.py", "100644", "blob", sha=blob.sha),
            InputGitTreeElement("src/cart.py", "100644", "blob", content="cart\n"),
            InputGitTreeElement("README.md", "100644", "blob", sha=None),
        ],
        repo.get_git_commit(main.sha).tree,
    )
    commit = repo.create_git_commit("Fix", tree, [repo.get_git_commit(main.sha)])
    ref = repo.get_git_ref("heads/fix/12")
    ref.edit(commit.sha)
    assert fake.files(SHOP, "fix/12") == {"src/cart.py": "cart\n", "src/pay.py": "pay\n"}
    assert fake.files(SHOP) == {"README.md": "# shop\n"}
    assert {each.path: each.type for each in repo.get_git_tree("fix/12", recursive=True).tree} == {
        "src": "tree",
        "src/cart.py": "blob",
        "src/pay.py": "blob",
    }
    compared = repo.compare("main", "fix/12")
    assert (compared.status, compared.ahead_by, compared.behind_by) == ("ahead", 1, 0)
    assert {each.filename: each.status for each in compared.files} == {
        "README.md": "removed",
        "src/cart.py": "added",
        "src/pay.py": "added",
    }
    with pytest.raises(GithubException, match="Update is not a fast forward") as refused:
        repo.get_git_ref("heads/fix/12").edit(main.sha)
    assert status_of(refused) == 422
    ref.edit(main.sha, force=True)
    assert repo.get_branch("fix/12").commit.sha == main.sha
    ref.delete()
    with pytest.raises(UnknownObjectException):
        repo.get_branch("fix/12")
    assert set(fake.branches(SHOP)) == {"main"}


@pytest.mark.parametrize(
    ("method", "path", "body", "said"),
    [
        ("POST", "git/refs", {"ref": "refs/heads/main", "sha": "<main>"}, "Reference already exists"),
        ("POST", "git/refs", {"ref": "refs/heads/a", "sha": "0" * 40}, "Object does not exist"),
        ("POST", "git/refs", {"ref": "heads/a", "sha": "<main>"}, "heads/a is not a valid ref name."),
        ("POST", "git/refs", {"ref": "refs/heads/a..b", "sha": "<main>"}, "is not a valid ref name."),
        ("PATCH", "git/refs/heads/a", {"sha": "<main>"}, "Reference does not exist"),
        ("DELETE", "git/refs/heads/a", None, "Reference does not exist"),
        ("POST", "git/commits", {"message": "x", "tree": "<main>"}, "Tree SHA does not exist"),
        (
            "POST",
            "git/trees",
            {"tree": [{"path": "a", "mode": "100644", "sha": "0" * 40}]},
            "not a valid blob",
        ),
        (
            "POST",
            "git/trees",
            {"tree": [{"path": "../a", "mode": "100644", "content": ""}]},
            "malformed path",
        ),
        ("PUT", "contents/a", {"message": "x", "content": "no base64!"}, "content is not valid Base64"),
    ],
)
def test_what_git_does_not_take(fake: FakeGitHub, method: str, path: str, body: dict[str, object], said: str):
    """422 in GitHub's words, and nothing is changed."""
    main = fake.branches(SHOP)["main"]
    filled = {name: main if value == "<main>" else value for name, value in (body or {}).items()}
    with http(fake) as client:
        answer = client.request(method, f"/repos/{SHOP}/{path}", json=filled or None)
    assert (answer.status_code, said in answer.json()["message"]) == (422, True), answer.text
    assert fake.branches(SHOP) == {"main": main}


def test_who_may_only_read_writes_no_code(fake: FakeGitHub):
    """403 for a role too low, 404 for what a private repository hides."""
    repo = pygithub(fake, fake.add_token("rob")).get_repo(SHOP)
    for act in (
        lambda: repo.create_file("a", "x", "y"),
        lambda: repo.create_git_ref("refs/heads/a", repo.get_branch("main").commit.sha),
    ):
        with pytest.raises(GithubException) as refused:
            act()
        assert status_of(refused) == 403
    assert set(fake.branches(SHOP)) == {"main"}


def test_statuses_of_a_commit(fake: FakeGitHub, hub: Github):
    """The newest of each context counts; all have to be green."""
    sha = fake.push(SHOP, "ann", "fix", {"a.py": "1\n"}, "One")
    commit = hub.get_repo(SHOP).get_commit("fix")
    assert (commit.sha, commit.author.login, commit.stats.additions) == (sha, "ann", 1)
    assert commit.get_combined_status().state == "pending"
    commit.create_status("failure", context="ci")
    fake.say_status(SHOP, sha, "success", context="lint", who="ann")
    assert commit.get_combined_status().state == "failure"
    commit.create_status("success", context="ci")
    assert commit.get_combined_status().state == "success"
    assert commit.get_statuses().totalCount == 3


@pytest.mark.skipif(shutil.which("git") is None, reason="git itself is the oracle")
def test_trees_are_named_as_git_names_them(fake: FakeGitHub, tmp_path: Path):
    """The same files have the same sha in git: folders are sorted as git sorts them."""
    paths = ["foo.txt", "foo/bar", "foo-bar", "a/b/c", "a.b"]
    for path in paths:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(path)

    def git(*words: str) -> str:
        return subprocess.run(
            ["git", *words], cwd=tmp_path, check=True, capture_output=True, text=True
        ).stdout.strip()

    git("init", "-q")
    git("add", "-A")
    files = {path: ("100644", put(fake._hub, "blob", path.encode())) for path in paths}
    assert put_files(fake._hub, files) == git("write-tree")
