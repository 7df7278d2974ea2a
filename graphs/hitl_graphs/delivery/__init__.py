"""Software delivery: workflows that take an issue to a merged pull request, and stop where people decide.

    sdlc_standard              options → options-review → plan, audit → plan-review → change → pull request → pr-approval → merge
    sdlc_bugfix                analyse → fix → fix-review → pull request → merge-approval → merge
    sdlc_feature               design → design-review → plan → feature-plan-review → change → pull request → feature-pr-approval → merge
    coding_pipeline            plan, audit → plan-approval → change → pull request → pr-review → merge
    coding_pipeline_internal   the same for work that is nobody's issue: none is filed, and people are asked wherever else they are

Each is a file of its own here, made of the steps in ``steps`` and ``publishing``; the names above are compiled graphs for
``Hitl.from_env()``. Its input is ``{"repository": "acme/shop", "issue": 12}`` or, without an issue, ``{"repository", "title", "body"}``.
Where a workflow cannot go on – GitHub refuses, or is not configured –, its run fails with a sentence.

The graphs are made when they are asked for: importing this package does nothing and needs no setting.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from langgraph.graph.state import CompiledStateGraph

    sdlc_standard: CompiledStateGraph[Any, Any, Any, Any]
    sdlc_bugfix: CompiledStateGraph[Any, Any, Any, Any]
    sdlc_feature: CompiledStateGraph[Any, Any, Any, Any]
    coding_pipeline: CompiledStateGraph[Any, Any, Any, Any]
    coding_pipeline_internal: CompiledStateGraph[Any, Any, Any, Any]

_HOMES = {
    "sdlc_standard": "standard",
    "sdlc_bugfix": "bugfix",
    "sdlc_feature": "feature",
    "coding_pipeline": "coding",
    "coding_pipeline_internal": "coding_internal",
}

__all__ = ["coding_pipeline", "coding_pipeline_internal", "sdlc_bugfix", "sdlc_feature", "sdlc_standard"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    from hitl_middleware import Hitl

    return import_module(f"{__name__}.{_HOMES[name]}").build_graph(Hitl.from_env())
