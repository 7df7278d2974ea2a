"""The few pages that somebody who is not signed in can see: they tell nothing of what waits."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any, Final

from fastapi.responses import HTMLResponse
from jinja2 import Environment

from hitl_server.templating import environment

POLICY: Final = (
    "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)


def page(name: str, *, status: int = 200, **facts: Any) -> HTMLResponse:
    """One of them."""
    html = _templates().get_template(name).render(**facts)
    return HTMLResponse(html, status_code=status, headers={"Content-Security-Policy": POLICY})


def sentence(status: int, title: str, words: str, *, back: str, label: str) -> HTMLResponse:
    """A refusal for people: what is so, and a link onwards."""
    return page("sentence.html", status=status, title=title, words=words, back=back, label=label)


@cache
def style() -> str:
    """How they look."""
    return files("hitl_server").joinpath("sign_in", "templates", "sign-in.css").read_text(encoding="utf-8")


@cache
def _templates() -> Environment:
    return environment("sign_in/templates")
