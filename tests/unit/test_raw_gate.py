import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from starlette.requests import Request

from hitl_server.raw_gate import PROBLEM, Unacceptable, problem, read_capped


def request_of(
    *chunks: bytes, declared: str | None = None, ends: bool = True
) -> tuple[Request, Callable[[], int]]:
    """A request whose body comes in these chunks, and how many of them were taken."""
    messages: list[dict[str, Any]] = [
        {"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks
    ]
    if ends:
        messages.append({"type": "http.request", "body": b"", "more_body": False})
    taken = 0

    async def receive() -> dict[str, Any]:
        nonlocal taken
        if taken == len(messages):
            await asyncio.Event().wait()
        taken += 1
        return messages[taken - 1]

    headers = [] if declared is None else [(b"content-length", declared.encode())]
    return Request(
        {"type": "http", "method": "POST", "path": "/", "headers": headers}, receive
    ), lambda: taken


async def test_a_body_within_the_cap():
    """All its bytes, however they come."""
    request, _ = request_of(b"ab", b"", b"c", declared="3")
    assert await read_capped(request, 3) == b"abc"


@pytest.mark.parametrize("declared", ["11", "9" * 40])
async def test_a_length_that_is_too_much_is_enough(declared):
    """413 before a byte is read."""
    request, taken = request_of(b"x" * 11, declared=declared)
    with pytest.raises(Unacceptable) as refused:
        await read_capped(request, 10)
    assert refused.value.status == 413
    assert taken() == 0


@pytest.mark.parametrize("declared", [None, "1", "-5", "many", "\u0661"])
async def test_a_length_that_lies_or_is_missing(declared):
    """413 as soon as the cap is passed; what follows is not read."""
    request, taken = request_of(b"x" * 8, b"x" * 8, b"x" * 8, b"x" * 8, declared=declared)
    with pytest.raises(Unacceptable) as refused:
        await read_capped(request, 10)
    assert refused.value.status == 413
    assert taken() == 2


async def test_a_body_that_does_not_come():
    """408 after the time it had."""
    request, _ = request_of(b"x", ends=False)
    with pytest.raises(Unacceptable) as refused:
        await read_capped(request, 10, seconds=0.01)
    assert refused.value.status == 408


async def test_a_sender_who_leaves():
    """400, which nobody reads, and no error of ours."""

    async def gone() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    request = Request({"type": "http", "method": "POST", "path": "/", "headers": []}, gone)
    with pytest.raises(Unacceptable) as refused:
        await read_capped(request, 10)
    assert refused.value.status == 400


def test_a_refusal_is_a_problem_document():
    """RFC 9457; after a body that was not read the connection is closed."""
    response = Unacceptable(413, "The body is larger than 10 bytes.").response()
    assert response.status_code == 413
    assert response.headers["content-type"] == PROBLEM
    assert response.headers["connection"] == "close"
    assert json.loads(bytes(response.body)) == {
        "type": "about:blank",
        "title": problem_title(413),
        "status": 413,
        "detail": "The body is larger than 10 bytes.",
    }
    assert "connection" not in problem(404, "There is none.").headers


def problem_title(status: int) -> str:
    """The phrase of a status differs between versions of Python."""
    title: str = json.loads(bytes(problem(status, "").body))["title"]
    return title
