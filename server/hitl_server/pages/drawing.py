"""The templates, and what everything written by them goes through."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from functools import cache
from typing import Any, Final

from fastapi.responses import HTMLResponse
from jinja2 import Environment
from starlette.requests import Request

from hitl_middleware.actions import DecisionType
from hitl_middleware.desk.form import form_of
from hitl_middleware.records import Action, ReviewRequest
from hitl_middleware.review import is_final, precedence
from hitl_middleware.telling import settler, span, told
from hitl_middleware.wording import card_state, person, status_words
from hitl_server.auth import Caller
from hitl_server.openapi import refusals
from hitl_server.pages.answers import Draft
from hitl_server.pages.fields import InputView, inputs
from hitl_server.pages.seen import hidden, seen, seen_args, seen_changes
from hitl_server.pages.static import addresses
from hitl_server.pages.story import links
from hitl_server.session import csrf_of
from hitl_server.templating import environment

POLICY: Final = (
    "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"
)
PAGE: Final[dict[int | str, dict[str, Any]]] = {
    200: {"description": "A page", "content": {"text/html": {"schema": {"type": "string"}}}}
}


def drawn(told: Mapping[int, str]) -> dict[int | str, dict[str, Any]]:
    """``responses`` of a route whose "no" is said on the page, beside what was typed."""
    return {status: {**PAGE[200], "description": why} for status, why in told.items()}


def drawn_or_refused(told: Mapping[int, str]) -> dict[int | str, dict[str, Any]]:
    """``responses`` of a page that says itself what is wrong with what it was asked, unless that has no form at all."""
    html = PAGE[200]["content"]
    return {
        status: {**refusal, "content": {**html, **refusal["content"]}}
        for status, refusal in refusals(told).items()
    }


def page(name: str, asked: Request, *, now: dt.datetime, status: int = 200, **facts: Any) -> HTMLResponse:
    """A page, or a part of one, for whoever asked. ``now``: what ages are counted to.

    What it offers to decide is sent by a form with ``csrf``. Who has no such token (a program) looks on, as does a viewer.
    """
    caller: Caller = asked.state.caller
    token = csrf_of(asked)
    known = {"now": now, "caller": caller, "token": token, "csrf": "" if caller.role == "viewer" else token}
    known["path"] = asked.url.path  # which of the main pages this is
    return answer(_templates().get_template(name).render(**known, **facts), status)


def answer(html: str, status: int = 200) -> HTMLResponse:
    """A page as an answer."""
    return HTMLResponse(html, status_code=status, headers={"Content-Security-Policy": POLICY})


@cache
def _templates() -> Environment:
    made = environment("templates")
    made.filters |= {"time": _time, "ago": _ago}
    made.globals |= {
        "words": status_words,
        "person": person,
        "over": _over,
        "hidden": hidden,
        "seen": seen,
        "seen_args": seen_args,
        "seen_changes": seen_changes,
        "told": told,
        "settler": settler,
        "form": _form,
        "unsent": _unsent,
        "span": span,
        "links": links,
        "rank": precedence,
        "state": card_state,
        "file": addresses(),
    }
    return made


def _over(request: ReviewRequest, action: Action | None) -> bool:
    """Whether nothing can follow, so that nobody need look again."""
    return is_final("request", request.status) and (action is None or is_final("action", action.status))


def _form(request: ReviewRequest, answer: DecisionType, draft: Draft | None) -> list[InputView] | None:
    """The inputs of a form for this kind of answer; ``None``: it has none."""
    spec = form_of(request, answer)
    if spec is None:
        return None
    return inputs(spec, draft.sent, draft.errors) if draft else inputs(spec)


def _unsent(draft: Draft) -> list[str]:
    """What somebody had typed: words and fields, not the buttons and what the page itself sent along."""
    return [
        value
        for name, values in draft.sent.items()
        if name in {"message", "result"} or name.startswith("field-")
        for value in values
        if value.strip()
    ]


def _time(at: dt.datetime | None) -> str:
    return "" if at is None else f"{at:%Y-%m-%d %H:%M:%S} UTC"


def _ago(at: dt.datetime, now: dt.datetime) -> str:
    """How long ago, for lists."""
    seconds = (now - at).total_seconds()
    return "just now" if seconds < 60 else f"{span(seconds, 1)} ago"
