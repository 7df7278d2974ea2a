"""What gets another name or place: repositories that are renamed, issues that are transferred.

What is in a repository moves along, and the old name leads to the new one as long as nobody takes it.

Sources: docs.github.com, "Renaming a repository" (requests are sent on until another repository has the old name) and "Best practices for
using the REST API" ("Follow redirects"). A read of the old name is answered with 301, a write with 307 (google/go-github, issue 184), both
with the address by number, `/repositories/4711/…`, and the query as it came (node-gh/gh, issue 579).

Of a transferred issue the old number leads to the new place (docs.github.com, "Get an issue"), and what lies below it does not: its
comments are 404 (Systemorph/MeshWeaver, issue 4629; golang/build, pull request 26).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final, TypeVar
from urllib.parse import urlencode

from hitl_middleware.testing.fake_github import issues
from hitl_middleware.testing.fake_github.hooks import announce
from hitl_middleware.testing.fake_github.records import Issue, Repository
from hitl_middleware.testing.fake_github.refusals import Refusal
from hitl_middleware.testing.fake_github.shapes import issues as shapes
from hitl_middleware.testing.fake_github.shapes import repositories
from hitl_middleware.testing.fake_github.state import Hub, Who

T = TypeVar("T")

_BY_NUMBER: Final = re.compile(r"/repositories/([0-9]{1,18})(/.*)?")
_DOCUMENTATION: Final = (
    "https://docs.github.com/rest/guides/best-practices-for-using-the-rest-api#follow-redirects"
)


class Moved(Refusal):
    """It is somewhere else now."""

    def __init__(self, status: int, address: str) -> None:
        super().__init__(status, "Moved Permanently", headers={"Location": address})
        self.address = address

    @property
    def answer(self) -> dict[str, Any]:
        """The body of the answer."""
        return {"message": self.message, "url": self.address, "documentation_url": _DOCUMENTATION}


def renamed(hub: Hub, repository: Repository, who: Who, name: str) -> Repository:
    """The repository under another name. Hooks, tokens, teams and everything that was written there go with it."""
    old, new = repository.full_name, f"{repository.owner}/{name}"
    world = hub.world

    def moved(record: T) -> T:
        return replace(record, repository=new) if getattr(record, "repository", "") == old else record  # type: ignore[type-var]

    def names(listed: tuple[str, ...] | None) -> tuple[str, ...] | None:
        return (
            None if listed is None else tuple(new if each.lower() == old.lower() else each for each in listed)
        )

    def place(url: str) -> str:
        where, _, number = url.partition("#")
        return f"{new}#{number}".lower() if where == old.lower() else url

    changed = replace(repository, name=name)
    del world.repositories[old.lower()]
    world.repositories[new.lower()] = changed
    world.former_names[old.lower()] = repository.id
    world.former_names.pop(new.lower(), None)
    world.issues = {place(url): moved(each) for url, each in world.issues.items()}
    world.pulls = {place(url): moved(each) for url, each in world.pulls.items()}
    world.deleted_issues = [place(url) for url in world.deleted_issues]
    world.comments = {number: moved(each) for number, each in world.comments.items()}
    world.reviews = {number: moved(each) for number, each in world.reviews.items()}
    world.events = [moved(each) for each in world.events]
    world.statuses = [moved(each) for each in world.statuses]
    world.refs = {new.lower() if where == old.lower() else where: each for where, each in world.refs.items()}
    world.hooks = {
        number: replace(each, target=new) if each.target.lower() == old.lower() else each
        for number, each in world.hooks.items()
    }
    world.tokens = {
        value: replace(each, repositories=names(each.repositories)) for value, each in world.tokens.items()
    }
    world.installations = {
        number: replace(each, repositories=names(each.repositories))
        for number, each in world.installations.items()
    }
    world.teams = {
        slug: replace(each, repositories=_roles(each.repositories, old, new))
        for slug, each in world.teams.items()
    }
    announce(
        hub,
        changed,
        "repository",
        "renamed",
        who,
        {"changes": {"repository": {"name": {"from": repository.name}}}},
    )
    return changed


def transferred(hub: Hub, issue: Issue, who: Who, to: Repository) -> Issue:
    """The issue in another repository, with its comments, under a new number and a new id. Labels that are not there are left behind."""
    world, old = hub.world, issue.url
    before = shapes.issue(hub, issue)
    made = issues.numbered(hub, to, who, issue.title, issue.body)
    labels = tuple(name for name in issue.labels if name.lower() in to.labels)
    moved = replace(issue, id=made.id, repository=made.repository, number=made.number, labels=labels)
    issues.store(hub, moved)
    del world.issues[old.lower()]
    world.transferred[old.lower()] = moved.url.lower()
    for number, each in [*world.comments.items()]:
        if f"{each.repository}#{each.number}" == old:
            world.comments[number] = replace(each, repository=moved.repository, number=moved.number)
    changes = {"new_issue": shapes.issue(hub, moved), "new_repository": repositories.repository(hub, to)}
    here = world.repositories[issue.repository.lower()]
    announce(hub, here, "issues", "transferred", who, {"issue": before, "changes": changes})
    return moved


def elsewhere(hub: Hub, repository: Repository, number: int) -> Moved | None:
    """The answer to a request for an issue that is in another repository now."""
    url = hub.world.transferred.get(f"{repository.full_name}#{number}".lower())
    issue = hub.world.issues.get(url or "")
    if issue is None:
        return None
    there = hub.world.repositories[issue.repository.lower()]
    return Moved(301, f"{hub.api}/repositories/{there.id}/issues/{issue.number}")


def _roles(held: Mapping[str, str], old: str, new: str) -> dict[str, str]:
    return {new.lower() if where == old.lower() else where: role for where, role in held.items()}


def former(hub: Hub, full_name: str) -> Repository | None:
    """The repository that had this name, and has another one now."""
    number = hub.world.former_names.get(full_name.lower())
    return next((each for each in hub.world.repositories.values() if each.id == number), None)


def sent_on(hub: Hub, repository: Repository, method: str, address: str, query: Mapping[str, str]) -> Moved:
    """The answer to a request for ``/repos/old/name/…``."""
    rest = "/".join(address.split("/")[4:])
    there = f"{hub.api}/repositories/{repository.id}{f'/{rest}' if rest else ''}"
    return Moved(301 if method == "GET" else 307, f"{there}?{urlencode(query)}" if query else there)


def by_name(hub: Hub, address: str) -> str:
    """``/repositories/4711/…`` as ``/repos/acme/shop/…``; any other address as it is."""
    found = _BY_NUMBER.fullmatch(address)
    if found is None:
        return address
    repository = next((each for each in hub.world.repositories.values() if each.id == int(found[1])), None)
    return address if repository is None else f"/repos/{repository.full_name}{found[2] or ''}"
