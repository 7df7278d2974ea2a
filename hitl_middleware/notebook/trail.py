"""The audit of one run, as a table."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from hitl_middleware.notebook.markup import Html, Shown, columns, rows, tag
from hitl_middleware.notebook.messages import written
from hitl_middleware.records import AuditEvent

_HEAD = ("when", "what", "who", "where", "facts", "sealed")


@dataclass(frozen=True, slots=True, repr=False)
class Trail(Shown):
    """Events in order. One that is not sealed is committed all the same: a server or worker chains it in a moment."""

    events: tuple[AuditEvent, ...]

    def __iter__(self) -> Iterator[AuditEvent]:
        return iter(self.events)

    def __len__(self) -> int:
        return len(self.events)

    def as_html(self) -> Html:
        if not self.events:
            return tag("p", "No events.", class_="soft")
        return rows(_HEAD, map(_row, self.events))

    def as_text(self) -> str:
        return columns(_HEAD, [*map(_row, self.events)], most=60) if self.events else "No events."


def _row(event: AuditEvent) -> tuple[str, ...]:
    facts = ", ".join(f"{key}={_short(value)}" for key, value in event.data.items())
    sealed = f"{event.seq} {(event.hash or '')[:8]}" if event.seq is not None else "not yet"
    return f"{event.at:%H:%M:%S}", event.kind, event.actor, event.via or "", facts, sealed


def _short(value: object) -> str:
    words = value if isinstance(value, str) else written(value)
    return f"{words[:12]}…" if len(words) == 64 and words.isalnum() else words  # a digest
