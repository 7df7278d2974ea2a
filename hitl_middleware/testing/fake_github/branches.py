"""Refs: made, moved, deleted. Each is told (`create`, `push`, `delete`), and pull requests follow the branches they are of."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from hitl_middleware.testing.fake_github import git
from hitl_middleware.testing.fake_github.hooks import announce
from hitl_middleware.testing.fake_github.pulls import branch_gone, branch_moved
from hitl_middleware.testing.fake_github.records import Repository
from hitl_middleware.testing.fake_github.refusals import Refusal, not_found
from hitl_middleware.testing.fake_github.shapes import commits
from hitl_middleware.testing.fake_github.shapes.people import user
from hitl_middleware.testing.fake_github.state import Hub, Who

HEADS: Final = "refs/heads/"
NOTHING: Final = "0" * 40
_BAD: Final = re.compile(r"\.\.|[\x00-\x20~^:?*\[\\\x7f]|^[/.]|//|/\.|[/.]$|@\{|\.lock(/|$)")


def refs(hub: Hub, repository: Repository) -> dict[str, str]:
    """Every ref of a repository and the commit that it stands at."""
    return hub.world.refs.setdefault(repository.full_name.lower(), {})


def tip(hub: Hub, repository: Repository, branch: str) -> str | None:
    """The last commit of a branch."""
    return refs(hub, repository).get(HEADS + branch)


def resolve(hub: Hub, repository: Repository, name: str) -> str:
    """The commit that a branch, a tag, a full ref or a sha names; 404 for none."""
    known = refs(hub, repository)
    for ref in (name, f"refs/{name}", HEADS + name, f"refs/tags/{name}"):
        if ref in known:
            return known[ref]
    if git.kind_of(hub, name) == "commit":
        return name
    if name == "HEAD" and (found := tip(hub, repository, repository.default_branch)):
        return found
    short = [
        sha for sha in hub.world.objects if re.fullmatch("[0-9a-f]{7,39}", name) and sha.startswith(name)
    ]
    if len(short) == 1 and git.kind_of(hub, short[0]) == "commit":
        return short[0]
    raise Refusal(404, f"No commit found for the ref {name}")


def create(hub: Hub, repository: Repository, who: Who, ref: str, sha: str) -> None:
    """A new ref. 422 for a bad name, one that is there, or a commit that is not."""
    known = refs(hub, repository)
    if not ref.startswith("refs/") or ref.count("/") < 2 or _BAD.search(ref):
        raise Refusal(422, f"{ref} is not a valid ref name.")
    if git.kind_of(hub, sha) != "commit":
        raise Refusal(422, "Object does not exist")
    if ref in known:
        raise Refusal(422, "Reference already exists")
    if any(each.startswith(f"{ref}/") or ref.startswith(f"{each}/") for each in known):
        raise Refusal(
            422, f"Reference update failed: '{ref}' and another ref are folder and file of the same name"
        )
    known[ref] = sha
    told = {
        **_short(ref),
        "master_branch": repository.default_branch,
        "description": repository.description,
        "pusher_type": "user",
    }
    announce(hub, repository, "create", "", who, told)
    _pushed(hub, repository, who, ref, NOTHING, sha)


def move(hub: Hub, repository: Repository, who: Who, ref: str, sha: str, *, force: bool = False) -> None:
    """Let a ref stand at another commit; only forward, unless forced."""
    known = refs(hub, repository)
    if ref not in known:
        raise Refusal(422, "Reference does not exist")
    if git.kind_of(hub, sha) != "commit":
        raise Refusal(422, "Object does not exist")
    before = known[ref]
    if not force and not git.contains(hub, sha, before):
        raise Refusal(422, "Update is not a fast forward")
    if before == sha:
        return
    known[ref] = sha
    _pushed(hub, repository, who, ref, before, sha)
    branch_moved(hub, repository, who, ref.removeprefix(HEADS), before)


def delete(hub: Hub, repository: Repository, who: Who, ref: str) -> None:
    """Take a ref away; pull requests of that branch close."""
    known = refs(hub, repository)
    if ref not in known:
        raise Refusal(422, "Reference does not exist")
    if ref == HEADS + repository.default_branch:
        raise Refusal(422, "Cannot delete the default branch")
    before = known.pop(ref)
    announce(hub, repository, "delete", "", who, {**_short(ref), "pusher_type": "user"})
    _pushed(hub, repository, who, ref, before, NOTHING)
    branch_gone(hub, repository, who, ref.removeprefix(HEADS))


def write(
    hub: Hub,
    repository: Repository,
    who: Who,
    branch: str,
    message: str,
    changed: Mapping[str, tuple[str, str] | None],
    *,
    author: git.Signature | None = None,
    committer: git.Signature | None = None,
) -> str:
    """A commit on a branch in which these paths have these blobs (None: gone); its name. The first commit makes the branch."""
    before = tip(hub, repository, branch)
    files = git.files_of(hub, before) if before else {}
    for path, entry in changed.items():
        if entry is None:
            files.pop(path)
        else:
            files[path] = entry
    signed = author or git.signature(hub, who.login)
    sha = git.put_commit(
        hub,
        git.put_files(hub, files),
        (before,) if before else (),
        message,
        signed,
        committer or git.signature(hub, who.login),
    )
    if before:
        move(hub, repository, who, HEADS + branch, sha)
    else:
        refs(hub, repository)[HEADS + branch] = sha
        _pushed(hub, repository, who, HEADS + branch, NOTHING, sha)
    return sha


def check_open(repository: Repository, branch: str, status: int = 422) -> None:
    """Refuse to change a protected branch but by a pull request."""
    if branch in repository.protected:
        rule = "Changes must be made through a pull request."
        raise Refusal(status, f"Repository rule violations found\n\n{rule}\n\n")


def existing(hub: Hub, repository: Repository, branch: str) -> str:
    """The last commit of a branch that has to be there."""
    found = tip(hub, repository, branch)
    return found if found is not None else not_found()


def _short(ref: str) -> dict[str, str]:
    kind, _, name = ref.removeprefix("refs/").partition("/")
    return {"ref": name, "ref_type": {"heads": "branch", "tags": "tag"}.get(kind, kind)}


def _pushed(hub: Hub, repository: Repository, who: Who, ref: str, before: str, after: str) -> None:
    """The `push` that git's own clients give rise to, too."""
    start = before if before != NOTHING else None
    new: list[git.Commit] = []
    if after != NOTHING:
        new = git.ahead(hub, start, after) if start else git.history(hub, after)[:1]
    told: dict[str, Any] = {
        "ref": ref,
        "before": before,
        "after": after,
        "created": start is None,
        "deleted": after == NOTHING,
        "forced": bool(start and after != NOTHING and not git.contains(hub, after, start)),
        "base_ref": None,
        "compare": f"{hub.web}/{repository.full_name}/compare/{before[:12]}...{after[:12]}",
        "commits": [commits.pushed(hub, repository, each) for each in new],
        "head_commit": commits.pushed(hub, repository, git.commit(hub, after)) if after != NOTHING else None,
        "pusher": {"name": who.login, "email": user(hub, who.login)["login"] + "@users.noreply.github.com"},
    }
    announce(hub, repository, "push", "", who, told)
