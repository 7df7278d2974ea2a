"""Whether somebody is in the groups that rules name, for ``hitl doctor``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from hitl_middleware.cli.context import ask

if TYPE_CHECKING:
    from hitl_middleware.diagnosis import Trouble
    from hitl_middleware.hitl import Hitl
    from hitl_middleware.manifest import LoadedGraph

MOST_PLACES = 5


def of_roles(hitl: Hitl, graphs: Sequence[LoadedGraph]) -> Iterator[Trouble]:
    """Groups of hitl.toml in which nobody is. Whom a channel's own groups hold is known when somebody answers."""
    from hitl_middleware.diagnosis import Trouble
    from hitl_middleware.gate.named import named

    needed: dict[str, list[str]] = {}
    deciding: dict[str, list[str]] = {}
    for loaded in graphs:
        for rule in named(loaded.graph):
            place = f"{rule.what} of {loaded.name}"
            for role in rule.needed:
                needed.setdefault(role, []).append(place)
            for role in rule.deciding:
                deciding.setdefault(role, []).append(place)
    for role in hitl.settings.default_approvers:
        deciding.setdefault(role, []).append("HITL_DEFAULT_APPROVERS")
    for role, places in _empty(hitl, needed):
        yield Trouble(
            "roles", None, why=f"Nobody is in {role}, without whom nobody can approve {_list(places)}."
        )
    for role, places in _empty(hitl, deciding):
        yield Trouble(
            "roles",
            None,
            why=f"Nobody is in {role}, whom {_list(places)} name{'s' if len(places) == 1 else ''}.",
        )


def _empty(hitl: Hitl, found: Mapping[str, list[str]]) -> Iterator[tuple[str, list[str]]]:
    for role in sorted(found):
        if role.startswith("group:") and not ask(hitl, hitl.directory.members, role):
            yield role, sorted(set(found[role]))


def _list(places: Sequence[str]) -> str:
    shown = list(places[:MOST_PLACES])
    if len(places) > MOST_PLACES:
        shown.append(f"{len(places) - MOST_PLACES} more")
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"
