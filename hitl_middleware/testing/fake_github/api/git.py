"""Git itself: refs, blobs, trees and commits, to commit several files at once."""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import re
from typing import Any, Final

from hitl_middleware.testing.fake_github import branches, git
from hitl_middleware.testing.fake_github.records import Repository
from hitl_middleware.testing.fake_github.refusals import Refusal, invalid, malformed, not_found
from hitl_middleware.testing.fake_github.rest import Answer, Asking, Json, route
from hitl_middleware.testing.fake_github.shapes import commits as shapes

READ: Final = "contents:read"
WRITE: Final = "contents:write"
_GIT: Final = "/repos/{owner}/{repo}/git"
_MODES: Final = {"100644": "blob", "100755": "blob", "120000": "blob", "040000": "tree", "160000": "commit"}


@route("GET", f"{_GIT}/ref/{{ref*}}", needs=READ)
def get_ref(asking: Asking) -> Any:
    """Exactly this ref."""
    repository, name = asking.repository(), f"refs/{asking.path['ref']}"
    sha = branches.refs(asking.hub, repository).get(name)
    return shapes.ref(asking.hub, repository, name, sha) if sha else not_found()


@route("GET", f"{_GIT}/refs", needs=READ)
def list_refs(asking: Asking) -> Answer:
    """All of them."""
    return _refs(asking, "refs/")


@route("GET", f"{_GIT}/matching-refs/{{ref*}}", needs=READ)
def matching_refs(asking: Asking) -> Answer:
    """Those whose names begin so."""
    return _refs(asking, f"refs/{asking.path['ref']}")


def _refs(asking: Asking, beginning: str) -> Answer:
    repository, hub = asking.repository(), asking.hub
    found = [each for each in branches.refs(hub, repository).items() if each[0].startswith(beginning)]
    return asking.page(sorted(found), lambda each: shapes.ref(hub, repository, *each))


@route("POST", f"{_GIT}/refs", needs=WRITE, role="write")
def create_ref(asking: Asking) -> Answer:
    """A new branch or tag."""
    repository, hub = asking.repository(), asking.hub
    given = asking.read(["ref", "sha"], ref="string", sha="string")
    branches.create(hub, repository, asking.who, given["ref"], given["sha"])
    shown = shapes.ref(hub, repository, given["ref"], given["sha"])
    return Answer(shown, 201, {"Location": shown["url"]})


def move_ref(asking: Asking) -> Any:
    """Let it stand at another commit."""
    repository, hub, name = asking.repository(), asking.hub, f"refs/{asking.path['ref']}"
    given = asking.read(["sha"], sha="string", force="boolean")
    branches.check_open(repository, name.removeprefix(branches.HEADS))
    branches.move(hub, repository, asking.who, name, given["sha"], force=given.get("force", False))
    return shapes.ref(hub, repository, name, given["sha"])


def delete_ref(asking: Asking) -> Answer:
    """Gone."""
    repository, name = asking.repository(), f"refs/{asking.path['ref']}"
    branches.check_open(repository, name.removeprefix(branches.HEADS))
    branches.delete(asking.hub, repository, asking.who, name)
    return Answer(None, 204)


# A ref's own address begins with `refs/`: PyGithub changes and deletes it there.
route("PATCH", f"{_GIT}/refs/{{ref*}}", needs=WRITE, role="write")(move_ref)
route("DELETE", f"{_GIT}/refs/{{ref*}}", needs=WRITE, role="write")(delete_ref)


@route("POST", f"{_GIT}/blobs", needs=WRITE, role="write")
def create_blob(asking: Asking) -> Answer:
    """A file's content."""
    repository, hub = asking.repository(), asking.hub
    given = asking.read(["content"], content="string", encoding="string")
    encoding = given.get("encoding", "utf-8")
    if encoding not in {"utf-8", "base64"}:
        invalid("Blob", "encoding", "invalid")
    data = decoded(given["content"]) if encoding == "base64" else given["content"].encode()
    sha = git.put(hub, "blob", data)
    return Answer({"sha": sha, "url": shapes.blob(hub, repository, sha)["url"]}, 201)


def decoded(content: str) -> bytes:
    """Base64, with line breaks in it or without."""
    try:
        return base64.b64decode("".join(content.split()), validate=True)
    except (binascii.Error, ValueError):
        raise Refusal(422, "content is not valid Base64") from None


@route("GET", f"{_GIT}/blobs/{{sha}}", needs=READ)
def get_blob(asking: Asking) -> Any:
    """A file's content, whatever its name."""
    return shapes.blob(asking.hub, asking.repository(), _object(asking, "blob"))


@route("GET", f"{_GIT}/trees/{{sha*}}", needs=READ)
def get_tree(asking: Asking) -> Any:
    """A tree, by its own sha, a commit's or a branch."""
    repository, hub, name = asking.repository(), asking.hub, asking.path["sha"]
    if git.kind_of(hub, name) != "tree":
        try:
            name = git.commit(hub, branches.resolve(hub, repository, name)).tree
        except Refusal:
            not_found()
    return shapes.tree(hub, repository, name, recursive="recursive" in asking.query)


