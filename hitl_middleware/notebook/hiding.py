"""What policies hide, taken out of whatever else is shown of a run – errors, answers, what a dry run recorded. Pure.

What a thread has kept comes without it (``runs.history.veil``), as far as its state tells; the store knows of values that stand in no
state any more: those before an edit, those of an earlier run.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from hitl_middleware.ports import Checkpoint
from hitl_middleware.records import Action, ReviewRequest
from hitl_middleware.redaction import MARK

SHORT: Final = 4
"""Characters: a hidden text below that is hidden where its argument is named, but not searched for in all other text."""


@dataclass(frozen=True, slots=True)
class Hidden:
    """What the policies of a run hide: of which tool which arguments, and the texts and numbers that these arguments had.

    A hidden argument stands in more places than its call: in the model's message, in what a tool was told, in an error. So its values are
    taken out wherever they stand.
    """

    names: Mapping[str, frozenset[str]] = field(default_factory=dict)
    words: frozenset[str] = frozenset()
    values: frozenset[tuple[str, str]] = frozenset()

    @classmethod
    def of(
        cls,
        redact: Mapping[str, Iterable[str]],
        actions: Iterable[Action] = (),
        requests: Iterable[ReviewRequest] = (),
    ) -> Hidden:
        """``redact``: by tool, from the graph's own gates; ``actions`` and ``requests`` as the store has them."""
        known: tuple[Action | ReviewRequest, ...] = (*actions, *requests)
        names: dict[str, set[str]] = {tool: set(hidden) for tool, hidden in redact.items() if hidden}
        for each in known:
            if each.plan.redact and each.tool:
                names.setdefault(each.tool, set()).update(each.plan.redact)
        found: list[tuple[str, Any]] = []
        for each in known:
            edited = each.decision.edited_action.args if each.decision and each.decision.edited_action else {}
            before = (each.edited_from or {}) if isinstance(each, ReviewRequest) else {}
            for shown in (each.args or {}, edited, before):
                found += [(name, shown[name]) for name in each.plan.redact if name in shown]
        leaves = [(name, leaf) for name, value in found for leaf in _leaves(value)]
        return cls(
            names={tool: frozenset(hidden) for tool, hidden in names.items()},
            words=frozenset(
                leaf for _, leaf in leaves if isinstance(leaf, str) and len(leaf) >= SHORT and leaf != MARK
            ),
            values=frozenset((name, json.dumps(leaf)) for name, leaf in leaves if leaf is not None),
        )

    def text(self, words: str) -> str:
        """A text without what is hidden, also where it is quoted as JSON."""
        for word in sorted(self.words, key=len, reverse=True):
            for form in dict.fromkeys(
                [word, json.dumps(word)[1:-1], json.dumps(word, ensure_ascii=False)[1:-1]]
            ):
                words = words.replace(form, MARK)
        return words

    def __call__(self, value: Any, key: str = "") -> Any:
        """A value, as JSON, without what is hidden; ``key``: the name it stands under."""
        match value:
            case dict():
                args = self.names.get(str(value.get("name")), frozenset())
                return {
                    self.text(name): {
                        each: MARK if each in args else self(it, each) for each, it in item.items()
                    }
                    if name == "args" and isinstance(item, dict)
                    else self(item, name)
                    for name, item in value.items()
                }
            case list():
                return [self(item, key) for item in value]
            case _ if (key, json.dumps(value, default=str)) in self.values:
                return MARK
            case str():
                return self.text(value)
            case _:
                return value


def hide(one: Checkpoint, hidden: Hidden) -> Checkpoint:
    """A checkpoint as people may see it."""
    tasks = (
        replace(
            task,
            error=hidden.text(task.error) if task.error else None,
            interrupts=tuple(replace(item, value=hidden(item.value)) for item in task.interrupts),
        )
        for task in one.tasks
    )
    return replace(one, values=hidden(dict(one.values)), tasks=tuple(tasks))


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, Mapping):
        for item in value.values():
            yield from _leaves(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _leaves(item)
    else:
        yield value
