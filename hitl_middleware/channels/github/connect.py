"""``hitl connect github``: is everything there that GitHub and we need of each other?

Looks at one thing after the other, writes nothing there, and says of what is wrong how to mend it, and of what GitHub does not tell that it
could not be checked. (The webhook: ``hook``.)
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final
from urllib.parse import quote, urlsplit

from hitl_middleware.channels.finding import Finding
from hitl_middleware.channels.github import rights
from hitl_middleware.channels.github.client import GitHubClients
from hitl_middleware.channels.github.questions import Refusal, got, of_app, sentence
from hitl_middleware.channels.github.rest import Answer
from hitl_middleware.channels.github.words import PREFIX, is_assignee, login_of, role_of, team_of
from hitl_middleware.display import one_line
from hitl_middleware.errors import DeliveryFailed

MOST_NAMES: Final = 50
"""People and teams of ``hitl.toml`` that are looked up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """The repository as GitHub tells it, and as whom we are there. ``web``: its page."""

    name: str
    web: str
    private: bool
    login: str
    kind: rights.Kind
    scopes: frozenset[str]
    teams: bool

    @property
    def site(self) -> str:
        """GitHub's own address, for people."""
        parts = urlsplit(self.web)
        return f"{parts.scheme}://{parts.netloc}"


@dataclass(slots=True)
class Look:
    """One look at a repository. ``names``: identities of GitHub that ``hitl.toml`` lets decide. ``place``: once it was reached."""

    clients: GitHubClients
    repository: str
    names: Collection[str]
    place: Place | None = None

    async def findings(self) -> AsyncIterator[Finding]:
        """Look at one thing after the other. Nothing secret is in what comes out."""
        try:
            async for each in self._findings():
                yield each
        except DeliveryFailed as error:
            mend = "Run hitl connect github again once that is mended."
            yield Finding("github", ok=False, says=sentence(error), mend=mend)

    async def _findings(self) -> AsyncIterator[Finding]:
        clients, teams = self.clients, any(team_of(name) for name in self.names)
        finding, me = await _who(clients, self.repository, teams=teams)
        yield finding
        if me is None:
            return
        if me.kind == "app":
            finding = await _installation(clients, me)
            yield finding
            if not finding.ok:
                return
        finding, found = await _repository(clients, self.repository, me)
        yield finding
        if found is None:
            return
        name, web = _name(found.get("full_name")), _name(found.get("html_url"))
        self.place = replace(me, name=name, web=web, private=bool(found.get("private")))
        for each in await _rights(clients, self.place, found.get("permissions") or {}):
            yield each
        yield await _people(clients, self.place)
        for identity in sorted(self.names)[:MOST_NAMES]:
            if (named := await _named(clients, self.place, identity)) is not None:
                yield named


# who we are ----------------------------------------------------------------------------------------------------------


async def _who(clients: GitHubClients, repository: str, *, teams: bool) -> tuple[Finding, Place | None]:
    blank = Place(
        name=repository, web="", private=True, login="", kind="app", scopes=frozenset(), teams=teams
    )
    if clients.settings.token is None:
        return await _app(clients, blank)
    site = _site(clients.settings.api_url)
    mend = f"Make a token at {site}/settings/personal-access-tokens and set GITHUB_TOKEN."
    answer = await got(clients, repository, "/user")
    if isinstance(answer, Refusal):
        says = answer.says
        if clients.settings.token.get_secret_value().startswith("ghs_"):
            says = "GITHUB_TOKEN is an App's or a workflow's own token, which lasts an hour and is no identity to keep."
        return Finding("token", ok=False, says=says, mend=mend), None
    scopes = answer.headers.get("x-oauth-scopes")
    fine = clients.settings.token.get_secret_value().startswith("github_pat_") or scopes is None
    login = _name(answer.record.get("login"))
    until = answer.headers.get("github-authentication-token-expiration")
    expires = f", and ends {_name(until)}" if until else ""
    kind: rights.Kind = "fine-grained" if fine else "classic"
    held = frozenset(part.strip() for part in (scopes or "").split(",") if part.strip())
    says = f"GITHUB_TOKEN is a {kind} token of {login}{expires}."
    return Finding("token", ok=True, says=says), replace(blank, login=login, kind=kind, scopes=held)


