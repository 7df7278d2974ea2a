"""What the log says, and what it does not."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from hitl_server.logs import configure_logs


class Terminal(io.StringIO):
    """A stream that a person watches."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    """As it was before."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.getLogger("hitl").setLevel(logging.NOTSET)
    structlog.reset_defaults()


def said(stream: io.StringIO) -> list[dict[str, Any]]:
    """The lines that were written."""
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_one_event_a_line():
    """O-03: JSON with time, level, logger and facts where nobody watches."""
    stream = io.StringIO()
    configure_logs(stream)
    structlog.get_logger("hitl.api").info("api.decided", request="r1", words="☂\nline")
    (line,) = said(stream)
    assert (line["event"], line["logger"], line["level"], line["request"]) == (
        "api.decided",
        "hitl.api",
        "info",
        "r1",
    )
    assert line["timestamp"].endswith("Z")


def test_others_speak_from_warnings_on():
    """A library's chatter, which may name addresses, is not ours to print; its warnings are, in the same form."""
    stream = io.StringIO()
    configure_logs(stream)
    logging.getLogger("httpx").info("HTTP Request: POST http://127.0.0.1:1/")
    logging.getLogger("uvicorn.error").warning("Invalid %s", "request")
    structlog.get_logger("hitl.api").debug("too small to tell")
    assert [(line["event"], line["level"]) for line in said(stream)] == [("Invalid request", "warning")]


@pytest.mark.parametrize("name", ["hitl.http", "asyncio"])
def test_an_error_is_told_without_its_words(name: str):
    """Its type, its causes' and where: its message may repeat a body or a row."""
    stream = io.StringIO()
    configure_logs(stream)
    log = structlog.get_logger(name) if name.startswith("hitl") else logging.getLogger(name)
    try:
        try:
            int("the customer's secret")
        except ValueError as error:
            raise RuntimeError("another secret") from error  # noqa: EM101 – it must not be seen
    except RuntimeError:
        log.exception("http.failed")
    (line,) = said(stream)
    assert line["exception"] == "RuntimeError from ValueError"
    assert line["raised_at"][-1].startswith("test_api_logs.py:")
    assert "secret" not in stream.getvalue()


def test_a_person_gets_the_traceback():
    """At a terminal: in full, but never the values of variables."""
    stream = Terminal()
    configure_logs(stream)
    password = "hunter2"
    try:
        raise RuntimeError(len(password))
    except RuntimeError:
        structlog.get_logger("hitl.http").exception("http.failed")
    assert "Traceback" in stream.getvalue()
    assert "RuntimeError: 7" in stream.getvalue()
    assert "hunter2" not in stream.getvalue()
