"""What both commands share: findings as they come, on the screen or as JSON, and files that are replaced as a whole."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from hitl_middleware.cli.output import as_json, say

if TYPE_CHECKING:
    from hitl_middleware.channels.finding import Finding


async def heard(findings: AsyncIterator[Finding], *, aloud: bool) -> list[Finding]:
    """All of them, each said as it comes."""
    found: list[Finding] = []
    async for each in findings:
        found.append(each)
        if aloud:
            say_finding(each)
    return found


def say_finding(finding: Finding) -> None:
    """Whether it is well, and what to do if not."""
    say(f"{'✗' if not finding.ok else '✓' if finding.checked else '?'} {finding.says}")
    if finding.mend:
        say(f"  → {finding.mend}")


def print_json(found: Sequence[Finding], written: Sequence[str], *, ok: bool) -> None:
    """The same for programs."""
    checks = [
        {"check": f.what, "ok": f.ok, "checked": f.checked, "says": f.says, "mend": f.mend} for f in found
    ]
    as_json({"ok": ok, "checks": checks, "written": written})


def write_secrets(env_file: Path, typed: Mapping[str, str], *, asks: bool) -> list[str]:
    """Put secrets that are not set elsewhere into ``env_file``, if that is wanted; the names of the files that were written."""
    from hitl_middleware.channels.setup_files import with_variables

    if not typed or (asks and not typer.confirm(f"Write {', '.join(typed)} to {env_file}?", default=True)):
        return []
    replace_file(env_file, with_variables(text_of(env_file), typed), mode=0o600)
    typer.echo(
        f"{env_file} holds secrets: keep it out of version control. Load it with: set -a; . ./{env_file}; set +a",
        err=True,
    )
    return [str(env_file)]


def text_of(path: Path) -> str:
    """What stands in a file; nothing where there is none."""
    return path.read_text(encoding="utf-8") if path.exists() else ""


def replace_file(path: Path, text: str, *, mode: int) -> None:
    """A kill leaves the old file or the new one; an old one keeps its mode, unless that lets others read secrets."""
    before = path.stat().st_mode & 0o777 if path.exists() else mode
    new = path.with_name(f"{path.name}.new")
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    new.chmod(before & mode if mode == 0o600 else before)
    new.replace(path)
