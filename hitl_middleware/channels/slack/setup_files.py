"""What ``hitl connect slack`` writes down: a line of ``hitl.toml``, and lines of a file for the environment. Pure: text in, text out."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping

from hitl_middleware.errors import ConfigurationError
from hitl_middleware.settings import ConfigFile

_CHANNEL = re.compile(r"[CG][A-Z0-9]{2,40}|#?[\w-]{1,80}")
_HEADER = re.compile(r"^[ \t]*\[[ \t]*slack[ \t]*\][ \t]*(#.*)?$", re.MULTILINE)


def with_channel(text: str, channel: str) -> str:
    """``hitl.toml`` with ``[slack] channel``; everything else stays as it stands, comments too.

    Raises ``ConfigurationError`` where another channel stands there, or the name is none.
    """
    if not _CHANNEL.fullmatch(channel):
        msg = f"{channel!r} is no channel: give its id (C…) or its name"
        raise ConfigurationError(msg)
    line = f'channel = "{channel}"'
    present = ConfigFile.model_validate(tomllib.loads(text)).slack.channel
    if present == channel:
        return text
    if present is not None:
        msg = f'[slack] channel is "{present}" already; change that line to {line} if this one is meant'
        raise ConfigurationError(msg)
    if header := _HEADER.search(text):
        changed = f"{text[: header.end()]}\n{line}{text[header.end() :]}"
    else:
        changed = f"{text.rstrip()}\n\n[slack]\n{line}\n".lstrip()
    ConfigFile.model_validate(tomllib.loads(changed))  # what we write can be read
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
