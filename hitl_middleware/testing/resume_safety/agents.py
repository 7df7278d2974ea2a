"""What both example runners share: the scene's model, the retries around its tool, and how the agent's history is read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from langchain.agents.middleware import ToolRetryMiddleware
from langchain_core.messages import ToolMessage

from hitl_middleware.testing.resume_safety.scene import Scene, Told
from hitl_middleware.testing.scripted_model import ScriptedModel, call, says, script

THREAD = "thread-1"


def said(scene: Scene) -> ScriptedModel:
    """A model that asks for the scene's turns; each call is known by its ``what``."""
    return script(*(says(*(call("act", what, what=what) for what in turn)) for turn in scene.turns))


def behind(scene: Scene) -> list[Any]:
    """The middleware that comes after the one that asks people."""
    if not scene.retries:
        return []
    return [ToolRetryMiddleware(max_retries=scene.retries, initial_delay=0, backoff_factor=0, jitter=False)]


def retelling(messages: Sequence[ToolMessage]) -> list[Told]:
    """Tool messages as what was told."""
    return [Told(one.tool_call_id, one.status != "error") for one in messages]
