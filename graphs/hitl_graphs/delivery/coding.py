"""The shortest way that still asks twice: before anything is written, and before it is merged.

START → intake → plan → audit → plan-approval ──▶ change → open-pull-request → pr-review ──▶ merge → END
                  ▲                  │              ▲                              │
                  └──── feedback ────┘              └────────── feedback ──────────┘
"""

from __future__ import annotations

from typing import Any

from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph

from hitl_graphs.delivery.author import Author
from hitl_graphs.delivery.proposals import Audit, Plan
from hitl_graphs.delivery.publishing import intake, merged, merging, opened, opening
from hitl_graphs.delivery.state import Delivery, Given
from hitl_graphs.delivery.steps import STOPPED, asked, changing, going_on, proposing, stopped
from hitl_middleware import Hitl, Review, human_step, route


class Pipeline(Delivery, total=False):
    """What people said of the plan and of the pull request."""

    plan_approval: Review
    pr_review: Review


def build_graph(
    hitl: Hitl, author: Author | None = None, *, name: str = "coding-pipeline", files_issue: bool = True
) -> CompiledStateGraph[Any, Any, Any, Any]:
    """The graph behind ``hitl``'s gate, without a checkpointer. ``author``: who proposes, instead of the one that ``HITL_MODEL`` names.

    ``files_issue``: whether work that comes without an issue gets one.
    """
    author = author or Author()
    builder = StateGraph(Pipeline, input_schema=Given)
    builder.add_node("intake", intake(hitl, Pipeline, files_issue=files_issue), input_schema=Given)
    builder.add_node("plan", proposing(author, Plan, into="plan", heeds=["plan_approval"]))
    builder.add_node("audit", proposing(author, Audit, into="audit", reads=["plan"]))
    builder.add_node(
        "plan-approval",
        human_step(asked("Carry this plan out?"), show=["plan", "audit"], into="plan_approval"),
    )
    builder.add_node("change", changing(author, reads=["plan", "audit"], heeds=["pr_review"]))
    builder.add_node("open-pull-request", opening(hitl, about="plan"))
    builder.add_node(
        "pr-review",
        human_step(
            asked("Merge the pull request?"),
            show=["plan", "pull_request", "summary", "changes"],
            into="pr_review",
        ),
    )
    builder.add_node("merge", merging(hitl))
    builder.add_node(STOPPED, stopped)

    builder.add_edge(START, "intake")
    builder.add_conditional_edges("intake", going_on("plan"))
    builder.add_edge("plan", "audit")
    builder.add_edge("audit", "plan-approval")
    builder.add_conditional_edges(
        "plan-approval", route("plan_approval", approve="change", reject=END, feedback="plan")
    )
    builder.add_conditional_edges("change", going_on("open-pull-request"))
    builder.add_conditional_edges("open-pull-request", opened(to="pr-review", again="change"))
    builder.add_conditional_edges(
        "pr-review", route("pr_review", approve="merge", reject=END, feedback="change")
    )
    builder.add_conditional_edges("merge", merged(again="pr-review"))
    return builder.compile(name=name)
