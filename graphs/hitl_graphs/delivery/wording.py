"""What the workflows write on GitHub. Pure.

Whatever a model or a user wrote stays data there: a text stands in a box that it cannot leave, and a line names nobody and closes nothing.
"""

from __future__ import annotations

import re

from hitl_middleware.channels.github.markdown import fence
from hitl_middleware.display import one_line, shown_text

MOST_TITLE = 200
MOST_TEXT = 20_000

# What GitHub makes a link or a mention of in titles and commit messages – and closes, behind a word like "fixes" (docs.github.com,
# "Autolinked references and URLs", "Linking a pull request to an issue").
_MENTION, _NUMBER, _GH = (
    re.compile(r"@(?=\w)"),
    re.compile(r"#(?=\d)"),
    re.compile(r"\bGH-(?=\d)", re.IGNORECASE),
)


def plain(line: str) -> str:
    """A line of others as a title: one line, visible, no mention, no reference."""
    shown = one_line(line, MOST_TITLE)
    shown = _NUMBER.sub("no. ", _MENTION.sub("(at)", shown))
    return _GH.sub("GH ", shown).replace("://", ": ").strip() or "Untitled"


def boxed(text: str) -> str:
    """A text of others in a code box that it cannot leave."""
    return fence(shown_text(text, MOST_TEXT).text)


def issue_marker(key: str) -> str:
    """The first line of an issue that we filed. A reader does not see it."""
    return f"<!-- hitl:issue:{key} -->"


def body_of_issue(body: str, key: str) -> str:
    """An issue's body."""
    return "\n".join([issue_marker(key), boxed(body) if body.strip() else "No more was said."])


def body_of_pull_request(about: str, issue: int | None) -> str:
    """A pull request's body. Merging it closes the issue."""
    closes = [] if issue is None else [f"Closes #{issue}.", ""]
    return "\n".join([*closes, "What was agreed on:", "", boxed(about)])


def message_of_commit(summary: str, issue: int | None, mark: str) -> str:
    """A commit's message. The mark at its end is how the commit is found again."""
    about = [] if issue is None else [f"For #{issue}.", ""]
    return "\n".join([plain(summary), "", *about, f"Hitl-Change: {mark}"])
