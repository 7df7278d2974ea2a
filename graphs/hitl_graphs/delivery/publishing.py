"""The steps that act on GitHub, shared by all workflows: intake, the pull request, the merge.

Before the merge stands a person's word on the very commit that is merged; see each graph.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Literal

from langgraph.graph import END

from hitl_graphs.delivery import found
from hitl_graphs.delivery.acts import Acts, Facts, Look, Script, act
from hitl_graphs.delivery.changes import diff
from hitl_graphs.delivery.repository import (
    Unreachable,
    asking,
    is_configured,
    open_repository,
    written_between,
)
from hitl_graphs.delivery.state import InputUnusable, Pull, Task, read_given
from hitl_graphs.delivery.steps import STOPPED
from hitl_graphs.delivery.tools import (
    commit_files,
    create_branch,
    create_issue,
    merge_pull_request,
    open_pull_request,
)
from hitl_middleware import Hitl, NotExecuted, label_run


def intake(hitl: Hitl, schema: type[Any], *, files_issue: bool = True) -> Acts:
    """The first node: the task, from the issue that the input names or from one that is filed for it.

    Nothing stays of an earlier run on the same thread (``schema`` is the state's). Without GitHub configured, or with
    ``files_issue=False``, no issue is filed and the run goes on without one. Raises ``InputUnusable``.
    """

    def take(given: Mapping[str, Any]) -> Script[dict[str, Any]]:
        task, clean = read_given(given), dict.fromkeys(schema.__annotations__)
        # Before the first act: whoever is asked what became of it has to know where.
        yield Look(partial(_label, task))
        try:
            if (yield Look(is_configured)):
                if task["issue"] is not None:
                    task = yield Look(partial(_completed, task))
                elif files_issue:
                    what = {key: task[key] for key in ("repository", "title", "body")}
                    filed = yield from act(create_issue, found.issue, **what)
                    task = {**task, "issue": filed["issue"], "issue_url": filed["url"]}
        except NotExecuted as error:
            return {**clean, "task": task, "problem": str(error)}
        if not task["title"]:
            raise InputUnusable(why="it has no title, and without GitHub configured the issue cannot be read")
        yield Look(partial(_label, task))
        return {**clean, "task": task}

    return Acts(hitl, [create_issue], take)


def opening(hitl: Hitl, *, about: str) -> Acts:
    """The node that brings the change to GitHub: a branch, a commit and a pull request; in later rounds one more commit.

    ``about``: the key of the state whose text the pull request carries.
    """

    def bring(state: Mapping[str, Any]) -> Script[dict[str, Any]]:
        task: Task = state["task"]
        where = {"repository": task["repository"], "issue": task["issue"]}
        if state.get("base_sha") is None:
            back: dict[str, Any] = yield Look(partial(_compared_at_last, state))
            return back
        pull: Pull | None = state.get("pull")
        branch = state.get("branch")
        if branch is None:
            start = {**where, "title": task["title"], "base_sha": state["base_sha"]}
            branch = (yield from act(create_branch, found.branch, **start))["branch"]
        change = {
            "branch": branch,
            "parent": state["parent"],
            "summary": state["commit_title"],
            "files": state["files"],
        }
        try:
            head = (yield from act(commit_files, found.commit, **where, **change))["head"]
        except NotExecuted as error:
            moved: dict[str, Any] = yield Look(partial(_not_committed, state, branch, error))
            return moved
        if pull is None:
            words = {"title": task["title"], "about": str(state.get(about) or "")}
            opened: Facts = yield from act(
                open_pull_request,
                found.pull_request,
                **where,
                branch=branch,
                base=state["base_branch"],
                **words,
            )
            pull = Pull(number=opened["number"], url=opened["url"], head=head)
        pull = {**pull, "head": head}
        yield Look(partial(_label, task, pull))
        return {
            "branch": branch,
            "pull": pull,
            "pull_request": _shown(task, pull),
            "parent": head,
            "files": [],
            "notice": None,
        }

    return Acts(hitl, [create_branch, commit_files, open_pull_request], bring)


def opened(*, to: str, again: str) -> Callable[[Any], str]:
    """The edge behind ``opening``: to the review; ``again`` to the change where it did not fit what is in the repository by now."""

    def edge(state: Any) -> str:
        if state.get("problem"):
            return STOPPED
        return again if state.get("files") else to

    edge.__annotations__ = {"return": Literal[to, again, STOPPED]}
    return edge


def merging(hitl: Hitl) -> Acts:
    """The node that merges the commit that was reviewed. Where that cannot be, people decide again, and are told why."""

    def merge(state: Mapping[str, Any]) -> Script[dict[str, Any]]:
        task: Task = state["task"]
        pull: Pull = state["pull"]
        what = {"repository": task["repository"], "number": pull["number"], "sha": pull["head"]}
        try:
            done = yield from act(merge_pull_request, found.merge, **what)
        except NotExecuted as error:
            seen: dict[str, Any] = yield Look(partial(_not_merged, state, error))
            return seen
        return {"merged": done["sha"], "notice": None}

    return Acts(hitl, [merge_pull_request], merge)


def merged(*, again: str) -> Callable[[Any], str]:
    """The edge behind ``merging``: to the end, or ``again`` to the review."""

    def edge(state: Any) -> str:
        if state.get("problem"):
            return STOPPED
        return END if state.get("merged") else again

    edge.__annotations__ = {"return": Literal[again, STOPPED, END]}
    return edge


def _shown(task: Task, pull: Pull) -> str:
    """A pull request as people read it, and where it is."""
    return f"{task['repository']}#{pull['number']} at {pull['head'][:7]}\n{pull['url']}"


# what is looked up -----------------------------------------------------------------------------------------------------


def _label(task: Task, pull: Pull | None = None) -> None:
    """Requests of this run are about this issue and, from now on, about this commit of its pull request."""
    labels = {"repository": task["repository"]}
    if task["issue"] is not None:
        labels["issue"] = str(task["issue"])
    if task["issue_url"] is not None:
        labels["issue_url"] = task["issue_url"]
    if pull is not None:
        labels |= {"pull_request": str(pull["number"]), "head_sha": pull["head"]}
    label_run(**labels)


def _completed(task: Task) -> Task:
    """What the input does not say of its issue. Where GitHub cannot be asked now, it says enough with a title."""
    number = task["issue"]
    if number is None or (task["title"] and task["issue_url"]):
        return task
    try:
        with asking(f"read {task['repository']}#{number}"):
            issue = open_repository(task["repository"]).get_issue(number)
            title, body, url = issue.title, issue.body or "", issue.html_url
    except Unreachable:
        if task["title"]:
            return task
        raise
    if task["title"]:
        return {**task, "issue_url": url}
    return {**task, "title": " ".join(title.split()), "body": body, "issue_url": task["issue_url"] or url}


def _compared_at_last(state: Mapping[str, Any]) -> dict[str, Any]:
    """The change was proposed without a look at the repository: it is proposed again now that there is one, and shown as it is."""
    task: Task = state["task"]
    repository = open_repository(task["repository"])
    with asking(f"look at {task['repository']}"):
        repository.get_branch(task["base"] or repository.default_branch)
    return {"notice": "This was proposed before the repository could be read. Now it could."}


def _not_committed(state: Mapping[str, Any], branch: str, error: NotExecuted) -> dict[str, Any]:
    """Somebody else's commit came in between: the change is proposed again on top of it. Anything else ends the run."""
    task: Task = state["task"]
    with asking(f"look at {branch}"):
        head = open_repository(task["repository"]).get_branch(branch).commit.sha
    if head == state["parent"]:
        raise error
    notice = f"The branch has moved on to {head[:7]} since this was proposed, so it is proposed again on top of that."
    return {"branch": branch, "notice": notice}


def _not_merged(state: Mapping[str, Any], error: NotExecuted) -> dict[str, Any]:
    """What follows, by what GitHub shows now: merged by somebody else, closed – or people look again, and are told why."""
    task: Task = state["task"]
    reviewed: Pull = state["pull"]
    repository = open_repository(task["repository"])
    with asking(f"look at pull request #{reviewed['number']}"):
        pull = repository.get_pull(reviewed["number"])
        head, is_open, is_merged, sha = (
            pull.head.sha,
            pull.state == "open",
            pull.merged,
            pull.merge_commit_sha,
        )
    if is_merged and head == reviewed["head"]:
        return {"merged": sha, "notice": None}
    if not is_open:
        return {"problem": str(error)}
    if head == reviewed["head"]:
        return {"notice": f"It was approved and could not be merged. {error}"}
    files, before = written_between(repository, state["base_sha"], head)
    now = Pull(number=reviewed["number"], url=reviewed["url"], head=head)
    label_run(head_sha=head)
    notice = (
        f"It was approved at {reviewed['head'][:7]} and not merged: the branch has moved on to {head[:7]} since. "
        "What is shown is the branch as it is now."
    )
    return {
        "pull": now,
        "pull_request": _shown(task, now),
        "parent": head,
        "changes": diff(before, files) or "Nothing changes.",
        "notice": notice,
    }
