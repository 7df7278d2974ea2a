"""Changes by pages: every one carries a token that only pages of the same session can know (OWASP: synchronizer token, bound by HMAC).

In the header ``X-CSRF-Token``, or in the form field ``csrf``; the body is read for it, and handed on as it came.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.types import Message, Receive, Scope

from hitl_server.body import says_form
from hitl_server.problems import Problem
from hitl_server.raw_gate import Unacceptable, read_capped
from hitl_server.session import same

HEADER: Final = "x-csrf-token"
FIELD: Final = "csrf"
MOST_BYTES: Final = 1_000_000
MOST_FIELDS: Final = 2_000

WRONG: Final = (
    "Nothing was changed: this did not come from a page of your session, or the page is old. "
    "Reload it and try again. (A program sends the page's token as X-CSRF-Token.)"
)


async def checked(scope: Scope, receive: Receive, wanted: str) -> Receive:
    """The body, once the change carries the token ``wanted``. Raises ``Problem``: 403; 408, 413 for a body that is too much."""
    request = Request(scope, receive)
    given = request.headers.get(HEADER)
    if given is None and says_form(request.headers.get("content-type")):
        try:
            body = await read_capped(request, MOST_BYTES)
        except Unacceptable as refusal:
            raise Problem(refusal.status, refusal.detail, headers={"Connection": "close"}) from None
        fields = form_fields(body)
        given, receive = fields.get(FIELD), _again(body, receive)
    if not same(given, wanted):
        raise Problem(403, WRONG)
    return receive


def form_fields(body: bytes) -> dict[str, str]:
    """What a form sent; of a field that came twice the last one. Raises ``Problem`` 422 for what no form sends."""
    try:
        pairs = parse_qsl(
            body.decode("ascii"), keep_blank_values=True, errors="replace", max_num_fields=MOST_FIELDS
        )
    except ValueError:
        raise Problem(422, "This is not what a form sends.", field="body") from None
    return dict(pairs)


def _again(body: bytes, receive: Receive) -> Receive:
    """The body as one message, and then whatever comes."""
    given = False

    async def replayed() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replayed
