"""Where in a run a step or an ``ask`` stands."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any
from weakref import WeakKeyDictionary

from hitl_middleware.actions import Place
from hitl_middleware.errors import ConfigurationError
from hitl_middleware.gate.calls import thread_in

_SCRATCHPAD = "__pregel_scratchpad"
"""LangGraph's own notes on one execution of a task, where ``interrupt()`` counts too.

A context variable would not do: a tool that a node calls runs in a copy of the context, and the second one would count from 0 again.
"""

_counted: WeakKeyDictionary[Any, tuple[object, int]] = WeakKeyDictionary()
_counting = threading.Lock()


def next_place(configurable: Mapping[str, Any], who: str) -> Place:
    """The next place in the task that runs here; every call is one further. ``who`` asks, for a sentence.

    Raises ``ConfigurationError`` outside a graph with a checkpointer: without a thread nothing could be parked or recognised.
    """
    thread_id, scratchpad = thread_in(configurable), configurable.get(_SCRATCHPAD)
    if thread_id is None or scratchpad is None:
        msg = f"{who} asks people, and for that it must run in a graph that has a checkpointer and is given a thread_id"
        raise ConfigurationError(msg)
    return Place(thread_id, str(configurable.get("checkpoint_ns", "")), _ordinal(scratchpad))


def _ordinal(scratchpad: Any) -> int:
    with _counting:
        execution, count = _counted.get(scratchpad.get_null_resume, (None, 0))
        if execution is not scratchpad.interrupt_counter:  # a retry of the node: it asks from the beginning
            execution, count = scratchpad.interrupt_counter, 0
        _counted[scratchpad.get_null_resume] = (execution, count + 1)
        return count
