"""The pages of ``/preview/github``: a ``FakeGitHub``'s repository as one of its people has it before them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final

from markupsafe import Markup

from hitl_middleware.testing.fake_github import (
    Account,
    CannotHappen,
    Comment,
    FakeGitHub,
    Issue,
    Pull,
    Reply,
    Review,
)
from hitl_server.preview.drawing import drawn_page
from hitl_server.preview.markdown import comment as written
from hitl_server.problems import Problem

ON_THE_WIRE: Final = 4
"""How many of somebody's last deliveries the page tells of."""

LOOKED_AT: Final = 50
"""Among how many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GitHubSeen:
    """A repository to look at. ``people``: a word on each of those one can be, by login, the first of whom one is at first."""

    fake: FakeGitHub
    repository: str
    people: Mapping[str, str] = field(default_factory=dict)

    def accounts(self) -> dict[str, Account]:
        """Those one can be, whoever is named first. Raises ``Problem`` 404 where nobody is."""
        there = {each.login: each for each in self.fake.accounts if each.type == "User"}
        there.pop(self.fake.bot_login, None)
        if not there:
            raise Problem(404, "Nobody is on this GitHub yet.")
        return {login: there[login] for login in self.people if login in there} | there

    def account(self, login: str) -> Account:
        """One of them. Raises ``Problem`` 404."""
        found = self.accounts().get(login)
        if found is None:
            raise Problem(404, "There is no such person on this GitHub.")
        return found

    def issues(self) -> list[Issue]:
        """Issues and pull requests, the newest first."""
        mine = [each for each in self.fake.issues if each.repository.lower() == self.repository.lower()]
        return sorted(mine, key=lambda issue: -issue.number)

    def issue(self, number: int) -> Issue:
        """One of them. Raises ``Problem`` 404."""
        try:
            return self.fake.issue(self.repository, number)
        except CannotHappen:
            raise Problem(404, f"There is no issue {number} in {self.repository}.") from None


@dataclass(frozen=True, slots=True)
class Entry:
    """Something on the page of an issue: its text, a comment, a review."""

    key: str
    user: str
    at: float | None
    html: Markup
    edited: bool = False
    verb: str = "commented"
    reactions: Sequence[tuple[str, int]] = ()


def list_page(seen: GitHubSeen, login: str, *, csrf: str) -> str:
    """All issues. Raises ``Problem`` 404 for a person who is not there."""
    facts = {"base": f"/preview/github/{login}", "number": None, "issues": seen.issues()}
    return drawn_page("github_list.html", {**_frame(seen, login, csrf), **facts})


def issue_page(
    seen: GitHubSeen, login: str, number: int, *, csrf: str, note: str = "", typed: str = ""
) -> str:
    """An issue. ``note``: what GitHub would not let them do; ``typed``: what they had written then.

    Raises ``Problem`` 404 for a person or an issue that is not there.
    """
    fake, issue = seen.fake, seen.issue(number)
    facts = {
        "base": f"/preview/github/{login}/{number}",
        "number": number,
        "issue": issue,
        "pull": fake.pull(seen.repository, number) if issue.pull else None,
        "pulls": _pulls_of(seen, issue),
        "entries": _entries(seen, login, issue),
        "wire": _wire(fake, login),
        "note": note,
        "typed": typed,
    }
    return drawn_page("github.html", {**_frame(seen, login, csrf), **facts})


def _frame(seen: GitHubSeen, login: str, csrf: str) -> dict[str, Any]:
    people = seen.accounts()
    return {
        "csrf": csrf,
        "me": seen.account(login),
        "people": [*people.values()],
        "roles": {each: seen.fake.role(seen.repository, each) for each in people},
        "notes": seen.people,
        "repository": seen.repository,
        "bot": seen.fake.bot_login,
    }


def _entries(seen: GitHubSeen, login: str, issue: Issue) -> list[Entry]:
    """The text, and what was written below it, in the order in which it came."""
    numbers = {each.number for each in seen.issues()}

    def page(number: int) -> str | None:
        return f"/preview/github/{login}/{number}" if number in numbers else None

    def of(comment: Comment) -> Entry:
        return Entry(
            key=f"comment-{comment.id}",
            user=comment.user,
            at=comment.created_at,
            html=written(comment.body, page),
            edited=bool(comment.versions),
            reactions=_counted(seen.fake.reactions(comment)),
        )

    def verdict(review: Review) -> Entry:
        said = {"APPROVED": "approved these changes", "CHANGES_REQUESTED": "requested changes"}
        verb = f"{said.get(review.state, 'reviewed')} at {review.commit_id[:7]}"
        return Entry(
            f"review-{review.id}", review.user, review.submitted_at, written(review.body, page), verb=verb
        )

    found = [of(each) for each in seen.fake.comments(seen.repository, issue.number)]
    if issue.pull:
        found += [verdict(each) for each in seen.fake.reviews(seen.repository, issue.number)]
    first = Entry(
        "text",
        issue.user,
        issue.created_at,
        written(issue.body or "*No description provided.*", page),
        verb="opened this",
    )
    return [first, *sorted(found, key=lambda entry: (entry.at or 0, entry.key))]


def _counted(reactions: Sequence[tuple[str, str]]) -> list[tuple[str, int]]:
    names = dict.fromkeys(content for _, content in reactions)
    return [(name, sum(content == name for _, content in reactions)) for name in names]


def _pulls_of(seen: GitHubSeen, issue: Issue) -> list[tuple[Issue, Pull]]:
    """The pull requests that name an issue."""
    if issue.pull:
        return []
    fake = seen.fake
    return [
        (each, fake.pull(seen.repository, each.number))
        for each in seen.issues()
        if each.pull and ("", issue.number) in fake.seen(each).references
    ]


def _wire(fake: FakeGitHub, login: str) -> list[Reply]:
    """The last deliveries about what somebody did with their answers, the newest first."""
    late = reversed(fake.replies[-LOOKED_AT:])
    mine = (each for each in late if each.delivery.payload.get("sender", {}).get("login") == login)
    return [*islice(mine, ON_THE_WIRE)]
