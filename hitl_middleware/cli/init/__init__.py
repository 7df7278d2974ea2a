"""``hitl init``: a new agent project."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Annotated

import typer

from hitl_middleware.cli.context import Json, speaks
from hitl_middleware.cli.output import as_json, say
from hitl_middleware.errors import ConfigurationError


class AlreadyThere(ConfigurationError):
    """{folder} has {files} already; nothing was written. Choose an empty folder: hitl init NEW_FOLDER"""


class NotWritable(ConfigurationError):
    """{folder} cannot be written to ({why}); nothing was left there."""


@speaks
def init(
    folder: Annotated[
        Path, typer.Argument(help="Where; it is made if need be. The working directory otherwise.")
    ] = Path(),
    json_: Json = False,
) -> None:
    """Make a new agent project: one gated tool, its test, langgraph.json, hitl.toml. Overwrites nothing."""
    written = write_project(folder)
    here = folder.resolve() == Path.cwd()
    commands = [*([] if here else [f"cd {shlex.quote(str(folder))}"]), "pytest", "hitl serve"]
    if json_:
        as_json({"folder": str(folder), "files": written, "next": commands})
        return
    say(f"A new agent stands in {'this folder' if here else folder}: {', '.join(written)}")
    say("Next:")
    for command in commands:
        say(f"  {command}")
    say("README.md has the rest.")


def write_project(folder: Path) -> list[str]:
    """Write the templates; the names of the files. Raises ``AlreadyThere`` or ``NotWritable``, and then nothing has changed."""
    project = templates()
    if there := [name for name in project if (folder / name).exists() or (folder / name).is_symlink()]:
        raise AlreadyThere(folder=folder.resolve(), files=", ".join(there))
    made: list[Path] = []
    is_new = not folder.exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in project.items():
            with (folder / name).open("x", encoding="utf-8") as file:
                made.append(folder / name)
                file.write(text)
    except OSError as error:
        for path in made:
            path.unlink(missing_ok=True)
        if is_new and folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()
        raise NotWritable(folder=folder.resolve(), why=error.strerror or type(error).__name__) from None
    return list(project)


def templates() -> Mapping[str, str]:
    """Name → text. They lie beside this module under names that no tool takes for a program or for settings of this repository."""
    found = {
        one.name.removesuffix(".txt").replace("dot-", "."): one.read_text(encoding="utf-8")
        for one in files(__name__).joinpath("templates").iterdir()
        if one.name.endswith(".txt")
    }
    return dict(sorted(found.items()))
