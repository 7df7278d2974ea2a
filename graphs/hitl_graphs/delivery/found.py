"""What an act left on GitHub, by which it is found again: told from its arguments and its idempotency key alone.

Each answers with the facts that the act itself would have answered with, or ``None``: GitHub shows nothing of it. Whatever keeps GitHub
from saying so is raised; then it is not known.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from itertools import islice
from typing import Any

from hitl_graphs.delivery.acts import Facts
from hitl_graphs.delivery.repository import asking, open_repository
from hitl_graphs.delivery.scripted import slug
from hitl_graphs.delivery.state import File
from hitl_graphs.delivery.wording import issue_marker
from hitl_middleware.actions import canonical

MOST_LOOKED_AT = 100
"""Of the newest issues, and of a branch's newest commits."""


def branch_name(issue: int | None, title: str, key: str) -> str:
    """``hitl/12-login-fails-0a1b2c3d``: the end of the key makes it this act's own."""
    about = [] if issue is None else [str(issue)]
    return "hitl/" + "-".join([*about, slug(title), key.replace("-", "")[-8:]])


def commit_mark(parent: str, branch: str, files: Sequence[File]) -> str:
    """The same for the same change in the same place, so that a second attempt finds what the first one did."""
    return hashlib.sha256(canonical([parent, branch, list(files)])).hexdigest()[:20]


def issue(args: Facts, key: str) -> Facts | None:
    """The issue with the act's mark."""
    with asking("list issues"):
        newest = open_repository(args["repository"]).get_issues(state="all", sort="created", direction="desc")
        for each in islice(newest, MOST_LOOKED_AT):
            if (each.body or "").startswith(issue_marker(key)):
                return {"issue": each.number, "url": each.html_url}
    return None


def branch(args: Facts, key: str) -> Facts | None:
    """The branch that is called so."""
    from github import UnknownObjectException

    name = branch_name(args["issue"], args["title"], key)
    with asking(f"look at {name}"):
        try:
            open_repository(args["repository"]).get_branch(name)
        except UnknownObjectException:
            return None
    return {"branch": name}


def commit(args: Facts, key: str) -> Facts | None:  # noqa: ARG001 – the change speaks for itself
    """The commit with this change's mark."""
    mark = commit_mark(args["parent"], args["branch"], args["files"])
    with asking(f"list the commits of {args['branch']}"):
        commits = open_repository(args["repository"]).get_commits(sha=args["branch"])
        for each in islice(commits, MOST_LOOKED_AT):
            if each.sha == args["parent"]:
                return None
            if each.commit.message.rstrip().endswith(mark):
                return {"head": each.sha}
    return None


def pull_request(args: Facts, key: str) -> Facts | None:  # noqa: ARG001 – GitHub has one for each branch
    """The pull request of the branch."""
    owner = args["repository"].partition("/")[0]
    with asking(f"list the pull requests of {args['branch']}"):
        pulls = open_repository(args["repository"]).get_pulls(
            state="all", head=f"{owner}:{args['branch']}", base=args["base"]
        )
        for each in pulls:
            return {"number": each.number, "url": each.html_url, "head": each.head.sha}
    return None


def merge(args: Facts, key: str) -> Facts | None:  # noqa: ARG001 – a pull request is merged once
    """The merge of the pull request, where what was merged is what was reviewed."""
    with asking(f"look at pull request #{args['number']}"):
        pull: Any = open_repository(args["repository"]).get_pull(args["number"])
        return {"sha": pull.merge_commit_sha} if pull.merged and pull.head.sha == args["sha"] else None
