"""What follows from a stored webhook of Front's: a run on the conversation, or a correction of the draft that waits on it."""

from __future__ import annotations

import asyncio

import structlog

from hitl_graphs.support.front_drafts import DraftCorrections
from hitl_graphs.support.front_webhook import Ignored, InboundMessage, parse
from hitl_graphs.support.settings import DeskSettings
from hitl_middleware.errors import NotFound, ThreadBusy
from hitl_middleware.hitl import Hitl
from hitl_middleware.records import Delivery

log = structlog.get_logger("hitl.support")

GRAPH = "support"
"""The name under which the manifest serves this graph."""

OPENED = "https://app.frontapp.com/open/"
"""Where a conversation is looked at in a browser, by its id (Front's help, "Linking to a conversation")."""

WROTE_AGAIN = "Customer wrote again"


class FrontDeliveries:
    """Acts on deliveries, each as often as it is told to: the same delivery leads to the same run."""

    def __init__(self, hitl: Hitl, settings: DeskSettings) -> None:
        self._hitl = hitl
        self._settings = settings
        self._drafts = DraftCorrections(hitl)

    async def process(self, delivery: Delivery) -> None:
        """One delivery. What it raises is tried again later."""
        event = parse(delivery.body)
        if isinstance(event, Ignored):
            return
        if event.kind == "teammate_comment":
            await self._drafts.process(event, thread_of(event.conversation_id), delivery)
        else:
            await self._answer(event, delivery)

    async def _answer(self, event: InboundMessage, delivery: Delivery) -> None:
        text = event.text if event.text is not None else await self._fetched(event.message_id)
        text = text if text.strip() else "[The message has no text.]"
        if event.truncated:
            text += "\n\n[The message is longer; it was cut here.]"
        thread_id = thread_of(event.conversation_id)
        try:
            await self._hitl.start_run(
                GRAPH,
                {"conversation_id": event.conversation_id, "text": text, "author": event.author},
                run_id=delivery.id,
                thread_id=thread_id,
                started_by="front",
                on_new_input=self._settings.front_on_new_input,
                labels={
                    "conversation": event.conversation_id,
                    "conversation_url": f"{OPENED}{event.conversation_id}",
                },
                note=WROTE_AGAIN,
            )
        except ThreadBusy:
            if self._settings.front_on_new_input != "refuse":
                raise  # somebody else began a run in the same moment; the next attempt queues behind it
            # Not tried again, that is what refusing means; whoever reads the card learns of it.
            log.warning("message refused", conversation=event.conversation_id, message=event.message_id)
            await self._note(thread_id, f"{WROTE_AGAIN}; FRONT_ON_NEW_INPUT=refuse, so no run will answer it")

    async def _fetched(self, message_id: str) -> str:
        """The words of a message whose webhook brought none (Front's setting "previews")."""
        from hitl_graphs.support.tools import effects

        # Not on this loop: it is the one that keeps leases alive.
        return await asyncio.to_thread(lambda: effects().message_text(message_id))

    async def _note(self, thread_id: str, text: str) -> None:
        try:
            detail = await self._hitl.portal.run(self._hitl.views.run, thread_id)
        except NotFound:
            return  # it ended in between
        await self._hitl.portal.run(self._hitl.desk.note, detail.run.id, text)


def thread_of(conversation_id: str) -> str:
    """The thread on which a conversation's runs follow each other."""
    return f"front:{conversation_id}"
