"""Reviews: written, submitted, edited, dismissed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final, NoReturn

from hitl_middleware.testing.fake_github import git, pulls
from hitl_middleware.testing.fake_github.hooks import announce
from hitl_middleware.testing.fake_github.records import Pull, Review
from hitl_middleware.testing.fake_github.refusals import Refusal, invalid
from hitl_middleware.testing.fake_github.shapes import pulls as shapes
from hitl_middleware.testing.fake_github.state import Hub, Who

STATES: Final = {"APPROVE": "APPROVED", "REQUEST_CHANGES": "CHANGES_REQUESTED", "COMMENT": "COMMENTED"}


def written(
    hub: Hub, pull: Pull, who: Who, event: str | None, body: str = "", commit_id: str | None = None
) -> Review:
    """A new review of the head, or of the commit named; pending without an event, and told only when it is submitted."""
    if commit_id is not None and git.kind_of(hub, commit_id) != "commit":
        invalid("PullRequestReview", "commit_id", "invalid")
    if any(_mine(each, pull, who) and each.state == "PENDING" for each in hub.world.reviews.values()):
        unprocessable("User can only have one pending review per pull request")
    if event is not None:
        _check(hub, pull, who, event, body)
    review = Review(
        id=hub.new_id(),
        repository=pull.repository,
        number=pull.number,
        user=who.login,
        body=body,
        state="PENDING" if event is None else STATES[event],
        commit_id=commit_id or pull.head_sha,
        submitted_at=None if event is None else hub.seconds(),
        app=who.app,
    )
    return _kept(hub, review, who, "submitted" if event is not None else "")


def submitted(hub: Hub, pull: Pull, review: Review, who: Who, event: str, body: str | None) -> Review:
    """A pending review, out of the drawer."""
    if review.state != "PENDING":
        unprocessable("Can not submit a review that is not pending")
    body = review.body if body is None else body
    _check(hub, pull, who, event, body)
    review = replace(review, body=body, state=STATES[event], submitted_at=hub.seconds())
    return _kept(hub, review, who, "submitted")


def edited(hub: Hub, review: Review, who: Who, body: str) -> Review:
    """Another text; the state stays."""
    before = {"body": {"from": review.body}}
    return _kept(hub, replace(review, body=body), who, "edited", changes=before)


def dismissed(hub: Hub, review: Review, who: Who) -> Review:
    """It counts no more."""
    if review.state not in {"APPROVED", "CHANGES_REQUESTED"}:
        unprocessable(f"Can not dismiss a {review.state.lower()} pull request review")
    return _kept(hub, replace(review, state="DISMISSED"), who, "dismissed")


def _check(hub: Hub, pull: Pull, who: Who, event: str, body: str) -> None:
    if event not in STATES:
        invalid("PullRequestReview", "event", "invalid")
    own = shapes.issue_of(hub, pull).user == who.login
    if own and event == "APPROVE":
        unprocessable("Review Can not approve your own pull request")
    if own and event == "REQUEST_CHANGES":
        unprocessable("Review Can not request changes on your own pull request")
    if event != "APPROVE" and not body.strip():
        unprocessable("Review body can't be blank")


def unprocessable(problem: str) -> NoReturn:
    """422 in the words that GitHub has for reviews."""
    raise Refusal(422, "Unprocessable Entity", errors=[problem])


def _mine(review: Review, pull: Pull, who: Who) -> bool:
    return (review.repository, review.number, review.user) == (pull.repository, pull.number, who.login)


def _kept(hub: Hub, review: Review, who: Who, action: str, **fields: Any) -> Review:
    hub.world.reviews[review.id] = review
    if not action:
        return review
    repository = hub.world.repositories[review.repository.lower()]
    pull = pulls.find(hub, repository, review.number)
    pulls.store(hub, replace(pull, requested_reviewers=_waiting(pull, review)))
    shown = shapes.review(hub, review)
    # Webhooks spell the state in lower case and always have a time (octokit's schemas); the API does not.
    told = {
        **fields,
        "review": {**shown, "state": review.state.lower(), "body": review.body or None},
        "pull_request": shapes.pull(hub, pull),
    }
    announce(hub, repository, "pull_request_review", action, who, told)
    return review


def _waiting(pull: Pull, review: Review) -> tuple[str, ...]:
    """Who is still asked for a review."""
    return tuple(each for each in pull.requested_reviewers if each != review.user)
