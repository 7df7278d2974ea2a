"""A graph's long-term memory in a dry run: what is in it is read, what is written goes aside and is forgotten with the run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from langgraph.store.base import BaseStore, GetOp, ListNamespacesOp, Op, PutOp, Result, SearchOp
from langgraph.store.memory import InMemoryStore


class Aside(BaseStore):
    """Reads through to ``inner``, which is never written. Searching finds what was put aside first, and then what is there."""

    def __init__(self, inner: BaseStore) -> None:
        self._inner = inner
        self._own = InMemoryStore()
        self._gone: set[tuple[tuple[str, ...], str]] = set()

    def batch(self, ops: Iterable[Op]) -> list[Result]:
        """As LangGraph's."""
        asked = list(ops)
        mine = self._own.batch(asked)
        through = [op for op in asked if not isinstance(op, PutOp)]
        return self._joined(asked, mine, self._inner.batch(through) if through else [])

    async def abatch(self, ops: Iterable[Op]) -> list[Result]:
        """As LangGraph's."""
        asked = list(ops)
        mine = self._own.batch(asked)
        through = [op for op in asked if not isinstance(op, PutOp)]
        return self._joined(asked, mine, await self._inner.abatch(through) if through else [])

    def _joined(self, asked: Sequence[Op], mine: Sequence[Result], theirs: Sequence[Result]) -> list[Result]:
        rest = iter(theirs)
        return [
            self._one(op, own, None if isinstance(op, PutOp) else next(rest))
            for op, own in zip(asked, mine, strict=True)
        ]

    def _one(self, op: Op, own: Any, there: Any) -> Result:
        found: Result = None
        match op:
            case PutOp():
                place = (op.namespace, op.key)
                (self._gone.add if op.value is None else self._gone.discard)(place)
            case GetOp():
                found = own if own is not None or (op.namespace, op.key) in self._gone else there
            case SearchOp():
                known = {(item.namespace, item.key) for item in own} | self._gone
                left = [item for item in there if (item.namespace, item.key) not in known]
                found = [*own, *left][: op.limit]
            case ListNamespacesOp():
                found = list(dict.fromkeys([*own, *there]))[: op.limit]
        return found
