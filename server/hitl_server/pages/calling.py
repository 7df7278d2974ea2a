"""What people are called on a page: by the name that ``hitl.toml`` has for them, beside the identity by which the desk knows them."""

from __future__ import annotations

from collections.abc import Callable

from hitl_middleware.hitl import Hitl

Calling = Callable[[str], str]


def calling(hitl: Hitl) -> Calling:
    """Words for an entry of a plan's approvers, or for whoever asked; text of theirs among them: a page has to escape it."""
    spelling = hitl.directory.spelling
    known = {spelling(each): name for name, identities in hitl.config.people.items() for each in identities}

    def called(identity: str) -> str:
        if identity == "api":
            return "whoever holds the API token"
        if identity.startswith("group:"):
            return f"the group {identity.removeprefix('group:')}"
        name = known.get(spelling(identity))
        return identity if name is None else f"{name} ({identity})"

    return called
