"""``ReviewChannel`` for GitHub: one comment per card on the issue of the run, edited in place; one-off comments and reactions.

A card's ref is ``acme/shop:4711``, the repository and the comment's id. Each comment begins with a hidden mark that names its card or
notice; after a lost reply it is looked for instead of posting again – among what we wrote ourselves: a mark can be copied by anybody.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import structlog

from hitl_middleware.channels.github import late, render, words
from hitl_middleware.channels.github.client import GitHubClients
from hitl_middleware.channels.github.failures import GONE, UNUSABLE
from hitl_middleware.channels.github.reading import Author, GitHubReader
from hitl_middleware.channels.github.rest import ask
from hitl_middleware.channels.github.settings import GitHubSettings
from hitl_middleware.channels.github.words import Address, CommentRef
from hitl_middleware.errors import DeliveryFailed
from hitl_middleware.failpoints import failpoint
from hitl_middleware.records import Card, CardView, Notice, NoticeDraft, Occasion, ReviewRequest, Target

if TYPE_CHECKING:
    from github.Requester import Requester

log = structlog.get_logger("hitl.github")

GITHUB_SECONDS: Final = 60
"""How far GitHub's clock and ours may be apart when we look for a comment."""

REACTIONS: Final = frozenset({"+1", "-1", "laugh", "confused", "heart", "hooray", "rocket", "eyes"})
"""What GitHub takes (docs.github.com, "Create reaction for an issue comment")."""


class GitHubChannel:
    """Comments on the issues of runs that have one. The client is made on first use; nothing is opened before."""

    name = "github"

    def __init__(self, settings: GitHubSettings, clients: GitHubClients | None = None) -> None:
        self.settings = settings
        self.clients = clients or GitHubClients(settings)
        self.reader = GitHubReader(self.clients)

    def targets(self, request: ReviewRequest) -> Sequence[Target]:
        """The issue that the request's labels name; nowhere, if they name none.

        What became of an unknown act is asked on the card of the act itself, so an ``outcome`` gets none of its own.
        """
        address = Address.of(request.labels) if request.kind != "outcome" else None
        return () if address is None else (Target(channel=self.name, address=str(address)),)

    def approvers(self, labels: Mapping[str, str]) -> Sequence[str]:
        """Those of ``[github]``, for runs that belong to an issue."""
        return () if Address.of(labels) is None else self.settings.approvers

    def notices(self, request: ReviewRequest, card: Card, occasion: Occasion) -> Sequence[NoticeDraft]:
        """One comment: the card changes, and nobody is told of a changed comment."""
        text = render.confirmation(request) if occasion.kind == "decided" else late.comment(request, occasion)
        return (NoticeDraft(key=occasion.kind, address=card.target.address, body={"comment": text}),)

    async def post(self, view: CardView) -> str:
        """Comment on the issue."""
        address, body = _address(view.card.target.address), render.content(view).text
        failpoint("post.before")
        made = await self._post(address, body)
        failpoint("post.after")
        return str(CommentRef(address.repository, made))

    async def update(self, view: CardView, ref: str) -> None:
        """Edit the comment. One that somebody deleted stays deleted: the failure is permanent."""
        comment, body = _ref(ref), render.content(view).text
        address = Address(comment.repository, _address(view.card.target.address).number)
        failpoint("update.before")
        await self._touch(address, "PATCH", comment.comment, "", {"body": body})
        failpoint("update.after")

    async def find(self, view: CardView) -> Sequence[str]:
        """The comments that carry this card's id, if we wrote any on the issue since the card was made."""
        address = _address(view.card.target.address)
        found = await self._find(address, view.card.created_at, words.card_in, view.card.id)
        return [str(CommentRef(address.repository, each)) for each in found]

    async def remove(self, ref: str) -> None:
        """Delete a comment of ours."""
        comment = _ref(ref)

        def remove(requester: Requester) -> None:
            try:
                ask(requester, "DELETE", f"/repos/{comment.repository}/issues/comments/{comment.comment}")
            except Exception as error:
                if getattr(error, "status", None) != 404:  # gone already
                    raise

        await self.clients.call(comment.repository, remove)

    async def notify(self, notice: Notice) -> None:
        """Deliver a one-off: ``{"comment": markdown}``, on the issue, or ``{"reaction": "eyes", "to": comment id}``.

        A comment is looked for before a second attempt. The same reaction twice is one: GitHub answers with the first. In a locked
        conversation nobody may react (docs.github.com, "Locking conversations"): there it is left out, for no later attempt mends that.
        """
        address, body = _address(notice.address), notice.body
        comment, reaction, to = body.get("comment"), body.get("reaction"), str(body.get("to", ""))
        if isinstance(comment, str):
            if notice.attempts > 1 and await self._find(
                address, notice.created_at, words.notice_in, notice.id
            ):
                return
            await self._post(address, f"{words.notice_marker(notice.id)}\n{comment}")
        elif reaction in REACTIONS and to.isdecimal():
            await self._touch(address, "POST", int(to), "/reactions", {"content": reaction})
        else:
            reason = "the stored notice names no comment and no reaction"
            raise DeliveryFailed(reason, permanent=True)

    async def close(self) -> None:
        """Close connections."""
        await self.clients.close()

    async def _post(self, address: Address, body: str) -> int:
        def post(requester: Requester) -> int:
            url = f"/repos/{address.repository}/issues/{address.number}/comments"
            try:
                told = ask(requester, "POST", url, body={"body": body}).record
            except Exception as error:
                if getattr(error, "status", None) == 404:
                    _issue(requester, address)  # says what became of it, if that is known
                raise
            self.clients.learn((told.get("user") or {}).get("login"))
            return _id(told)

        return await self.clients.call(address.repository, post)

    async def _touch(
        self, address: Address, verb: str, comment: int, what: str, body: dict[str, str]
    ) -> None:
        """Change a comment, or what hangs on it (``what``)."""

        def touch(requester: Requester) -> None:
            url = f"/repos/{address.repository}/issues/comments/{comment}{what}"
            try:
                _id(ask(requester, verb, url, body=body).record)
            except Exception as error:
                # GitHub answers 404 for what is gone and for what we may not see. The latter is mended by a person.
                status = getattr(error, "status", None)
                limited = self.clients.failure(error).retry_after is not None
                issue = _issue(requester, address) if status in {403, 404} and not limited else None
                if status == 404 and issue is not None:
                    reason = "the comment was deleted on GitHub"
                    raise DeliveryFailed(reason, permanent=True) from None
                if what and status == 403 and issue is not None and issue.get("locked") is True:
                    log.info("github.no_reaction", why="the conversation is locked", address=str(address))
                    return
                raise

        await self.clients.call(address.repository, touch)

    async def _find(
        self, address: Address, made_at: dt.datetime, mark: Callable[[str], str | None], our_id: str
    ) -> Sequence[int]:
        """The ids of comments, oldest first."""
        me = await self.clients.login()
        since = made_at - dt.timedelta(seconds=GITHUB_SECONDS)
        told = await self.reader.comments_since(address, since)
        ours = (each for each in (told.items if told else ()) if _is_by(each.author, me))
        return sorted(each.id for each in ours if mark(each.body) == our_id)


