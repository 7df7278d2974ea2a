"""Any work: first which way to take, then a plan with a second look at it, then the change as a pull request.

START → intake → analyse → options ⇄ options-review
                                          ▼
                  plan → audit → plan-review ──▶ change → open-pull-request → pr-approval ──▶ merge
                   ▲                 │             ▲                               │
                   └──── feedback ───┘             └─────────── feedback ──────────┘
"""

from __future__ import annotations

from typing import Any

from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph

from hitl_graphs.delivery.author import Author
from hitl_graphs.delivery.proposals import Analysis, Audit, Options, Plan
from hitl_graphs.delivery.publishing import intake, merged, merging, opened, opening
from hitl_graphs.delivery.state import Delivery, Given
from hitl_graphs.delivery.steps import STOPPED, asked, changing, going_on, proposing, stopped
from hitl_middleware import Hitl, Review, human_step, route


class Standard(Delivery, total=False):
    """What people said of the options, the plan and the pull request."""

    options_review: Review
    plan_review: Review
    pr_approval: Review


def build_graph(hitl: Hitl, author: Author | None = None) -> CompiledStateGraph[Any, Any, Any, Any]:
    """The graph behind ``hitl``'s gate, without a checkpointer. ``author``: who proposes, instead of the one that ``HITL_MODEL`` names."""
    author = author or Author()
    builder = StateGraph(Standard, input_schema=Given)
    builder.add_node("intake", intake(hitl, Standard), input_schema=Given)
    builder.add_node("analyse", proposing(author, Analysis, into="analysis"))
    builder.add_node(
        "options", proposing(author, Options, into="options", reads=["analysis"], heeds=["options_review"])
    )
    builder.add_node(
        "options-review",
        human_step(
            asked("Take the recommended option?"), show=["analysis", "options"], into="options_review"
        ),
    )
    builder.add_node(
        "plan", proposing(author, Plan, into="plan", reads=["analysis", "options"], heeds=["plan_review"])
    )
    builder.add_node("audit", proposing(author, Audit, into="audit", reads=["plan"]))
    builder.add_node(
        "plan-review", human_step(asked("Carry this plan out?"), show=["plan", "audit"], into="plan_review")
    )
    builder.add_node("change", changing(author, reads=["plan", "audit"], heeds=["pr_approval"]))
    builder.add_node("open-pull-request", opening(hitl, about="plan"))
    builder.add_node(
        "pr-approval",
        human_step(
            asked("Merge the pull request?"),
            show=["plan", "pull_request", "summary", "changes"],
            into="pr_approval",
        ),
    )
    builder.add_node("merge", merging(hitl))
    builder.add_node(STOPPED, stopped)

    builder.add_edge(START, "intake")
    builder.add_conditional_edges("intake", going_on("analyse"))
    builder.add_edge("analyse", "options")
    builder.add_edge("options", "options-review")
    builder.add_conditional_edges(
        "options-review", route("options_review", approve="plan", reject=END, feedback="options")
    )
    builder.add_edge("plan", "audit")
    builder.add_edge("audit", "plan-review")
    builder.add_conditional_edges(
        "plan-review", route("plan_review", approve="change", reject=END, feedback="plan")
    )
    builder.add_conditional_edges("change", going_on("open-pull-request"))
    builder.add_conditional_edges("open-pull-request", opened(to="pr-approval", again="change"))
    builder.add_conditional_edges(
        "pr-approval", route("pr_approval", approve="merge", reject=END, feedback="change")
    )
    builder.add_conditional_edges("merge", merged(again="pr-approval"))
    return builder.compile(name="sdlc-standard")
