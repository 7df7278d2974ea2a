"""Conditional requests (docs.github.com, "Best practices for using the REST API"): what has not changed is 304 and costs nothing."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Mapping
from email.utils import format_datetime, parsedate_to_datetime
from typing import Any

from hitl_middleware.testing.fake_github.rest import Answer


def answer(found: Answer, asked: Mapping[str, str], token: str) -> Answer:
    """The answer with its ETag and, where there is a time, Last-Modified; or 304. An ETag holds for one token only."""
    if found.status != 200:
        return found
    spelled = json.dumps([token, found.body, found.headers.get("Link")], sort_keys=True)
    tag = f'"{hashlib.sha256(spelled.encode()).hexdigest()}"'
    headers = {
        **found.headers,
        "ETag": f"W/{tag}",
        "Cache-Control": "private, max-age=60, s-maxage=60",
        "Vary": "Accept, Authorization, Cookie, X-GitHub-OTP",
    }
    changed = _changed(found.body)
    if changed is not None:
        headers["Last-Modified"] = format_datetime(changed, usegmt=True)
    if wanted := asked.get("if-none-match"):
        tags = {each.strip().removeprefix("W/") for each in wanted.split(",")}
        if tags & {tag, "*"}:
            return Answer(None, 304, headers)
    elif changed is not None and (since := _time(asked.get("if-modified-since", ""))) and changed <= since:
        return Answer(None, 304, headers)
    return Answer(found.body, found.status, headers)


def _changed(body: Any) -> dt.datetime | None:
    text = body.get("updated_at") if isinstance(body, dict) else None
    return dt.datetime.fromisoformat(text) if isinstance(text, str) else None


def _time(text: str) -> dt.datetime | None:
    try:
        return parsedate_to_datetime(text)
    except ValueError:
        return None
