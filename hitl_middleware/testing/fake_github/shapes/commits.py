"""Commits, trees, files and refs."""

from __future__ import annotations

import base64
import difflib
from typing import Any

from hitl_middleware.testing.fake_github import git
from hitl_middleware.testing.fake_github.records import Repository, Status
from hitl_middleware.testing.fake_github.shapes.people import user
from hitl_middleware.testing.fake_github.state import Hub, stamp

Json = dict[str, Any]


def ref(hub: Hub, repository: Repository, name: str, sha: str) -> Json:
    """A ref and what it stands at."""
    url = f"{hub.api}/repos/{repository.full_name}/git"
    return {
        "ref": name,
        "node_id": hub.node("REF", int(sha[:8], 16)),
        "url": f"{url}/{name}",
        "object": {"sha": sha, "type": "commit", "url": f"{url}/commits/{sha}"},
    }


def git_commit(hub: Hub, repository: Repository, commit: git.Commit) -> Json:
    """A commit as git has it."""
    url, web = f"{hub.api}/repos/{repository.full_name}/git", f"{hub.web}/{repository.full_name}"
    return {
        "sha": commit.sha,
        "node_id": hub.node("C", int(commit.sha[:8], 16)),
        "url": f"{url}/commits/{commit.sha}",
        "html_url": f"{web}/commit/{commit.sha}",
        "author": _signed(commit.author),
        "committer": _signed(commit.committer),
        "tree": {"sha": commit.tree, "url": f"{url}/trees/{commit.tree}"},
        "message": commit.message,
        "parents": [
            {"sha": each, "url": f"{url}/commits/{each}", "html_url": f"{web}/commit/{each}"}
            for each in commit.parents
        ],
        "verification": _UNSIGNED,
    }


_UNSIGNED = {
    "verified": False,
    "reason": "unsigned",
    "signature": None,
    "payload": None,
}


def commit(hub: Hub, repository: Repository, commit: git.Commit, *, full: bool = False) -> Json:
    """A commit as a repository has it; `full` with the files that it changed."""
    url, web = f"{hub.api}/repos/{repository.full_name}", f"{hub.web}/{repository.full_name}"
    shown: Json = {
        "sha": commit.sha,
        "node_id": hub.node("C", int(commit.sha[:8], 16)),
        "commit": {
            "author": _signed(commit.author),
            "committer": _signed(commit.committer),
            "message": commit.message,
            "tree": {"sha": commit.tree, "url": f"{url}/git/trees/{commit.tree}"},
            "url": f"{url}/git/commits/{commit.sha}",
            "comment_count": 0,
            "verification": _UNSIGNED,
        },
        "url": f"{url}/commits/{commit.sha}",
        "html_url": f"{web}/commit/{commit.sha}",
        "comments_url": f"{url}/commits/{commit.sha}/comments",
        "author": _account(hub, commit.author),
        "committer": _account(hub, commit.committer),
        "parents": [
            {"sha": each, "url": f"{url}/commits/{each}", "html_url": f"{web}/commit/{each}"}
            for each in commit.parents
        ],
    }
    if full:
        before = git.files_of(hub, commit.parents[0]) if commit.parents else {}
        changed = files(hub, repository, before, git.files_of(hub, commit.sha), commit.sha)
        added, gone = (sum(each[name] for each in changed) for name in ("additions", "deletions"))
        shown |= {"stats": {"total": added + gone, "additions": added, "deletions": gone}, "files": changed}
    return shown


def pushed(hub: Hub, repository: Repository, commit: git.Commit) -> Json:
    """A commit as a `push` tells it."""
    before = git.files_of(hub, commit.parents[0]) if commit.parents else {}
    kinds = git.changes(before, git.files_of(hub, commit.sha))
    return {
        "id": commit.sha,
        "tree_id": commit.tree,
        "distinct": True,
        "message": commit.message,
        "timestamp": git.stamp(commit.committer.at),
        "url": f"{hub.web}/{repository.full_name}/commit/{commit.sha}",
        "author": {"name": commit.author.name, "email": commit.author.email},
        "committer": {"name": commit.committer.name, "email": commit.committer.email},
        **{
            kind: [path for path, each in kinds.items() if each == kind]
            for kind in ("added", "removed", "modified")
        },
    }


