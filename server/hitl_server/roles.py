"""What whoever signed in may see and do: viewer, reviewer, operator.

A viewer sees everything and decides nothing here. A reviewer sees what waits, decides what its plan lets them, and no more. An operator
does it all. What a decision counts is the desk's to say, for every channel alike; roles only say which routes are open.

Every route names its roles in what it adds to the OpenAPI document (``only``). One that does not is for viewers and operators to read
and for operators to change: forgetting it closes a route. API tokens are machines and have no role: their plans and ``acts_for`` bind them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from fastapi.routing import APIRoute, iter_route_contexts
from starlette.routing import BaseRoute, compile_path

from hitl_middleware.desk.waiting import is_asked
from hitl_middleware.hitl import Hitl
from hitl_middleware.ports import Person, Session
from hitl_server.auth import READS, Caller, Role
from hitl_server.problems import Problem

ROLES: Final = "x-roles"
"""The key under which the OpenAPI document lists them."""


def only(*roles: Role) -> dict[str, Any]:
    """``openapi_extra`` of a route that is for these roles."""
    return {ROLES: list(roles)}


EVERYBODY: Final = only("viewer", "reviewer", "operator")
"""Reading what waits and what became of it."""

DECIDING: Final = only("reviewer", "operator")
"""Answering a request; whether this one is theirs, the desk says."""

OVERSEEING: Final = only("viewer", "operator")
"""Reading what is about everybody: audit, metrics."""

OPERATING: Final = only("operator")


def roles_of(extra: Mapping[str, Any] | None, method: str) -> Collection[str]:
    """Who may use a route of which ``extra`` is what it adds to the document."""
    default = OVERSEEING if method in READS else OPERATING
    named: Collection[str] = (extra or {}).get(ROLES, default[ROLES])
    return named


class RoleRules:
    """The roles of every route. Judged before a route is reached, so none can forget to."""

    def __init__(self, routes: Sequence[BaseRoute]) -> None:
        self._rules = [
            (compile_path(context.path)[0], frozenset(context.methods or ()), context.openapi_extra)
            for context in iter_route_contexts(routes)
            if isinstance(context.original_route, APIRoute) and context.path is not None
        ]

    def check(self, caller: Caller, method: str, path: str) -> None:
        """Raises ``Problem`` 403 where who is signed in has not the role that the route wants. What does not exist, the app says."""
        for pattern, methods, extra in self._rules:
            if method in methods and pattern.match(path):
                wanted = roles_of(extra, method)
                if caller.role not in wanted:
                    who = f"{caller.identity} is signed in as {caller.role}"
                    raise Problem(403, f"{who}; this is for {_listed(wanted)}.")
                return


class Visitors:
    """Who may come in with a browser, and as what."""

    def __init__(self, hitl: Hitl) -> None:
        self._hitl = hitl
        self._listed: tuple[frozenset[str], frozenset[str]] | None = None

    async def role(self, session: Session) -> Role | None:
        """What somebody who is signed in is now; ``None``: nobody any more."""
        person = await self._hitl.directory.person(session.identity, name=session.name)
        return await self._role_in_file(person) or ("reviewer" if session.asked else None)

    async def admit(self, identity: str) -> tuple[Role, bool] | None:
        """What somebody who signs in is, and whether only because they were asked something; ``None``: nobody."""
        person = await self._hitl.directory.person(identity)
        if (role := await self._role_in_file(person)) is not None:
            return role, False
        # Be it by a group that only a channel knows.
        asked = await is_asked(self._hitl.store, self._hitl.directory, person)
        return ("reviewer", True) if asked else None

    async def _role_in_file(self, person: Person) -> Role | None:
        viewers, reviewers = self._listed = self._listed or await self._read()
        spelling = self._hitl.directory.spelling
        mine = {spelling(each) for each in person.identities | {person.identity}}
        if person.operator:
            return "operator"
        if mine & viewers:
            return "viewer"
        return "reviewer" if mine & reviewers else None

    async def _read(self) -> tuple[frozenset[str], frozenset[str]]:
        config, approvers = self._hitl.config, self._hitl.settings.default_approvers
        known = {*config.people, *approvers, *(f"group:{name}" for name in config.groups)}
        return await self._identities(config.sign_in.viewers), await self._identities(known)

    async def _identities(self, names: Collection[str]) -> frozenset[str]:
        """The identities behind names of people, groups and identities."""
        directory, people = self._hitl.directory, self._hitl.config.people
        found: set[str] = set()
        for name in names:
            if name.startswith("group:"):
                found |= await directory.members(name)
            else:
                found.update(map(directory.spelling, people.get(name, (name,))))
        return frozenset(found)


def _listed(roles: Collection[str]) -> str:
    return " and ".join(f"{role}s" for role in roles)