async def _app(clients: GitHubClients, blank: Place) -> tuple[Finding, Place | None]:
    mend = "GITHUB_APP_ID and the private key stand on the App's settings page; both must be of the same App."
    answer = await of_app(clients, "GET", "/app")
    if isinstance(answer, Refusal):
        return Finding("app", ok=False, says=answer.says, mend=mend), None
    slug = _name(answer.record.get("slug"))
    says = f"The GitHub App is {slug}; it writes as {slug}[bot]."
    return Finding("app", ok=True, says=says), replace(blank, login=f"{slug}[bot]")


# the repository ------------------------------------------------------------------------------------------------------


async def _repository(
    clients: GitHubClients, repository: str, me: Place
) -> tuple[Finding, Mapping[str, Any] | None]:
    answer = await got(clients, repository, f"/repos/{repository}")
    if isinstance(answer, Refusal):
        return Finding("repository", ok=False, says=answer.says, mend=_let_in(repository, me)), None
    found = answer.record
    name = _name(found.get("full_name"))
    settings = f"{_name(found.get('html_url'))}/settings"
    if found.get("archived"):
        says, mend = f"{name} is archived: nothing can be written there.", f"Unarchive it at {settings}."
        return Finding("repository", ok=False, says=says, mend=mend), None
    if not found.get("has_issues", True):
        says, mend = f"{name} has no issues: there is nowhere to ask.", f"Switch Issues on at {settings}."
        return Finding("repository", ok=False, says=says, mend=mend), None
    moved = f"; it is called so now, not {repository}" if name.lower() != repository.lower() else ""
    kind = "private" if found.get("private") else "public"
    return Finding("repository", ok=True, says=f"{name} is there ({kind}{moved})."), found


def _let_in(repository: str, me: Place) -> str:
    check = f"Is {repository} spelt right?"
    if me.kind == "app":
        return f"{check} Install the App on it (the App's settings page, Install App)."
    if me.kind == "classic":
        return (
            f"{check} If it is private, {me.login} must be a collaborator and the token needs the scope repo."
        )
    return (
        f"{check} The token must be made for that owner and name this repository among those it may access."
    )


# what we may do ------------------------------------------------------------------------------------------------------


async def _rights(clients: GitHubClients, place: Place, role: Mapping[str, Any]) -> list[Finding]:
    if place.kind == "app":
        return []  # its installation told all of it
    found = [_role(place, role)]
    if place.kind == "classic":
        found.append(_scopes(place))
    else:
        found += await _probed(clients, place)
    return found


def _role(place: Place, role: Mapping[str, Any]) -> Finding:
    if role.get("push"):
        return Finding("role", ok=True, says=f"{place.login} may write in {place.name}.")
    says = f"{place.login} may not write in {place.name}: no branches, no pull requests, no asking who may decide."
    mend = f"Give {place.login} the role Write at {place.web}/settings/access."
    return Finding("role", ok=False, says=says, mend=mend)


def _scopes(place: Place) -> Finding:
    missing = rights.missing_scopes(place.scopes, private=place.private, teams=place.teams)
    if missing:
        says = f"The token lacks the scopes {', '.join(missing)}."
        return Finding("scopes", ok=False, says=says, mend=f"Add them at {place.site}/settings/tokens.")
    return Finding("scopes", ok=True, says="The token has every scope it needs.")


async def _probed(clients: GitHubClients, place: Place) -> list[Finding]:
    """GitHub does not tell what a fine-grained token may do; what it may read shows, where not everybody may."""
    mend = f"Give it, for {place.name}: {rights.listed(teams=place.teams)}, at {place.site}/settings/personal-access-tokens."
    probes = {"Issues": "issues", "Pull requests": "pulls", "Contents": "commits"} if place.private else {}
    lacking = []
    for name, path in probes.items():
        answer = await got(clients, place.name, f"/repos/{place.name}/{path}?per_page=1")
        if isinstance(answer, Refusal) and answer.status in {403, 404}:
            lacking.append(name)
    if lacking:
        says = f"The token may not even read in {place.name}: {', '.join(lacking)}."
        return [Finding("permissions", ok=False, says=says, mend=mend)]
    says = (
        "What a fine-grained token may write is not told by GitHub, and was not tried; a lack shows with the first comment. "
        f"It needs {rights.listed(teams=place.teams)}."
    )
    return [Finding("permissions", ok=True, says=says, checked=False)]


