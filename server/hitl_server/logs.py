"""The log: one event a line on stderr, JSON where no person watches. Facts only: no bodies, no secrets.

stdout is for what a program may want to read: the address of the server, the answer of a command.
"""

from __future__ import annotations

import logging
import sys
import traceback
from collections.abc import MutableMapping
from pathlib import PurePath
from typing import Any, Final, TextIO

import structlog

MOST_PLACES: Final = 8


def configure_logs(stream: TextIO | None = None) -> None:
    """Send every logger of this process to ``stream`` (default: stderr). Others than ours speak from warnings on."""
    out = stream or sys.stderr
    person = out.isatty()
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    # A terminal is its user's own: the whole traceback, but never the values of local variables. A file is read by others.
    last: list[Any] = (
        [structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)]
        if person
        else [places, structlog.processors.JSONRenderer(ensure_ascii=False)]
    )
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("hitl").setLevel(logging.INFO)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


def places(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """An error as its type and where it was raised. Not its message: that may repeat a body or a row of the database."""
    error = event.pop("exc_info", None)
    if error is True:
        error = sys.exc_info()[1]
    elif isinstance(error, tuple):
        error = error[1]
    if isinstance(error, BaseException):
        frames = traceback.extract_tb(error.__traceback__)[-MOST_PLACES:]
        event["exception"] = _kinds(error)
        event["raised_at"] = [
            f"{PurePath(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames
        ]
    return event


def _kinds(error: BaseException) -> str:
    """The error's type and those of its causes."""
    names: list[str] = []
    seen: BaseException | None = error
    while seen is not None and len(names) < MOST_PLACES:
        names.append(type(seen).__qualname__)
        seen = seen.__cause__ or seen.__context__
    return " from ".join(names)
