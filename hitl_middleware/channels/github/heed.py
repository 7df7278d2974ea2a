"""Stored deliveries of GitHub, acted on: a label begins a run, a comment or a review is read and judged."""

from __future__ import annotations

from collections.abc import Sequence

import structlog

from hitl_middleware.channels.github.conversations import Conversations
from hitl_middleware.channels.github.desk import GitHubDesk
from hitl_middleware.channels.github.events import Ignored, Labeled, reopened
from hitl_middleware.channels.github.triggers import concerns, run_of
from hitl_middleware.records import Delivery
from hitl_middleware.settings import TriggerConfig

log = structlog.get_logger("hitl.github")


class Heed:
    """What becomes of a delivery after it was answered. May be called again for the same one."""

    def __init__(
        self, desk: GitHubDesk, conversations: Conversations, triggers: Sequence[TriggerConfig]
    ) -> None:
        self._desk = desk
        self._conversations = conversations
        self._triggers = tuple(triggers)

    async def act(self, delivery: Delivery) -> None:
        """One stored delivery (``stored``). What it raises is tried again later."""
        event = reopened(delivery.body)
        if isinstance(event, Ignored):
            return
        if not isinstance(event, Labeled):
            await self._conversations.heed(event)
            return
        for trigger in concerns(self._triggers, event):
            run = run_of(trigger, event)
            await self._desk.start_run(run)
            log.info(
                "run triggered", repository=event.repository, issue=event.number, label=event.label, run=run.run_id, graph=run.graph
            )  # fmt: skip
