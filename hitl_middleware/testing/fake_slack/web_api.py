"""The Web API's frame: which methods there are, who may call them, how arguments are read and refusals worded.

Order of the checks and error names: docs.slack.dev, "Web API", and the error table on each method's page.
"""

from __future__ import annotations

import json
from collections import ChainMap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from hitl_middleware.testing.fake_slack.records import Channel
from hitl_middleware.testing.fake_slack.refusals import Error, Refusal
from hitl_middleware.testing.fake_slack.state import Workspace
from hitl_middleware.testing.fake_slack.words import Json


class Arguments:
    """The arguments of one call, from a form or from JSON: a form spells numbers, truth and structures as text."""

    def __init__(self, given: Mapping[str, Any]) -> None:
        self.given = given

    def __contains__(self, name: str) -> bool:
        return name in self.given

    def need(self, name: str) -> str:
        """A text that has to be there."""
        found = self.text(name)
        if not found:
            raise Refusal(Error.INVALID_ARGUMENTS, f"missing required field: {name}")
        return found

    def text(self, name: str, default: str = "") -> str:
        """A text; a number counts as its digits."""
        found = self.given.get(name)
        if found is None:
            return default
        if isinstance(found, str | int | float) and not isinstance(found, bool):
            return str(found)
        raise Refusal(Error.INVALID_ARGUMENTS, f"must be a string [json-pointer:/{name}]")

    def flag(self, name: str) -> bool:
        """True or false, in JSON or as a form spells it."""
        found = self.given.get(name, False)
        if found in (True, "true", "1", "True", "t"):  # tuples: JSON may hold what no set can
            return True
        if found in (False, "false", "0", "False", "f", "", None):
            return False
        raise Refusal(Error.INVALID_ARGUMENTS, f"must be a boolean [json-pointer:/{name}]")

    def number(self, name: str, default: int, most: int) -> int:
        """A whole number from 1 to `most`."""
        try:
            found = int(self.text(name) or default)
        except ValueError:
            raise Refusal(Error.INVALID_LIMIT) from None
        if not 1 <= found <= most:
            raise Refusal(Error.INVALID_LIMIT)
        return found

    def data(self, name: str, error: Error) -> Any:
        """A structure; a form carries it as JSON text."""
        found = self.given[name]
        if isinstance(found, str):
            try:
                found = json.loads(found)
            except (ValueError, RecursionError):
                raise Refusal(error) from None
        if _deeper_than(found, MOST_LEVELS):
            raise Refusal(error)
        return found


MOST_LEVELS: Final = 32
# A scope for a kind of conversation is named after the kind, with these two exceptions.
SCOPED: Final = {"channel": "channels", "group": "groups"}

Handler = Callable[[Workspace, Arguments], dict[str, Any]]
Whose = Literal["bot", "app", "nobody"]


@dataclass(frozen=True, slots=True)
class Method:
    """One method: what it does, the scopes that its token needs, and whose token that is (nobody's: none is asked for)."""

    handler: Handler
    scopes: tuple[str, ...]
    whose: Whose


# In two layers: a method that a test sets here lies above Slack's own and comes off again without a trace.
METHODS: Final[ChainMap[str, Method]] = ChainMap({}, {})


def method(name: str, *scopes: str, whose: Whose = "bot") -> Callable[[Handler], Handler]:
    """Register a handler. Conversations of different kinds need different scopes: `need_scope` asks inside."""

    def register(handler: Handler) -> Handler:
        METHODS.maps[-1][name] = Method(handler, scopes, whose)
        return handler

    return register


def perform(workspace: Workspace, name: str, arguments: Arguments, token: str | None) -> dict[str, Any]:
    """Do what was asked, or raise `Refusal`."""
    found = METHODS.get(name)
    if found is None:
        raise Refusal(Error.UNKNOWN_METHOD, req_method=name)
    if found.whose != "nobody":
        app = workspace.app
        if not token:
            raise Refusal(Error.NOT_AUTHED)
        if token not in {app.bot_token, app.app_token}:
            raise Refusal(Error.INVALID_AUTH)
        right, scopes = (
            (app.bot_token, app.scopes) if found.whose == "bot" else (app.app_token, app.app_scopes)
        )
        if token != right:
            raise Refusal(Error.NOT_ALLOWED_TOKEN_TYPE)
        for scope in found.scopes:
            need_scope(workspace, scope, scopes)
    return {"ok": True, **found.handler(workspace, arguments)}


def _deeper_than(value: Any, levels: int) -> bool:
    """Whether a structure is nested more deeply than anything that Slack knows. Without recursion, on purpose."""
    inside = [value]
    for _ in range(levels):
        inside = [
            inner
            for each in inside
            if isinstance(each, dict | list)
            for inner in (each.values() if isinstance(each, dict) else each)
        ]
    return bool(inside)


def need_scope(workspace: Workspace, scope: str, scopes: frozenset[str] | None = None) -> None:
    """Refuse as Slack does what the token (the bot's, where none is given) has no scope for."""
    given = workspace.app.scopes if scopes is None else scopes
    if scope not in given:
        provided = ",".join(sorted(given))
        raise Refusal(Error.MISSING_SCOPE, needed=scope, provided=provided)


def find_channel(workspace: Workspace, name: str) -> Channel:
    """The conversation with this id; one that the bot may not even see does not exist for it."""
    channel = workspace.channels.get(name)
    if channel is None or (channel.kind != "channel" and not channel.bot_is_member):
        raise Refusal(Error.CHANNEL_NOT_FOUND)
    return channel


def page(
    items: Sequence[Json], arguments: Arguments, *, most: int = 999
) -> tuple[list[Json], dict[str, Any]]:
    """One page of a list and the cursor to the next (docs.slack.dev, "Pagination")."""
    limit = arguments.number("limit", 100, most)
    cursor = arguments.text("cursor")
    start = 0
    if cursor:
        digits = cursor.removeprefix("page:").removesuffix("=")
        if not cursor.startswith("page:") or not digits.isdecimal():
            raise Refusal(Error.INVALID_CURSOR)
        start = int(digits)
    following = f"page:{start + limit}=" if start + limit < len(items) else ""
    return [*items[start : start + limit]], {"response_metadata": {"next_cursor": following}}
