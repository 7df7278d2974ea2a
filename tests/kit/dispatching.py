"""A process that is killed while it looks at something it was woken for."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from hitl_middleware.dispatch import open_dispatcher
from hitl_middleware.ports import Crew, Topic, Wakeup

from tests.kit.dying import die


def look_and_die(url: str, wakeup: Wakeup) -> None:
    """Work on the database ``url``, where ``wakeup`` is due, until it is looked at."""

    async def look(_key: str) -> None:
        die()

    async def due(topic: Topic) -> Sequence[Wakeup]:
        return [wakeup] if topic == wakeup.topic else []

    async def beat() -> None:
        pass

    async def work() -> None:
        crew = Crew(reconcilers={wakeup.topic: look}, able=lambda _: (wakeup.doer,), due=due, heartbeat=beat)
        await open_dispatcher(url).start(crew)
        await asyncio.Event().wait()

    asyncio.run(work())
