"""The templates of the simulators, their style sheet, and the headers of a page of ours."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any, Final

from fastapi import APIRouter, Response
from jinja2 import Environment, Undefined
from markupsafe import Markup

from hitl_middleware.testing.fake_slack.words import unescaped
from hitl_server.pages.static import addresses
from hitl_server.preview.fields import drawn
from hitl_server.preview.slack_text import emoji, is_web, rich_text, text_of
from hitl_server.templating import environment

_FOREVER: Final = "private, max-age=31536000, immutable"
_FACES: Final = {
    "+1": "👍", "-1": "👎", "laugh": "😄", "hooray": "🎉", "confused": "😕", "heart": "❤️", "rocket": "🚀", "eyes": "👀",
}  # fmt: skip


def drawn_page(name: str, facts: Mapping[str, Any]) -> str:
    """A page as text."""
    return _templates().get_template(name).render(**facts)


def why(refusal: Exception) -> str:
    """Why a fake would not let something happen, without the list of all there is that helps whoever writes tests."""
    return str(refusal).partition(" There is:")[0]


def style_route(router: APIRouter) -> None:
    """``/preview/style.css``."""

    @router.get("/style.css")
    async def style() -> Response:
        return Response(_style(), media_type="text/css", headers={"Cache-Control": _FOREVER})


@cache
def _templates() -> Environment:
    made = environment("preview/templates", Undefined)  # a block of Slack's may lack a key
    made.filters |= {"clock": _clock, "plain": unescaped}
    made.tests["web"] = is_web
    made.globals |= {
        "text": text_of,
        "rich": rich_text,
        "emoji": emoji,
        "face": lambda content: _FACES.get(content, content),
        "drawn": drawn,
        "file": addresses(),
        "style": f"/preview/style.css?v={hashlib.sha256(_style()).hexdigest()[:12]}",
    }
    return made


@cache
def _style() -> bytes:
    return files("hitl_server").joinpath("preview", "preview.css").read_bytes()


def _clock(seconds: float) -> Markup:
    """A moment, to the minute: a page does not change by being looked at later."""
    at = dt.datetime.fromtimestamp(seconds, dt.UTC)
    return Markup('<time datetime="{}" title="{}">{}</time>').format(
        at.isoformat(timespec="seconds"), f"{at:%Y-%m-%d %H:%M:%S} UTC", f"{at:%H:%M}"
    )
