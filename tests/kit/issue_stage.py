"""A repository on FakeGitHub, a served workflow with one human step, and people who label and comment."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import pytest
from fastapi import APIRouter
from langgraph.graph import END, START, StateGraph
from typing_extensions import TypedDict

from hitl_middleware import human_step, label_run, route
from hitl_middleware.channels.configured import configured_directory
from hitl_middleware.channels.github.words import card_in, notice_in
from hitl_middleware.clock import ManualClock
from hitl_middleware.crew import crew_of
from hitl_middleware.hitl import Graph
from hitl_middleware.settings import ConfigFile
from hitl_middleware.testing import FakeGitHub
from hitl_middleware.testing.fake_github import Comment, Issue
from hitl_server.serve import running_server

from tests.kit.world import World

SHOP: Final = "acme/shop"
US: Final = "hitl-bot"
PEOPLE: Final = {"bob": "read", "ann": "write", "meg": "write", "tim": "triage", "eve": "read"}
TRIGGER: Final = {"label": "bug", "graph": "fix", "requester": "author"}


class State(TypedDict, total=False):
    """What the workflow knows: where it comes from, its plan, and what people said."""

    repository: str
    issue: int
    issue_url: str
    title: str
    body: str
    plan: str
    review: Any
    done: str
    merge: Any


def workflow(*, about: Mapping[str, str] = {}, **options: Any) -> Graph:
    """Plan, ask (``options`` of ``human_step``), act. ``about``: further labels of its run, when it plans."""

    def plan(state: State) -> State:
        review = state.get("review")
        label_run(**about)
        said = f" Revised: {review['message']}" if review else ""
        return {"plan": f"Mend {state.get('title', 'it')}.{said}"}

    def act(state: State) -> State:
        return {"done": state.get("plan", "")}

    builder = StateGraph(State)
    builder.add_node("plan", plan)
    builder.add_node(
        "plan-review", human_step("Do this?", **({"show": ["plan"], "into": "review"} | options))
    )
    builder.add_node("act", act)
    builder.add_edge(START, "plan")
    builder.add_edge("plan", "plan-review")
    builder.add_conditional_edges("plan-review", route("review", approve="act", reject=END, feedback="plan"))
    builder.add_edge("act", END)
    return builder.compile()


@dataclass
class GitHubStage:
    """Moves only by ``step``. ``bob`` opens issues, ``ann`` and ``meg`` may write, ``tim`` may triage, ``eve`` may read."""

    fake: FakeGitHub
    world: World
    url: str
    clock: ManualClock
    issues: list[Issue] = field(default_factory=list)

    def opened(self, title: str = "The cart forgets", body: str = "It always does.") -> Issue:
        """Bob opens an issue, Ann labels it, and the workflow runs to its human step."""
        issue = self.fake.open_issue(SHOP, "bob", title, body)
        self.fake.label(SHOP, issue.number, "ann", "bug")
        self.world.step()
        self.issues.append(issue)
        return issue

    def says(self, who: str, body: str, *, number: int | None = None, step: bool = True) -> Comment:
        """Somebody writes a comment, on the newest issue unless another is named."""
        number = self.issues[-1].number if number is None else number
        comment = self.fake.comment(SHOP, number, who, body)
        if step:
            self.world.step()
        return comment

    def of_us(self, number: int | None = None) -> list[Comment]:
        """What we wrote on an issue, oldest first."""
        number = self.issues[-1].number if number is None else number
        return [comment for comment in self.fake.comments(SHOP, number) if comment.user == US]

    def cards(self, number: int | None = None) -> list[Comment]:
        """The living ones."""
        return [comment for comment in self.of_us(number) if card_in(comment.body)]

    def notes(self, number: int | None = None) -> list[str]:
        """The one-off ones, as they are read."""
        return [self.reads(comment) for comment in self.of_us(number) if notice_in(comment.body)]

    def reads(self, comment: Comment) -> str:
        """What a person reads of a comment as it is now."""
        return self.fake.seen(self.fake.comment_now(comment)).text

    def reactions(self, comment: Comment) -> set[str]:
        """Ours."""
        return {content for who, content in self.fake.reactions(comment) if who == US}

    def state(self) -> dict[str, Any]:
        """The state of the newest run's thread."""
        run = self.world.runs()[-1]
        graph = self.world.graphs._graphs[run.graph]
        return dict(graph.get_state({"configurable": {"thread_id": run.thread_id}}).values)


def a_shop(world: World) -> FakeGitHub:
    """A repository and its people."""
    fake = FakeGitHub(now=lambda: world.time.now().timestamp()).start()
    fake.repository(SHOP)
    for login, permission in PEOPLE.items():
        fake.person(login, permission=permission)
    return fake


@contextlib.contextmanager
def github_stage(
    world: World,
    monkeypatch: pytest.MonkeyPatch,
    *,
    fake: FakeGitHub | None = None,
    graph: Graph | None = None,
    connected: bool | None = None,
    token: str | None = None,
    routers: Callable[[FakeGitHub], Sequence[APIRouter]] = lambda _: (),
    **config: Any,
) -> Iterator[GitHubStage]:
    """``fake``: another stage's. ``routers``: what else is served, given the fake.

    ``connected``: the repository gets a webhook, unless it has one. ``config``: more of ``hitl.toml``.
    """
    with contextlib.ExitStack() as stack:
        ours = fake or a_shop(world)
        if fake is None:
            stack.callback(ours.stop)
        for name, value in (ours.environ | ({"GITHUB_TOKEN": token} if token else {})).items():
            monkeypatch.setenv(name, value)
        found = ConfigFile.model_validate({"triggers": [TRIGGER], **config})
        world._given = (found, None, configured_directory(found, world.time))
        world.__dict__.pop("config", None)
        graphs = {"fix": graph or workflow(), "second": workflow()}
        server = stack.enter_context(running_server(world, graphs=graphs, routers=routers(ours)))
        world._crew = crew_of(world)
        if connected or (connected is None and fake is None):
            ours.connect(f"{server.url}/github/webhooks")
        yield GitHubStage(ours, world, server.url, world.time)
