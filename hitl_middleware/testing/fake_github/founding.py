"""How things come to be there before a test begins: accounts, repositories, teams, tokens, webhooks. Nobody is told of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from hitl_middleware.testing.fake_github.delivering import Deliverer
from hitl_middleware.testing.fake_github.errors import CannotHappen
from hitl_middleware.testing.fake_github.records import (
    ROLES,
    Account,
    AccountKind,
    CustomRole,
    Label,
    Repository,
    Team,
    Token,
    TokenKind,
)

_PREFIXES: Mapping[str, str] = {"classic": "ghp_", "fine_grained": "github_pat_", "installation": "ghs_"}


class Founding(Deliverer):
    """Each method adds something, or changes it when it is there."""

    def person(
        self,
        login: str,
        *,
        permission: str = "",
        on: str | Sequence[str] | None = None,
        name: str = "",
        organizations: Mapping[str, str] | Sequence[str] = (),
    ) -> Account:
        """A person. `permission` is their role on the repositories `on`, by default in every repository there is and will be.

        `organizations` they are members of; as a mapping with "admin" (owner) or "member".
        """
        return self._account(login, "User", permission, on, name, organizations)

    def bot(self, login: str, *, permission: str = "", on: str | Sequence[str] | None = None) -> Account:
        """Another app's bot, `renovate[bot]`."""
        return self._account(login, "Bot", permission, on, "", ())

    def organization(self, login: str) -> Account:
        """An organisation. The owner of a repository is one unless it is there as a person."""
        return self._account(login, "Organization", "", None, "", ())

    def forget(self, login: str) -> None:
        """Delete somebody's account: what they wrote is `ghost`'s then, and their tokens are worthless."""
        with self._hub.changing():
            del self._hub.world.accounts[login.lower()]
            for token in [*self._hub.world.tokens.values()]:
                if token.login.lower() == login.lower():
                    self.revoke(token.value)

    def _account(
        self,
        login: str,
        kind: AccountKind,
        permission: str,
        on: str | Sequence[str] | None,
        name: str,
        organizations: Mapping[str, str] | Sequence[str],
    ) -> Account:
        hub = self._hub
        with hub.changing():
            given = (
                organizations
                if isinstance(organizations, Mapping)
                else dict.fromkeys(organizations, "member")
            )
            for each in given:
                if each.lower() not in hub.world.accounts:
                    self.organization(each)
            known = hub.world.accounts.get(login.lower())
            places = [on] if isinstance(on, str) else on
            account = Account(
                id=known.id if known else hub.new_id(),
                login=login,
                type=kind,
                name=name or (known.name if known else ""),
                everywhere=permission if places is None else (known.everywhere if known else ""),
                organizations=tuple((each.lower(), role) for each, role in given.items())
                or (known.organizations if known else ()),
            )
            hub.world.accounts[login.lower()] = account
            if kind == "Organization" and (bot := hub.world.accounts.get(self.bot_login.lower())):
                joined = {**dict(bot.organizations), login.lower(): "member"}
                hub.world.accounts[bot.login.lower()] = replace(bot, organizations=tuple(joined.items()))
            for place in places or ():
                self.collaborator(place, login, permission)
        return account

    def repository(
        self,
        full_name: str,
        *,
        private: bool = False,
        archived: bool = False,
        has_issues: bool = True,
        default_branch: str = "main",
        description: str | None = None,
        files: Mapping[str, str | bytes] | None = None,
    ) -> Repository:
        """A repository, `owner/name`, with a first commit of `files` (by default a README) on its default branch."""
        hub = self._hub
        owner, _, name = full_name.partition("/")
        with hub.changing():
            if owner.lower() not in hub.world.accounts:
                self.organization(owner)
            known = hub.world.repositories.get(full_name.lower())
            repository = Repository(
                id=known.id if known else hub.new_id(),
                owner=hub.world.accounts[owner.lower()].login,
                name=name,
                private=private,
                archived=archived,
                has_issues=has_issues,
                default_branch=default_branch,
                description=description,
                created_at=known.created_at if known else hub.seconds(),
                collaborators=known.collaborators if known else {},
                labels=known.labels if known else {},
                protected=known.protected if known else {},
                numbered=known.numbered if known else 0,
            )
            hub.world.repositories[full_name.lower()] = repository
            if known is None:
                self._first_commit(repository, {"README.md": f"# {name}\n"} if files is None else files)
        return repository

    def _first_commit(self, repository: Repository, files: Mapping[str, str | bytes]) -> None:
        """What a repository begins with."""

    def collaborator(self, full_name: str, login: str, role: str) -> None:
        """Give somebody a role in one repository: read, triage, write, maintain, admin, or a custom one; "none" takes it away."""
        hub = self._hub
        with hub.changing():
            repository = self._repository(full_name)
            custom = [each.name for each in hub.world.custom_roles.get(repository.owner.lower(), [])]
            if role not in {*ROLES, *custom}:
                msg = f"There is no role {role!r}. There are: {', '.join([*ROLES, *custom])}."
                raise CannotHappen(msg)
            if login.lower() not in hub.world.accounts:
                self.person(login)
            changed = {**repository.collaborators, login.lower(): role}
            if role == "none":
                del changed[login.lower()]
            hub.world.repositories[full_name.lower()] = replace(repository, collaborators=changed)

    def protect(self, full_name: str, branch: str = "main", *, approvals: int = 0) -> None:
        """Let a branch change by pull requests only, and those be merged only with so many approvals of people who can write."""
        with self._hub.changing():
            repository = self._repository(full_name)
            protected = {**repository.protected, branch: approvals}
            self._hub.world.repositories[full_name.lower()] = replace(repository, protected=protected)

    def custom_role(self, organization: str, name: str, *, base: str) -> CustomRole:
        """A role that an organisation made up, on top of read, triage, write or maintain."""
        role = CustomRole(name=name, base=base)
        with self._hub.changing():
            roles = self._hub.world.custom_roles.setdefault(organization.lower(), [])
            roles[:] = [*(each for each in roles if each.name != name), role]
        return role

    def team(
        self,
        full_slug: str,
        *,
        members: Iterable[str] = (),
        pending: Iterable[str] = (),
        maintainers: Iterable[str] = (),
        repositories: Mapping[str, str] | None = None,
        parent: str = "",
    ) -> Team:
        """A team, `organisation/slug`; `pending` have not accepted yet. Whoever is not there is added to the organisation."""
        hub = self._hub
        organization, _, slug = full_slug.partition("/")
        with hub.changing():
            if organization.lower() not in hub.world.accounts:
                self.organization(organization)
            states = {
                **{each.lower(): "active" for each in (*members, *maintainers)},
                **{each.lower(): "pending" for each in pending},
            }
            for login in (*members, *maintainers, *pending):
                account = hub.world.accounts.get(login.lower())
                if account is None:
                    self.person(login, organizations=[organization])
                elif organization.lower() not in dict(account.organizations):
                    joined = (*account.organizations, (organization.lower(), "member"))
                    hub.world.accounts[login.lower()] = replace(account, organizations=joined)
            known = hub.world.teams.get(full_slug.lower())
            team = Team(
                id=known.id if known else hub.new_id(),
                organization=organization,
                slug=slug,
                name=slug.replace("-", " ").title(),
                members=states,
                maintainers=tuple(each.lower() for each in maintainers),
                repositories={name.lower(): role for name, role in (repositories or {}).items()},
                parent=parent,
            )
            hub.world.teams[full_slug.lower()] = team
        return team

    def add_label(self, full_name: str, name: str, *, color: str = "ededed", description: str = "") -> Label:
        """A label of a repository; issues get those that are missing made by themselves."""
        with self._hub.changing():
            repository = self._repository(full_name)
            label = Label(id=self._hub.new_id(), name=name, color=color, description=description or None)
            changed = {**repository.labels, name.lower(): label}
            self._hub.world.repositories[full_name.lower()] = replace(repository, labels=changed)
        return label

    def add_token(
        self,
        login: str,
        *,
        kind: TokenKind = "classic",
        scopes: Sequence[str] = ("repo", "admin:repo_hook", "read:org"),
        permissions: Mapping[str, str] | None = None,
        repositories: Sequence[str] | None = None,
        expires_at: int | None = None,
    ) -> str:
        """A token of somebody's. A classic one has `scopes`; a fine-grained one `permissions` on `repositories` (None: all)."""
        hub = self._hub
        with hub.changing():
            if login.lower() not in hub.world.accounts:
                self.person(login)
            token = Token(
                value=hub.new_secret(_PREFIXES[kind]),
                kind=kind,
                login=hub.world.accounts[login.lower()].login,
                scopes=tuple(scopes) if kind == "classic" else (),
                permissions=dict(permissions or {}),
                repositories=None if repositories is None else tuple(repositories),
                expires_at=expires_at,
            )
            hub.world.tokens[token.value] = token
        return token.value

    def revoke(self, token: str) -> None:
        """Make a token worthless: 401 from now on."""
        with self._hub.changing():
            self._hub.world.tokens[token] = replace(self._hub.world.tokens[token], revoked=True)

    def _repository(self, full_name: str) -> Repository:
        found = self._hub.world.repositories.get(full_name.lower())
        if found is None:
            names = ", ".join(each.full_name for each in self._hub.world.repositories.values()) or "none"
            msg = f"There is no repository {full_name}. There are: {names}."
            raise CannotHappen(msg)
        return found
