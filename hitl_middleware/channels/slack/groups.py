"""User groups of Slack as approvers (``slack:S…``), where ``[slack] user_groups`` says so.

Which groups a person is in is asked before an answer is judged and never inside the transaction that judges it, so a slow Slack delays one
person and blocks nobody. One call tells of all groups; what it said holds for a minute. Where Slack does not say, nobody is in any group.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import structlog

from hitl_middleware.channels.slack.client import failure, web_client
from hitl_middleware.channels.slack.settings import SlackSettings
from hitl_middleware.channels.slack.words import PREFIX, user_of
from hitl_middleware.ports import Clock, Person

if TYPE_CHECKING:
    from slack_sdk.web.async_client import AsyncWebClient

log = structlog.get_logger("hitl.slack")

FRESH_SECONDS: Final = 60.0
"""Who leaves a group may decide for no longer than that."""

PATIENCE_SECONDS: Final = 2
"""Slack waits three seconds for the answer to a click."""


class SlackGroups:
    """``people.GroupSource``: the groups in which Slack has a person. Lives on one event loop."""

    def __init__(self, settings: SlackSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._made: AsyncWebClient | None = None
        self._known: Mapping[str, frozenset[str]] = {}
        self._until = float("-inf")
        self._asking = asyncio.Lock()

    def spelling(self, identity: str) -> str:
        """As it is: Slack's ids are exact."""
        return identity

    async def groups(
        self,
        person: Person,
        among: frozenset[str],
        labels: Mapping[str, str],  # noqa: ARG002 – a user group is the same everywhere
    ) -> frozenset[str]:
        """The user groups (``slack:S…``) among the approvers that any of the person's Slack accounts is in."""
        asked = {each for each in among if each.startswith(f"{PREFIX}S")}
        if not asked:
            return frozenset()
        users = set(filter(None, map(user_of, person.identities | {person.identity})))
        if not users:
            return frozenset()
        async with self._asking:
            if self._clock.monotonic() >= self._until and not await self._ask():
                return frozenset()
            return frozenset(group for group in asked if self._known.get(group, frozenset()) & users)

    def places(self, among: frozenset[str], labels: Mapping[str, str]) -> frozenset[str]:  # noqa: ARG002
        """Nowhere in particular: a user group is the same everywhere."""
        return frozenset()

    async def _ask(self) -> bool:
        try:
            self._made = self._made or web_client(self._settings, timeout=PATIENCE_SECONDS)
            answer = await self._made.usergroups_list(include_users=True)
        except Exception as error:  # noqa: BLE001 – whatever it is: nobody is in any group until Slack says so
            log.warning("slack.user_groups_not_known", why=failure(error).facts["reason"])
            return False
        found = (_group(each) for each in answer.get("usergroups") or ())
        self._known = dict(filter(None, found))
        self._until = self._clock.monotonic() + FRESH_SECONDS
        return True


def _group(told: Any) -> tuple[str, frozenset[str]] | None:
    if not isinstance(told, dict) or not isinstance(told.get("id"), str):
        return None
    users = told.get("users") or ()
    return PREFIX + told["id"], frozenset(user for user in users if isinstance(user, str))
