"""A store that minds the order in which a unit of work locks rows, so that two of them never wait for each other in a circle.

On SQLite and in memory writers take turns and no order would ever be missed; so every test checks the order that PostgreSQL needs.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Literal, cast

from hitl_middleware.ports import Store, UnitOfWork

Kind = Literal["run", "request", "action", "card"]
Key = tuple[Kind, str]


class OutOfOrder(AssertionError):
    """A unit of work locked a row after others that come later in the order."""


class Ordered:
    """The store ``inner``. A unit of work that breaks the order raises ``OutOfOrder``."""

    def __init__(self, inner: Store) -> None:
        self.inner = inner

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[UnitOfWork]:
        """As ``Store.begin``."""
        async with self.inner.begin() as uow:
            yield cast("UnitOfWork", _Unit(uow))

    def read(self) -> Any:
        """As ``Store.read``: nothing is locked there."""
        return self.inner.read()

    def glance(self) -> Any:
        """As ``Store.glance``."""
        return self.inner.glance()

    async def prepare(self) -> None:
        """As ``Store.prepare``."""
        await self.inner.prepare()

    async def close(self) -> None:
        """As ``Store.close``."""
        await self.inner.close()


def _first(kind: Kind) -> Callable[[tuple[Any, ...], Any], list[Key]]:
    """The row that the first argument names: a record, a lease or an id."""

    def key(args: tuple[Any, ...], answer: Any) -> list[Key]:
        named = getattr(args[0], "run_id" if kind == "run" else "id", args[0])
        return [] if answer is False else [(kind, named)]

    return key


def _found(kind: Kind) -> Callable[[tuple[Any, ...], Any], list[Key]]:
    """The rows that came back."""

    def keys(_args: tuple[Any, ...], answer: Any) -> list[Key]:
        rows = answer if isinstance(answer, list | tuple | frozenset | dict) else [answer]
        return [(kind, row if isinstance(row, str) else row.id) for row in rows if row is not None]

    return keys


_ALWAYS: dict[str, Callable[[tuple[Any, ...], Any], list[Key]]] = {
    "set_run": _first("run"),
    "want_run": _first("run"),
    "leave_run": _first("run"),
    "acquire_lease": _first("run"),
    "renew_lease": _first("run"),
    "release_lease": _first("run"),
    "save_request": _first("request"),
    "bump_request": _first("request"),
    "save_action": _first("action"),
    "claim_action": _found("action"),
    "renew_claims": _found("action"),
    "want_cards": _found("card"),
    "lease_card": _found("card"),
    "save_card": lambda args, wanted: [] if wanted is None else [("card", args[0].id)],
}
_WITH_LOCK = {
    "run": _found("run"),
    "active_run": _found("run"),
    "request": _found("request"),
    "requests_of_thread": _found("request"),
    "action": _found("action"),
    "action_by_identity": _found("action"),
    "actions_at": lambda _args, answer: [("action", action.id) for action in answer.values()],
}


class _Unit:
    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow
        self._held: list[Key] = []

    def __getattr__(self, verb: str) -> Any:
        do = getattr(self._uow, verb)
        keys = _ALWAYS.get(verb) or _WITH_LOCK.get(verb)
        if keys is None:
            assert "lock" not in inspect.signature(do).parameters or verb == "chain_head", verb
            return do

        async def locking(*args: Any, **options: Any) -> Any:
            answer = await do(*args, **options)
            if verb in _ALWAYS or options.get("lock"):
                for key in keys(args, answer):
                    self._lock(verb, key)
            return answer

        return locking

    def _lock(self, verb: str, key: Key) -> None:
        """Runs come first, older before newer; then a request, its action, its cards. Beneath its run's lock a unit is alone with them."""
        if key in self._held:
            return
        kinds = {kind for kind, _ in self._held}
        runs = [held for kind, held in self._held if kind == "run"]
        match key[0]:
            case "run":
                fine = kinds <= {"run"} and all(held < key[1] for held in runs)
            case "request":
                fine = bool(runs) or not kinds & {"action", "card"}
            case "action":
                fine = bool(runs) or "card" not in kinds
            case _:
                fine = True
        if not fine:
            msg = f"{verb} locks {key} after {self._held}"
            raise OutOfOrder(msg)
        self._held.append(key)
