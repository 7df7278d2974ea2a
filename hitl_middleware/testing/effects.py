"""What an agent really did in a test, counted: the one thing that must not happen twice, or unasked."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from hitl_middleware.gate import current_action


@dataclass(frozen=True, slots=True)
class Effect:
    """One thing that was done. ``action_id`` is the approved act it was done for; ``None``: outside of any."""

    name: str
    facts: Mapping[str, Any]
    action_id: str | None
    idempotency_key: str | None

    def __str__(self) -> str:
        said = ", ".join(f"{name}={value!r}" for name, value in self.facts.items())
        return f"{self.name}({said})" + (f" for action {self.action_id}" if self.action_id else "")


@dataclass(slots=True)
class RecordedEffects:
    """Stands in for the outside world: record what is done to it, then say what must have been done.

    An effect is recorded with the action that is being performed, so that a second performance of the same approval shows. Safe to
    use from the threads of parallel tool calls.
    """

    done: list[Effect] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def record(self, name: str, /, **facts: Any) -> Effect:
        """Something was done to the world just now."""
        action = current_action()
        effect = Effect(
            name, facts, action.id if action else None, action.idempotency_key if action else None
        )
        with self._lock:
            self.done.append(effect)
        return effect

    def stand_in(
        self,
        name: str,
        returns: Any = None,
        *,
        raises: BaseException | None = None,
        first: Callable[[], object] | None = None,
    ) -> Callable[..., Any]:
        """A function to put in place of one that acts: ``monkeypatch.setattr(shop, "refund", effects.stand_in("refund", "re_1"))``.

        It records its keyword arguments (positional ones as ``arg0``, ``arg1`` …), then answers ``returns``, or raises ``raises`` – the
        act happened, its answer was lost. ``first`` is called before anything is recorded, and what it raises keeps the act from
        happening.
        """

        def acted(*given: Any, **facts: Any) -> Any:
            if first is not None:
                first()
            self.record(name, **{f"arg{index}": value for index, value in enumerate(given)}, **facts)
            if raises is not None:
                raise raises
            return returns

        return acted

    def of(self, name: str, /, **facts: Any) -> list[Effect]:
        """Those of a name, in order, with at least these facts."""
        with self._lock:
            return [one for one in self.done if one.name == name and facts.items() <= one.facts.items()]

    def assert_once(self, name: str, /, **facts: Any) -> Effect:
        """It was done exactly once; that effect."""
        found = self.of(name, **facts)
        assert len(found) == 1, f"{_said(name, facts)} was done {len(found)} times, not once.{self._listed()}"
        return found[0]

    def assert_never(self, name: str, /, **facts: Any) -> None:
        """It was not done."""
        found = self.of(name, **facts)
        assert not found, (
            f"{_said(name, facts)} was done {len(found)} times, and should not have been.{self._listed()}"
        )

    def assert_at_most_once(self) -> None:
        """No approved act did the same thing twice. The fixture checks this by itself when the test ends."""
        with self._lock:
            times = Counter((one.action_id, str(one)) for one in self.done if one.action_id is not None)
        twice = [said for (_, said), count in times.items() if count > 1]
        assert not twice, f"An approved act was performed more than once: {'; '.join(twice)}.{self._listed()}"

    def _listed(self) -> str:
        return "\nDone, in order:\n" + ("\n".join(f"  {one}" for one in self.done) or "  nothing")


def _said(name: str, facts: Mapping[str, Any]) -> str:
    return f"{name}({', '.join(f'{key}={value!r}' for key, value in facts.items())})"