def _is_by(author: Author, me: str) -> bool:
    return author.login.lower() == me.lower() if me else author.login != "" and not author.person


def _issue(requester: Requester, address: Address) -> dict[str, Any] | None:
    """The issue, if GitHub shows it. Raises ``DeliveryFailed`` for one that was deleted, or that is in another repository now.

    The old number of a transferred issue leads to the new place ("Get an issue": docs.github.com); what lies below it does not.
    """
    try:
        told = ask(requester, "GET", f"/repos/{address.repository}/issues/{address.number}").record
    except Exception as error:  # noqa: BLE001 – whatever else it is: not known to be there
        if getattr(error, "status", None) == GONE:
            reason = "the issue was deleted on GitHub"
            raise DeliveryFailed(reason, permanent=True) from None
        return None
    if told.get("number") != address.number:
        reason = "the issue was transferred to another repository on GitHub"
        raise DeliveryFailed(reason, permanent=True)
    return told


def _id(told: Mapping[str, Any]) -> int:
    """An answer without an id is none of GitHub's: a proxy's, perhaps."""
    found = told.get("id")
    if not isinstance(found, int):
        raise DeliveryFailed(UNUSABLE, unheard=True)
    return found


def _address(text: str) -> Address:
    try:
        return Address.parse(text)
    except ValueError as error:
        raise DeliveryFailed(str(error), permanent=True) from None


def _ref(text: str) -> CommentRef:
    try:
        return CommentRef.parse(text)
    except ValueError as error:
        raise DeliveryFailed(str(error), permanent=True) from None
