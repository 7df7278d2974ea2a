"""Comments on issues and pull requests, and reactions to them."""

from __future__ import annotations

from typing import Any, Final

from hitl_middleware.testing.fake_github import comments as deeds
from hitl_middleware.testing.fake_github.api.issues import READ, WRITE, found
from hitl_middleware.testing.fake_github.records import Comment, Repository
from hitl_middleware.testing.fake_github.refusals import Refusal, not_found
from hitl_middleware.testing.fake_github.rest import Answer, Asking, route
from hitl_middleware.testing.fake_github.shapes import issues as shapes
from hitl_middleware.testing.fake_github.times import since

_COMMENT: Final = "/repos/{owner}/{repo}/issues/comments/{comment}"
_ON_ISSUE: Final = "/repos/{owner}/{repo}/issues/{number}"


def _one(asking: Asking) -> tuple[Repository, Comment]:
    repository = asking.repository()
    comment = asking.hub.world.comments.get(asking.number("comment"))
    if comment is None or comment.repository != repository.full_name:
        not_found()
    return repository, comment


def _own(asking: Asking) -> Comment:
    """A comment that the one who asks may change: their own, or anybody's for those who can write."""
    repository, comment = _one(asking)
    if comment.user != asking.who.login and not asking.has_role(repository, "write"):
        raise Refusal(403, "Must have admin rights to Repository.")
    return comment


@route("GET", "/repos/{owner}/{repo}/issues/comments", needs=READ)
def list_all(asking: Asking) -> Answer:
    """Every comment of a repository; sorted by id unless `sort` says otherwise."""
    repository, query = asking.repository(), asking.query
    begin = since(query)
    comments = [
        each
        for each in asking.hub.world.comments.values()
        if each.repository == repository.full_name and each.updated_at >= begin
    ]
    if (sort := query.get("sort")) in {"created", "updated"}:
        comments.sort(key=lambda each: (getattr(each, f"{sort}_at"), each.id))
        if query.get("direction", "desc") == "desc":
            comments.reverse()
    return asking.page(comments, lambda each: shapes.comment(asking.hub, each))


@route("GET", _COMMENT, needs=READ)
def get_comment(asking: Asking) -> Any:
    """One comment."""
    return shapes.comment(asking.hub, _one(asking)[1])


@route("PATCH", _COMMENT, needs=WRITE)
def edit_comment(asking: Asking) -> Any:
    """Another body."""
    comment = _own(asking)
    body = asking.read(["body"], body="string")["body"]
    return shapes.comment(asking.hub, deeds.reworded(asking.hub, comment, asking.who, body))


@route("DELETE", _COMMENT, needs=WRITE)
def delete_comment(asking: Asking) -> Answer:
    """Gone for good."""
    deeds.erased(asking.hub, _own(asking), asking.who)
    return Answer(None, 204)


@route("GET", f"{_ON_ISSUE}/comments", needs=READ)
def list_comments(asking: Asking) -> Answer:
    """The comments of an issue in the order of their ids; `since` asks for those that were changed then or later."""
    repository, issue = found(asking)
    begin, place = since(asking.query), (repository.full_name, issue.number)
    comments = [
        each
        for each in asking.hub.world.comments.values()
        if (each.repository, each.number) == place and each.updated_at >= begin
    ]
    return asking.page(comments, lambda each: shapes.comment(asking.hub, each))


@route("POST", f"{_ON_ISSUE}/comments", needs=WRITE)
def create_comment(asking: Asking) -> Answer:
    """A new comment."""
    _, issue = found(asking)
    body = asking.read(["body"], body="string")["body"]
    shown = shapes.comment(asking.hub, deeds.remark(asking.hub, issue, asking.who, body))
    return Answer(shown, 201, {"Location": shown["url"]})


def _subject(asking: Asking) -> tuple[str, int]:
    if "comment" in asking.path:
        return "comment", _one(asking)[1].id
    return "issue", found(asking)[1].id


def list_reactions(asking: Asking) -> Answer:
    """Who reacted, and with what."""
    subject, content = _subject(asking), asking.query.get("content")
    reactions = [
        each
        for each in asking.hub.world.reactions.values()
        if each.subject == subject and content in {None, each.content}
    ]
    return asking.page(reactions, lambda each: shapes.reaction(asking.hub, each))


def create_reaction(asking: Asking) -> Answer:
    """201 for a new one, 200 for one that was there."""
    subject = _subject(asking)
    content = asking.read(["content"], content="string")["content"]
    reaction, new = deeds.reacted(asking.hub, subject, asking.who, content)
    return Answer(shapes.reaction(asking.hub, reaction), 201 if new else 200)


def delete_reaction(asking: Asking) -> Answer:
    """Take one's own reaction back."""
    subject = _subject(asking)
    reaction = asking.hub.world.reactions.get(asking.number("reaction"))
    if reaction is None or reaction.subject != subject or reaction.user != asking.who.login:
        not_found()
    del asking.hub.world.reactions[reaction.id]
    return Answer(None, 204)


for place in (_COMMENT, _ON_ISSUE):
    route("GET", f"{place}/reactions", needs=READ)(list_reactions)
    route("POST", f"{place}/reactions", needs=WRITE)(create_reaction)
    route("DELETE", f"{place}/reactions/{{reaction}}", needs=WRITE)(delete_reaction)
