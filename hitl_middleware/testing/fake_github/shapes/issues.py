"""Issues, comments, reactions, events."""

from __future__ import annotations

from collections import Counter
from typing import Any, Final

from hitl_middleware.testing.fake_github.records import Comment, Issue, IssueEvent, Reaction, Repository
from hitl_middleware.testing.fake_github.shapes import people, repositories
from hitl_middleware.testing.fake_github.state import Hub, stamp

Json = dict[str, Any]

CONTENTS: Final = ("+1", "-1", "laugh", "hooray", "confused", "heart", "rocket", "eyes")


def issue(hub: Hub, issue: Issue, *, full: bool = False) -> Json:
    """An issue, or the issue that a pull request is, too; `full` as the API has it and webhooks have not."""
    repository = hub.world.repositories[issue.repository.lower()]
    url = f"{hub.api}/repos/{issue.repository}/issues/{issue.number}"
    web = f"{hub.web}/{issue.repository}/{'pull' if issue.pull else 'issues'}/{issue.number}"
    assignees = [people.user(hub, each) for each in issue.assignees]
    here = (each for each in hub.world.comments.values() if each.repository == issue.repository)
    shown: Json = {
        "url": url,
        "repository_url": f"{hub.api}/repos/{issue.repository}",
        "labels_url": f"{url}/labels{{/name}}",
        "comments_url": f"{url}/comments",
        "events_url": f"{url}/events",
        "html_url": web,
        "id": issue.id,
        "node_id": hub.node("PR" if issue.pull else "I", issue.id),
        "number": issue.number,
        "title": issue.title,
        "user": people.user(hub, issue.user),
        "labels": [
            repositories.label(hub, repository, repository.labels[name.lower()]) for name in issue.labels
        ],
        "state": issue.state,
        "locked": issue.locked or repository.archived,
        "assignee": assignees[0] if assignees else None,
        "assignees": assignees,
        "milestone": None,
        "comments": sum(each.number == issue.number for each in here),
        "created_at": stamp(issue.created_at),
        "updated_at": stamp(issue.updated_at),
        "closed_at": stamp(issue.closed_at),
        "author_association": association(hub, repository, issue.user),
        "active_lock_reason": None,
        "body": issue.body,
        "reactions": reactions(hub, ("issue", issue.id), url),
        "timeline_url": f"{url}/timeline",
        "performed_via_github_app": people.via(hub, issue.app),
        "state_reason": issue.state_reason,
    }
    if full:
        shown["closed_by"] = people.user(hub, issue.closed_by) if issue.closed_by else None
    if issue.pull:
        pull = hub.world.pulls.get(issue.url.lower())
        shown["draft"] = bool(pull and pull.draft)
        shown["pull_request"] = {
            "url": f"{hub.api}/repos/{issue.repository}/pulls/{issue.number}",
            "html_url": web,
            "diff_url": f"{web}.diff",
            "patch_url": f"{web}.patch",
            "merged_at": stamp(pull.merged_at) if pull else None,
        }
    return shown


def comment(hub: Hub, comment: Comment) -> Json:
    """A comment on an issue or a pull request."""
    repository = hub.world.repositories[comment.repository.lower()]
    url = f"{hub.api}/repos/{comment.repository}/issues/comments/{comment.id}"
    place = hub.world.issues[f"{comment.repository}#{comment.number}".lower()]
    page = f"{hub.web}/{comment.repository}/{'pull' if place.pull else 'issues'}/{comment.number}"
    return {
        "url": url,
        "html_url": f"{page}#issuecomment-{comment.id}",
        "issue_url": f"{hub.api}/repos/{comment.repository}/issues/{comment.number}",
        "id": comment.id,
        "node_id": hub.node("IC", comment.id),
        "user": people.user(hub, comment.user),
        "created_at": stamp(comment.created_at),
        "updated_at": stamp(comment.updated_at),
        "body": comment.body,
        "author_association": association(hub, repository, comment.user),
        "reactions": reactions(hub, ("comment", comment.id), url),
        "performed_via_github_app": people.via(hub, comment.app),
    }


def reactions(hub: Hub, subject: tuple[str, int], url: str) -> Json:
    """How often each reaction stands there."""
    counts = Counter(each.content for each in hub.world.reactions.values() if each.subject == subject)
    return {
        "url": f"{url}/reactions",
        "total_count": counts.total(),
        **{content: counts[content] for content in CONTENTS},
    }


def reaction(hub: Hub, reaction: Reaction) -> Json:
    """One reaction."""
    return {
        "id": reaction.id,
        "node_id": hub.node("REA", reaction.id),
        "user": people.user(hub, reaction.user),
        "content": reaction.content,
        "created_at": stamp(reaction.created_at),
    }


def event(hub: Hub, event: IssueEvent) -> Json:
    """A line of an issue's history."""
    shown: Json = {
        "id": event.id,
        "node_id": hub.node("LE", event.id),
        "url": f"{hub.api}/repos/{event.repository}/issues/events/{event.id}",
        "actor": people.user(hub, event.actor),
        "event": event.event,
        "commit_id": event.commit or None,
        "commit_url": f"{hub.api}/repos/{event.repository}/commits/{event.commit}" if event.commit else None,
        "created_at": stamp(event.created_at),
        "performed_via_github_app": None,
    }
    if event.label:
        repository = hub.world.repositories[event.repository.lower()]
        label = repository.labels.get(event.label.lower())
        shown["label"] = {"name": event.label, "color": label.color if label else "ededed"}
    if event.assignee:
        shown |= {
            "assignee": people.user(hub, event.assignee),
            "assigner": people.user(hub, event.actor),
        }
    return shown


def association(hub: Hub, repository: Repository, login: str) -> str:
    """The word beside a name. It tells what somebody is, not what they may do: nobody should decide by it."""
    account = hub.world.accounts.get(login.lower())
    if login.lower() == repository.owner.lower():
        return "OWNER"
    if account is not None and repository.owner.lower() in dict(account.organizations):
        return "MEMBER"
    return "COLLABORATOR" if login.lower() in repository.collaborators else "NONE"
