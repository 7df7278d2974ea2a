"""Git's objects as git has them: blobs, trees and commits, named by the SHA-1 of their bytes (git-scm.com, "Git Internals – Git Objects").

A repository's files are read and written here as a flat mapping from path to (mode, blob). Merging is done file by file: two sides
that changed the same file differently are in conflict, even where git would find that they changed different lines.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from hitl_middleware.testing.fake_github.records import GitObject
from hitl_middleware.testing.fake_github.state import Hub

FILE: Final = "100644"
FOLDER: Final = "40000"  # as it stands in a tree; GitHub spells it with a zero in front

Files = dict[str, tuple[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """Who made a commit, and when."""

    name: str
    email: str
    at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """A commit."""

    sha: str
    tree: str
    parents: tuple[str, ...]
    author: Signature
    committer: Signature
    message: str


def put(hub: Hub, kind: str, data: bytes) -> str:
    """Store an object; its name."""
    sha = hashlib.sha1(f"{kind} {len(data)}\0".encode() + data).hexdigest()  # noqa: S324  # git's choice
    hub.world.objects[sha] = GitObject(kind=kind, data=data)
    return sha


def put_commit(
    hub: Hub,
    tree: str,
    parents: tuple[str, ...],
    message: str,
    author: Signature,
    committer: Signature | None = None,
) -> str:
    """Store a commit; its name."""
    lines = [f"tree {tree}", *(f"parent {each}" for each in parents)]
    for role, who in (("author", author), ("committer", committer or author)):
        lines.append(f"{role} {who.name} <{who.email}> {who.at} +0000")
    return put(hub, "commit", ("\n".join(lines) + f"\n\n{message}").encode())


def kind_of(hub: Hub, sha: str) -> str:
    """What the object is; "" where there is none."""
    found = hub.world.objects.get(sha)
    return found.kind if found else ""


def commit(hub: Hub, sha: str) -> Commit:
    """Read a commit."""
    head, _, message = hub.world.objects[sha].data.decode().partition("\n\n")
    fields: dict[str, list[str]] = {}
    for line in head.split("\n"):
        name, _, value = line.partition(" ")
        fields.setdefault(name, []).append(value)
    return Commit(
        sha=sha,
        tree=fields["tree"][0],
        parents=tuple(fields.get("parent", ())),
        author=_signature(fields["author"][0]),
        committer=_signature(fields["committer"][0]),
        message=message,
    )


def _signature(line: str) -> Signature:
    who, at, _ = line.rsplit(" ", 2)
    name, _, email = who.rpartition(" <")
    return Signature(name=name, email=email.removesuffix(">"), at=int(at))


def entries(hub: Hub, tree: str) -> Iterator[tuple[str, str, str]]:
    """The (mode, name, object) of a tree, one level."""
    data = hub.world.objects[tree].data
    at = 0
    while at < len(data):
        end = data.index(b"\0", at)
        mode, _, name = data[at:end].decode().partition(" ")
        yield mode, name, data[end + 1 : end + 21].hex()
        at = end + 21


def files_of_tree(hub: Hub, tree: str, under: str = "") -> Files:
    """Every file below a tree."""
    found: Files = {}
    for mode, name, sha in entries(hub, tree):
        if mode == FOLDER:
            found |= files_of_tree(hub, sha, f"{under}{name}/")
        else:
            found[under + name] = (mode, sha)
    return found


def files_of(hub: Hub, sha: str) -> Files:
    """Every file of a commit."""
    return files_of_tree(hub, commit(hub, sha).tree)


def put_files(hub: Hub, files: Mapping[str, tuple[str, str]]) -> str:
    """The tree of these files, with all trees below it."""
    here: dict[str, tuple[str, str]] = {}
    below: dict[str, Files] = {}
    for path, entry in files.items():
        name, _, rest = path.partition("/")
        if rest:
            below.setdefault(name, {})[rest] = entry
        else:
            here[name] = entry
    for name, inner in below.items():
        here[name] = (FOLDER, put_files(hub, inner))
    # Git sorts a folder as if its name ended in a slash.
    ordered = sorted(here.items(), key=lambda each: each[0] + ("/" if each[1][0] == FOLDER else ""))
    return put(
        hub,
        "tree",
        b"".join(f"{mode} {name}".encode() + b"\0" + bytes.fromhex(sha) for name, (mode, sha) in ordered),
    )


def blob(hub: Hub, sha: str) -> bytes:
    """The content of a file."""
    return hub.world.objects[sha].data


def history(hub: Hub, sha: str) -> list[Commit]:
    """A commit and all before it, the newest first."""
    seen: dict[str, Commit] = {}
    waiting = [sha]
    while waiting:
        if (each := waiting.pop(0)) not in seen:
            seen[each] = commit(hub, each)
            waiting += seen[each].parents
    return [*seen.values()]


def contains(hub: Hub, sha: str, earlier: str) -> bool:
    """Whether `earlier` is `sha` or one before it."""
    return any(each.sha == earlier for each in history(hub, sha))


def ahead(hub: Hub, base: str, head: str) -> list[Commit]:
    """The commits of `head` that `base` does not have, the oldest first."""
    known = {each.sha for each in history(hub, base)}
    return [each for each in reversed(history(hub, head)) if each.sha not in known]


def merge_base(hub: Hub, base: str, head: str) -> str | None:
    """The newest commit that both have."""
    known = {each.sha for each in history(hub, base)}
    return next((each.sha for each in history(hub, head) if each.sha in known), None)


def changes(before: Files, after: Files) -> dict[str, str]:
    """What became of each path that is not the same: added, removed, modified."""
    kinds = {}
    for path in sorted({*before, *after}):
        if path not in before:
            kinds[path] = "added"
        elif path not in after:
            kinds[path] = "removed"
        elif before[path] != after[path]:
            kinds[path] = "modified"
    return kinds


def merged_files(hub: Hub, base: str, head: str) -> Files | None:
    """The files of two commits put together; None where they are in conflict."""
    common = merge_base(hub, base, head)
    start = files_of(hub, common) if common else {}
    ours, theirs = files_of(hub, base), files_of(hub, head)
    result: Files = {}
    for path in {*start, *ours, *theirs}:
        before, mine, yours = start.get(path), ours.get(path), theirs.get(path)
        if mine != yours and before not in {mine, yours}:
            return None
        chosen = yours if mine == before else mine
        if chosen is not None:
            result[path] = chosen
    return result


def signature(hub: Hub, login: str, at: int | None = None) -> Signature:
    """Somebody's signature, with the address that hides theirs."""
    account = hub.world.accounts.get(login.lower())
    number = f"{account.id}+" if account else ""
    name = (account.name if account else "") or login
    host = "users.noreply.github.com"
    return Signature(name=name, email=f"{number}{login}@{host}", at=hub.seconds() if at is None else at)


def stamp(at: int) -> str:
    """A commit's time as GitHub writes it."""
    return dt.datetime.fromtimestamp(at, dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