async def _installation(clients: GitHubClients, place: Place) -> Finding:
    answer = await of_app(clients, "GET", f"/repos/{place.name}/installation")
    if isinstance(answer, Refusal):
        return Finding("installation", ok=False, says=answer.says, mend=_let_in(place.name, place))
    page = _name(answer.record.get("html_url"))
    if answer.record.get("suspended_at"):
        says = f"The App's installation on {place.name} is suspended."
        return Finding("installation", ok=False, says=says, mend=f"Unsuspend it at {page}.")
    missing = rights.missing_permissions(answer.record.get("permissions") or {}, teams=place.teams)
    if missing:
        mend = (
            f"Change them under Permissions & events of the App's settings, then accept the change at {page}."
        )
        says = f"The App lacks {'; '.join(missing)}."
        return Finding("permissions", ok=False, says=says, mend=mend)
    return Finding("permissions", ok=True, says="The App has every permission it needs.")


# people --------------------------------------------------------------------------------------------------------------


async def _people(clients: GitHubClients, place: Place) -> Finding:
    """Whether we may ask what somebody may do: on that rests who may decide."""
    login = place.login
    if place.kind == "app":
        first = await got(clients, place.name, f"/repos/{place.name}/collaborators?per_page=1")
        people = [] if isinstance(first, Refusal) else first.items
        login = _name(people[0].get("login")) if people and isinstance(people[0], dict) else ""
        if isinstance(first, Refusal):
            return _cannot_ask(place, first)
    if not login:
        says = f"{place.name} has no collaborator to ask about."
        return Finding("people", ok=True, says=says, checked=False)
    answer = await got(clients, place.name, f"/repos/{place.name}/collaborators/{quote(login)}/permission")
    if isinstance(answer, Refusal):
        return _cannot_ask(place, answer)
    role = _name(answer.record.get("role_name"))
    return Finding(
        "people", ok=True, says=f"It can be asked what somebody may do in {place.name} ({login}: {role})."
    )


def _cannot_ask(place: Place, refusal: Refusal) -> Finding:
    says = f"It cannot be asked what somebody may do in {place.name}, so nobody could decide there. {refusal.says}"
    right = "Metadata: read" if place.kind != "classic" else "the role Write"
    return Finding("people", ok=False, says=says, mend=f"It needs {right} in {place.name}.")


async def _named(clients: GitHubClients, place: Place, name: str) -> Finding | None:
    """Whether somebody who is to decide is there; ``None``: a role, which is always there."""
    if (team := team_of(name)) is not None:
        where = f"{team.organization}/{team.slug}"
        answer = await got(
            clients, team.organization, f"/orgs/{quote(team.organization)}/teams/{quote(team.slug)}"
        )
        if isinstance(answer, Answer):
            return Finding("team", ok=True, says=f"The team {where} is there.")
        says = f"There is no team {where}, or it may not be seen. {answer.says}"
        needs = "the scope read:org" if place.kind == "classic" else "Members: read of the organization"
        mend = f"Is it spelt as in its address ({place.site}/orgs/{team.organization}/teams)? Seeing it takes {needs}."
        return Finding("team", ok=False, says=says, mend=mend)
    if (login := login_of(name)) is not None:
        answer = await got(clients, place.name, f"/users/{quote(login)}")
        if isinstance(answer, Answer):
            return Finding("person", ok=True, says=f"{_name(answer.record.get('login'))} is on GitHub.")
        says = f"There is nobody called {login} on GitHub. {answer.says}"
        return Finding("person", ok=False, says=says, mend=f"Correct {name} in hitl.toml.")
    if role_of(name) is not None or is_assignee(name):
        return None
    mend = "github:ann is a person, github:acme/architects a team, github:role:write a role (or read, triage, maintain, admin, assignee)."
    return Finding("person", ok=False, says=f"{one_line(name, 80)} names nobody on GitHub.", mend=mend)


def named_in(names: Collection[str]) -> frozenset[str]:
    """Those that are of GitHub."""
    return frozenset(name for name in names if name.lower().startswith(PREFIX))


def _site(api_url: str) -> str:
    """The pages that belong to an API address."""
    parts = urlsplit(api_url)
    host = parts.netloc.removeprefix("api.") if parts.netloc == "api.github.com" else parts.netloc
    return f"{parts.scheme}://{host}"


def _name(value: object) -> str:
    """A name of GitHub's, on one line: it is printed in a terminal."""
    return one_line(str(value or "?"), 200)
