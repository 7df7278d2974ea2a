"""What the app must be allowed in Slack, from what the code calls and hears. A test compares this with both, and with the manifest.

Scopes: docs.slack.dev, the "Facts" of each method and event.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from hitl_middleware.channels.slack.events import APP_HOME_OPENED, REACTION_ADDED
from hitl_middleware.channels.slack.settings import SlackSettings

METHODS: Final[Mapping[str, tuple[str, ...]]] = {
    "apps_connections_open": (),  # the app token's own scope, connections:write
    "auth_test": (),
    "chat_delete": ("chat:write",),
    "chat_postEphemeral": ("chat:write",),
    "chat_postMessage": ("chat:write",),
    "chat_update": ("chat:write",),
    "conversations_history": ("channels:history", "groups:history", "im:history"),
    "conversations_replies": ("channels:history", "groups:history", "im:history"),
    "conversations_info": ("channels:read", "groups:read"),
    "conversations_list": ("channels:read", "groups:read"),
    "conversations_open": ("im:write",),
    "usergroups_list": ("usergroups:read",),
    "views_open": (),
    "views_publish": (),
}
"""Web API methods by the names of the SDK, with the scopes that they need for all the places we use them in."""

EVENTS: Final[Mapping[str, tuple[str, ...]]] = {
    APP_HOME_OPENED: (),
    REACTION_ADDED: ("reactions:read",),
}

ALL: Final = frozenset(scope for needed in (*METHODS.values(), *EVENTS.values()) for scope in needed)
"""What the manifest asks for."""


def needed(settings: SlackSettings) -> frozenset[str]:
    """What cannot be done without under these settings."""
    unused = set() if settings.reactions else set(EVENTS[REACTION_ADDED])
    return ALL - (unused if settings.user_groups else unused | set(METHODS["usergroups_list"]))
