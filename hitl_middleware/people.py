"""Who somebody is, across channels. Here from ``[people]``, ``[groups]`` and ``operators`` of ``hitl.toml``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hitl_middleware.ports import Person

LOCAL = "local:"
"""Identities of whoever sits at the machine: terminal, demo, notebook. They can read the database, so they are operators."""


class ListedPeople:
    """A directory from a configuration file.

    ``people``: name → identities of one person (``{"ann": ["slack:U024BE7LH", "github:ann"]}``); ``groups``: name → identities or names.
    """

    def __init__(
        self,
        people: Mapping[str, Sequence[str]] | None = None,
        groups: Mapping[str, Sequence[str]] | None = None,
        operators: Sequence[str] = (),
    ) -> None:
        self._people = {name: frozenset(identities) for name, identities in (people or {}).items()}
        self._owner = {identity: name for name, identities in self._people.items() for identity in identities}
        self._groups = {name: frozenset(members) for name, members in (groups or {}).items()}
        self._operators = frozenset(operators)

    async def person(self, identity: str, *, name: str | None = None) -> Person:
        """The one person behind an identity; somebody nobody listed is just that identity."""
        listed = self._owner.get(identity)
        identities = self._people[listed] if listed else frozenset({identity})
        everything = identities | ({listed} if listed else frozenset())
        return Person(
            identity=identity,
            name=name or listed,
            identities=identities,
            operator=identity.startswith(LOCAL) or bool(everything & self._operators),
        )

    async def groups(self, person: Person) -> frozenset[str]:  # noqa: ARG002 – a file knows no groups but its own
        """None: those of the file are asked for by ``members``."""
        return frozenset()

    async def members(self, group: str) -> frozenset[str]:
        """Identities in ``group:name``."""
        return self.listed(group)

    def listed(self, group: str) -> frozenset[str]:
        """The same, without waiting: what the file says."""
        found: set[str] = set()
        for member in self._groups.get(group.removeprefix("group:"), frozenset()):
            found |= self._people.get(member, frozenset({member}))
        return frozenset(found)
