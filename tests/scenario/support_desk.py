"""The support desk under test: the real graph, gate and clients, against recorded services, moved step by step."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from fastapi import FastAPI
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import BaseMessage, ToolMessage

from hitl_graphs.support import build_graph, hitl_router
from hitl_graphs.support.fakes import FakeFront, SupportWorld
from hitl_graphs.support.tools import effects
from hitl_middleware.records import Run
from hitl_middleware.testing.loopback import Loopback

from tests.kit.models import check_history
from tests.kit.world import World, on

CONVERSATION = "cnv_1"


class Desk:
    """``world`` is the ``Hitl`` that serves ``support``; ``services`` are Front, Stripe and the platform, where a test needs them."""

    def __init__(
        self, world: World, services: SupportWorld | None, model: BaseChatModel | None = None
    ) -> None:
        self.world = world
        self._services = services
        self.graph = build_graph(world, model)
        world.serve("support", self.graph)

    def write(self, text: str, *, conversation: str = CONVERSATION, **options: Any) -> Run:
        """A customer's message as a run of its own, and everything that follows from it."""
        given = {"conversation_id": conversation, "text": text, "author": "ann@shop.example"}
        return self.world.begin_run("support", given, **options)

    def history(self, run: Run) -> list[BaseMessage]:
        """Every message on the run's thread; none of its tool calls may be without an answer."""
        served = self.graph.copy({"checkpointer": self.world.checkpointer()})
        messages: list[BaseMessage] = served.get_state(on(run.thread_id)).values["messages"]
        check_history(messages)
        return messages

    def told(self, run: Run) -> list[ToolMessage]:
        """What the agent was told by its tools."""
        return [message for message in self.history(run) if isinstance(message, ToolMessage)]

    def closing(self, run: Run) -> str:
        """The agent's last words."""
        assert self.world.run_now(run).status == "succeeded"
        return str(self.history(run)[-1].text)

    def nothing_happened(self) -> bool:
        """Whether no service did anything."""
        assert self._services is not None
        return not any(service.effects for service in self._services.services)


@contextmanager
def served(world: World, front: FakeFront) -> Iterator[str]:
    """The desk's own route, over loopback; Front knows its address."""
    app = FastAPI()
    app.include_router(hitl_router(world))
    with Loopback(app) as server:
        front.app_url = server.url
        yield server.url


@contextmanager
def environment(monkeypatch: pytest.MonkeyPatch, services: SupportWorld) -> Iterator[None]:
    """The desk's clients point at ``services``, and are made anew."""
    monkeypatch.delenv("HITL_MODEL", raising=False)
    for name, value in services.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("SUPPORT_HTTP_TIMEOUT_SECONDS", "5")
    effects.cache_clear()
    yield
    effects().close()
    effects.cache_clear()
