"""What a token or a GitHub App needs, and what it has, as far as GitHub says. Pure.

Sources: docs.github.com, "Scopes for OAuth apps", "Permissions required for GitHub Apps", "Permissions required for fine-grained personal
access tokens". A classic token's scopes come with every answer; an App's permissions with its installation; of a fine-grained token
GitHub tells nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final, Literal

Kind = Literal["classic", "fine-grained", "app"]

EVENTS: Final = ("issue_comment", "issues", "pull_request_review")
"""What a webhook has to send."""

PERMISSIONS: Final[Mapping[str, str]] = {
    "metadata": "read",
    "issues": "write",
    "pull_requests": "write",
    "contents": "write",
}
"""Cards and commands; branches, commits and pull requests of the graphs; and who may decide."""

TEAMS: Final[Mapping[str, str]] = {"members": "read"}
"""Besides, where a team decides."""

_LEVELS: Final = ("", "read", "write", "admin")
_NAMES: Final[Mapping[str, str]] = {
    "metadata": "Metadata",
    "issues": "Issues",
    "pull_requests": "Pull requests",
    "contents": "Contents",
    "members": "Members (of the organization)",
}


def missing_scopes(scopes: Collection[str], *, private: bool, teams: bool) -> tuple[str, ...]:
    """Scopes that a classic token lacks."""
    held = set(scopes)
    held |= {"public_repo"} if "repo" in held else set()
    held |= {"read:org"} if held & {"write:org", "admin:org"} else set()
    needed = ["repo" if private else "public_repo", *(["read:org"] if teams else [])]
    return tuple(scope for scope in needed if scope not in held)


def missing_permissions(held: Mapping[str, str], *, teams: bool) -> tuple[str, ...]:
    """Permissions that an App's installation lacks, in the words of its settings page."""
    needed = {**PERMISSIONS, **(TEAMS if teams else {})}
    return tuple(
        f"{_NAMES[name]}: {level} (it has {held.get(name) or 'none'})"
        for name, level in needed.items()
        if _level(held.get(name, "")) < _level(level)
    )


def listed(*, teams: bool) -> str:
    """What a fine-grained token has to be given, in the words of its page."""
    needed = {**PERMISSIONS, **(TEAMS if teams else {})}
    return ", ".join(f"{_NAMES[name]}: {level}" for name, level in needed.items())


def _level(name: str) -> int:
    return _LEVELS.index(name) if name in _LEVELS else 0
