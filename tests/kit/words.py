"""Command lines, as our own command line understands them – without running them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import typer
from typer.main import get_command

from hitl_middleware.cli.app import app

NOT_UNDERSTOOD = next(kind for kind in typer.BadParameter.__mro__ if kind.__name__ == "UsageError")
"""What is raised for words that are no command or option: click's, which newer versions of typer carry under a name of their own."""


def parsed(words: Sequence[str]) -> list[str]:
    """The command's name and its parameters. Raises ``NOT_UNDERSTOOD``."""
    command: Any = get_command(app)
    context = command.make_context("hitl", list(words))
    while hasattr(command, "resolve_command"):
        _, command, rest = command.resolve_command(context, [*context._protected_args, *context.args])
        context = command.make_context(command.name, rest, parent=context)
    return [context.command_path, *(f"{name}={value}" for name, value in context.params.items())]
