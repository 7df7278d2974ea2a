"""What a workflow is given and what it carries along."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any
from urllib.parse import urlsplit

from langgraph.channels import EphemeralValue
from typing_extensions import TypedDict

from hitl_middleware import HitlError

MOST_TITLE = 256
MOST_BODY = 65_536
"""Characters; GitHub takes no longer titles and bodies of issues either."""

_REPOSITORY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,38}/(?!\.{1,2}$)[A-Za-z0-9._-]{1,100}")
_NUMBER = re.compile(r"[1-9][0-9]{0,9}")
_BRANCH = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._/-]{0,199}")


class InputUnusable(HitlError):
    """The input does not fit: {why}. Give {{"repository": "acme/shop", "issue": 12}}, or a "title" and a "body" where there is no issue."""


class Stopped(HitlError):
    """{why}"""


class Given(TypedDict, total=False):
    """The input, as a trigger maps it. It lasts only until it is read, so that nothing of it is left for the thread's next run.

    ``base``: the branch to change; by default the repository's own.
    """

    repository: Annotated[Any, EphemeralValue]
    issue: Annotated[Any, EphemeralValue]
    issue_url: Annotated[Any, EphemeralValue]
    title: Annotated[Any, EphemeralValue]
    body: Annotated[Any, EphemeralValue]
    base: Annotated[Any, EphemeralValue]


class Task(TypedDict):
    """What is to be done, and where. ``issue`` is ``None`` where nobody filed one."""

    repository: str
    issue: int | None
    issue_url: str | None
    title: str
    body: str
    base: str | None


class Pull(TypedDict):
    """A pull request. ``head``: the commit that people review, and the only one that is merged."""

    number: int
    url: str
    head: str


class File(TypedDict):
    """A file as it is to be; ``content`` is ``None`` for one that is to be deleted."""

    path: str
    content: str | None


class Delivery(TypedDict, total=False):
    """The state of every workflow; each adds the reviews of its own human steps.

    ``analysis`` … ``audit``, ``summary``, ``changes`` (a diff) and ``pull_request`` are texts that people read. ``files``: what is still to
    be committed, under ``commit_title`` and on top of ``parent``; the diff is against ``base_sha`` of ``base_branch`` (``None``: GitHub
    could not be read). ``notice``: what reviewers have to know before they decide again. ``problem``: why it ended early. ``merged``:
    the commit that the merge made.
    """

    task: Task
    analysis: str
    options: str
    design: str
    plan: str
    audit: str
    changes: str
    summary: str
    commit_title: str
    files: list[File]
    base_branch: str | None
    base_sha: str | None
    parent: str | None
    branch: str
    pull: Pull
    pull_request: str
    notice: str | None
    merged: str
    problem: str | None


def read_given(given: Mapping[str, Any]) -> Task:
    """The task in an input. Its title is ``""`` where only an issue was named. Raises ``InputUnusable``."""
    repository, base, url = given.get("repository"), given.get("base"), given.get("issue_url")
    if repository is None or repository == "":
        raise InputUnusable(why="there is no repository in it")
    if not isinstance(repository, str) or not _REPOSITORY.fullmatch(repository):
        raise InputUnusable(why=f"{_short(repository)} is no repository")
    if base is not None and not (isinstance(base, str) and _BRANCH.fullmatch(base) and ".." not in base):
        raise InputUnusable(why=f"base: {_short(base)} is no branch")
    if url is not None and not _is_url(url):
        raise InputUnusable(why=f"issue_url: {_short(url)} is no address of a page")
    issue = _issue(given.get("issue"))
    title, body = _text(given, "title", MOST_TITLE), _text(given, "body", MOST_BODY)
    title = " ".join(title.split())
    if issue is None and not title:
        raise InputUnusable(why="it names no issue and has no title")
    return Task(repository=repository, issue=issue, issue_url=url, title=title, body=body, base=base)


def _issue(value: Any) -> int | None:
    """A number; also as text, which is what labels and forms make of it."""
    if value is None or value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, int | str) or not _NUMBER.fullmatch(str(value)):
        raise InputUnusable(why=f"issue: {_short(value)} is no number of an issue")
    return int(value)


def _text(given: Mapping[str, Any], key: str, most: int) -> str:
    value = given.get(key)
    if value is None:  # GitHub's own word for an issue without a body
        return ""
    if not isinstance(value, str):
        raise InputUnusable(why=f"{key}: {_short(value)} is no text")
    if len(value) > most:
        raise InputUnusable(why=f"{key}: {len(value):,} characters, at most {most:,}")
    return value


def _is_url(value: Any) -> bool:
    if not isinstance(value, str) or len(value) > 500 or not value.isprintable() or " " in value:
        return False
    try:
        found = urlsplit(value)
    except ValueError:
        return False
    return found.scheme in {"http", "https"} and bool(found.hostname)


def _short(value: Any) -> str:
    shown = repr(value)
    return shown if len(shown) <= 80 else f"{shown[:79]}…"
