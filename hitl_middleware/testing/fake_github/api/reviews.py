"""Reviews of pull requests."""

from __future__ import annotations

from typing import Any, Final

from hitl_middleware.testing.fake_github import reviews as deeds
from hitl_middleware.testing.fake_github.api.pulls import PULL, READ, WRITE, found
from hitl_middleware.testing.fake_github.records import Pull, Review
from hitl_middleware.testing.fake_github.refusals import Refusal, not_found
from hitl_middleware.testing.fake_github.rest import Answer, Asking, route
from hitl_middleware.testing.fake_github.shapes import pulls as shapes

_ONE: Final = f"{PULL}/reviews/{{review}}"


def _of(asking: Asking) -> tuple[Pull, Review]:
    """The review in the path; a pending one only its author sees."""
    _, pull = found(asking)
    review = asking.hub.world.reviews.get(asking.number("review"))
    if review is None or (review.repository, review.number) != (pull.repository, pull.number):
        not_found()
    if review.state == "PENDING" and (asking.token is None or review.user != asking.token.login):
        not_found()
    return pull, review


@route("GET", f"{PULL}/reviews", needs=READ)
def list_reviews(asking: Asking) -> Answer:
    """All reviews in the order in which they were made."""
    _, pull = found(asking)
    asker = asking.token.login if asking.token else ""
    here = [
        each
        for each in asking.hub.world.reviews.values()
        if (each.repository, each.number) == (pull.repository, pull.number)
        and (each.state != "PENDING" or each.user == asker)
    ]
    return asking.page(here, lambda each: shapes.review(asking.hub, each))


@route("POST", f"{PULL}/reviews", needs=WRITE)
def create_review(asking: Asking) -> Any:
    """A review, submitted at once with an `event`."""
    _, pull = found(asking)
    given = asking.read(commit_id="string", body="string?", event="string", comments="array")
    review = deeds.written(
        asking.hub,
        pull,
        asking.who,
        given.get("event") or None,
        given.get("body") or "",
        given.get("commit_id"),
    )
    return shapes.review(asking.hub, review)


@route("GET", _ONE, needs=READ)
def get_review(asking: Asking) -> Any:
    """One review."""
    return shapes.review(asking.hub, _of(asking)[1])


@route("PUT", _ONE, needs=WRITE)
def edit_review(asking: Asking) -> Any:
    """Another text for one's own."""
    _, review = _of(asking)
    if review.user != asking.who.login:
        raise Refusal(403, "Must be the author of the review.")
    body = asking.read(["body"], body="string")["body"]
    return shapes.review(asking.hub, deeds.edited(asking.hub, review, asking.who, body))


@route("DELETE", _ONE, needs=WRITE)
def delete_review(asking: Asking) -> Any:
    """Throw a pending one away."""
    _, review = _of(asking)
    if review.state != "PENDING":
        deeds.unprocessable("Can not delete a non-pending pull request review")
    del asking.hub.world.reviews[review.id]
    return shapes.review(asking.hub, review)


@route("POST", f"{_ONE}/events", needs=WRITE)
def submit_review(asking: Asking) -> Any:
    """Submit a pending one."""
    pull, review = _of(asking)
    given = asking.read(["event"], event="string", body="string?")
    done = deeds.submitted(asking.hub, pull, review, asking.who, given["event"], given.get("body"))
    return shapes.review(asking.hub, done)


@route("PUT", f"{_ONE}/dismissals", needs=WRITE, role="write")
def dismiss_review(asking: Asking) -> Any:
    """Let it count no more."""
    _, review = _of(asking)
    asking.read(["message"], message="string", event="string")
    return shapes.review(asking.hub, deeds.dismissed(asking.hub, review, asking.who))
