"""What ``hitl connect …`` writes down: a line of ``hitl.toml``, and lines of a file for the environment. Pure: text in, text out."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping

from pydantic import ValidationError

from hitl_middleware.errors import ConfigurationError
from hitl_middleware.settings import ConfigFile


def with_setting(text: str, table: str, key: str, *, value: str | bool) -> str:
    """``hitl.toml`` with ``key`` in ``[table]``; everything else stays as it stands, comments too.

    Raises ``ConfigurationError`` where another value stands there, or where the line has to be added by hand.
    """
    line = f"{key} = {json.dumps(value)}"
    present = tomllib.loads(text).get(table, {}).get(key)
    if present == value:
        return text
    if present is not None:
        msg = f"[{table}] {key} is {json.dumps(present)} already; change that line to {line} if this one is meant"
        raise ConfigurationError(msg)
    header = re.search(rf"^[ \t]*\[[ \t]*{table}[ \t]*\][ \t]*(#.*)?$", text, re.MULTILINE)
    end = header.end() if header else None
    appended = f"{text.rstrip()}\n\n[{table}]\n{line}\n".lstrip()
    changed = appended if end is None else f"{text[:end]}\n{line}{text[end:]}"
    try:
        ConfigFile.model_validate(tomllib.loads(changed))  # what we write can be read
    except (tomllib.TOMLDecodeError, ValidationError):
        msg = f"hitl.toml says [{table}] in a form that is not changed here; add {line} to it by hand"
        raise ConfigurationError(msg) from None
    return changed


def with_variables(text: str, variables: Mapping[str, str]) -> str:
    """A file of ``NAME=value`` lines with these; a name that stands there already gets the new value."""
    lines = text.splitlines()
    for name, value in variables.items():
        if not re.fullmatch(r"[\w.:/#-]+", value, re.ASCII):
            msg = f"{name} holds characters that no such value has"
            raise ConfigurationError(msg)
        at = next((i for i, line in enumerate(lines) if re.match(rf"\s*(export\s+)?{name}\s*=", line)), None)
        if at is None:
            lines.append(f"{name}={value}")
        else:
            lines[at] = f"{name}={value}"
    return "\n".join(lines) + "\n"
