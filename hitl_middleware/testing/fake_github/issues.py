"""What happens to issues: opened, edited, labelled, assigned, closed. The API and people both come through here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, Final

from hitl_middleware.testing.fake_github import access
from hitl_middleware.testing.fake_github.hooks import announce
from hitl_middleware.testing.fake_github.records import (
    Issue,
    IssueEvent,
    Label,
    Repository,
)
from hitl_middleware.testing.fake_github.refusals import Refusal, invalid, not_found
from hitl_middleware.testing.fake_github.shapes import issues as shapes
from hitl_middleware.testing.fake_github.shapes import people, pulls, repositories
from hitl_middleware.testing.fake_github.state import Hub, Who

MOST_BODY: Final = 65_536  # characters; a longer one is 422
MOST_TITLE: Final = 256
MOST_ASSIGNEES: Final = 10


def find(hub: Hub, repository: Repository, number: int) -> Issue:
    """The issue (or pull request) with this number; 410 for one that was deleted."""
    key = f"{repository.full_name}#{number}".lower()
    if key in hub.world.deleted_issues:
        raise Refusal(410, "This issue was deleted")
    found = hub.world.issues.get(key)
    return found if found is not None else not_found()


def opened(
    hub: Hub,
    repository: Repository,
    who: Who,
    title: str,
    body: str | None = None,
    *,
    labels: Sequence[str] = (),
    assignees: Sequence[str] = (),
) -> Issue:
    """A new issue. Labels of somebody without triage access are silently left out, as GitHub does."""
    if not repository.has_issues:
        raise Refusal(410, "Issues has been disabled in this repository.")
    if access.has_role(hub, repository, who.login, "triage") or who.app is not None:
        repository = with_labels(hub, repository, labels)
    else:
        labels, assignees = (), ()
    issue = numbered(hub, repository, who, title, body)
    issue = replace(
        issue,
        labels=tuple(repository.labels[name.lower()].name for name in dict.fromkeys(labels)),
        assignees=tuple(_assignable(hub, repository, assignees)),
    )
    store(hub, issue)
    tell(hub, issue, "opened", who)
    for name in issue.labels:
        _labelled(hub, issue, who, "labeled", name)
    for login in issue.assignees:
        _assigned(hub, issue, who, "assigned", login)
    return issue


def numbered(hub: Hub, repository: Repository, who: Who, title: str, body: str | None) -> Issue:
    """A new issue record with the repository's next number, not stored yet."""
    check_writable(repository)
    check_texts("Issue", title, body)
    now = hub.seconds()
    stored = hub.world.repositories[repository.full_name.lower()]
    stored = replace(stored, numbered=stored.numbered + 1)
    hub.world.repositories[repository.full_name.lower()] = stored
    return Issue(
        id=hub.new_id(),
        repository=repository.full_name,
        number=stored.numbered,
        title=title,
        body=body,
        user=who.login,
        created_at=now,
        updated_at=now,
        app=who.app,
    )


def check_texts(resource: str, title: str, body: str | None) -> None:
    """422 for a blank or an overlong title, and for an overlong body."""
    if not title.strip():
        invalid(resource, "title", "missing_field")
    if len(title) > MOST_TITLE:
        invalid(resource, "title", "custom", f"title is too long (maximum is {MOST_TITLE} characters)")
    if body is not None and len(body) > MOST_BODY:
        invalid(resource, "body", "custom", f"body is too long (maximum is {MOST_BODY} characters)")


def edited(hub: Hub, issue: Issue, who: Who, *, title: str | None = None, body: str | None = None) -> Issue:
    """Another title or body."""
    check_texts("Issue", issue.title if title is None else title, body)
    changes: dict[str, Any] = {}
    if title is not None and title != issue.title:
        changes["title"] = {"from": issue.title}
    if body is not None and body != issue.body:
        changes["body"] = {"from": issue.body or ""}
    if not changes:
        return issue
    issue = store(
        hub,
        replace(
            issue,
            title=title if title is not None else issue.title,
            body=body if body is not None else issue.body,
        ),
    )
    tell(hub, issue, "edited", who, changes=changes)
    return issue


def closed(hub: Hub, issue: Issue, who: Who, reason: str | None = "completed", *, commit: str = "") -> Issue:
    """Close it, unless it is closed; `commit` is what did it."""
    if issue.state == "closed":
        return issue
    now = hub.seconds()
    reason = None if issue.pull else reason
    issue = store(
        hub, replace(issue, state="closed", state_reason=reason, closed_at=now, closed_by=who.login)
    )
    remember(hub, issue, who, "closed", commit=commit)
    tell(hub, issue, "closed", who)
    return issue


def reopened(hub: Hub, issue: Issue, who: Who) -> Issue:
    """Open it again, unless it is open."""
    if issue.state == "open":
        return issue
    reason = None if issue.pull else "reopened"
    issue = store(hub, replace(issue, state="open", state_reason=reason, closed_at=None, closed_by=None))
    remember(hub, issue, who, "reopened")
    tell(hub, issue, "reopened", who)
    return issue


