"""Organisations, their members and their teams."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from hitl_middleware.testing.fake_github import access
from hitl_middleware.testing.fake_github.records import Account, Team
from hitl_middleware.testing.fake_github.refusals import Refusal, not_found
from hitl_middleware.testing.fake_github.rest import Answer, Asking, route
from hitl_middleware.testing.fake_github.shapes import people, repositories

_SCOPES: Final = {"admin:org", "read:org", "write:org"}
_BY_NAME: Final = "/orgs/{org}/teams/{slug}"
_BY_NUMBER: Final = "/organizations/{org_id}/team/{team_id}"


@route("GET", "/orgs/{org}", whose="anybody")
def get_organization(asking: Asking) -> Any:
    """An organisation, as everybody may see it."""
    return people.organization(asking.hub, _organization(asking).login)


def _organization(asking: Asking) -> Account:
    accounts = asking.hub.world.accounts
    if "org_id" in asking.path:
        number = asking.number("org_id")
        found = next((each for each in accounts.values() if each.id == number), None)
    else:
        found = accounts.get(asking.path["org"].lower())
    return found if found is not None and found.type == "Organization" else not_found()


def _inside(asking: Asking) -> Account:
    """The organisation, for somebody who may look inside: a member with `read:org`, or `members:read` of a finer token."""
    found, token, hub = _organization(asking), asking.token, asking.hub
    if token is None:
        raise Refusal(401, "Requires authentication")
    if token.kind == "classic":
        if not _SCOPES & set(token.scopes):
            raise Refusal(404, "Not Found", headers={"X-Accepted-OAuth-Scopes": ", ".join(sorted(_SCOPES))})
    elif not access.permitted(token, "members:read"):
        access.lacking(token, "members:read")
    if token.kind == "installation":
        installed = hub.world.installations.get(token.installation or 0)
        inside = installed is not None and installed.account.lower() == found.login.lower()
    else:
        inside = access.member(hub.world.accounts[token.login.lower()], found.login)
    return found if inside else not_found()


def _team(asking: Asking) -> Team:
    organization, teams = _inside(asking), asking.hub.world.teams
    if "team_id" in asking.path:
        number = asking.number("team_id")
        found = next((each for each in teams.values() if each.id == number), None)
    else:
        found = teams.get(f"{organization.login}/{asking.path['slug']}".lower())
    if found is None or found.organization.lower() != organization.login.lower():
        not_found()
    return found


@route("GET", "/orgs/{org}/teams")
def list_teams(asking: Asking) -> Answer:
    """All teams of an organisation."""
    owner = _inside(asking).login.lower()
    here = [each for each in asking.hub.world.teams.values() if each.organization.lower() == owner]
    return asking.page(here, lambda each: people.team(asking.hub, each))


def get_team(asking: Asking) -> Any:
    """One team."""
    return people.team(asking.hub, _team(asking))


def get_membership(asking: Asking) -> Any:
    """Whether somebody is in a team or in one below it: `state` active, or pending until they accept. 404 for who is not."""
    team, login = _team(asking), asking.path["login"].lower()
    found = access.team_membership(asking.hub, team, login)
    return people.membership(asking.hub, team, login, *found) if found else not_found()


def list_members(asking: Asking) -> Answer:
    """Everybody who is in it, or in one below it; not those who have not accepted yet."""
    hub, team = asking.hub, _team(asking)
    logins = [
        each.login
        for each in hub.world.accounts.values()
        if (access.team_membership(hub, team, each.login.lower()) or ("", ""))[0] == "active"
    ]
    return asking.page(logins, lambda each: people.user(hub, each))


def list_team_repositories(asking: Asking) -> Answer:
    """What the team has a role in."""
    hub, team = asking.hub, _team(asking)
    here = [hub.world.repositories[name] for name in team.repositories if name in hub.world.repositories]
    return asking.page(
        here,
        lambda each: {
            **repositories.repository(hub, each),
            "role_name": team.repositories[each.full_name.lower()],
        },
    )


for _place in (_BY_NAME, _BY_NUMBER):  # a team's own address names numbers
    route("GET", _place)(get_team)
    route("GET", f"{_place}/memberships/{{login}}")(get_membership)
    route("GET", f"{_place}/members")(list_members)
    route("GET", f"{_place}/repos")(list_team_repositories)


@route("GET", "/orgs/{org}/members")
def list_organization_members(asking: Asking) -> Answer:
    """Everybody who belongs to an organisation."""
    found = _inside(asking)
    members = [each for each in asking.hub.world.accounts.values() if access.member(each, found.login)]
    return asking.page(members, lambda each: people.user(asking.hub, each.login))


@route("GET", "/orgs/{org}/members/{login}")
def is_member(asking: Asking) -> Answer:
    """204 for a member, 404 for anybody else."""
    found = _inside(asking)
    account = asking.hub.world.accounts.get(asking.path["login"].lower())
    return Answer(None, 204) if account and access.member(account, found.login) else not_found()


@route("GET", "/orgs/{org}/memberships/{login}")
def organization_membership(asking: Asking) -> Any:
    """What somebody is in an organisation: admin (owner) or member."""
    found, hub = _inside(asking), asking.hub
    account = hub.world.accounts.get(asking.path["login"].lower())
    if account is None or not access.member(account, found.login):
        not_found()
    return {
        "url": f"{hub.api}/orgs/{found.login}/memberships/{account.login}",
        "state": "active",
        "role": dict(account.organizations)[found.login.lower()],
        "organization_url": f"{hub.api}/orgs/{found.login}",
        "organization": people.organization(hub, found.login),
        "user": people.user(hub, account.login),
        "permissions": {"can_create_repository": False},
    }


@route("GET", "/repos/{owner}/{repo}/teams", needs="administration:read", role="write")
def list_repository_teams(asking: Asking) -> Answer:
    """The teams that have a role in a repository."""
    name, hub = asking.repository().full_name.lower(), asking.hub
    here: Sequence[Team] = [each for each in hub.world.teams.values() if name in each.repositories]
    return asking.page(here, lambda each: {**people.team(hub, each), "permission": each.repositories[name]})
