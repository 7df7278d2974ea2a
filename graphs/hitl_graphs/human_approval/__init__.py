"""The smallest workflow with a person in it: a text is drafted, somebody looks at it, and it is published or not.

START → draft → review ── approve ──▶ publish → END
          ▲        ├───── reject ───▶ END
          └────────┘ feedback

``graph`` is the compiled graph. Its input is ``{"topic": "…"}``; the drafts are scripted, so no key is needed.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hitl_graphs.human_approval.workflow import graph

__all__ = ["graph"]


def __getattr__(name: str) -> Any:
    if name != "graph":
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    return import_module(f"{__name__}.workflow").graph
