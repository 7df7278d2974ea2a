"""A repository as the workflows read it, and GitHub's "no" as sentences. The client is the one of the GitHub channel."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import lru_cache
from typing import TYPE_CHECKING

from hitl_graphs.delivery.state import File
from hitl_middleware import HitlError, NotExecuted, OutcomeUnknown
from hitl_middleware.errors import DeliveryFailed
from hitl_middleware.settings import load_config, load_settings

if TYPE_CHECKING:
    from github import GithubException
    from github.Repository import Repository

    from hitl_middleware.channels.github.client import GitHubClients
    from hitl_middleware.channels.github.settings import GitHubSettings

MOST_READ = 100_000
"""Bytes of a file that are read; a larger one cannot be changed here."""


class NotConfigured(NotExecuted):
    """GitHub is not configured, so nothing was done there. Set GITHUB_TOKEN, or GITHUB_APP_ID and GITHUB_APP_PRIVATE_KEY."""


class Refused(NotExecuted):
    """GitHub refused to {what} ({status}): {why}"""


class Unreachable(NotExecuted):
    """GitHub could not be asked to {what}: {why}"""


class Unreadable(NotExecuted):
    """{path} in {repository} cannot be changed here: {why}"""


def is_configured() -> bool:
    """Whether there is a GitHub to act on. Raises ``ConfigurationError`` for one that is configured in part."""
    return _clients() is not None


def open_repository(name: str) -> Repository:
    """PyGithub's ``Repository`` of ``acme/shop``, under the name that it has now. Raises ``NotConfigured`` and ``Unreachable``.

    GitHub sends requests for an old name on, and PyGithub loses them on the way: it takes the 307 that answers a write for done, and asks
    what it reads without its query ("Follow redirects": docs.github.com, "Best practices for using the REST API"). Where the name cannot
    be asked for now, the given one stays, and whoever acts or reads meets the trouble there.
    """
    from github import GithubException
    from requests import RequestException

    clients = _clients()
    if clients is None:
        raise NotConfigured
    try:
        found = clients.repository(name)
    except DeliveryFailed as error:
        raise Unreachable(what=f"open {name}", why=str(error.facts["reason"])) from error
    with suppress(GithubException, RequestException):
        found.complete()
    return found


def _clients() -> GitHubClients | None:
    """Those that the environment and ``hitl.toml`` configure, as for the channel: the same token, the same App."""
    from hitl_middleware.channels.github.settings import GitHubSettings

    settings = GitHubSettings.from_env(load_config(load_settings().config).github)
    return None if settings is None else _made(settings)


@lru_cache(maxsize=4)
def _made(settings: GitHubSettings) -> GitHubClients:
    """Kept: a GitHub App's token is good for an hour."""
    from hitl_middleware.channels.github.client import GitHubClients

    return GitHubClients(settings)


@contextmanager
def asking(what: str) -> Iterator[None]:
    """For what only reads: whatever goes wrong is a sentence. ``what`` completes "GitHub refused to"."""
    from github import GithubException

    try:
        yield
    except GithubException as error:
        if error.status >= 500 or error.status == 429 or "rate limit" in words_of(error).lower():
            raise Unreachable(what=what, why=f"{error.status} {words_of(error)}") from error
        raise Refused(what=what, status=error.status, why=words_of(error)) from error
    except HitlError:
        raise
    except Exception as error:
        # A lost connection, or an answer of which PyGithub can make nothing.
        raise Unreachable(what=what, why=type(error).__name__) from error


@contextmanager
def acting(what: str) -> Iterator[None]:
    """For what changes something: neither a lost connection nor an answer of 5xx, or none that makes sense, says what became of it."""
    from github import GithubException
    from requests import RequestException

    try:
        yield
    except GithubException as error:
        if error.status >= 500:
            msg = f"GitHub answered {error.status} when asked to {what}"
            raise OutcomeUnknown(msg) from error
        raise Refused(what=what, status=error.status, why=words_of(error)) from error
    except (HitlError, RequestException):
        raise  # the gate knows which of these were never sent
    except Exception as error:
        msg = f"GitHub gave no usable answer when asked to {what} ({type(error).__name__})"
        raise OutcomeUnknown(msg) from error


def words_of(error: GithubException) -> str:
    """What GitHub says, in one line: its message, and that of each field."""
    data = error.data if isinstance(error.data, dict) else {}
    details = data.get("errors")
    said = [each.get("message") or each if isinstance(each, dict) else each for each in details or ()]
    found = [str(data.get("message") or error.message or "no reason given"), *map(str, said)]
    return " ".join("; ".join(found).split())[:500]


def text_at(repository: Repository, path: str, ref: str) -> str | None:
    """A file's text at a commit; ``None``: there is none. Raises ``Unreadable`` for what is no text, and as ``asking``."""
    from github import UnknownObjectException

    with asking(f"read {path}"):
        try:
            found = repository.get_contents(path, ref=ref)
        except UnknownObjectException:
            return None
    if isinstance(found, list):
        raise Unreadable(path=path, repository=repository.full_name, why="it is a folder.")
    if found.size > MOST_READ:
        raise Unreadable(path=path, repository=repository.full_name, why=f"it has {found.size:,} bytes.")
    try:
        return found.decoded_content.decode()
    except (AssertionError, UnicodeDecodeError):
        raise Unreadable(path=path, repository=repository.full_name, why="it is no text.") from None


def written_between(
    repository: Repository, base_sha: str, head: str
) -> tuple[list[File], Mapping[str, str | None]]:
    """The files that differ between two commits, as they are at ``head``; and what stood there at ``base_sha``."""
    if base_sha == head:
        return [], {}
    with asking(f"compare {base_sha[:7]} with {head[:7]}"):
        old, new = (
            {
                item.path: item.sha
                for item in repository.get_git_tree(sha, recursive=True).tree
                if item.type == "blob"
            }
            for sha in (base_sha, head)
        )
    paths = [path for path in {**old, **new} if old.get(path) != new.get(path)]
    before = {path: text_at(repository, path, base_sha) if path in old else None for path in paths}
    return [File(path=p, content=text_at(repository, p, head) if p in new else None) for p in paths], before
