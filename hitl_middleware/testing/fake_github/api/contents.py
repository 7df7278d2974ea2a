"""Files one by one: read, created, changed, deleted, each change a commit on a branch."""

from __future__ import annotations

from typing import Any, Final

from hitl_middleware.testing.fake_github import branches, git
from hitl_middleware.testing.fake_github.api.git import READ, WRITE, decoded, latest, signed
from hitl_middleware.testing.fake_github.records import Repository
from hitl_middleware.testing.fake_github.refusals import Refusal, malformed, not_found
from hitl_middleware.testing.fake_github.rest import Answer, Asking, Json, route
from hitl_middleware.testing.fake_github.shapes import commits as shapes

_CONTENTS: Final = "/repos/{owner}/{repo}/contents"


@route("GET", _CONTENTS, needs=READ)
def list_root(asking: Asking) -> Any:
    """The files and folders at the top."""
    return _look(asking, asking.repository(), "")


@route("GET", f"{_CONTENTS}/{{path*}}", needs=READ)
def get_content(asking: Asking) -> Any:
    """A file, or what is in a folder."""
    return _look(asking, asking.repository(), asking.path["path"].strip("/"))


@route("GET", "/repos/{owner}/{repo}/readme", needs=READ)
def get_readme(asking: Asking) -> Any:
    """The README."""
    return _look(asking, asking.repository(), "README.md")


def _look(asking: Asking, repository: Repository, path: str) -> Any:
    hub = asking.hub
    name, sha = latest(asking, repository)
    files = git.files_of(hub, sha)
    if path in files:
        if "raw" in asking.accept:
            return git.blob(hub, files[path][1]).decode(errors="replace")
        return shapes.content(hub, repository, name, path, files[path][1])
    tree = _tree(asking, git.commit(hub, sha).tree, path)
    return [
        shapes.content(
            hub,
            repository,
            name,
            f"{path}/{entry}".lstrip("/"),
            each,
            "dir" if mode == git.FOLDER else "file",
            body=False,
        )
        for mode, entry, each in git.entries(hub, tree)
    ]


def _tree(asking: Asking, tree: str, path: str) -> str:
    for part in path.split("/") if path else ():
        found = {name: sha for mode, name, sha in git.entries(asking.hub, tree) if mode == git.FOLDER}
        tree = found[part] if part in found else not_found()
    return tree


@route("PUT", f"{_CONTENTS}/{{path*}}", needs=WRITE, role="write")
def put_content(asking: Asking) -> Answer:
    """Create a file, or change the one whose blob is `sha`."""
    repository, hub, path = asking.repository(), asking.hub, asking.path["path"]
    given = asking.read(
        ["message", "content"],
        message="string",
        content="string",
        sha="string",
        branch="string",
        author="object",
        committer="object",
    )
    if path.startswith("/") or {"", ".", "..", ".git"} & set(path.split("/")):
        raise Refusal(422, "path contains a malformed path component")
    data = decoded(given["content"])
    branch, files = _branch(asking, repository, given)
    known = files.get(path)
    if known is None and any(each.startswith(f"{path}/") for each in files):
        raise Refusal(422, f"{path} is a directory")
    if known is None and "sha" in given:
        raise Refusal(409, f"{path} does not match {given['sha']}")
    if known is not None:
        _check(path, known[1], given)
    sha = git.put(hub, "blob", data)
    commit = _commit(asking, repository, branch, given, {path: (known[0] if known else git.FILE, sha)})
    shown = {"content": shapes.content(hub, repository, branch, path, sha, body=False), "commit": commit}
    return Answer(shown, 200 if known else 201)


@route("DELETE", f"{_CONTENTS}/{{path*}}", needs=WRITE, role="write")
def delete_content(asking: Asking) -> Any:
    """Delete the file whose blob is `sha`."""
    repository, path = asking.repository(), asking.path["path"]
    asking.body = asking.body if asking.body is not None else dict(asking.query)
    given = asking.read(
        ["message", "sha"],
        message="string",
        sha="string",
        branch="string",
        author="object",
        committer="object",
    )
    branch, files = _branch(asking, repository, given)
    if path not in files:
        not_found()
    _check(path, files[path][1], given)
    return {"content": None, "commit": _commit(asking, repository, branch, given, {path: None})}


def _branch(asking: Asking, repository: Repository, given: Json) -> tuple[str, git.Files]:
    branch = given.get("branch") or repository.default_branch
    tip = branches.tip(asking.hub, repository, branch)
    if tip is None:
        if branch == repository.default_branch:  # an empty repository: the first file makes it
            return branch, {}
        raise Refusal(404, f"Branch {branch} not found")
    return branch, git.files_of(asking.hub, tip)


def _check(path: str, known: str, given: Json) -> None:
    """409 unless the caller has seen the file as it is."""
    if "sha" not in given:
        malformed('"sha" wasn\'t supplied.')
    if given["sha"] != known:
        raise Refusal(409, f"{path} does not match {given['sha']}")


def _commit(
    asking: Asking,
    repository: Repository,
    branch: str,
    given: Json,
    changed: dict[str, tuple[str, str] | None],
) -> Json:
    hub = asking.hub
    branches.check_open(repository, branch, 409)
    author = signed(asking, given.get("author"), signed(asking, given.get("committer")))
    sha = branches.write(
        hub,
        repository,
        asking.who,
        branch,
        given["message"],
        changed,
        author=author,
        committer=signed(asking, given.get("committer")),
    )
    return shapes.git_commit(hub, repository, git.commit(hub, sha))
