"""Whether somebody is behind the names that rules and ``hitl.toml`` give, for ``hitl doctor``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from hitl_middleware.cli.context import ask

if TYPE_CHECKING:
    from hitl_middleware.diagnosis import Trouble
    from hitl_middleware.hitl import Hitl
    from hitl_middleware.manifest import LoadedGraph

MOST_PLACES = 5
API = "api"
"""The one identity without a channel before its colon: HITL_API_TOKEN's."""


def of_roles(hitl: Hitl, graphs: Sequence[LoadedGraph]) -> Iterator[Trouble]:
    """Groups of hitl.toml in which nobody is, and words that are nobody's. Whom a channel's own groups hold shows when somebody answers."""
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
    for name in sorted({*needed, *deciding}):
        if _is_word(name):
            asking = _list(sorted({*needed.get(name, ()), *deciding.get(name, ())}))
            yield Trouble(
                "people", None, _meant(hitl, name), f"{name!r}, whom {asking} would ask, is nobody."
            )


def of_people(hitl: Hitl) -> Iterator[Trouble]:
    """Names in hitl.toml that [people] does not have: whoever they are meant for is not recognised."""
    from hitl_middleware.diagnosis import Trouble

    config = hitl.config
    places = {"operators": config.operators, "[sign_in] viewers": config.sign_in.viewers}
    places |= {f"[groups] {name}": members for name, members in config.groups.items()}
    for place, names in places.items():
        for name in names:
            if _is_word(name) and name not in config.people:
                mend = f'Write {name} = ["slack:U024BE7LH"] under [people], or put the identity in place of the name.'
                why = f"hitl.toml: {place} names {name!r}, who is not under [people]: nobody is recognised as {name}."
                yield Trouble("people", None, mend, why)


def _is_word(name: str) -> bool:
    """Neither an identity nor a group: those have a colon."""
    return ":" not in name and name != API


def _meant(hitl: Hitl, name: str) -> str:
    """What to write instead."""
    if name in hitl.config.groups:
        return f"Write group:{name}."
    if identities := hitl.config.people.get(name):
        return f"Write one of {name}'s identities: {identities[0]}. It stands for all of them."
    return "Write a person as a channel knows them (slack:U024BE7LH, github:ann), or a group (group:finance)."


def _empty(hitl: Hitl, found: Mapping[str, list[str]]) -> Iterator[tuple[str, list[str]]]:
    for role in sorted(found):
        if role.startswith("group:") and not ask(hitl, hitl.directory.members, role):
            yield role, sorted(set(found[role]))


def _list(places: Sequence[str]) -> str:
    shown = list(places[:MOST_PLACES])
    if len(places) > MOST_PLACES:
        shown.append(f"{len(places) - MOST_PLACES} more")
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"
