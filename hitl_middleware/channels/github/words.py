"""Names and places on GitHub as we write them down, and the hidden marks by which our own comments are found again. Pure.

Identities: ``github:ann`` is a login, ``github:acme/architects`` a team, ``github:role:write`` everybody with that role on the request's
repository or a higher one, ``github:role:assignee`` whoever its issue is assigned to. Letter case makes no difference in any of them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple, Self, get_args

PREFIX: Final = "github:"

# Labels of a run and of a request, all text.
REPOSITORY: Final = "repository"
ISSUE: Final = "issue"
ISSUE_URL: Final = "issue_url"
PULL_REQUEST: Final = "pull_request"
HEAD_SHA: Final = "head_sha"

MOST_BODY: Final = 65_536
"""Characters of a comment; GitHub refuses more ("body is too long (maximum is 65536 characters)")."""

# A login is at most 39 letters, digits and hyphens (github.com's sign-up form); old ones may end in a hyphen, and those of managed
# users end in "_" and a short code (docs.github.com, "Username considerations"). A repository has up to 100 of a few characters more.
_OWNER: Final = r"[A-Za-z0-9][A-Za-z0-9_-]{0,38}"
_REPOSITORY: Final = rf"{_OWNER}/(?!\.{{1,2}}(?![A-Za-z0-9._-]))[A-Za-z0-9._-]{{1,100}}(?<!\.git)"
_NUMBER: Final = r"[1-9][0-9]{0,9}"
_COMMENT: Final = r"[1-9][0-9]{0,18}"
_OUR_ID: Final = r"[0-9A-Za-z-]{1,64}"

_ADDRESS: Final = re.compile(rf"({_REPOSITORY})#({_NUMBER})")
_REF: Final = re.compile(rf"({_REPOSITORY}):({_COMMENT})")
_LOGIN: Final = re.compile(rf"{_OWNER}(?:\[bot\])?")
_TEAM: Final = re.compile(rf"({_OWNER})/([a-z0-9_-]{{1,255}})", re.IGNORECASE)


def is_repository(text: str) -> bool:
    """Whether ``text`` has the form ``acme/shop``."""
    return re.fullmatch(_REPOSITORY, text) is not None


# --------------------------------------------------------------------------------------------------------------- places


@dataclass(frozen=True, slots=True)
class Address:
    """An issue or a pull request, ``acme/shop#12`` as text. GitHub numbers both in one row, and both take comments."""

    repository: str
    number: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises ``ValueError`` for anything that is not exactly of this form."""
        found = _ADDRESS.fullmatch(text)
        if found is None:
            msg = f"{text[:200]!r} is no place on GitHub; one looks like acme/shop#12"
            raise ValueError(msg)
        return cls(found[1], int(found[2]))

    @classmethod
    def of(cls, labels: Mapping[str, str]) -> Self | None:
        """The issue that the labels of a run or a request name; ``None`` where they name none."""
        try:
            return cls.parse(f"{labels.get(REPOSITORY, '')}#{labels.get(ISSUE, '')}")
        except ValueError:
            return None

    @property
    def key(self) -> tuple[str, int]:
        """What all spellings of it have in common: letter case makes no difference to GitHub."""
        return self.repository.lower(), self.number

    def __str__(self) -> str:
        return f"{self.repository}#{self.number}"


@dataclass(frozen=True, slots=True)
class CommentRef:
    """A comment, ``acme/shop:4711`` as text: what a card of this channel has as its ref."""

    repository: str
    comment: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises ``ValueError`` for anything that is not exactly of this form."""
        found = _REF.fullmatch(text)
        if found is None:
            msg = f"{text[:200]!r} names no comment; a ref looks like acme/shop:4711"
            raise ValueError(msg)
        return cls(found[1], int(found[2]))

    def __str__(self) -> str:
        return f"{self.repository}:{self.comment}"


# --------------------------------------------------------------------------------------------------------------- people

Role = Literal["read", "triage", "write", "maintain", "admin"]
ROLES: Final[tuple[Role, ...]] = get_args(Role)
"""From the least to the most (docs.github.com, "Repository roles for an organization")."""

ROLE_PREFIX: Final = f"{PREFIX}role:"
ASSIGNEE: Final = f"{ROLE_PREFIX}assignee"


class Team(NamedTuple):
    """A team of an organization, by its slug."""

    organization: str
    slug: str


def login_of(identity: str | None) -> str | None:
    """The login in ``github:ann`` (or ``github:app[bot]``); ``None`` for a team, a role, and everything that is not of GitHub."""
    name = _after(PREFIX, identity)
    return name if name is not None and _LOGIN.fullmatch(name) else None


def team_of(identity: str | None) -> Team | None:
    """The team in ``github:acme/architects``; ``None`` for anything else."""
    found = _TEAM.fullmatch(_after(PREFIX, identity) or "")
    return Team(found[1], found[2]) if found else None


def role_of(identity: str | None) -> Role | None:
    """The role in ``github:role:write``; ``None`` for anything else, an assignee included."""
    name = (_after(ROLE_PREFIX, identity) or "").lower()
    return name if name in ROLES else None


def is_assignee(identity: str | None) -> bool:
    """Whether it is ``github:role:assignee``."""
    return identity is not None and identity.lower() == ASSIGNEE


def _after(prefix: str, identity: str | None) -> str | None:
    if identity is None or identity[: len(prefix)].lower() != prefix:
        return None
    return identity[len(prefix) :]


# -------------------------------------------------------------------------------------------------------- hidden markers

_MARKED: Final = re.compile(rf"<!-- hitl:(card|notice):({_OUR_ID}) -->(?=\r?\n|\Z)")


def card_marker(card_id: str) -> str:
    """The first line of a card's comment. A reader does not see it."""
    return _marker("card", card_id)


def notice_marker(notice_id: str) -> str:
    """The first line of a one-off comment."""
    return _marker("notice", notice_id)


def card_in(body: str) -> str | None:
    """The id of the card that a comment shows.

    The mark counts only where it is the very first thing of a comment: further down it is a copy – GitHub's "Quote reply" puts ``>``
    before it, and an edit or an e-mail may put it anywhere. That says what the comment claims to be, not who wrote it: whoever acts on
    it looks at the author, too.
    """
    return _marked("card", body)


def notice_in(body: str) -> str | None:
    """The id of the notice that a comment is; the same rule."""
    return _marked("notice", body)


def is_ours(body: str) -> bool:
    """Whether a comment claims to be one of ours."""
    return _MARKED.match(body) is not None


def _marker(kind: str, our_id: str) -> str:
    if not re.fullmatch(_OUR_ID, our_id):
        msg = f"{our_id[:100]!r} is no id of ours"
        raise ValueError(msg)
    return f"<!-- hitl:{kind}:{our_id} -->"


def _marked(kind: str, body: str) -> str | None:
    found = _MARKED.match(body)
    return found[2] if found and found[1] == kind else None
