"""What pages load: our style sheet, htmx, and the script for keys and what others change. Named one by one, from the package."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Coroutine, Mapping
from functools import cache
from importlib.resources import files
from typing import Any, Final

from fastapi import APIRouter, Response

from hitl_middleware.drawing import STYLE
from hitl_middleware.drawing.charts import CHART_STYLE
from hitl_server.roles import EVERYBODY

FILES: Final[Mapping[str, str]] = {
    "style.css": "text/css",
    "typed.js": "text/javascript",
    "drawing.css": "text/css",
    "run.css": "text/css",
    "looking-back.css": "text/css",
    "charts.css": "text/css",
    "hitl.js": "text/javascript",
    "htmx.min.js": "text/javascript",
    "icon.svg": "image/svg+xml",
}
_FOREVER: Final = "private, max-age=31536000, immutable"


def static_router() -> APIRouter:
    """``/static/…``."""
    router = APIRouter(prefix="/static", tags=["pages"])
    for name, kind in FILES.items():
        router.add_api_route(
            f"/{name}",
            _serving(name, kind),
            methods=["GET"],
            summary=f"What pages load: {name}",
            description="Kept by browsers: its address changes with what is in it.",
            operation_id=f"static_{name.replace('.', '_').replace('-', '_')}",
            openapi_extra=EVERYBODY,
            response_class=Response,
            responses={
                200: {"description": "The file", "content": {kind: {"schema": {"type": "string"}}}},
            },
        )
    return router


def addresses() -> Callable[[str], str]:
    """The address of a file. It changes with what is in it, so that browsers may keep it."""
    return lambda name: f"/static/{name}?v={hashlib.sha256(_content(name)).hexdigest()[:12]}"


def _serving(name: str, kind: str) -> Callable[[], Coroutine[Any, Any, Response]]:
    async def serve() -> Response:
        return Response(_content(name), media_type=kind, headers={"Cache-Control": _FOREVER})

    return serve


@cache
def _content(name: str) -> bytes:
    if name == "drawing.css":  # it belongs to the drawings, wherever they are shown
        return STYLE.encode()
    if name == "charts.css":  # it belongs to the charts, wherever they are shown
        return CHART_STYLE.encode()
    return files("hitl_server").joinpath("static", name).read_bytes()
