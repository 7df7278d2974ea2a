"""What a line of the log says of a run. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_OF_THE_LOG: Final = frozenset(
    {
        "self",
        "event",
        "level",
        "logger",
        "timestamp",
        "positional_args",
        "exc_info",
        "stack_info",
        "stacklevel",
    }
)


def log_facts(labels: Mapping[str, str], /, **facts: object) -> dict[str, object]:
    """What a line of the log says besides its event: a run's labels, and ``facts``, which come first; nothing that is not known.

    A label may have any name: what the log's own words are called is not overwritten by it.
    """
    told: dict[str, object] = {key: value for key, value in labels.items() if key not in _OF_THE_LOG}
    return told | {key: value for key, value in facts.items() if value is not None}
