"""The first yard of a webhook: the raw body within its cap, and refusals as RFC 9457 problem documents.

Nothing is parsed here. A sender is unknown until its signature is checked over these bytes, so it is given little memory and little time.
"""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Final

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse

READ_SECONDS: Final = 10.0
"""How long a body may take; every real sender is done in a fraction of a second."""

PROBLEM: Final = "application/problem+json"


class Unacceptable(Exception):
    """A request that is answered with ``status`` and a sentence, and goes no further."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail

    def response(self) -> JSONResponse:
        """The refusal as a problem document."""
        # What is left of a body that was not read would be taken for the next request.
        return problem(
            self.status, self.detail, headers={"Connection": "close"} if self.status in {408, 413} else None
        )


def problem(status: int, detail: str, *, headers: dict[str, str] | None = None) -> JSONResponse:
    """A problem document (RFC 9457)."""
    title = HTTPStatus(status).phrase
    return JSONResponse(
        {"type": "about:blank", "title": title, "status": status, "detail": detail},
        status_code=status,
        headers=headers,
        media_type=PROBLEM,
    )


async def read_capped(request: Request, limit: int, *, seconds: float = READ_SECONDS) -> bytes:
    """The whole body, if it has at most ``limit`` bytes, however its length was declared.

    Raises ``Unacceptable``: 413 as soon as the cap is passed (on the declared length alone, before a byte is read), 408 when the
    body does not come, 400 when the sender leaves.
    """
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and (len(declared) > 18 or int(declared) > limit):
        raise _too_large(limit)
    body = bytearray()
    try:
        async with asyncio.timeout(seconds):
            async for chunk in request.stream():
                body += chunk
                if len(body) > limit:
                    raise _too_large(limit)
    except TimeoutError:
        raise Unacceptable(408, f"The body did not arrive within {seconds:g} seconds.") from None
    except ClientDisconnect:
        raise Unacceptable(400, "The sender left before the body was complete.") from None
    return bytes(body)


def _too_large(limit: int) -> Unacceptable:
    return Unacceptable(413, f"The body is larger than {limit:,} bytes.")
