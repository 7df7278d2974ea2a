"""A graph that is tried out beside its runs: the gates it was built with stand before the ledger of whoever drives the trial.

A gate belongs to the ``Hitl`` it was made by. A dry run of the same graph must neither ask nor write there, and it cannot take the gates
apart: ``create_agent`` composes them into closures. So whoever drives it hands in where they stand instead, as the steps of a graph are
handed theirs (``STEPS_KEY``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from hitl_middleware.leases import Holdings
from hitl_middleware.ledger import Ledger
from hitl_middleware.portal import Portal

ELSEWHERE_KEY = "__hitl_elsewhere"
"""``configurable[…]``: an ``Elsewhere``. Two underscores: LangGraph keeps it out of checkpoints and traces.

It comes from this process or not at all: what arrives as JSON is no ``Elsewhere``.
"""


class Movable(Protocol):
    """What a gate can do; here so that the gate may import this."""

    def before(self, ledger: Ledger, holdings: Holdings, portal: Portal) -> Any: ...


GateT = TypeVar("GateT", bound=Movable)


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """Before which ledger the gates of a trial stand, and the loop it lives on."""

    ledger: Ledger
    holdings: Holdings
    portal: Portal


def elsewhere(gate: GateT, config: Mapping[str, Any]) -> GateT:
    """The gate where it stands in this run: itself, or the same rules before the ledger that was handed in."""
    place = (config.get("configurable") or {}).get(ELSEWHERE_KEY)
    if not isinstance(place, Elsewhere):
        return gate
    moved: GateT = gate.before(place.ledger, place.holdings, place.portal)
    return moved
