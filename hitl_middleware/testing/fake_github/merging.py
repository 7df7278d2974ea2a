"""Merging a pull request: whether it can be, the three ways of doing it, and the issues that it closes."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final

from hitl_middleware.testing.fake_github import access, branches, git, issues, pulls
from hitl_middleware.testing.fake_github.records import Issue, Pull, Repository
from hitl_middleware.testing.fake_github.refusals import Refusal
from hitl_middleware.testing.fake_github.shapes import pulls as shapes
from hitl_middleware.testing.fake_github.state import Hub, Who

_CLOSES: Final = re.compile(
    r"\b(?:close[sd]?|fix(?:e[sd])?|resolve[sd]?):? +(?:(?P<repo>[\w.-]+/[\w.-]+))?#(?P<number>\d+)",
    re.IGNORECASE,
)


def mergeable(hub: Hub, pull: Pull) -> bool | None:
    """Whether it can be merged; None the first time, for GitHub works it out only when somebody asks."""
    if pull.merged_at is not None:
        return None
    known = (pull.head_sha, pull.base_sha)
    key = f"{pull.repository}#{pull.number}".lower()
    if hub.worked_out.get(key) != known:
        hub.worked_out[key] = known
        return None
    return git.merged_files(hub, pull.base_sha, pull.head_sha) is not None


def blocked(hub: Hub, repository: Repository, pull: Pull) -> str:
    """What a protected branch still asks for before a merge; nothing where it is content."""
    needed = repository.protected.get(pull.base, 0)
    latest = {
        each.user: each.state
        for each in hub.world.reviews.values()
        if (each.repository, each.number) == (pull.repository, pull.number)
        and each.state in {"APPROVED", "CHANGES_REQUESTED", "DISMISSED"}
        and access.has_role(hub, repository, each.user, "write")
    }
    if needed and "CHANGES_REQUESTED" in latest.values():
        return "Changes have been requested by a reviewer with write access."
    if list(latest.values()).count("APPROVED") < needed:
        reviews = f"{needed} approving review{' is' if needed == 1 else 's are'}"
        return f"At least {reviews} required by reviewers with write access."
    return ""


def merged(
    hub: Hub,
    repository: Repository,
    pull: Pull,
    who: Who,
    *,
    sha: str | None = None,
    method: str = "merge",
    title: str | None = None,
    message: str | None = None,
) -> str:
    """Merge; the commit that came of it. 409 when the head is not `sha`, 405 when it cannot be merged."""
    issue = shapes.issue_of(hub, pull)
    if issue.state != "open":
        raise Refusal(405, "Pull Request is not mergeable")
    if pull.draft:
        raise Refusal(405, "Pull Request is still a draft")
    if sha is not None and sha != pull.head_sha:
        raise Refusal(409, "Head branch was modified. Review and try the merge again.")
    if missing := blocked(hub, repository, pull):
        raise Refusal(405, missing)
    files = git.merged_files(hub, pull.base_sha, pull.head_sha)
    if files is None:
        raise Refusal(405, "Pull Request is not mergeable")
    new = _commit(hub, pull, issue, who, files, method, (title, message))
    pull = pulls.store(hub, replace(pull, merged_at=hub.seconds(), merged_by=who.login, merge_sha=new))
    issues.closed(hub, shapes.issue_of(hub, pull), who, commit=new)
    branches.move(hub, repository, who, branches.HEADS + pull.base, new)
    if pull.base == repository.default_branch:
        _close_issues(hub, repository, issue, who, new)
    return new


def _commit(
    hub: Hub,
    pull: Pull,
    issue: Issue,
    who: Who,
    files: git.Files,
    method: str,
    words: tuple[str | None, str | None],
) -> str:
    """The commit that a way of merging leaves on the base branch."""
    signed, tree = git.signature(hub, who.login), git.put_files(hub, files)
    title, message = words
    if method == "rebase":
        tip = pull.base_sha
        for each in git.ahead(hub, pull.base_sha, pull.head_sha):
            if len(each.parents) < 2:
                last = replace(each, tree=tree) if each.sha == pull.head_sha else each
                tip = git.put_commit(hub, last.tree, (tip,), each.message, each.author, signed)
        return tip
    owner = pull.repository.partition("/")[0]
    usual = f"Merge pull request #{pull.number} from {owner}/{pull.head}"
    body = issue.title
    parents: tuple[str, ...] = (pull.base_sha, pull.head_sha)
    if method == "squash":
        usual, parents = f"{issue.title} (#{pull.number})", (pull.base_sha,)
        body = "\n\n".join(f"* {each.message}" for each in git.ahead(hub, pull.base_sha, pull.head_sha))
    text = f"{title if title is not None else usual}\n\n{message if message is not None else body}".rstrip()
    return git.put_commit(hub, tree, parents, text, signed)


def _close_issues(hub: Hub, repository: Repository, pull: Issue, who: Who, commit: str) -> None:
    """Issues that the text says this fixes ("Fixes #12") are closed with it."""
    for found in _CLOSES.finditer(pull.body or ""):
        place = found["repo"] or repository.full_name
        issue = hub.world.issues.get(f"{place}#{found['number']}".lower())
        if issue is not None and not issue.pull and issue.repository == repository.full_name:
            issues.closed(hub, issue, who, commit=commit)
