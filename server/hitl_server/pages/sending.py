"""How a form of a page is read: capped, in time, as a form and nothing else."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import parse_qs

from starlette.requests import Request

from hitl_server.openapi import refusals
from hitl_server.pages.fields import Sent
from hitl_server.problems import Problem
from hitl_server.raw_gate import Unacceptable, read_capped

FORM: Final = "application/x-www-form-urlencoded"
ONLY_FORM: Final = f"Send a form, with Content-Type: {FORM}. Programs decide at /api/v1/requests."
MOST_BYTES: Final = 1_000_000
MOST_NAMES: Final = 2_000


async def sent_by(request: Request) -> Sent:
    """What a form holds. Raises ``Problem``: 400, 408, 413, 415."""
    if (request.headers.get("content-type") or "").partition(";")[0].strip().lower() != FORM:
        raise Problem(415, ONLY_FORM)
    try:
        body = await read_capped(request, MOST_BYTES)
    except Unacceptable as refusal:
        headers = {"Connection": "close"} if refusal.status in {408, 413} else None
        raise Problem(refusal.status, refusal.detail, headers=headers) from None
    try:
        return parse_qs(
            body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=MOST_NAMES
        )
    except ValueError:  # UnicodeDecodeError, too
        raise Problem(400, "The form cannot be read: it is not URL-encoded UTF-8.") from None


def form_refusals(what: str) -> dict[int | str, dict[str, Any]]:
    """How a form about ``what`` is refused before anybody is asked, for the OpenAPI document."""
    return refusals(
        {
            400: "Not a form",
            404: f"There is no such {what}",
            413: "More than 1 MB",
            415: "Not sent as a form",
            503: "The database does not answer",
        }
    )


def by_htmx(request: Request) -> bool:
    """Whether htmx asks, and so draws only a part of what comes back."""
    return request.headers.get("hx-request") == "true"
