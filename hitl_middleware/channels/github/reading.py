"""What people wrote on an issue or a pull request, read from GitHub: frozen records, and the calls that bring them.

What a webhook says is only a hint that there is something to read; what is acted on is read here.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from hitl_middleware.channels.github.client import GitHubClients
from hitl_middleware.channels.github.failures import UNUSABLE
from hitl_middleware.channels.github.rest import ask, pages
from hitl_middleware.channels.github.words import Address
from hitl_middleware.errors import DeliveryFailed

if TYPE_CHECKING:
    from github.Requester import Requester

PAGE: Final = 100
"""Comments a page: the most that GitHub gives."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Author:
    """Who wrote something. ``login``: ``""`` for a deleted account. ``app``: the slug of the GitHub App through which it was written."""

    login: str
    person: bool
    """GitHub's ``type`` is "User": no bot, no organization, no placeholder of an import."""
    app: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Comment:
    """A comment on an issue or a pull request. ``repository``: as it is called now. Times are aware UTC, whole seconds."""

    id: int
    repository: str
    number: int
    author: Author
    body: str
    created_at: dt.datetime
    updated_at: dt.datetime
    url: str

    @property
    def edited(self) -> bool:
        """It no longer says, or never said, what ``body`` is: GitHub does not tell by whom or how often."""
        return self.updated_at != self.created_at


@dataclass(frozen=True, slots=True, kw_only=True)
class Comments:
    """Comments in their order (``id``). ``etag``: what to give next time; ``None``: that answer could not be a condition.

    ``repository``: what the place is called now; ``None`` where there is no comment to tell it.
    """

    items: tuple[Comment, ...]
    etag: str | None
    repository: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """A submitted review of a pull request. ``state``: "APPROVED", "CHANGES_REQUESTED", "COMMENTED", "DISMISSED".

    ``commit_id``: the head of the pull request when it was submitted. GitHub gives no time of a later edit of its body.
    """

    id: int
    author: Author
    body: str
    state: str
    commit_id: str | None
    submitted_at: dt.datetime
    url: str


class GitHubReader:
    """Reads conversations. Everything raises ``DeliveryFailed`` where GitHub cannot be asked or does not show what it is asked for."""

    def __init__(self, clients: GitHubClients) -> None:
        self._clients = clients
        self._called: dict[
            str, str
        ] = {}  # repositories that were renamed: what they are called now, by the name in lower case

    async def comments_since(
        self, address: Address, since: dt.datetime, etag: str | None = None
    ) -> Comments | None:
        """All comments made or edited at ``since`` or later; ``None``: nothing has changed since the answer that gave ``etag``.

        ``etag`` belongs to one address and one ``since``. An unchanged answer does not count against GitHub's primary rate limit.
        """
        old = address.repository.lower()
        here = Address(self._called.get(old, address.repository), address.number)
        try:
            found = await self._clients.call(here.repository, lambda asked: _since(asked, here, since, etag))
        except DeliveryFailed:
            self._called.pop(old, None)
            raise
        if (
            found is not None
            and found.repository is not None
            and found.repository.lower() != here.repository.lower()
        ):
            # GitHub asks to use the new address from then on. PyGithub follows without the query: all comments came, and without an etag.
            self._called[old] = found.repository
            return replace(found, etag=None)
        return found

    async def name_of(self, repository: str) -> str:
        """The name that a repository has now, whatever it was called before."""

        def read(requester: Requester) -> str:
            name = ask(requester, "GET", f"/repos/{repository}").record.get("full_name")
            if not isinstance(name, str):
                raise DeliveryFailed(UNUSABLE)
            return name

        return await self._clients.call(repository, read)

    async def comment(self, address: Address, comment_id: int) -> Comment | None:
        """One comment as it is now; ``None``: it is not there any more, or not on this issue."""

        def read(requester: Requester) -> Comment | None:
            url = f"/repos/{address.repository}/issues/comments/{comment_id}"
            found = _there(requester, url)
            comment = None if found is None else _comment(found)
            return comment if comment is not None and comment.number == address.number else None

        return await self._clients.call(address.repository, read)

    async def reviews(self, address: Address) -> tuple[Review, ...]:
        """All submitted reviews of a pull request, oldest first."""

        def read(requester: Requester) -> tuple[Review, ...]:
            url = f"/repos/{address.repository}/pulls/{address.number}/reviews"
            first = ask(requester, "GET", url, parameters={"per_page": PAGE})
            found = map(_review, pages(requester, first))
            return tuple(review for review in found if review is not None)

        return await self._clients.call(address.repository, read)

    async def review(self, address: Address, review_id: int) -> Review | None:
        """One review as it is now; ``None``: it is not there (any more), or not submitted."""

        def read(requester: Requester) -> Review | None:
            found = _there(
                requester, f"/repos/{address.repository}/pulls/{address.number}/reviews/{review_id}"
            )
            return None if found is None else _review(found)

        return await self._clients.call(address.repository, read)


def _since(requester: Requester, address: Address, since: dt.datetime, etag: str | None) -> Comments | None:
    url = f"/repos/{address.repository}/issues/{address.number}/comments"
    stamp = since.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    condition = {"If-None-Match": etag} if etag is not None else {}
    first = ask(requester, "GET", url, parameters={"since": stamp, "per_page": PAGE}, headers=condition)
    if first.status == 304:
        return None
    # Comments are listed by their creation: a new one may stand on another page, and leave the first one and its etag as they are.
    whole = first.next is None and len(first.items) < PAGE
    items = [_comment(each) for each in pages(requester, first)]
    # For a repository that was renamed PyGithub follows GitHub's 301 without the query: then all comments come.
    newer = (comment for comment in items if comment.updated_at >= since.replace(microsecond=0))
    return Comments(
        items=tuple(sorted(newer, key=lambda comment: comment.id)),
        etag=first.headers.get("etag") if whole else None,
        repository=items[0].repository if items else None,
    )


def _there(requester: Requester, url: str) -> dict[str, Any] | None:
    try:
        return ask(requester, "GET", url).record
    except Exception as error:
        if getattr(error, "status", None) in {404, 410}:
            return None
        raise


def _comment(told: Any) -> Comment:
    try:
        return Comment(
            id=int(told["id"]),
            repository="/".join(str(told["issue_url"]).split("/")[-4:-2]),
            number=int(str(told["issue_url"]).rpartition("/")[2]),
            author=_author(told),
            body=told["body"] or "",
            created_at=dt.datetime.fromisoformat(told["created_at"]),
            updated_at=dt.datetime.fromisoformat(told["updated_at"]),
            url=str(told.get("html_url") or ""),
        )
    except (KeyError, TypeError, ValueError):
        raise DeliveryFailed(UNUSABLE) from None


def _review(told: Any) -> Review | None:
    """``None`` for one that its author has not submitted yet; only they see it."""
    try:
        if told["state"] == "PENDING":
            return None
        return Review(
            id=int(told["id"]),
            author=_author(told),
            body=told["body"] or "",
            state=str(told["state"]),
            commit_id=told.get("commit_id"),
            submitted_at=dt.datetime.fromisoformat(told["submitted_at"]),
            url=str(told.get("html_url") or ""),
        )
    except (KeyError, TypeError, ValueError):
        raise DeliveryFailed(UNUSABLE) from None


def _author(told: Mapping[str, Any]) -> Author:
    user, app = told.get("user") or {}, told.get("performed_via_github_app") or {}
    return Author(login=user.get("login") or "", person=user.get("type") == "User", app=app.get("slug"))
