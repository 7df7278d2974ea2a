"""Who somebody is, and in which groups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from hitl_middleware.records import ReviewRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody who answers. ``identities`` are all names of one person; ``operator`` may decide and settle anything.

    ``vouched_by`` is the token that named the person, where a signature did not. ``groups`` are those in which a channel has them
    (``slack:S…``), as an approver names them; they say what the person may, not who it is.
    """

    identity: str
    name: str | None = None
    identities: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()
    operator: bool = False
    vouched_by: str | None = None


class Directory(Protocol):
    """Knows people across channels."""

    async def person(self, identity: str, *, name: str | None = None) -> Person: ...

    def spelling(self, identity: str) -> str:
        """The one spelling of an identity, by which it is compared. Pure."""

    async def groups(self, person: Person, request: ReviewRequest) -> frozenset[str]:
        """Groups of a channel that the person is in, as far as they matter to this request (its plan's approvers; its labels say where).

        Empty where the channel does not say. It may be asked, so never inside a transaction.
        """

    def audience(self, approvers: Sequence[str] | None, labels: Mapping[str, str]) -> str:
        """Who these approvers of a plan are for a request with these labels, as one value of at most 64 characters, never empty. Pure.

        Of requests with the same one everybody may decide all or none (what they asked for themselves aside), whatever the directory
        learns about people later: so it is enough to judge one of them. Not secret, and no right comes from it.
        """

    async def members(self, group: str) -> frozenset[str]:
        """Identities behind ``group:name``; empty for an unknown group (nobody may decide, never everybody)."""
