"""A feature: its design is agreed on before anybody plans, the plan before anything is written.

START → intake → design ⇄ design-review
                                ▼
                              plan ⇄ feature-plan-review ──▶ change → open-pull-request → feature-pr-approval ──▶ merge
                                                               ▲                                   │
                                                               └───────────── feedback ────────────┘
"""

from __future__ import annotations

from typing import Any

from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph

from hitl_graphs.delivery.author import Author
from hitl_graphs.delivery.proposals import Design, Plan
from hitl_graphs.delivery.publishing import intake, merged, merging, opened, opening
from hitl_graphs.delivery.state import Delivery, Given
from hitl_graphs.delivery.steps import STOPPED, asked, changing, going_on, proposing, stopped
from hitl_middleware import Hitl, Review, human_step, route


class Feature(Delivery, total=False):
    """What people said of the design, the plan and the pull request."""

    design_review: Review
    feature_plan_review: Review
    feature_pr_approval: Review


def build_graph(hitl: Hitl, author: Author | None = None) -> CompiledStateGraph[Any, Any, Any, Any]:
    """The graph behind ``hitl``'s gate, without a checkpointer. ``author``: who proposes, instead of the one that ``HITL_MODEL`` names."""
    author = author or Author()
    builder = StateGraph(Feature, input_schema=Given)
    builder.add_node("intake", intake(hitl, Feature), input_schema=Given)
    builder.add_node("design", proposing(author, Design, into="design", heeds=["design_review"]))
    builder.add_node(
        "design-review", human_step(asked("Build it like this?"), show=["design"], into="design_review")
    )
    builder.add_node(
        "plan", proposing(author, Plan, into="plan", reads=["design"], heeds=["feature_plan_review"])
    )
    builder.add_node(
        "feature-plan-review",
        human_step(asked("Carry this plan out?"), show=["design", "plan"], into="feature_plan_review"),
    )
    builder.add_node("change", changing(author, reads=["design", "plan"], heeds=["feature_pr_approval"]))
    builder.add_node("open-pull-request", opening(hitl, about="design"))
    builder.add_node(
        "feature-pr-approval",
        human_step(
            asked("Merge the pull request?"),
            show=["plan", "pull_request", "summary", "changes"],
            into="feature_pr_approval",
        ),
    )
    builder.add_node("merge", merging(hitl))
    builder.add_node(STOPPED, stopped)

    builder.add_edge(START, "intake")
    builder.add_conditional_edges("intake", going_on("design"))
    builder.add_edge("design", "design-review")
    builder.add_conditional_edges(
        "design-review", route("design_review", approve="plan", reject=END, feedback="design")
    )
    builder.add_edge("plan", "feature-plan-review")
    builder.add_conditional_edges(
        "feature-plan-review", route("feature_plan_review", approve="change", reject=END, feedback="plan")
    )
    builder.add_conditional_edges("change", going_on("open-pull-request"))
    builder.add_conditional_edges("open-pull-request", opened(to="feature-pr-approval", again="change"))
    builder.add_conditional_edges(
        "feature-pr-approval", route("feature_pr_approval", approve="merge", reject=END, feedback="change")
    )
    builder.add_conditional_edges("merge", merged(again="feature-pr-approval"))
    return builder.compile(name="sdlc-feature")
