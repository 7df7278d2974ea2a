"""The steps that think, shared by all workflows. Each makes a node; what it proposes is read by people before anything happens.

``reads``: keys of the state that the proposal builds on. ``heeds``: reviews whose feedback it takes up.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NoReturn, Protocol

from hitl_graphs.delivery.author import Author
from hitl_graphs.delivery.changes import ChangeRefused, check, diff, merged
from hitl_graphs.delivery.proposals import Changes, Proposal
from hitl_graphs.delivery.repository import (
    Unreachable,
    Unreadable,
    asking,
    is_configured,
    open_repository,
    text_at,
    written_between,
)
from hitl_graphs.delivery.state import File, Stopped, Task
from hitl_middleware import NotExecuted, Review

if TYPE_CHECKING:
    from github.Repository import Repository


class Node(Protocol):
    """A node of a graph."""

    def __call__(self, state: Any) -> dict[str, Any]: ...


STOPPED = "stopped"

UNREAD = (
    "The repository could not be read, so every file is shown as new. "
    "Before anything is written there, the change is proposed and shown again."
)

MOST_PATHS = 300
MOST_FILES_READ = 12
MOST_CHARS_READ = 200_000
"""Of a repository, that a model is shown."""

_PATH = re.compile(r"(?<![\w/.-])[\w.-]+(?:/[\w.-]+)*\.\w{1,8}\b")


def proposing(
    author: Author, kind: type[Proposal], into: str, *, reads: Sequence[str] = (), heeds: Sequence[str] = ()
) -> Node:
    """A node that writes a proposal of this kind into the state, as people read it."""

    def propose(state: Mapping[str, Any]) -> dict[str, Any]:
        about = _about(state, reads, heeds, before=into)
        if author.reads_code:
            about["paths in the repository"] = _paths(state)
        return {into: author.propose(kind, about).text()}

    return propose


def changing(author: Author, *, reads: Sequence[str] = (), heeds: Sequence[str] = ()) -> Node:
    """A node that proposes the files to write, and shows them as a diff against what stands in the repository.

    A proposal that breaks a rule (``changes.check``) goes back to its author once, with the sentence; then the run ends with it.
    """

    def change(state: Mapping[str, Any]) -> dict[str, Any]:
        about = _about(state, reads, heeds, before="changes")
        try:
            ground = _ground(state)
            if author.reads_code:
                about["files"] = _mentioned(ground, about)
            made, files = _proposed(author, about, state.get("files") or [])
            shown = _shown(ground, files)
            if shown is None:
                raise ChangeRefused(why="it leaves everything as it is.")
        except (NotExecuted, ChangeRefused) as error:
            return {"problem": str(error)}
        return {
            "summary": made.text(),
            "commit_title": made.summary,
            "files": files,
            "changes": shown,
            "base_branch": ground.base,
            "base_sha": ground.base_sha,
            "parent": ground.parent,
            "notice": _notice(state, ground),
        }

    return change


def asked(question: str) -> Callable[[Any], str]:
    """The prompt of a human step: the question, and what reviewers have to know before they decide again."""

    def prompt(state: Mapping[str, Any]) -> str:
        return "\n\n".join(filter(None, (question, state.get("notice"))))

    return prompt


def going_on(to: str) -> Callable[[Any], str]:
    """An edge for ``add_conditional_edges``: to the next node, or to ``stopped`` where something cannot be done."""

    def edge(state: Any) -> str:
        return STOPPED if state.get("problem") else to

    # LangGraph reads the possible ends from here, and draws these alone.
    edge.__annotations__ = {"return": Literal[to, STOPPED]}
    return edge


def stopped(state: Any) -> NoReturn:
    """The node where a workflow ends that cannot go on: the run fails, and says why. Raises ``Stopped``."""
    raise Stopped(why=state["problem"])


def _notice(state: Mapping[str, Any], ground: Ground) -> str | None:
    """What was said before the change is said until it is on its branch; that the repository could not be read, until it could."""
    if ground.repository is None:
        return UNREAD
    said: str | None = state.get("notice")
    return None if said == UNREAD else said


def _about(
    state: Mapping[str, Any], reads: Sequence[str], heeds: Sequence[str], *, before: str
) -> dict[str, Any]:
    task: Task = state["task"]
    about: dict[str, Any] = {"issue": {"number": task["issue"], "title": task["title"], "body": task["body"]}}
    about |= {key: state[key] for key in reads if state.get(key)}
    reviews: list[Review] = [state[key] for key in heeds if state.get(key)]
    said = [review["message"] or "" for review in reviews if review["decision"] == "feedback"]
    if said:
        about |= {"feedback": "\n\n".join(said), f"{before} before the feedback": state.get(before)}
    return about


def _proposed(
    author: Author, about: Mapping[str, Any], earlier: Sequence[File]
) -> tuple[Changes, list[File]]:
    made = author.propose(Changes, about)
    try:
        return made, _allowed(made, earlier)
    except ChangeRefused as error:
        made = author.propose(Changes, {**about, "refused": str(error)})
        return made, _allowed(made, earlier)


def _allowed(made: Changes, earlier: Sequence[File]) -> list[File]:
    allow = os.environ.get("DELIVERY_ALLOW_WORKFLOWS", "").strip().lower() in {"1", "true", "yes"}
    files = made.as_files()
    check(files, allow_workflows=allow)
    together = merged(earlier, files)
    check(together, allow_workflows=allow)
    return together


# what stands in the repository ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Ground:
    """What a change is made on. ``repository`` is ``None`` where GitHub is not configured or cannot be asked now.

    The diff that people see is against ``base_sha``; ``parent`` is the commit that comes before ours: the branch as it is by now.
    """

    repository: Repository | None = None
    base: str | None = None
    base_sha: str | None = None
    parent: str | None = None


def _ground(state: Mapping[str, Any]) -> Ground:
    """Raises what GitHub refuses. That it cannot be asked now is no reason not to ask people."""
    task: Task = state["task"]
    if not is_configured():
        return Ground()
    try:
        repository = open_repository(task["repository"])
        with asking(f"look at {task['repository']}"):
            base = state.get("base_branch") or task["base"] or repository.default_branch
            base_sha = state.get("base_sha") or repository.get_branch(base).commit.sha
            branch = state.get("branch")
            parent = repository.get_branch(branch).commit.sha if branch else base_sha
    except Unreachable:
        if state.get("branch"):
            raise
        return Ground()
    return Ground(repository, base, base_sha, parent)


def _shown(ground: Ground, files: Sequence[File]) -> str | None:
    """The whole change against the base: what is on the branch already, and the files on top of it; ``None``: there is none."""
    if ground.repository is None or ground.base_sha is None or ground.parent is None:
        return diff({}, files)
    there, before = written_between(ground.repository, ground.base_sha, ground.parent)
    new = {file["path"]: text_at(ground.repository, file["path"], ground.base_sha) for file in files}
    return diff({**new, **before}, merged(there, files))


def _paths(state: Mapping[str, Any]) -> list[str]:
    """For an author to know where things are; without them it is only less well informed."""
    try:
        ground = _ground(state)
        if ground.repository is None or ground.parent is None:
            return []
        with asking("list the repository's files"):
            tree = ground.repository.get_git_tree(ground.parent, recursive=True).tree
            return [item.path for item in tree if item.type == "blob"][:MOST_PATHS]
    except NotExecuted:
        return []


def _mentioned(ground: Ground, about: Mapping[str, Any]) -> dict[str, str]:
    """Of the files that issue and proposals speak of, those that are there."""
    found: dict[str, str] = {}
    if ground.repository is None or ground.parent is None:
        return found
    paths = dict.fromkeys(_PATH.findall("\n".join(map(str, about.values()))))
    for path in list(paths)[: 3 * MOST_FILES_READ]:
        try:
            text = text_at(ground.repository, path, ground.parent)
        except Unreadable:
            continue
        room = MOST_CHARS_READ - sum(map(len, found.values()))
        if text is not None and len(found) < MOST_FILES_READ and len(text) <= room:
            found[path] = text
    return found
