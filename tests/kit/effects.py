"""Effects on the outside world, counted."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from langchain_core.tools import BaseTool, tool

from hitl_middleware.gate import current_action, requires_approval


@dataclass
class Effects:
    """Remembers what was really done, in order. ``first`` runs before an effect, ``then`` after it: to fail, to wait, to die."""

    done: list[Any] = field(default_factory=list)
    keys: list[str | None] = field(default_factory=list)
    first: Callable[[], None] | None = None
    then: Callable[[], None] | None = None
    file: Path | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def perform(self, what: Any) -> None:
        """The act itself. With ``file`` it is remembered beyond the death of the process."""
        if self.first is not None:
            self.first()
        action = current_action()
        with self._lock:
            self.done.append(what)
            self.keys.append(action.idempotency_key if action else None)
            if self.file is not None:
                with self.file.open("a", encoding="utf-8") as book:
                    book.write(f"{what}\n")
        if self.then is not None:
            self.then()

    def pay_tool(self, /, name: str = "pay", **rules: Any) -> BaseTool:
        """A gated tool ``pay(amount)``; ``rules`` as for ``requires_approval``."""

        @tool(name)
        def pay(amount: int) -> str:
            """Pay somebody."""
            self.perform(amount)
            return f"paid {amount}"

        marked: BaseTool = requires_approval(**rules)(pay) if rules else requires_approval(pay)
        return marked

    def look_tool(self) -> BaseTool:
        """A tool that nobody has to approve."""

        @tool
        def look(what: str) -> str:
            """Look something up."""
            self.perform(f"look {what}")
            return f"saw {what}"

        return look
