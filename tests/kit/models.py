"""Chat models that say what a test wrote down: the shipped ones, under the names our tests use."""

from __future__ import annotations

from hitl_middleware.testing.scripted_model import ScriptedModel as Scripted
from hitl_middleware.testing.scripted_model import call, check_history, says, script

__all__ = ["Scripted", "asks", "call", "check_history", "says", "script"]


def asks(text: str = "please") -> dict[str, list[dict[str, str]]]:
    """A graph's input: what a user says, as JSON."""
    return {"messages": [{"role": "user", "content": text}]}
