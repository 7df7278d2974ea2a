"""Who may do what: roles of people in repositories, and what a token lets its owner do.

Sources: docs.github.com, "Repository roles for an organization", "Permissions required for fine-grained personal access tokens",
"Scopes for OAuth apps". A custom role counts as the role that it is built on; endpoints report its own name as `role_name`.
"""

from __future__ import annotations

from typing import Final, NoReturn

from hitl_middleware.testing.fake_github.records import ROLES, Account, Repository, Team, Token
from hitl_middleware.testing.fake_github.refusals import Refusal, not_found
from hitl_middleware.testing.fake_github.state import Hub

LEGACY: Final = {"maintain": "write", "triage": "read"}
"""What `permission` says where `role_name` says the rest."""

_LEVELS: Final = ("", "read", "write", "admin")


def base_of(hub: Hub, repository: Repository, name: str) -> str:
    """One of GitHub's own roles: itself, or what a custom role is built on."""
    if name in ROLES:
        return name
    custom = hub.world.custom_roles.get(repository.owner.lower(), [])
    return next((each.base for each in custom if each.name == name), "none")


def role_name(hub: Hub, repository: Repository, login: str) -> str:
    """The highest role that somebody has there, however they came by it; "none" without one."""
    key, where = login.lower(), repository.full_name.lower()
    account = hub.world.accounts.get(key)
    if account is None:
        return "none"
    organizations = dict(account.organizations)
    owner = repository.owner.lower()
    found = [
        "read" if not repository.private or organizations.get(owner) else "none",
        "admin" if key == owner or organizations.get(owner) == "admin" else "none",
        account.everywhere or "none",
        repository.collaborators.get(key, "none"),
        *(
            above.repositories.get(where, "none")
            for team in hub.world.teams.values()
            if team.members.get(key) == "active"
            for above in _line(hub, team)  # what a team may, the teams below it may, too
        ),
    ]
    return max(found, key=lambda name: (ROLES.index(base_of(hub, repository, name)), name not in ROLES))


def role(hub: Hub, repository: Repository, login: str) -> str:
    """The role of GitHub's own that counts for what somebody may do."""
    return base_of(hub, repository, role_name(hub, repository, login))


def _line(hub: Hub, team: Team) -> list[Team]:
    """A team and those above it."""
    line = [team]
    while (
        parent := hub.world.teams.get(f"{team.organization}/{line[-1].parent}".lower())
    ) and parent not in line:
        line.append(parent)
    return line


def team_membership(hub: Hub, team: Team, login: str) -> tuple[str, str] | None:
    """The state and the role of somebody in a team; members of teams below it are members, too. None for who is neither."""
    if (state := team.members.get(login)) is not None:
        return state, "maintainer" if login in team.maintainers else "member"
    for each in hub.world.teams.values():
        if team in _line(hub, each)[1:] and each.members.get(login) == "active":
            return "active", "member"
    return None


def has_role(hub: Hub, repository: Repository, login: str, least: str) -> bool:
    """Whether somebody's role there is this one or a higher one."""
    return ROLES.index(role(hub, repository, login)) >= ROLES.index(least)


def covers(hub: Hub, token: Token, repository: Repository) -> bool:
    """Whether a fine-grained or an installation token was made for this repository."""
    if token.kind == "installation":
        installed = hub.world.installations.get(token.installation or 0)
        if installed is None or installed.suspended or installed.account.lower() != repository.owner.lower():
            return False
        limits = [installed.repositories, token.repositories]
    else:
        limits = [token.repositories]
    name = repository.full_name.lower()
    return all(limit is None or name in {each.lower() for each in limit} for limit in limits)


def check_visible(hub: Hub, token: Token | None, repository: Repository) -> None:
    """404 for a repository that the token may not see."""
    if not repository.private:
        return
    if token is None:
        not_found()
    if token.kind == "classic":
        if "repo" not in token.scopes or not has_role(hub, repository, token.login, "read"):
            not_found()
    elif not covers(hub, token, repository) or (
        token.kind == "fine_grained" and not has_role(hub, repository, token.login, "read")
    ):
        not_found()


def check_may(hub: Hub, token: Token | None, repository: Repository, needs: str, least: str) -> None:
    """Refuse what the token or its owner has no right to.

    `needs`: "issues:write|pull_requests:write", any of which will do. `least`: the role that its owner needs; an installation
    has no role, only permissions. Reading what is public needs nothing.
    """
    check_visible(hub, token, repository)
    writes = needs.endswith(":write") or least not in {"none", "read"}
    if not writes and not repository.private and (token is None or token.kind == "classic"):
        return
    if token is None:
        raise Refusal(401, "Requires authentication")
    if token.kind == "classic":
        scopes = {"repo"} if repository.private else {"repo", "public_repo"}
        if needs.startswith("repository_hooks"):
            scopes = {"repo", "admin:repo_hook", "write:repo_hook"}
            scopes |= {"read:repo_hook"} if needs.endswith(":read") else set()
        if not scopes & set(token.scopes):
            not_found()  # what a scope is missing for looks as if it were not there
    elif not (covers(hub, token, repository) and permitted(token, needs)):
        if repository.private or writes or covers(hub, token, repository):
            lacking(token, needs)
        return
    if token.kind != "installation" and not has_role(hub, repository, token.login, least):
        _too_low(least)


def permitted(token: Token, needs: str) -> bool:
    """Whether one of the permissions is there, at that level or above; everybody has `metadata:read`."""
    held = {"metadata": "read", **token.permissions}
    return any(
        _LEVELS.index(held.get(name, "")) >= _LEVELS.index(level)
        for name, _, level in (each.partition(":") for each in needs.split("|"))
    )


def lacking(token: Token, needs: str) -> NoReturn:
    """403 for a token without a permission; the header says which would do."""
    what = "personal access token" if token.kind == "fine_grained" else "integration"
    accepted = "; ".join(each.replace(":", "=") for each in needs.split("|"))
    raise Refusal(
        403, f"Resource not accessible by {what}", headers={"X-Accepted-GitHub-Permissions": accepted}
    )


def _too_low(least: str) -> NoReturn:
    if least == "admin":
        not_found()  # hooks and settings do not exist for those who may not touch them
    words = {"write": "push", "triage": "triage", "maintain": "maintain"}
    raise Refusal(403, f"Must have {words.get(least, least)} access to this repository.")


def member(account: Account, organization: str) -> bool:
    """Whether somebody belongs to an organisation."""
    return organization.lower() in dict(account.organizations)
