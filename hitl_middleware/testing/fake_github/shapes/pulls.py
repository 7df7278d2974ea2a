"""Pull requests and reviews."""

from __future__ import annotations

from typing import Any

from hitl_middleware.testing.fake_github import git
from hitl_middleware.testing.fake_github.records import Issue, Pull, Repository, Review
from hitl_middleware.testing.fake_github.shapes import commits, issues, people, repositories
from hitl_middleware.testing.fake_github.state import Hub, stamp

Json = dict[str, Any]

_SHARED = (
    *(
        "id",
        "node_id",
        "number",
        "title",
        "user",
        "body",
        "labels",
        "state",
        "locked",
        "assignee",
        "assignees",
    ),
    *(
        "created_at",
        "updated_at",
        "closed_at",
        "author_association",
        "html_url",
        "active_lock_reason",
        "milestone",
    ),
)


def pull(hub: Hub, pull: Pull, *, full: bool = False, mergeable: bool | None = None) -> Json:
    """A pull request; `full` as `GET` of one and as webhooks have it."""
    issue = issue_of(hub, pull)
    repository = hub.world.repositories[pull.repository.lower()]
    side = issues.issue(hub, issue)
    url = f"{hub.api}/repos/{pull.repository}/pulls/{pull.number}"
    shown: Json = {
        **{name: side[name] for name in _SHARED},
        "url": url,
        "diff_url": f"{side['html_url']}.diff",
        "patch_url": f"{side['html_url']}.patch",
        "issue_url": side["url"],
        "commits_url": f"{url}/commits",
        "review_comments_url": f"{url}/comments",
        "review_comment_url": f"{hub.api}/repos/{pull.repository}/pulls/comments{{/number}}",
        "comments_url": f"{side['url']}/comments",
        "statuses_url": f"{hub.api}/repos/{pull.repository}/statuses/{pull.head_sha}",
        "merged_at": stamp(pull.merged_at),
        "merge_commit_sha": pull.merge_sha,
        "requested_reviewers": [people.user(hub, each) for each in pull.requested_reviewers],
        "requested_teams": [],
        "draft": pull.draft,
        "head": _side(hub, repository, pull.head, pull.head_sha),
        "base": _side(hub, repository, pull.base, pull.base_sha),
        "_links": {
            "self": {"href": url},
            "html": {"href": side["html_url"]},
            "issue": {"href": side["url"]},
            "comments": {"href": f"{side['url']}/comments"},
            "review_comments": {"href": f"{url}/comments"},
            "review_comment": {"href": f"{hub.api}/repos/{pull.repository}/pulls/comments{{/number}}"},
            "commits": {"href": f"{url}/commits"},
            "statuses": {"href": f"{hub.api}/repos/{pull.repository}/statuses/{pull.head_sha}"},
        },
        "auto_merge": None,
    }
    if full:
        shown |= _full(hub, pull, repository, mergeable=mergeable)
        shown["comments"] = side["comments"]
    return shown


def _full(hub: Hub, pull: Pull, repository: Repository, *, mergeable: bool | None) -> Json:
    changed = files(hub, repository, pull)
    known = mergeable is not None
    clean = "draft" if pull.draft else "clean"
    return {
        "merged": pull.merged_at is not None,
        "mergeable": mergeable,
        "rebaseable": mergeable,
        "mergeable_state": "unknown" if not known else clean if mergeable else "dirty",
        "merged_by": people.user(hub, pull.merged_by) if pull.merged_by else None,
        "review_comments": 0,
        "maintainer_can_modify": False,
        "commits": len(git.ahead(hub, pull.base_sha, pull.head_sha)),
        "additions": sum(each["additions"] for each in changed),
        "deletions": sum(each["deletions"] for each in changed),
        "changed_files": len(changed),
    }


def issue_of(hub: Hub, pull: Pull) -> Issue:
    """The issue that a pull request is, too."""
    return hub.world.issues[f"{pull.repository}#{pull.number}".lower()]


def files(hub: Hub, repository: Repository, pull: Pull) -> list[Json]:
    """What a pull request changes: from where its branch began to its head."""
    common = git.merge_base(hub, pull.base_sha, pull.head_sha)
    before = git.files_of(hub, common) if common else {}
    return commits.files(hub, repository, before, git.files_of(hub, pull.head_sha), pull.head_sha)


def _side(hub: Hub, repository: Repository, branch: str, sha: str) -> Json:
    return {
        "label": f"{repository.owner}:{branch}",
        "ref": branch,
        "sha": sha,
        "user": people.user(hub, repository.owner),
        "repo": repositories.repository(hub, repository),
    }


def review(hub: Hub, review: Review) -> Json:
    """A review. In webhooks its state is in lower case."""
    url = f"{hub.api}/repos/{review.repository}/pulls/{review.number}"
    web = f"{hub.web}/{review.repository}/pull/{review.number}#pullrequestreview-{review.id}"
    repository = hub.world.repositories[review.repository.lower()]
    shown: Json = {
        "id": review.id,
        "node_id": hub.node("PRR", review.id),
        "user": people.user(hub, review.user),
        "body": review.body,
        "state": review.state,
        "html_url": web,
        "pull_request_url": url,
        "author_association": issues.association(hub, repository, review.user),
        "_links": {"html": {"href": web}, "pull_request": {"href": url}},
        "commit_id": review.commit_id,
    }
    if review.submitted_at is not None:  # a pending one has none
        shown["submitted_at"] = stamp(review.submitted_at)
    return shown
