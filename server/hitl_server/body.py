"""How routes that take JSON read their body: capped, in time, as JSON and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, Final

from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

from hitl_server.jsontext import NotJson, read_json
from hitl_server.problems import Problem
from hitl_server.raw_gate import Unacceptable, read_capped

MOST_BYTES: Final = 1_000_000

ONLY_JSON: Final = "Send JSON, with Content-Type: application/json."


def says_json(content_type: str | None) -> bool:
    """Whether a Content-Type header names JSON; a form or plain text, which any web page may send anywhere, does not."""
    kind = (content_type or "").partition(";")[0].strip().lower()
    return kind == "application/json"


def says_form(content_type: str | None) -> bool:
    """Whether a Content-Type header names what a page's form sends."""
    kind = (content_type or "").partition(";")[0].strip().lower()
    return kind == "application/x-www-form-urlencoded"


class JsonRequest(Request):
    """A request whose body is read once, capped and strictly."""

    async def body(self) -> bytes:
        """The raw body. Raises ``Problem``: 408, 413, 415, or 400 when the sender leaves."""
        if not hasattr(self, "_body"):
            try:
                self._body = await read_capped(self, MOST_BYTES)
            except Unacceptable as refusal:
                headers = {"Connection": "close"} if refusal.status in {408, 413} else None
                raise Problem(refusal.status, refusal.detail, headers=headers) from None
            if self._body and not says_json(self.headers.get("content-type")):
                raise Problem(415, ONLY_JSON)
        return self._body

    async def json(self) -> Any:
        """The value of the body. Raises ``Problem`` 400."""
        try:
            return read_json(await self.body())
        except NotJson as error:
            raise Problem(400, str(error)) from None


class JsonRoute(APIRoute):
    """A route of the API."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """FastAPI's handler, given our request."""
        handle = super().get_route_handler()

        async def read_strictly(request: Request) -> Response:
            return await handle(JsonRequest(request.scope, request.receive))

        return read_strictly
