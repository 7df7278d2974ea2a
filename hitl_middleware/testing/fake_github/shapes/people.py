"""Accounts, teams, apps, and who may do what."""

from __future__ import annotations

from typing import Any, Final

from hitl_middleware.testing.fake_github import access
from hitl_middleware.testing.fake_github.records import ROLES, Account, App, Installation, Repository, Team
from hitl_middleware.testing.fake_github.state import Hub, stamp

Json = dict[str, Any]

_USER_LINKS: Final = {
    "followers_url": "/followers",
    "following_url": "/following{/other_user}",
    "gists_url": "/gists{/gist_id}",
    "starred_url": "/starred{/owner}{/repo}",
    "subscriptions_url": "/subscriptions",
    "organizations_url": "/orgs",
    "repos_url": "/repos",
    "events_url": "/events{/privacy}",
    "received_events_url": "/received_events",
}


def user(hub: Hub, login: str) -> Json:
    """A "simple user": what stands wherever somebody is named. Somebody who is gone is `ghost`."""
    account = hub.world.accounts.get(login.lower()) or Account(id=10137, login="ghost")
    url = f"{hub.api}/users/{account.login}"
    web = f"{hub.web}/apps/{account.login.removesuffix('[bot]')}" if account.type == "Bot" else ""
    return {
        "login": account.login,
        "id": account.id,
        "node_id": hub.node({"Bot": "BOT", "Organization": "O"}.get(account.type, "U"), account.id),
        "avatar_url": f"{hub.web}/avatars/u/{account.id}?v=4",
        "gravatar_id": "",
        "url": url,
        "html_url": web or f"{hub.web}/{account.login}",
        **{name: url + path for name, path in _USER_LINKS.items()},
        "type": account.type,
        "site_admin": False,
    }


def full_user(hub: Hub, account: Account) -> Json:
    """A user as `GET /user` and `GET /users/{login}` show them."""
    return {
        **user(hub, account.login),
        "name": account.name or None,
        "company": None,
        "blog": "",
        "location": None,
        "email": None,
        "hireable": None,
        "bio": None,
        "public_repos": 0,
        "public_gists": 0,
        "followers": 0,
        "following": 0,
        "created_at": "2020-01-01T00:00:00Z",
        "updated_at": "2020-01-01T00:00:00Z",
    }


def organization(hub: Hub, login: str) -> Json:
    """An organisation, as payloads and `GET /orgs/{org}` show it."""
    account = hub.world.accounts[login.lower()]
    url = f"{hub.api}/orgs/{account.login}"
    return {
        "login": account.login,
        "id": account.id,
        "node_id": hub.node("O", account.id),
        "url": url,
        "repos_url": f"{url}/repos",
        "events_url": f"{url}/events",
        "hooks_url": f"{url}/hooks",
        "issues_url": f"{url}/issues",
        "members_url": f"{url}/members{{/member}}",
        "public_members_url": f"{url}/public_members{{/member}}",
        "avatar_url": f"{hub.web}/avatars/u/{account.id}?v=4",
        "description": None,
    }


def permissions(hub: Hub, repository: Repository, login: str) -> Json:
    """The five yes-or-noes that stand beside a repository or a collaborator."""
    held = ROLES.index(access.role(hub, repository, login))
    names = {"admin": "admin", "maintain": "maintain", "push": "write", "triage": "triage", "pull": "read"}
    return {name: held >= ROLES.index(needed) for name, needed in names.items()}


def collaborator_permission(hub: Hub, repository: Repository, login: str) -> Json:
    """The answer to "what may this user do": `permission` knows four words, `role_name` all, custom ones included."""
    name = access.role_name(hub, repository, login)
    base = access.base_of(hub, repository, name)
    who = {
        **user(hub, login),
        "permissions": permissions(hub, repository, login),
        "role_name": name,
    }
    return {"permission": access.LEGACY.get(base, base), "user": who, "role_name": name}


def team(hub: Hub, team: Team) -> Json:
    """A team. Its `url` names ids, as GitHub's does; the one with the slug works, too."""
    owner = hub.world.accounts[team.organization.lower()]
    url = f"{hub.api}/organizations/{owner.id}/team/{team.id}"
    parent = hub.world.teams.get(f"{team.organization}/{team.parent}".lower()) if team.parent else None
    return {
        "id": team.id,
        "node_id": hub.node("T", team.id),
        "name": team.name,
        "slug": team.slug,
        "description": None,
        "privacy": "closed",
        "notification_setting": "notifications_enabled",
        "url": url,
        "html_url": f"{hub.web}/orgs/{owner.login}/teams/{team.slug}",
        "members_url": f"{url}/members{{/member}}",
        "repositories_url": f"{url}/repos",
        "permission": "pull",
        "parent": _parent(hub, parent),
    }


def _parent(hub: Hub, parent: Team | None) -> Json | None:
    return None if parent is None else {k: v for k, v in team(hub, parent).items() if k != "parent"}


def membership(hub: Hub, team: Team, login: str, state: str, role: str) -> Json:
    """Whether somebody is in a team: `state` active, or pending as long as the invitation is not accepted."""
    owner = hub.world.accounts[team.organization.lower()]
    account = hub.world.accounts[login.lower()]
    return {
        "url": f"{hub.api}/organizations/{owner.id}/team/{team.id}/memberships/{account.login}",
        "role": role,
        "state": state,
    }


def app(hub: Hub, app: App) -> Json:
    """A GitHub App, as `GET /app` and `performed_via_github_app` show it."""
    return {
        "id": app.id,
        "client_id": app.client_id,
        "slug": app.slug,
        "node_id": hub.node("A", app.id),
        "owner": user(hub, app.owner),
        "name": app.name,
        "description": "",
        "external_url": "https://example.com",
        "html_url": f"{hub.web}/apps/{app.slug}",
        "created_at": stamp(app.created_at),
        "updated_at": stamp(app.created_at),
        "permissions": app.permissions,
        "events": list(app.events),
    }


def via(hub: Hub, number: int | None) -> Json | None:
    """What `performed_via_github_app` holds."""
    return None if number is None else app(hub, hub.world.apps[number])


def installation(hub: Hub, installed: Installation) -> Json:
    """An app on an account."""
    app = hub.world.apps[installed.app]
    account = user(hub, installed.account)
    url = f"{hub.api}/app/installations/{installed.id}"
    web = f"{hub.web}/organizations/{installed.account}/settings/installations/{installed.id}"
    return {
        "id": installed.id,
        "client_id": app.client_id,
        "account": account,
        "repository_selection": "all" if installed.repositories is None else "selected",
        "access_tokens_url": f"{url}/access_tokens",
        "repositories_url": f"{hub.api}/installation/repositories",
        "html_url": web,
        "app_id": app.id,
        "app_slug": app.slug,
        "target_id": account["id"],
        "target_type": account["type"],
        "permissions": installed.permissions,
        "events": list(installed.events),
        "created_at": stamp(installed.created_at),
        "updated_at": stamp(installed.created_at),
        "single_file_name": None,
        "has_multiple_single_files": False,
        "single_file_paths": [],
        "suspended_by": None,
        "suspended_at": stamp(installed.created_at) if installed.suspended else None,
    }