@route("POST", f"{_GIT}/trees", needs=WRITE, role="write")
def create_tree(asking: Asking) -> Answer:
    """A tree: `base_tree` with these entries put in its place; an entry whose sha is null is taken away."""
    repository, hub = asking.repository(), asking.hub
    given = asking.read(["tree"], tree="array", base_tree="string?")
    base = given.get("base_tree")
    files: git.Files = {}
    if base:
        kind = git.kind_of(hub, base)
        if kind not in {"tree", "commit"}:
            raise Refusal(422, "base_tree is not a valid tree oid")
        files = git.files_of_tree(hub, git.commit(hub, base).tree if kind == "commit" else base)
    for entry in given["tree"]:
        _place(asking, files, entry)
    sha = git.put_files(hub, files)
    return Answer(shapes.tree(hub, repository, sha, recursive=False), 201)


def _place(asking: Asking, files: git.Files, entry: Any) -> None:
    """Put one entry of a new tree among the files, or take it away."""
    if not isinstance(entry, dict) or not isinstance(path := entry.get("path"), str) or not path.strip("/"):
        malformed("tree.path must be a string.")
    if path.startswith("/") or {"", ".", "..", ".git"} & set(path.split("/")):
        raise Refusal(422, f"tree.path contains a malformed path component: {path}")
    mode = entry.get("mode")
    if mode not in _MODES:
        raise Refusal(422, "Must supply a valid tree.mode")
    sha = _named(asking, entry, _MODES[mode])
    if sha is None:
        if path not in files:
            raise Refusal(422, "GitRPC::BadObjectState")
        del files[path]
    elif _MODES[mode] == "tree":
        files |= git.files_of_tree(asking.hub, sha, f"{path}/")
    else:
        # A file takes the place of a folder of the same name, and the other way round.
        above = {path[:at] for at in range(len(path)) if path[at] == "/"}
        for known in [each for each in files if each in above or each.startswith(f"{path}/")]:
            del files[known]
        files[path] = (mode, sha)


def _named(asking: Asking, entry: Json, kind: str) -> str | None:
    """The object of an entry, which brings its content or names a sha; None for null."""
    if "content" in entry:
        if not isinstance(entry["content"], str):
            malformed("tree.content must be a string.")
        return git.put(asking.hub, "blob", entry["content"].encode())
    if "sha" not in entry:
        raise Refusal(422, "Must supply either tree.sha or tree.content")
    sha = entry["sha"]
    if sha is not None and (not isinstance(sha, str) or git.kind_of(asking.hub, sha) != kind):
        raise Refusal(422, f"tree.sha {sha} is not a valid {kind}")
    return sha


@route("POST", f"{_GIT}/commits", needs=WRITE, role="write")
def create_commit(asking: Asking) -> Answer:
    """A commit that no branch has yet."""
    repository, hub = asking.repository(), asking.hub
    given = asking.read(
        ["message", "tree"],
        message="string",
        tree="string",
        parents="strings",
        author="object",
        committer="object",
        signature="string",
    )
    if git.kind_of(hub, given["tree"]) != "tree":
        raise Refusal(422, "Tree SHA does not exist")
    parents = tuple(given.get("parents", ()))
    if any(git.kind_of(hub, each) != "commit" for each in parents):
        raise Refusal(422, "Parent SHA does not exist or is not a commit object")
    author = signed(asking, given.get("author"))
    sha = git.put_commit(
        hub, given["tree"], parents, given["message"], author, signed(asking, given.get("committer"), author)
    )
    return Answer(shapes.git_commit(hub, repository, git.commit(hub, sha)), 201)


def signed(asking: Asking, given: Any, otherwise: git.Signature | None = None) -> git.Signature:
    """The signature that was given, or the asker's own."""
    if given is None:
        return otherwise or git.signature(asking.hub, asking.who.login)
    if not isinstance(given, dict) or not all(isinstance(given.get(key), str) for key in ("name", "email")):
        malformed("An author needs a name and an email.")
    if re.search("[<>\n]", given["name"] + given["email"]):
        malformed("An author's name and email hold no angle brackets.")
    at = asking.hub.seconds()
    if (text := given.get("date")) is not None:
        try:
            at = int(dt.datetime.fromisoformat(text).timestamp())
        except (TypeError, ValueError):
            malformed(f"{text} is not an ISO 8601 date.")
    return git.Signature(name=given["name"], email=given["email"], at=at)


@route("GET", f"{_GIT}/commits/{{sha}}", needs=READ)
def get_commit(asking: Asking) -> Any:
    """A commit as git has it."""
    repository = asking.repository()
    return shapes.git_commit(asking.hub, repository, git.commit(asking.hub, _object(asking, "commit")))


def _object(asking: Asking, kind: str) -> str:
    sha = asking.path["sha"]
    return sha if git.kind_of(asking.hub, sha) == kind else not_found()


def latest(asking: Asking, repository: Repository) -> tuple[str, str]:
    """The branch or other ref that was asked about, by default the main one, and its commit."""
    name = asking.query.get("ref") or repository.default_branch
    return name, branches.resolve(asking.hub, repository, name)
