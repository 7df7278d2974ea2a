"""What happens to comments: written, edited, deleted, reacted to. The API and people both come through here."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hitl_middleware.testing.fake_github import access
from hitl_middleware.testing.fake_github.hooks import announce
from hitl_middleware.testing.fake_github.issues import MOST_BODY, check_writable, store
from hitl_middleware.testing.fake_github.records import Comment, Issue, Reaction
from hitl_middleware.testing.fake_github.refusals import Refusal, invalid
from hitl_middleware.testing.fake_github.shapes import issues as shapes
from hitl_middleware.testing.fake_github.state import Hub, Who


def remark(hub: Hub, issue: Issue, who: Who, body: str) -> Comment:
    """A new comment."""
    repository = hub.world.repositories[issue.repository.lower()]
    check_writable(repository)
    # An app's bot neither, whatever its permissions (probot/stale, issue 25; renovatebot/renovate, issue 6215).
    if issue.locked and not access.has_role(hub, repository, who.login, "write"):
        raise Refusal(403, "Unable to create comment because issue is locked.")
    _check_body(body)
    now = hub.seconds()
    comment = Comment(
        id=hub.new_id(),
        repository=issue.repository,
        number=issue.number,
        user=who.login,
        body=body,
        created_at=now,
        updated_at=now,
        app=who.app,
    )
    hub.world.comments[comment.id] = comment
    store(hub, issue)
    _tell_comment(hub, comment, "created", who)
    return comment


def reworded(hub: Hub, comment: Comment, who: Who, body: str) -> Comment:
    """A comment's new body; `created_at` stays, `updated_at` moves."""
    check_writable(hub.world.repositories[comment.repository.lower()])
    _check_body(body)
    if body == comment.body:
        return comment
    before = {"body": {"from": comment.body}}
    comment = replace(
        comment, body=body, updated_at=hub.seconds(), versions=(*comment.versions, comment.body)
    )
    hub.world.comments[comment.id] = comment
    _tell_comment(hub, comment, "edited", who, changes=before)
    return comment


def erased(hub: Hub, comment: Comment, who: Who) -> None:
    """Take a comment away, and its reactions with it."""
    check_writable(hub.world.repositories[comment.repository.lower()])
    _tell_comment(hub, comment, "deleted", who)
    del hub.world.comments[comment.id]
    hub.deleted.append(comment)
    for reaction in [
        each for each in hub.world.reactions.values() if each.subject == ("comment", comment.id)
    ]:
        del hub.world.reactions[reaction.id]


def _check_body(body: str) -> None:
    if not body.strip():
        invalid("IssueComment", "data", "unprocessable", "Body cannot be blank")
    if len(body) > MOST_BODY:
        invalid("IssueComment", "body", "custom", f"body is too long (maximum is {MOST_BODY} characters)")


def _tell_comment(hub: Hub, comment: Comment, action: str, who: Who, **fields: Any) -> None:
    issue = hub.world.issues[f"{comment.repository}#{comment.number}".lower()]
    repository = hub.world.repositories[comment.repository.lower()]
    told = {**fields, "issue": shapes.issue(hub, issue), "comment": shapes.comment(hub, comment)}
    announce(hub, repository, "issue_comment", action, who, told)


def reacted(hub: Hub, subject: tuple[str, int], who: Who, content: str) -> tuple[Reaction, bool]:
    """Somebody's reaction, and whether it is new: twice the same is one. There is no webhook for it.

    Nobody reacts in a locked conversation (docs.github.com, "Locking conversations"), not even who may comment there.
    """
    about = hub.world.comments[subject[1]] if subject[0] == "comment" else None
    issue = next(
        each
        for each in hub.world.issues.values()
        if (
            each.id == subject[1]
            if about is None
            else (each.repository, each.number) == (about.repository, about.number)
        )
    )
    check_writable(hub.world.repositories[issue.repository.lower()])
    if issue.locked:
        raise Refusal(403, "Unable to create reaction because issue is locked.")
    if content not in shapes.CONTENTS:
        invalid("Reaction", "content", "invalid")
    for each in hub.world.reactions.values():
        if (each.subject, each.content, each.user) == (subject, content, who.login):
            return each, False
    reaction = Reaction(
        id=hub.new_id(), subject=subject, content=content, user=who.login, created_at=hub.seconds()
    )
    hub.world.reactions[reaction.id] = reaction
    return reaction, True
