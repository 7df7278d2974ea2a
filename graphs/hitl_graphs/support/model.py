"""Which chat model the desk talks to: ``HITL_MODEL`` names one (``openai:gpt-…``); without it, a script."""

from __future__ import annotations

import os
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel


def chat_model() -> BaseChatModel:
    """Asked for at a model's every turn, so that importing the desk needs no provider and no key."""
    return _named(os.environ.get("HITL_MODEL", ""))


@cache
def _named(name: str) -> BaseChatModel:
    if not name:
        from hitl_graphs.support.scripted import ScriptedModel

        return ScriptedModel()
    from langchain.chat_models import init_chat_model

    found: BaseChatModel = init_chat_model(name)
    return found
