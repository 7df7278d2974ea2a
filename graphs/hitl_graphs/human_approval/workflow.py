"""The graph. All that it needs of the library are a node and an edge."""

from __future__ import annotations

from langgraph.graph import END, START, StateGraph
from typing_extensions import TypedDict

from hitl_middleware import HitlError, Review, human_step, route


class InputUnusable(HitlError):
    """The input does not fit: {why}. Give {{"topic": "what to write about"}}."""


class State(TypedDict, total=False):
    """``text`` is what people look at, ``review`` what they said, ``published`` what became of it."""

    topic: str
    text: str
    review: Review
    published: str


def draft(state: State) -> State:
    """Write about the topic; after feedback, once more, with the reviewer's words worked in."""
    topic = state.get("topic")
    if not isinstance(topic, str) or not topic.strip():
        raise InputUnusable(why="there is no topic in it")
    text, review = f"All you need to know about {topic.strip()}.", state.get("review")
    if review is not None and review["decision"] == "feedback":
        text = f"{state.get('text', text)} Revised: {review['message']}"
    return {"text": text}


def publish(state: State) -> State:
    """The act that needed a person's consent."""
    return {"published": state["text"]}


builder = StateGraph(State)
builder.add_node("draft", draft)
builder.add_node("review-text", human_step("Publish this text?", show=["text"], into="review"))
builder.add_node("publish", publish)
builder.add_edge(START, "draft")
builder.add_edge("draft", "review-text")
builder.add_conditional_edges("review-text", route("review", approve="publish", reject=END, feedback="draft"))
builder.add_edge("publish", END)

graph = builder.compile(name="human-approval")
