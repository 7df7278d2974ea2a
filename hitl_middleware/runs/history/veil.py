"""A history without what policies hide (``redact``): for whoever shows it. Pure.

A state holds a hidden argument in more than one place: in the call, in the question that was asked about it, often in what the user had
written, and in what a tool said. So its values are looked up wherever something bears its name, and then taken out of every text.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from hitl_middleware.ports import Checkpoint, Task
from hitl_middleware.redaction import MARK
from hitl_middleware.runs.history.kept import History

SHORTEST: Final = 4
"""Characters of a value from which on it is looked for in other texts: shorter ones are everywhere."""


def veiled(history: History, redact: Collection[str]) -> History:
    """``history`` with ``MARK`` in the place of everything that is called so, and of its values in any text."""
    if not redact:
        return history
    names = frozenset(redact)
    found = {
        text for line in history for each in line for text in _secrets(_shown(each), names, hidden=False)
    }
    veil = _Veil(names, found)
    return replace(
        history,
        checkpoints=tuple(map(veil.checkpoint, history.checkpoints)),
        inside={key: tuple(map(veil.checkpoint, line)) for key, line in history.inside.items()},
    )


def _shown(each: Checkpoint) -> Any:
    return [each.values, [item.value for task in each.tasks for item in task.interrupts]]


def _secrets(value: Any, names: Collection[str], *, hidden: bool) -> Iterator[str]:
    """Texts of what stands under one of the names, at any depth."""
    if isinstance(value, Mapping):
        for key, each in value.items():
            yield from _secrets(each, names, hidden=hidden or key in names)
    elif isinstance(value, list):
        for each in value:
            yield from _secrets(each, names, hidden=hidden)
    elif hidden and value is not None and not isinstance(value, bool):
        text = str(value).strip()
        if len(text) >= SHORTEST and text != MARK:
            yield text


class _Veil:
    def __init__(self, names: Collection[str], secrets: Collection[str]) -> None:
        self._names = names
        # The longest first: one may be a part of another.
        longest = sorted(secrets, key=lambda text: (-len(text), text))
        self._secrets = re.compile("|".join(map(re.escape, longest))) if longest else None

    def checkpoint(self, each: Checkpoint) -> Checkpoint:
        return replace(each, values=self.value(each.values), tasks=tuple(map(self._task, each.tasks)))

    def _task(self, task: Task) -> Task:
        asked = tuple(
            replace(item, value=self.value(item.value), response_schema=None) for item in task.interrupts
        )
        return replace(task, interrupts=asked, error=self.value(task.error))

    def value(self, value: Any) -> Any:
        if isinstance(value, Mapping):
            return {key: MARK if key in self._names else self.value(each) for key, each in value.items()}
        if isinstance(value, list):
            return [self.value(each) for each in value]
        if isinstance(value, str):
            return self._secrets.sub(MARK, value) if self._secrets else value
        if isinstance(value, int | float) and not isinstance(value, bool) and self._secrets:
            return MARK if self._secrets.fullmatch(str(value)) else value
        return value
