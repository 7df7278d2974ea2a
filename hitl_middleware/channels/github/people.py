"""Roles, teams and assignees of GitHub as approvers, asked from the API when somebody answers.

Never ``author_association`` of a webhook or a comment: it says how somebody came to a repository, not what they may do there now.
Asked before an answer is judged and never inside the transaction that judges it, so a slow GitHub delays one person and blocks nobody.
What it said holds for a minute. Where GitHub does not say, the answer is no.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import structlog

from hitl_middleware.channels.github import words
from hitl_middleware.channels.github.client import GitHubClients
from hitl_middleware.channels.github.rest import ask
from hitl_middleware.errors import DeliveryFailed
from hitl_middleware.ports import Clock, Person

if TYPE_CHECKING:
    from github.Requester import Requester

log = structlog.get_logger("hitl.github")

FRESH_SECONDS: Final = 60.0
"""Who loses a role or leaves a team may decide for no longer than that."""

PATIENCE_SECONDS: Final = 2.0
"""Somebody may answer on Slack and have their right from GitHub, and Slack waits three seconds for the answer to a click."""

MOST_KNOWN: Final = 10_000
"""Answers kept."""


class GitHubGroups:
    """``people.GroupSource``: what a person is on GitHub, as far as an approver names it. Lives on one event loop.

    ``clock`` says how old an answer is; ``patience``: seconds, for all that is asked about one person at a time.
    """

    def __init__(self, clients: GitHubClients, clock: Clock, *, patience: float = PATIENCE_SECONDS) -> None:
        self._clients = clients
        self._clock = clock
        self._patience = patience
        self._known: dict[Question, tuple[frozenset[str], float]] = {}

    def spelling(self, identity: str) -> str:
        """GitHub's names in lower case: it does not tell ``Ann`` from ``ann``."""
        return identity.lower() if _is_github(identity) else identity

    async def groups(
        self, person: Person, among: frozenset[str], labels: Mapping[str, str]
    ) -> frozenset[str]:
        """The roles, teams and assigneeships ``among`` the approvers that any of the person's GitHub accounts has.

        Roles and assignees are those of the repository and issue that ``labels`` name. Raises nothing.
        """
        questions = set(_questions(person, among, labels))
        if not questions:
            return frozenset()
        asking = {asyncio.ensure_future(self._answer(question)) for question in questions}
        done, late = await asyncio.wait(asking, timeout=self._patience)
        if late:
            log.warning("github.groups_not_known", why=f"no answer within {self._patience:g} s")
        for each in late:
            each.cancel()
        held = frozenset[str]().union(*(each.result() for each in done))
        return frozenset(name for name in among if name.lower() in held)

    def places(self, among: frozenset[str], labels: Mapping[str, str]) -> frozenset[str]:
        """The repository for its roles, the issue for its assignees; a team is the same everywhere."""
        repository, address = _place(labels)
        found = set()
        if any(words.role_of(name) is not None for name in among):
            found.add(repository)
        if any(map(words.is_assignee, among)):
            found.add(f"{repository}#{address.number if address else ''}")
        return frozenset(words.PREFIX + each for each in found)

    async def close(self) -> None:
        """Close connections."""
        await self._clients.close()

    async def _answer(self, question: Question) -> frozenset[str]:
        """The names, in lower case, that GitHub gives for this question; from memory as long as they are fresh."""
        known, until = self._known.get(question, (frozenset[str](), float("-inf")))
        if self._clock.monotonic() < until:
            return known
        asked_at = self._clock.monotonic()
        try:
            told = await self._clients.call(question.place, question.ask)
        except DeliveryFailed as error:
            log.warning("github.groups_not_known", why=error.facts["reason"], place=question.place)
            return frozenset()
        self._forget_old()
        self._known[question] = (told, asked_at + FRESH_SECONDS)
        return told

    def _forget_old(self) -> None:
        if len(self._known) >= MOST_KNOWN:
            now = self._clock.monotonic()
            self._known = {question: told for question, told in self._known.items() if told[1] > now}
        if len(self._known) >= MOST_KNOWN:
            self._known.clear()


@dataclass(frozen=True, slots=True)
class RoleOf:
    """What somebody may do on a repository."""

    place: str
    login: str

    def ask(self, requester: Requester) -> frozenset[str]:
        """``github:role:…`` for the role and all below it."""
        url = f"/repos/{self.place}/collaborators/{quote(self.login)}/permission"
        told = _told(requester, url)
        if str((told.get("user") or {}).get("login")).lower() != self.login:
            return frozenset()
        # A custom role has a name of its own; ``permission`` then says which of the old ones it is worth ("none" is none of them).
        rank = _rank(told.get("role_name")) or _rank(told.get("permission"))
        return frozenset(f"{words.ROLE_PREFIX}{role}" for role in words.ROLES[:rank])


@dataclass(frozen=True, slots=True)
class MemberOf:
    """Whether somebody is in a team of the organization ``place``, or in a team below it."""

    place: str
    slug: str
    login: str

    def ask(self, requester: Requester) -> frozenset[str]:
        """The team's name, if the membership is active; an invitation that waits to be accepted is none."""
        url = f"/orgs/{quote(self.place)}/teams/{quote(self.slug)}/memberships/{quote(self.login)}"
        active = _told(requester, url).get("state") == "active"
        return frozenset({f"{words.PREFIX}{self.place}/{self.slug}"} if active else ())


@dataclass(frozen=True, slots=True)
class AssigneeOf:
    """Whether an issue is assigned to somebody."""

    place: str
    number: int
    login: str

    def ask(self, requester: Requester) -> frozenset[str]:
        """``github:role:assignee``, if it is."""
        told = _told(requester, f"/repos/{self.place}/issues/{self.number}")
        assignees = {str(each.get("login")).lower() for each in told.get("assignees") or ()}
        return frozenset({words.ASSIGNEE} if self.login in assignees else ())


Question = RoleOf | MemberOf | AssigneeOf


def _questions(person: Person, among: frozenset[str], labels: Mapping[str, str]) -> Iterator[Question]:
    """What has to be known; only what some approver's name is about."""
    logins = {login.lower() for login in map(words.login_of, person.identities | {person.identity}) if login}
    repository, address = _place(labels)
    for login in logins:
        for name in among:
            if (team := words.team_of(name)) is not None:
                yield MemberOf(team.organization.lower(), team.slug.lower(), login)
            elif words.role_of(name) is not None and words.is_repository(repository):
                yield RoleOf(repository, login)
            elif words.is_assignee(name) and address is not None:
                yield AssigneeOf(repository, address.number, login)


def _place(labels: Mapping[str, str]) -> tuple[str, words.Address | None]:
    return labels.get(words.REPOSITORY, "").lower(), words.Address.of(labels)


def _told(requester: Requester, url: str) -> dict[str, Any]:
    """What GitHub says; nothing where there is no such person, membership, or issue."""
    try:
        return ask(requester, "GET", url).record
    except Exception as error:
        if getattr(error, "status", None) in {404, 410}:
            return {}
        raise


def _rank(role: object) -> int:
    """From 1 for "read"; 0: none of GitHub's own."""
    return words.ROLES.index(role) + 1 if role in words.ROLES else 0


def _is_github(identity: str) -> bool:
    return identity[: len(words.PREFIX)].lower() == words.PREFIX
