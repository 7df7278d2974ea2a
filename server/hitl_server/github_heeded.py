"""GitHub beside the route, while a process runs: stored deliveries are acted on, and conversations are re-read."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from hitl_middleware.channels.github.settings import GitHubSettings
from hitl_middleware.hitl import Hitl
from hitl_server.github_desk import HitlGitHubDesk


@contextlib.contextmanager
def github_heeded(hitl: Hitl) -> Iterator[None]:
    """Act on deliveries and re-read while the block lasts. Raises ``ChannelHalfConfigured``, or ``ConfigurationError`` for a trigger
    whose graph nobody here serves.
    """
    settings = GitHubSettings.from_env(hitl.config.github)
    if settings is None:
        yield
        return
    from hitl_middleware.channels.github.channel import GitHubChannel
    from hitl_middleware.channels.github.client import GitHubClients
    from hitl_middleware.channels.github.conversations import Conversations
    from hitl_middleware.channels.github.events import CHANNEL
    from hitl_middleware.channels.github.heed import Heed
    from hitl_middleware.channels.github.judge import Judge
    from hitl_middleware.channels.github.reading import GitHubReader
    from hitl_middleware.channels.github.triggers import check_triggers

    check_triggers(hitl.config.triggers, hitl.all_graphs.graphs())
    # The channel's, where there is one: it learns from what it writes who we are.
    shared = next((each.clients for each in hitl.channels if isinstance(each, GitHubChannel)), None)
    clients, desk = shared or GitHubClients(settings), HitlGitHubDesk(hitl)
    conversations = Conversations(
        desk, GitHubReader(clients), Judge(desk, clients.login), hitl.clock, seconds=settings.poll_seconds
    )
    hitl.inbox.handle(CHANNEL, Heed(desk, conversations, hitl.config.triggers).act)
    hitl.errands["github.reread"] = conversations.reread
    try:
        yield
    finally:
        hitl.errands.pop("github.reread", None)
        if shared is None:
            hitl.portal.call(clients.close)
