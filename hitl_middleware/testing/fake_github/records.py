"""What is on this GitHub: frozen records. A change stores a new record in the place of the old one.

All of them can be kept in a file (`keeping`), so their fields are plain. Times are whole seconds since 1970, as GitHub has no finer ones.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal

from pydantic import ConfigDict

ROLES: Final = ("none", "read", "triage", "write", "maintain", "admin")
"""What somebody may do in a repository, from least to most."""

AccountKind = Literal["User", "Bot", "Organization"]
TokenKind = Literal["classic", "fine_grained", "installation"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A person, a bot (`name[bot]`) or an organisation. `everywhere`: a role they have in every repository."""

    id: int
    login: str
    type: AccountKind = "User"
    name: str = ""
    everywhere: str = ""
    organizations: tuple[tuple[str, str], ...] = ()  # (organisation, "admin" or "member"), in lower case


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomRole:
    """A role that an organisation made up, on top of one of GitHub's own."""

    name: str
    base: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """A label that a repository has."""

    id: int
    name: str
    color: str = "ededed"
    description: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Repository:
    """A repository. `collaborators`: roles by login in lower case; `labels`: by name in lower case.

    `protected`: branches that change by pull requests only, with the number of approvals that a merge needs.
    """

    id: int
    owner: str
    name: str
    private: bool
    created_at: int
    default_branch: str = "main"
    description: str | None = None
    archived: bool = False
    has_issues: bool = True
    collaborators: dict[str, str] = field(default_factory=dict)
    labels: dict[str, Label] = field(default_factory=dict)
    protected: dict[str, int] = field(default_factory=dict)
    numbered: int = 0

    @property
    def full_name(self) -> str:
        """`owner/name`."""
        return f"{self.owner}/{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Team:
    """A team of an organisation. `members`: "active" or "pending" by login; `repositories`: roles by full name (both in lower case)."""

    id: int
    organization: str
    slug: str
    name: str
    members: dict[str, str] = field(default_factory=dict)
    maintainers: tuple[str, ...] = ()
    repositories: dict[str, str] = field(default_factory=dict)
    parent: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Issue:
    """An issue, or the issue side of a pull request (`pull`)."""

    id: int
    repository: str
    number: int
    title: str
    body: str | None
    user: str
    created_at: int
    updated_at: int
    state: str = "open"
    state_reason: str | None = None
    closed_at: int | None = None
    closed_by: str | None = None
    labels: tuple[str, ...] = ()
    assignees: tuple[str, ...] = ()
    locked: bool = False
    pull: bool = False
    app: int | None = None

    @property
    def url(self) -> str:
        """`acme/shop#12`, as people write it."""
        return f"{self.repository}#{self.number}"


@dataclass(frozen=True, slots=True, kw_only=True)
class IssueEvent:
    """One line of an issue's history: who did what when (`labeled`, `assigned`, `closed`, …)."""

    id: int
    repository: str
    number: int
    event: str
    actor: str
    created_at: int
    label: str = ""
    assignee: str = ""
    commit: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comment:
    """A comment on an issue or a pull request. `versions`: the bodies it had before, the oldest first."""

    id: int
    repository: str
    number: int
    user: str
    body: str
    created_at: int
    updated_at: int
    app: int | None = None
    versions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Reaction:
    """Somebody's reaction to something: `subject` is ("comment", id) or ("issue", id)."""

    id: int
    subject: tuple[str, int]
    content: str
    user: str
    created_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Pull:
    """The pull side of a pull request; its issue has the rest. `base_sha` and `head_sha` stay when it is closed."""

    id: int
    repository: str
    number: int
    head: str
    base: str
    head_sha: str
    base_sha: str
    draft: bool = False
    merged_at: int | None = None
    merged_by: str | None = None
    merge_sha: str | None = None
    requested_reviewers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """A review of a pull request, of the commit that was its head then."""

    id: int
    repository: str
    number: int
    user: str
    body: str
    state: str  # PENDING, COMMENTED, APPROVED, CHANGES_REQUESTED, DISMISSED
    commit_id: str
    submitted_at: int | None
    app: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """What a service says of a commit."""

    id: int
    repository: str
    sha: str
    state: str
    context: str
    description: str | None
    target_url: str | None
    user: str
    created_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GitObject:
    """A blob, a tree or a commit, in git's own bytes; its sha-1 is its name."""

    __pydantic_config__ = ConfigDict(
        ser_json_bytes="base64", val_json_bytes="base64"
    )  # how `keeping` spells them

    kind: str
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A credential. `scopes` count for classic ones, `permissions` ({"issues": "write"}) and `repositories` for the others.

    `repositories` None: every one that its owner (`installation`: the account it is installed on) has.
    """

    value: str
    kind: TokenKind
    login: str
    scopes: tuple[str, ...] = ()
    permissions: dict[str, str] = field(default_factory=dict)
    repositories: tuple[str, ...] | None = None
    installation: int | None = None
    expires_at: int | None = None
    revoked: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """A GitHub App. Its bot is `slug[bot]`. `public_key`: PEM, what its JSON web tokens are checked with."""

    id: int
    slug: str
    name: str
    owner: str
    client_id: str
    public_key: str
    private_key: str
    webhook_secret: str
    permissions: dict[str, str]
    events: tuple[str, ...]
    created_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """An app on an account. `repositories` None: all of them."""

    id: int
    app: int
    account: str
    permissions: dict[str, str]
    events: tuple[str, ...]
    repositories: tuple[str, ...] | None
    created_at: int
    suspended: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Hook:
    """Where deliveries go. `target`: a repository's full name, an organisation, or "" for the webhook of the app `app`."""

    id: int
    target: str
    url: str
    secret: str
    events: tuple[str, ...]
    content_type: str
    created_at: int
    updated_at: int
    insecure_ssl: str = "0"
    active: bool = True
    app: int | None = None
    last_status: int | None = None
