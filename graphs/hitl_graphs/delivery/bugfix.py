"""A bug, from the issue to the merge. The fix is reviewed before it leaves the house, and again as a pull request.

START → intake → analyse → fix ⇄ fix-review ──▶ open-pull-request → merge-approval ──▶ merge → END
                            ▲                                            │
                            └──────────────────── feedback ──────────────┘
"""

from __future__ import annotations

from typing import Any

from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph

from hitl_graphs.delivery.author import Author
from hitl_graphs.delivery.proposals import Analysis
from hitl_graphs.delivery.publishing import intake, merged, merging, opened, opening
from hitl_graphs.delivery.state import Delivery, Given
from hitl_graphs.delivery.steps import STOPPED, asked, changing, going_on, proposing, stopped
from hitl_middleware import Hitl, Review, human_step, route


class Bugfix(Delivery, total=False):
    """What people said of the fix and of the merge."""

    fix_review: Review
    merge_approval: Review


def build_graph(hitl: Hitl, author: Author | None = None) -> CompiledStateGraph[Any, Any, Any, Any]:
    """The graph behind ``hitl``'s gate, without a checkpointer. ``author``: who proposes, instead of the one that ``HITL_MODEL`` names."""
    author = author or Author()
    builder = StateGraph(Bugfix, input_schema=Given)
    builder.add_node("intake", intake(hitl, Bugfix), input_schema=Given)
    builder.add_node("analyse", proposing(author, Analysis, into="analysis"))
    builder.add_node("fix", changing(author, reads=["analysis"], heeds=["fix_review", "merge_approval"]))
    builder.add_node(
        "fix-review",
        human_step(asked("Review the fix"), show=["analysis", "summary", "changes"], into="fix_review"),
    )
    builder.add_node("open-pull-request", opening(hitl, about="analysis"))
    builder.add_node(
        "merge-approval",
        human_step(
            asked("Merge the pull request?"),
            show=["pull_request", "summary", "changes"],
            into="merge_approval",
        ),
    )
    builder.add_node("merge", merging(hitl))
    builder.add_node(STOPPED, stopped)

    builder.add_edge(START, "intake")
    builder.add_conditional_edges("intake", going_on("analyse"))
    builder.add_edge("analyse", "fix")
    builder.add_conditional_edges("fix", going_on("fix-review"))
    builder.add_conditional_edges(
        "fix-review", route("fix_review", approve="open-pull-request", reject=END, feedback="fix")
    )
    builder.add_conditional_edges("open-pull-request", opened(to="merge-approval", again="fix"))
    builder.add_conditional_edges(
        "merge-approval", route("merge_approval", approve="merge", reject=END, feedback="fix")
    )
    builder.add_conditional_edges("merge", merged(again="merge-approval"))
    return builder.compile(name="sdlc-bugfix")
