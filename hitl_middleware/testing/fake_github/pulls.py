"""What happens to pull requests: opened, edited, pushed to, closed. The API and people both come through here."""

from __future__ import annotations

from dataclasses import replace
from typing import Final, NoReturn

from hitl_middleware.testing.fake_github import git, issues
from hitl_middleware.testing.fake_github.records import Pull, Repository
from hitl_middleware.testing.fake_github.refusals import Refusal, invalid, not_found
from hitl_middleware.testing.fake_github.shapes import people
from hitl_middleware.testing.fake_github.shapes import pulls as shapes
from hitl_middleware.testing.fake_github.state import Hub, Who

HEADS: Final = "refs/heads/"


def find(hub: Hub, repository: Repository, number: int) -> Pull:
    """The pull request with this number."""
    found = hub.world.pulls.get(f"{repository.full_name}#{number}".lower())
    return found if found is not None else not_found()


def opened(
    hub: Hub,
    repository: Repository,
    who: Who,
    *,
    head: str,
    base: str,
    title: str,
    body: str | None = None,
    draft: bool = False,
) -> Pull:
    """A new pull request. 422 for a branch that is not there, for nothing to merge, and for a second one of the same two branches."""
    owner, _, branch = head.rpartition(":")
    refs = hub.world.refs.get(repository.full_name.lower(), {})
    if (owner and owner.lower() != repository.owner.lower()) or HEADS + branch not in refs:
        invalid("PullRequest", "head", "invalid")
    if HEADS + base not in refs:
        invalid("PullRequest", "base", "invalid")
    for each in hub.world.pulls.values():
        same = (each.repository, each.head, each.base) == (repository.full_name, branch, base)
        if same and shapes.issue_of(hub, each).state == "open":
            _custom(f"A pull request already exists for {repository.owner}:{branch}.")
    if not git.ahead(hub, refs[HEADS + base], refs[HEADS + branch]):
        _custom(f"No commits between {base} and {branch}")
    issue = replace(issues.numbered(hub, repository, who, title, body), pull=True)
    pull = Pull(
        id=issue.id,
        repository=repository.full_name,
        number=issue.number,
        head=branch,
        base=base,
        head_sha=refs[HEADS + branch],
        base_sha=refs[HEADS + base],
        draft=draft,
    )
    hub.world.pulls[issue.url.lower()] = pull
    issues.store(hub, issue)
    issues.tell(hub, issue, "opened", who)
    return pull


def _custom(message: str) -> NoReturn:
    raise Refusal(
        422,
        "Validation Failed",
        errors=[{"resource": "PullRequest", "code": "custom", "message": message}],
    )


def store(hub: Hub, pull: Pull) -> Pull:
    """Store a pull request's new state, changed now."""
    hub.world.pulls[f"{pull.repository}#{pull.number}".lower()] = pull
    issues.store(hub, shapes.issue_of(hub, pull))
    return pull


def rebased(hub: Hub, pull: Pull, who: Who, base: str) -> Pull:
    """Another base branch."""
    refs = hub.world.refs[pull.repository.lower()]
    if HEADS + base not in refs:
        invalid("PullRequest", "base", "invalid")
    if base == pull.base:
        return pull
    before = {"base": {"ref": {"from": pull.base}, "sha": {"from": pull.base_sha}}}
    pull = store(hub, replace(pull, base=base, base_sha=refs[HEADS + base]))
    issues.tell(hub, shapes.issue_of(hub, pull), "edited", who, changes=before)
    return pull


def readied(hub: Hub, pull: Pull, who: Who, *, draft: bool) -> Pull:
    """A draft no more, or a draft again."""
    if pull.draft == draft:
        return pull
    pull = store(hub, replace(pull, draft=draft))
    action = "converted_to_draft" if draft else "ready_for_review"
    issues.tell(hub, shapes.issue_of(hub, pull), action, who)
    return pull


def asked(hub: Hub, pull: Pull, who: Who, reviewers: list[str]) -> Pull:
    """Exactly these people are asked for a review."""
    author = shapes.issue_of(hub, pull).user
    if author in reviewers:
        raise Refusal(422, "Review cannot be requested from pull request author.")
    for login in reviewers:
        if login.lower() not in hub.world.accounts:
            raise Refusal(
                422,
                "Reviews may only be requested from collaborators. One or more of the users or teams you specified is not a "
                f"collaborator of the {pull.repository} repository.",
            )
    before = pull.requested_reviewers
    pull = store(hub, replace(pull, requested_reviewers=tuple(dict.fromkeys(reviewers))))
    for login in {*before} ^ {*pull.requested_reviewers}:
        action = "review_request_removed" if login in before else "review_requested"
        issue = shapes.issue_of(hub, pull)
        issues.tell(hub, issue, action, who, requested_reviewer=people.user(hub, login))
    return pull


def branch_moved(hub: Hub, repository: Repository, who: Who, branch: str, before: str) -> None:
    """Open pull requests follow their branches: `synchronize` for a head that moved."""
    refs = hub.world.refs[repository.full_name.lower()]
    for pull in _open(hub, repository):
        if pull.base == branch:
            store(hub, replace(pull, base_sha=refs[HEADS + branch]))
        elif pull.head == branch:
            pull = store(hub, replace(pull, head_sha=refs[HEADS + branch]))  # noqa: PLW2901
            issue = shapes.issue_of(hub, pull)
            issues.tell(hub, issue, "synchronize", who, before=before, after=pull.head_sha)


def branch_gone(hub: Hub, repository: Repository, who: Who, branch: str) -> None:
    """Open pull requests of a branch that is deleted are closed."""
    for pull in _open(hub, repository):
        if branch in {pull.head, pull.base}:
            issues.closed(hub, shapes.issue_of(hub, pull), who)


def _open(hub: Hub, repository: Repository) -> list[Pull]:
    here = [each for each in hub.world.pulls.values() if each.repository == repository.full_name]
    return [each for each in here if shapes.issue_of(hub, each).state == "open"]
