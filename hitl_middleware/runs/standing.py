"""Which of a thread's questions really wait for somebody. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from hitl_middleware.dialects import read, refuses
from hitl_middleware.records import PendingInterrupt, Snapshot


def refused(snapshot: Snapshot) -> Sequence[PendingInterrupt]:
    """Those that were answered with what is no answer, and raise for ever."""
    return [item for item in snapshot.interrupts if _refuses(item)]


def waiting(snapshot: Snapshot) -> Snapshot:
    """The snapshot without what was answered and then failed for reasons of its own: that asks no more.

    (What stands at our own gate does: the ledger knows how.)
    """
    return replace(snapshot, interrupts=tuple(item for item in snapshot.interrupts if not _is_over(item)))


def _refuses(item: PendingInterrupt) -> bool:
    if item.raised is None or not item.raised.kept:
        return False
    return refuses(read(item.value, item.response_schema), item.raised.answer, item.raised.error)


def _is_over(item: PendingInterrupt) -> bool:
    """Whether somebody else's question was answered, and its step then failed."""
    kept = item.raised is not None and item.raised.kept
    return kept and read(item.value, item.response_schema)[0].form != "ours"
