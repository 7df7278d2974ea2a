"""Which file changes may be proposed at all, and how people see them. Pure.

Limits are checked before anybody is asked: nobody can review a change that does not fit a screen, and a path that leaves the repository
or starts its automation is no change of code.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence

from hitl_graphs.delivery.state import File
from hitl_middleware import HitlError

MOST_FILES = 30
MOST_FILE = 100_000
MOST_TOGETHER = 200_000
"""Characters, of one file and of all files of a change."""
MOST_PATH = 200

WORKFLOWS = ".github/workflows"

Before = Mapping[str, str | None]
"""What stands in the repository, by path; ``None``: nothing."""


class ChangeRefused(HitlError):
    """The proposed change was refused: {why}"""


def check(files: Sequence[File], *, allow_workflows: bool) -> None:
    """Raises ``ChangeRefused`` with the first reason."""
    if not files:
        raise ChangeRefused(why="it names no files.")
    if len(files) > MOST_FILES:
        raise ChangeRefused(why=f"{len(files)} files, at most {MOST_FILES}.")
    for file in files:
        if (why := _wrong_path(file["path"], allow_workflows=allow_workflows)) is not None:
            raise ChangeRefused(why=f"{file['path'][:MOST_PATH]!r} {why}")
        if len(file["content"] or "") > MOST_FILE:
            raise ChangeRefused(
                why=f"{file['path']!r} has {len(file['content'] or ''):,} characters, at most {MOST_FILE:,}."
            )
    names = [file["path"].casefold() for file in files]
    if len(set(names)) < len(names):
        raise ChangeRefused(why="two of its paths differ in letter case only.")
    if (together := sum(len(file["content"] or "") for file in files)) > MOST_TOGETHER:
        raise ChangeRefused(why=f"{together:,} characters together, at most {MOST_TOGETHER:,}.")


def _wrong_path(path: str, *, allow_workflows: bool) -> str | None:
    parts, folded = path.split("/"), path.casefold()
    rules = (
        (0 < len(path) <= MOST_PATH, f"is no path of 1 to {MOST_PATH} characters."),
        (path.isprintable(), "has a character in it that cannot be seen."),
        ("\\" not in path and path[1:2] != ":", "is no path from the root of the repository, with slashes."),
        (
            all(part not in {"", ".", ".."} and part == part.strip() for part in parts),
            "has a part that leads elsewhere.",
        ),
        (".git" not in folded.split("/"), "is git's own."),
        (
            allow_workflows or not folded.startswith(f"{WORKFLOWS}/"),
            "starts programs on GitHub; set DELIVERY_ALLOW_WORKFLOWS=true to allow changes of workflows.",
        ),
    )
    return next((why for fits, why in rules if not fits), None)


def merged(earlier: Sequence[File], later: Sequence[File]) -> list[File]:
    """A round's files on top of those of the rounds before: a branch keeps what a later proposal does not speak of."""
    together = {file["path"]: file for file in (*earlier, *later)}
    return list(together.values())


def diff(before: Before, files: Sequence[File]) -> str | None:
    """The change as a unified diff, without a line that depends on the time; ``None``: nothing changes."""
    return "\n".join(filter(None, (_diff(file, before.get(file["path"])) for file in files))) or None


def _diff(file: File, old: str | None) -> str:
    path, new = file["path"], file["content"]
    if old == new:
        return ""
    head = [
        "--- /dev/null" if old is None else f"--- a/{path}",
        "+++ /dev/null" if new is None else f"+++ b/{path}",
    ]
    lines = difflib.unified_diff(_lines(old or ""), _lines(new or ""), lineterm="", n=3)
    # Its own head names no paths; and an empty file that is new has no lines at all.
    return "\n".join([*head, *list(lines)[2:]])


def _lines(text: str) -> list[str]:
    found = text.split("\n")
    if found[-1] == "":
        return found[:-1]
    return [*found[:-1], f"{found[-1]}\n\\ No newline at end of file"]
