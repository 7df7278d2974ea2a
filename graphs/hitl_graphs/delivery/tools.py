"""What the workflows do on GitHub: five acts, each a tool whose calls are on the record – claimed, audited, performed at most once.

The human steps ask; these policies ask nobody. Each act leaves something by which it is found again (``found``), so that after a crash or
a lost answer GitHub itself says whether it happened.
"""

from __future__ import annotations

from typing import Annotated, Any

from langchain_core.tools import tool
from pydantic import Field

from hitl_graphs.delivery import found
from hitl_graphs.delivery.acts import Find
from hitl_graphs.delivery.repository import Refused, Unreadable, acting, asking, open_repository
from hitl_graphs.delivery.scripted import slug
from hitl_graphs.delivery.state import File
from hitl_graphs.delivery.wording import body_of_issue, body_of_pull_request, message_of_commit, plain
from hitl_middleware import ActionRequest, NotExecuted, Policy, current_action, requires_approval
from hitl_middleware.gate import CurrentAction
from hitl_middleware.policy import Settled

Repository = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,38}/[A-Za-z0-9._-]{1,100}$")]
Number = Annotated[int, Field(gt=0)]
Sha = Annotated[str, Field(pattern=r"^[0-9a-f]{40}$")]
Made = tuple[str, dict[str, Any]]
"""Words for people, and facts for the workflow."""

FILE_MODE = "100644"
CHANGEABLE = {FILE_MODE, "100755"}


class Moved(NotExecuted):
    """Pull request #{number} was not merged: its branch has moved on from {sha}, the commit that was reviewed."""


class NoAction(NotExecuted):
    """This act is not on record, so it could not be found again; nothing was done. Its policy must ask or record."""


def nobody(_: ActionRequest) -> bool:
    """People were asked at the step before."""
    return False


def recorded(title: str, find: Find, *, otherwise: Settled | None = "failed") -> Policy:
    """On the record. ``otherwise``: what is known of an act in doubt that left nothing on GitHub."""

    def reconcile(key: str) -> Settled | None:
        action = current_action()
        if action is None:
            return None
        return "done" if find(action.args, key) is not None else otherwise

    return Policy(when=nobody, otherwise="record", title=title, reconcile=reconcile)


# A second issue would be a second card and a second discussion: where GitHub shows none, it may still be on its way, and a person looks.
@requires_approval(recorded("File the issue", found.issue, otherwise=None))
@tool(response_format="content_and_artifact")
def create_issue(repository: Repository, title: str, body: str) -> Made:
    """File an issue."""
    action = _action()
    key = action.idempotency_key
    if action.attempt > 1 and (there := found.issue({"repository": repository}, key)) is not None:
        return f"{repository}#{there['issue']} was filed before", dict(there)
    with acting(f"file an issue in {repository}"):
        made = open_repository(repository).create_issue(plain(title), body_of_issue(body, key))
        facts = _told(issue=made.number, url=made.html_url)
    return f"Filed {repository}#{facts['issue']}", facts


@requires_approval(recorded("Create the branch", found.branch))
@tool(response_format="content_and_artifact")
def create_branch(repository: Repository, issue: Number | None, title: str, base_sha: Sha) -> Made:
    """Create a branch at a commit."""
    key = _action().idempotency_key
    name = found.branch_name(issue, slug(title), key)
    try:
        with acting(f"create the branch {name}"):
            _told(ref=open_repository(repository).create_git_ref(f"refs/heads/{name}", base_sha).ref)
    except Refused:
        # It is this act's own name: an attempt before this one may have come through.
        if found.branch({"repository": repository, "issue": issue, "title": title}, key) is None:
            raise
    return f"Created {name} at {base_sha[:7]}", {"branch": name}


@requires_approval(recorded("Commit the change", found.commit))
@tool(response_format="content_and_artifact")
def commit_files(
    repository: Repository, issue: Number | None, branch: str, parent: Sha, summary: str, files: list[File]
) -> Made:
    """Commit files to a branch: all of them or none, and only on top of the commit that people saw."""
    from github import InputGitTreeElement

    where, what = open_repository(repository), f"commit to {branch}"
    with asking(what):
        before = where.get_git_commit(parent)
        modes = {item.path: item.mode for item in where.get_git_tree(before.tree.sha, recursive=True).tree}
    elements = []
    for file in files:
        mode = modes.get(file["path"], FILE_MODE)
        if mode not in CHANGEABLE:
            raise Unreadable(path=file["path"], repository=repository, why="it is a link or a folder.")
        if file["content"] is not None:
            elements.append(InputGitTreeElement(file["path"], mode, "blob", content=file["content"]))
        elif file["path"] in modes:
            elements.append(InputGitTreeElement(file["path"], mode, "blob", sha=None))
    words = message_of_commit(summary, issue, found.commit_mark(parent, branch, files))
    try:
        with acting(what):
            new = where.create_git_tree(elements, base_tree=before.tree)
            made = where.create_git_commit(words, new, [before])
            # Completed: a ref is read under another address than it is changed, and PyGithub learns it from the answer.
            where.get_git_ref(f"heads/{branch}").complete().edit(made.sha, force=False)
    except Refused:
        # An attempt before this one may have come through late, and the branch stands at it.
        args = {"repository": repository, "branch": branch, "parent": parent, "files": files}
        if (there := found.commit(args, "")) is None:
            raise
        return f"Committed {there['head'][:7]} to {branch}", dict(there)
    return f"Committed {made.sha[:7]} to {branch}", {"head": made.sha}


@requires_approval(recorded("Open the pull request", found.pull_request))
@tool(response_format="content_and_artifact")
def open_pull_request(
    repository: Repository, issue: Number | None, branch: str, base: str, title: str, about: str
) -> Made:
    """Open a pull request for a branch."""
    try:
        with acting(f"open a pull request for {branch}"):
            pull = open_repository(repository).create_pull(
                base, branch, title=plain(title), body=body_of_pull_request(about, issue)
            )
            facts = _told(number=pull.number, url=pull.html_url, head=pull.head.sha)
    except Refused:
        # GitHub has one for each branch: an attempt before this one may have come through late.
        there = found.pull_request({"repository": repository, "branch": branch, "base": base}, "")
        if there is None:
            raise
        return f"Pull request #{there['number']} is open", dict(there)
    return f"Opened pull request #{facts['number']}", facts


@requires_approval(recorded("Merge the pull request", found.merge))
@tool(response_format="content_and_artifact")
def merge_pull_request(repository: Repository, number: Number, sha: Sha) -> Made:
    """Merge a pull request at the commit that was reviewed, and at no other."""
    try:
        with acting(f"merge pull request #{number}"):
            facts = _told(sha=open_repository(repository).get_pull(number).merge(sha=sha).sha)
    except Refused as error:
        if error.facts["status"] == 409:
            raise Moved(number=number, sha=sha[:7]) from error
        raise
    return f"Merged pull request #{number} as {facts['sha'][:7]}", facts


def _told(**facts: Any) -> dict[str, Any]:
    """What GitHub says of what was made. Raises ``ValueError`` for an answer that lacks it: a proxy's page, for example."""
    if None in facts.values():
        msg = f"the answer lacks {', '.join(name for name, value in facts.items() if value is None)}"
        raise ValueError(msg)
    return facts


def _action() -> CurrentAction:
    action = current_action()
    if action is None:
        raise NoAction
    return action
