"""A server that people use with browsers: a company whose agents ask before they write, pay and deploy, and whose people sign in."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, Literal

import pytest
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.tools import BaseTool, tool
from langgraph.graph import END, START, StateGraph
from pydantic import BaseModel, Field
from typing_extensions import TypedDict

from hitl_middleware import OutcomeUnknown, human_step, requires_approval, route
from hitl_middleware.clock import ManualClock, SystemClock
from hitl_middleware.hitl import Graph
from hitl_middleware.records import ReviewRequest
from hitl_middleware.settings import ConfigFile, SignInConfig
from hitl_middleware.testing.fake_github import FakeGitHub
from hitl_middleware.testing.scripted_model import ScriptedModel
from hitl_server.serve import running_server
from hitl_server.session import Sessions

from tests.kit.models import asks
from tests.kit.served import with_token
from tests.kit.world import World

ANN, BOB, SAM, OLGA, VERA = (f"github:{name}" for name in ("ann", "bob", "sam", "olga", "vera"))
"""Reviewers: ann, bob, and sam of security. Olga operates, vera looks on."""

CONFIG = ConfigFile(
    people={name: (f"github:{name}",) for name in ("ann", "bob", "sam", "olga", "vera")},
    groups={"security": ("sam",), "everybody": ("ann", "bob", "sam")},
    operators=("olga",),
    sign_in=SignInConfig(viewers=("vera",)),
)
MAIL = {"to": "kim@example.com", "subject": "Your order", "body": "It is on its way."}
LONG = "Donaudampfschifffahrtsgesellschaftskapitänsmützenabzeichen" * 4

MINUTES = 10
"""How long a payment may wait."""


class Reads(ScriptedModel):
    """Calls the tool that the user's words name, with the arguments that they give; then it is done."""

    def _generate(self, messages: list[Any], *rest: Any, **more: Any) -> Any:
        asked = next(message for message in messages if isinstance(message, HumanMessage))
        self.turns = (AIMessage("", tool_calls=[json.loads(str(asked.content))]),)
        return super()._generate(messages, *rest, **more)


@dataclass
class Office:
    """``url``: where browsers find it. ``world`` moves when it is told to; ``done``: what the agents really did."""

    url: str
    world: World
    github: FakeGitHub
    done: list[tuple[str, Any]] = field(default_factory=list)
    threads: int = 0

    def asked(self, name: str, /, requester: str | None = None, **args: Any) -> ReviewRequest:
        """An agent wants to call a tool, and somebody has to be asked."""
        call = {"name": name, "args": args, "id": "call-1", "type": "tool_call"}
        return self._begun("office", asks(json.dumps(call)), requester)

    def planned(self, plan: str) -> ReviewRequest:
        """A workflow asks for a look at its plan, with a form."""
        return self._begun("planning", {"plan": plan}, None)

    def now(self, request: ReviewRequest) -> ReviewRequest:
        """The request as it stands."""
        return self.world.portal.call(self.world.views.request, request.id).request

    def cleared(self) -> None:
        """Nothing waits any more."""
        self.world.step()
        for request in self.world.pending():
            if request.kind == "outcome":
                assert request.action_id is not None
                self.world.say(
                    self.world.portal.call(self.world.views.action, request.action_id),
                    "failed",
                    by="local:ann",
                )
                continue
            self.world.decide(request, "reject", by="local:ann", message="The day is over.")
        self.world.step()

    def signed_in(self, identity: str) -> str:
        """The secret of a new session."""
        return self.world.portal.call(Sessions(self.world).begin, identity)

    def signed_out(self, secret: str) -> None:
        """The session is over, as by another tab or by an operator."""
        self.world.portal.call(Sessions(self.world).end, secret)

    def _begun(self, graph: str, given: Any, requester: str | None) -> ReviewRequest:
        self.threads += 1
        run = self.world.begin_run(graph, given, thread_id=f"thread-{self.threads}", requester=requester)
        (request,) = self.world.portal.call(self.world.views.run, run.id).requests
        return request


def _tools(done: list[tuple[str, Any]]) -> list[BaseTool]:
    @requires_approval(
        approvers=[ANN, BOB],
        decisions=["approve", "edit", "reject", "respond", "feedback"],
        redact=["token"],
        title="Write to a customer",
    )
    @tool
    def send_email(
        to: str,
        subject: str,
        body: str,
        copies: int = 0,
        urgency: Literal["low", "normal", "high"] = "normal",
        on: date | None = None,
        token: str = "",
    ) -> str:
        """Send an e-mail to a customer."""
        done.append(("send_email", to))
        return f"sent to {to}"

    @requires_approval(
        approvers=[ANN, BOB], risk="high", expires_in=timedelta(minutes=MINUTES), on_expiry="reject"
    )
    @tool
    def refund(order_id: str, amount_cents: int, reason: str) -> str:
        """Give money back."""
        done.append(("refund", amount_cents))
        if reason == "the line breaks":
            raise OutcomeUnknown
        return f"refunded {amount_cents}"

    @requires_approval(
        approvers=[ANN, BOB], required_approvals=2, required_from=["group:security"], risk="medium"
    )
    @tool
    def deploy(service: str, version: str) -> str:
        """Put a version into production."""
        done.append(("deploy", version))
        return f"{service} runs {version}"

    return [send_email, refund, deploy]


class Schedule(BaseModel):
    """What whoever approves a plan fills in."""

    start: date = Field(description="The first day of work")
    people: int = Field(ge=1, le=12, description="How many work on it")
    teams: list[Literal["Backend", "Design", "Support"]] = Field(default=[])
    remarks: str = ""


class _Plan(TypedDict, total=False):
    plan: str
    review: Any


def _planning() -> Graph:
    builder = StateGraph(_Plan)
    step = human_step(
        "Is this plan ready?", show=["plan"], form=Schedule, approvers=[ANN, BOB], into="review"
    )
    builder.add_node("plan-review", step)
    builder.add_edge(START, "plan-review")
    builder.add_conditional_edges("plan-review", route("review", approve=END, reject=END, feedback=END))
    return builder.compile()


@contextmanager
def opened(url: str) -> Iterator[Office]:
    """The server, over the database at ``url``. Whoever uses it signs in with GitHub, or has the token."""
    clock = ManualClock(SystemClock().now())
    with ExitStack() as stack:
        github = stack.enter_context(FakeGitHub(now=lambda: clock.now().timestamp()))
        for name in CONFIG.people:
            github.person(name)
        app = github.add_oauth_app("http://127.0.0.1:")
        world = with_token(World(url, config=CONFIG, clock=clock))
        office = Office("", world, github)
        graphs = {"office": world.plain(_tools(office.done), Reads()), "planning": _planning()}
        with pytest.MonkeyPatch.context() as environment:
            # Read once, when the server starts. Whatever the machine has set is not for this one.
            for name in [name for name in os.environ if name.startswith(("SLACK_", "HITL_", "GITHUB_"))]:
                environment.delenv(name)
            environment.setenv("HITL_SIGN_IN_GITHUB_ID", app.client_id)
            environment.setenv("HITL_SIGN_IN_GITHUB_SECRET", app.client_secret)
            environment.setenv("GITHUB_API_URL", github.url)
            server = stack.enter_context(running_server(world, graphs=graphs))
        office.url = server.url
        yield office