def deleted(hub: Hub, issue: Issue, who: Who) -> None:
    """Gone with its comments, for good."""
    if issue.pull:
        raise Refusal(422, "Pull requests cannot be deleted.")
    tell(hub, issue, "deleted", who)
    del hub.world.issues[issue.url.lower()]
    hub.world.deleted_issues.append(issue.url.lower())
    place = (issue.repository, issue.number)
    for comment in [each for each in hub.world.comments.values() if (each.repository, each.number) == place]:
        del hub.world.comments[comment.id]


def with_labels(hub: Hub, repository: Repository, names: Iterable[str]) -> Repository:
    """The repository with all of these labels; the missing ones are made, as GitHub does when an issue gets them."""
    stored = hub.world.repositories[repository.full_name.lower()]
    labels = dict(stored.labels)
    for name in names:
        if not name.strip() or len(name) > 50:
            invalid("Label", "name", "invalid")
        labels.setdefault(name.lower(), Label(id=hub.new_id(), name=name))
    stored = replace(stored, labels=labels)
    hub.world.repositories[repository.full_name.lower()] = stored
    return stored


def relabelled(hub: Hub, issue: Issue, who: Who, names: Iterable[str]) -> Issue:
    """Exactly these labels; each that comes or goes is an event and a delivery of its own."""
    repository = hub.world.repositories[issue.repository.lower()]
    names = list(dict.fromkeys(names))
    repository = with_labels(hub, repository, names)
    wanted = tuple(dict.fromkeys(repository.labels[name.lower()].name for name in names))
    before = issue.labels
    for name in before:
        if name not in wanted:
            issue = store(hub, replace(issue, labels=tuple(each for each in issue.labels if each != name)))
            _labelled(hub, issue, who, "unlabeled", name)
    for name in wanted:
        if name not in before:
            issue = store(hub, replace(issue, labels=(*issue.labels, name)))
            _labelled(hub, issue, who, "labeled", name)
    return issue


def reassigned(hub: Hub, issue: Issue, who: Who, logins: Iterable[str]) -> Issue:
    """Exactly these assignees; whoever cannot be assigned is silently left out, as GitHub does."""
    repository = hub.world.repositories[issue.repository.lower()]
    wanted = _assignable(hub, repository, logins)
    before = issue.assignees
    for login in before:
        if login not in wanted:
            left = tuple(each for each in issue.assignees if each != login)
            issue = store(hub, replace(issue, assignees=left))
            _assigned(hub, issue, who, "unassigned", login)
    for login in wanted:
        if login not in before:
            issue = store(hub, replace(issue, assignees=(*issue.assignees, login)))
            _assigned(hub, issue, who, "assigned", login)
    return issue


def _assignable(hub: Hub, repository: Repository, logins: Iterable[str]) -> list[str]:
    known = (hub.world.accounts.get(login.lower()) for login in dict.fromkeys(logins))
    names = [each.login for each in known if each is not None]
    return [each for each in names if access.has_role(hub, repository, each, "triage")][:MOST_ASSIGNEES]


# -------------------------------------------------------------------------------------------------------- what is shared


def store(hub: Hub, issue: Issue) -> Issue:
    """Store an issue's new state, changed now."""
    issue = replace(issue, updated_at=hub.seconds())
    hub.world.issues[issue.url.lower()] = issue
    return issue


def remember(hub: Hub, issue: Issue, who: Who, event: str, **fields: str) -> None:
    """Write a line of the issue's history."""
    hub.world.events.append(
        IssueEvent(
            id=hub.new_id(),
            repository=issue.repository,
            number=issue.number,
            event=event,
            actor=who.login,
            created_at=hub.seconds(),
            **fields,
        )
    )


def _labelled(hub: Hub, issue: Issue, who: Who, action: str, name: str) -> None:
    remember(hub, issue, who, action, label=name)
    repository = hub.world.repositories[issue.repository.lower()]
    tell(
        hub,
        issue,
        action,
        who,
        label=repositories.label(hub, repository, repository.labels[name.lower()]),
    )


def _assigned(hub: Hub, issue: Issue, who: Who, action: str, login: str) -> None:
    remember(hub, issue, who, action, assignee=login)
    tell(hub, issue, action, who, assignee=people.user(hub, login))


def tell(hub: Hub, issue: Issue, action: str, who: Who, **fields: Any) -> None:
    """An `issues` delivery, or a `pull_request` one where the issue is one."""
    repository = hub.world.repositories[issue.repository.lower()]
    if issue.pull:
        pull = hub.world.pulls[issue.url.lower()]
        told = {"number": issue.number, "pull_request": pulls.pull(hub, pull, full=True), **fields}
        announce(hub, repository, "pull_request", action, who, told)
    else:
        announce(hub, repository, "issues", action, who, {"issue": shapes.issue(hub, issue), **fields})


def check_writable(repository: Repository) -> None:
    """403 for an archived repository."""
    if repository.archived:
        raise Refusal(403, "Repository was archived so is read-only.")
