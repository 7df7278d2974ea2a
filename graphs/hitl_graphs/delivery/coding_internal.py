"""``coding-pipeline`` for work that is nobody's issue: none is filed for it, and people are asked in Slack, the inbox or a terminal.

The pull request is as real as the other's. An input that names an issue is about that issue here, too.
"""

from __future__ import annotations

from typing import Any

from langgraph.graph.state import CompiledStateGraph

from hitl_graphs.delivery import coding
from hitl_graphs.delivery.author import Author
from hitl_middleware import Hitl


def build_graph(hitl: Hitl, author: Author | None = None) -> CompiledStateGraph[Any, Any, Any, Any]:
    """As ``coding.build_graph``."""
    return coding.build_graph(hitl, author, name="coding-pipeline-internal", files_issue=False)
