"""The line of ``hitl.toml`` that ``hitl connect slack`` writes. Pure: text in, text out."""

from __future__ import annotations

import re

from hitl_middleware.channels.setup_files import with_setting
from hitl_middleware.errors import ConfigurationError

_CHANNEL = re.compile(r"[CG][A-Z0-9]{2,40}|#?[\w-]{1,80}")


def with_channel(text: str, channel: str) -> str:
    """``hitl.toml`` with ``[slack] channel``. Raises ``ConfigurationError`` as ``with_setting``, and where the name is none."""
    if not _CHANNEL.fullmatch(channel):
        msg = f"{channel!r} is no channel: give its id (C…) or its name"
        raise ConfigurationError(msg)
    return with_setting(text, "slack", "channel", value=channel)