def files(hub: Hub, repository: Repository, before: git.Files, after: git.Files, sha: str) -> list[Json]:
    """What changed between two states, with patches as GitHub cuts them."""
    url, web = f"{hub.api}/repos/{repository.full_name}", f"{hub.web}/{repository.full_name}"
    shown = []
    for path, kind in git.changes(before, after).items():
        old = git.blob(hub, before[path][1]) if path in before else b""
        new = git.blob(hub, after[path][1]) if path in after else b""
        entry: Json = {
            "sha": (after.get(path) or before[path])[1],
            "filename": path,
            "status": kind,
            "additions": 0,
            "deletions": 0,
            "changes": 0,
            "blob_url": f"{web}/blob/{sha}/{path}",
            "raw_url": f"{web}/raw/{sha}/{path}",
            "contents_url": f"{url}/contents/{path}?ref={sha}",
        }
        if b"\0" not in old + new:
            lines = difflib.unified_diff(
                old.decode(errors="replace").splitlines(),
                new.decode(errors="replace").splitlines(),
                lineterm="",
            )
            patch = [*lines][2:]
            entry["additions"] = sum(line.startswith("+") for line in patch)
            entry["deletions"] = sum(line.startswith("-") for line in patch)
            entry["changes"] = entry["additions"] + entry["deletions"]
            entry["patch"] = "\n".join(patch)
        shown.append(entry)
    return shown


def tree(hub: Hub, repository: Repository, sha: str, *, recursive: bool) -> Json:
    """A tree; `recursive` with everything below it."""
    url = f"{hub.api}/repos/{repository.full_name}/git"
    return {
        "sha": sha,
        "url": f"{url}/trees/{sha}",
        "tree": [*_entries(hub, url, sha, "", recursive=recursive)],
        "truncated": False,
    }


def _entries(hub: Hub, url: str, sha: str, under: str, *, recursive: bool) -> list[Json]:
    found: list[Json] = []
    for mode, name, each in git.entries(hub, sha):
        folder = mode == git.FOLDER
        kind = "tree" if folder else "blob"
        entry: Json = {"path": under + name, "mode": mode.rjust(6, "0"), "type": kind, "sha": each}
        if not folder:
            entry["size"] = len(git.blob(hub, each))
        found.append({**entry, "url": f"{url}/{kind}s/{each}"})
        if folder and recursive:
            found += _entries(hub, url, each, f"{under}{name}/", recursive=True)
    return found


def blob(hub: Hub, repository: Repository, sha: str) -> Json:
    """A blob."""
    data = git.blob(hub, sha)
    return {
        "sha": sha,
        "node_id": hub.node("B", int(sha[:8], 16)),
        "size": len(data),
        "url": f"{hub.api}/repos/{repository.full_name}/git/blobs/{sha}",
        "content": base64.encodebytes(data).decode(),
        "encoding": "base64",
    }


def content(
    hub: Hub,
    repository: Repository,
    branch: str,
    path: str,
    sha: str,
    kind: str = "file",
    *,
    body: bool = True,
) -> Json:
    """A file or a folder of a branch; a file alone (`body`) with what is in it, up to a megabyte."""
    url = f"{hub.api}/repos/{repository.full_name}"
    here = f"{url}/contents/{path}?ref={branch}"
    git_url = f"{url}/git/{'trees' if kind == 'dir' else 'blobs'}/{sha}"
    web = f"{hub.web}/{repository.full_name}/{'tree' if kind == 'dir' else 'blob'}/{branch}/{path}"
    data = git.blob(hub, sha) if kind == "file" else b""
    raw = f"{hub.web}/{repository.full_name}/raw/{branch}/{path}" if kind == "file" else None
    shown: Json = {
        "name": path.rpartition("/")[2],
        "path": path,
        "sha": sha,
        "size": len(data),
        "url": here,
        "html_url": web,
        "git_url": git_url,
        "download_url": raw,
        "type": kind,
        "_links": {"self": here, "git": git_url, "html": web},
    }
    if kind == "file" and body:
        small = len(data) <= 1_000_000
        shown["content"] = base64.encodebytes(data).decode() if small else ""
        shown["encoding"] = "base64" if small else "none"
    return shown


def status(hub: Hub, status: Status) -> Json:
    """What a service says of a commit."""
    return {
        "url": f"{hub.api}/repos/{status.repository}/statuses/{status.sha}",
        "id": status.id,
        "node_id": hub.node("SC", status.id),
        "avatar_url": user(hub, status.user)["avatar_url"],
        "state": status.state,
        "description": status.description,
        "target_url": status.target_url,
        "context": status.context,
        "creator": user(hub, status.user),
        "created_at": stamp(status.created_at),
        "updated_at": stamp(status.created_at),
    }


def _signed(signature: git.Signature) -> Json:
    return {"name": signature.name, "email": signature.email, "date": git.stamp(signature.at)}


def _account(hub: Hub, signature: git.Signature) -> Json | None:
    """The account with this address; null where there is none, as GitHub has it."""
    login = signature.email.partition("@")[0].rpartition("+")[2]
    return user(hub, login) if login.lower() in hub.world.accounts else None
