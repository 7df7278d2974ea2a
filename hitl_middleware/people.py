"""Who somebody is, across channels. Here from ``[people]``, ``[groups]`` and ``operators`` of ``hitl.toml``."""

from __future__ import annotations

import asyncio
import getpass
import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Protocol

from hitl_middleware.errors import ConfigurationError
from hitl_middleware.ports import Person
from hitl_middleware.records import ReviewRequest

LOCAL = "local:"
"""Identities of whoever sits at the machine: terminal, demo, notebook. They can read the database, so they are operators."""


class GroupSource(Protocol):
    """A channel that knows groups of its own: user groups, teams, roles. It may ask, and says no where it is not told."""

    def spelling(self, identity: str) -> str:
        """The one spelling of an identity of this channel (a service may not tell ``Ann`` from ``ann``); others' as they are. Pure."""

    async def groups(
        self, person: Person, among: frozenset[str], labels: Mapping[str, str]
    ) -> frozenset[str]:
        """Those ``among`` the approvers' names in which the person is; ``labels`` of the request say where."""

    def places(self, among: frozenset[str], labels: Mapping[str, str]) -> frozenset[str]:
        """Where these names mean what they mean, for a request with these labels; nowhere in particular: empty. Pure.

        ``groups`` answers alike for requests of the same places.
        """


class ListedPeople:
    """A directory from a configuration file.

    ``people``: name → identities of one person (``{"ann": ["slack:U024BE7LH", "github:ann"]}``); ``groups``: name → identities or names.
    ``sources`` know the groups that are not in the file. Raises ``ConfigurationError`` for an identity that two people claim.
    """

    def __init__(
        self,
        people: Mapping[str, Sequence[str]] | None = None,
        groups: Mapping[str, Sequence[str]] | None = None,
        operators: Sequence[str] = (),
        sources: Sequence[GroupSource] = (),
    ) -> None:
        self._sources = tuple(sources)
        self._people = {
            name: frozenset(map(self.spelling, identities)) for name, identities in (people or {}).items()
        }
        self._owner: dict[str, str] = {}
        for name, identities in self._people.items():
            for identity in identities:
                if (other := self._owner.setdefault(identity, name)) != name:
                    msg = f"[people] {identity} belongs to {other} and to {name}; it would count for both. Name it once"
                    raise ConfigurationError(msg)
        self._groups = {name: frozenset(members) for name, members in (groups or {}).items()}
        self._operators = frozenset(map(self.spelling, operators))

    def spelling(self, identity: str) -> str:
        """The one spelling of an identity, as the channel has it whose it is."""
        for source in self._sources:
            identity = source.spelling(identity)
        return identity

    async def person(self, identity: str, *, name: str | None = None) -> Person:
        """The one person behind an identity; somebody nobody listed is just that identity."""
        identity = self.spelling(identity)
        listed = self._owner.get(identity)
        identities = self._people[listed] if listed else frozenset({identity})
        everything = identities | ({listed} if listed else frozenset())
        return Person(
            identity=identity,
            name=name or listed,
            identities=identities,
            operator=identity.startswith(LOCAL) or bool(everything & self._operators),
        )

    async def groups(self, person: Person, request: ReviewRequest) -> frozenset[str]:
        """What the sources say of the plan's approvers, and of those whom the file's groups stand for."""
        among = self._among(frozenset(request.plan.approvers or ()))
        # At once, not one after the other: whoever answers waits for all of them.
        asked = (source.groups(person, among, request.labels) for source in self._sources)
        return frozenset().union(*await asyncio.gather(*asked))

    def audience(self, approvers: Sequence[str] | None, labels: Mapping[str, str]) -> str:
        """See ``Directory.audience``: a hash over the names and the places that the sources give for them."""
        named = frozenset(approvers or ())
        among = self._among(named)
        places = frozenset[str]().union(*(source.places(among, labels) for source in self._sources))
        told = json.dumps([sorted(named), sorted(places)])
        return hashlib.sha256(told.encode()).hexdigest()[:32]

    async def members(self, group: str) -> frozenset[str]:
        """Identities in ``group:name``."""
        return self.listed(group)

    async def close(self) -> None:
        """Close what the sources have open."""
        for source in self._sources:
            if (close := getattr(source, "close", None)) is not None:
                await close()

    def _among(self, approvers: frozenset[str]) -> frozenset[str]:
        """The approvers, and those whom the file's groups among them stand for."""
        return approvers.union(*(self.listed(each) for each in approvers if each.startswith("group:")))

    def listed(self, group: str) -> frozenset[str]:
        """The same, without waiting: what the file says."""
        found: set[str] = set()
        for member in self._groups.get(group.removeprefix("group:"), frozenset()):
            found |= self._people.get(member, frozenset({self.spelling(member)}))
        return frozenset(found)


def login() -> str:
    """The name of whoever is logged in on this machine."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # no such user in a container
        return "unknown"


def local_identity() -> str:
    """Whoever sits here."""
    return f"{LOCAL}{login()}"
