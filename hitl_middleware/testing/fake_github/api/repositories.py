"""Repositories and who may do what there."""

from __future__ import annotations

from typing import Any

from hitl_middleware.testing.fake_github import access
from hitl_middleware.testing.fake_github.records import ROLES
from hitl_middleware.testing.fake_github.refusals import Refusal, not_found
from hitl_middleware.testing.fake_github.rest import Answer, Asking, route
from hitl_middleware.testing.fake_github.shapes import people, repositories


@route("GET", "/repos/{owner}/{repo}")
def get_repository(asking: Asking) -> Any:
    """A repository, and what the one who asks may do there."""
    found = asking.repository()
    viewer = asking.token.login if asking.token else None
    return repositories.repository(asking.hub, found, viewer)


@route("GET", "/repos/{owner}/{repo}/collaborators/{login}/permission")
def get_permission(asking: Asking) -> Any:
    """What somebody may do; 404 for who does not exist at all, "none" for who may nothing."""
    repository = asking.repository()
    if not asking.has_role(repository, "write"):
        raise Refusal(403, "Must have push access to view collaborator permission.")
    login = asking.path["login"]
    if login.lower() not in asking.hub.world.accounts:
        raise Refusal(404, f"{login} is not a user")
    return people.collaborator_permission(asking.hub, repository, login)


@route("GET", "/repos/{owner}/{repo}/collaborators", role="write")
def list_collaborators(asking: Asking) -> Answer:
    """Everybody who was given more than everybody has."""
    repository, hub = asking.repository(), asking.hub
    accounts = [
        each.login
        for each in hub.world.accounts.values()
        if each.type != "Organization" and _given(asking, each.login)
    ]

    def shape(login: str) -> Any:
        shown = people.collaborator_permission(hub, repository, login)
        return {**people.user(hub, login), **shown["user"]}

    return asking.page(accounts, shape)


def _given(asking: Asking, login: str) -> bool:
    repository = asking.repository()
    public = "none" if repository.private else "read"
    return ROLES.index(access.role(asking.hub, repository, login)) > ROLES.index(public)


@route("GET", "/repos/{owner}/{repo}/collaborators/{login}")
def is_collaborator(asking: Asking) -> Answer:
    """204 for somebody who is one, 404 for anybody else."""
    asking.repository()
    return Answer(None, 204) if _given(asking, asking.path["login"]) else not_found()


@route("GET", "/repos/{owner}/{repo}/assignees/{login}")
def is_assignable(asking: Asking) -> Answer:
    """204 for somebody who can be assigned to issues."""
    repository, login = asking.repository(), asking.path["login"]
    return Answer(None, 204) if access.has_role(asking.hub, repository, login, "triage") else not_found()
