"""A secret in a hidden argument, looked for in everything that goes out."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import httpx
import pytest
import structlog
from langchain_core.tools import tool
from typer.testing import CliRunner

from hitl_middleware import requires_approval
from hitl_middleware.channels.configured import configured_channels
from hitl_middleware.cli.app import app
from hitl_middleware.clock import SystemClock
from hitl_middleware.crew import crew_of
from hitl_middleware.records import Card, CardView, Notice, NoticeDraft, Occasion, ReviewRequest, Target
from hitl_middleware.redaction import MARK
from hitl_middleware.settings import ConfigFile
from hitl_middleware.testing.fake_slack import FakeSlack
from hitl_server.logs import configure_logs
from hitl_server.serve import running_server

from tests.kit.effects import Effects
from tests.kit.models import call, says, script
from tests.kit.served import ANN, HELLO, Served
from tests.kit.world import World, on

CANARY, OTHER = "canary-4711", "canary-0815"
CHANNEL = "C0REVIEWS1"
TALKATIVE = {
    "slack",
    "any channel",
    "inbox page",
    "request page",
    "run page",
    "api",
    "command line",
    "clients",
}
"""Surfaces that show arguments. Logs and audit show none, hidden or not."""


class Raw:
    """A channel of somebody else's that shows all it is given."""

    name = "raw"

    def __init__(self) -> None:
        self.given: list[CardView | Notice] = []

    def targets(self, request: ReviewRequest) -> Sequence[Target]:
        return (Target(channel=self.name, address="here"),)

    def approvers(self, labels: Mapping[str, str]) -> Sequence[str]:
        return ()

    def notices(self, request: ReviewRequest, card: Card, occasion: Occasion) -> Sequence[NoticeDraft]:
        return [NoticeDraft(key="all", address="here", body={"text": repr(request)})]

    async def post(self, view: CardView) -> str:
        self.given.append(view)
        return "ref"

    async def update(self, view: CardView, ref: str) -> None:
        self.given.append(view)

    async def find(self, view: CardView) -> Sequence[str]:
        return ()

    async def remove(self, ref: str) -> None:
        """Nothing is posted twice here."""

    async def notify(self, notice: Notice) -> None:
        self.given.append(notice)


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """All that is logged."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.StringIO()
    configure_logs(stream)
    logging.getLogger("hitl").setLevel(logging.DEBUG)
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.getLogger("hitl").setLevel(logging.NOTSET)
    structlog.reset_defaults()


@pytest.fixture
def slack(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeSlack]:
    """A workspace that the environment names."""
    with FakeSlack() as fake:
        fake.add_user(ANN.removeprefix("slack:"), name="ann")
        fake.add_channel(CHANNEL, "reviews")
        for name, value in fake.environ.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("HITL_SLACK_CHANNEL", CHANNEL)
        yield fake


@pytest.fixture
def desk(
    sqlite_url: str,
    slack: FakeSlack,
    effects: Effects,
    make_world: Callable[..., World],
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Callable[..., Served]]:
    """Serves an agent that wants to open an account with a PIN; ``redact`` as for the policy."""
    monkeypatch.setenv("HITL_DATABASE_URL", sqlite_url)
    world = make_world(sqlite_url, clock=SystemClock(), channels=(*configured_channels(ConfigFile()), Raw()))
    opened: list[Any] = []

    def start(redact: list[str]) -> Served:
        @requires_approval(
            redact=redact,
            decisions=["approve", "edit", "reject", "feedback", "respond"],
            approvers=["api", ANN],
        )
        @tool
        def open_account(owner: str, pin: str) -> str:
            """Open an account."""
            effects.perform((owner, pin))
            return "opened"

        @requires_approval(redact=redact, when="false", otherwise="record")
        @tool
        def keep_pin(pin: str) -> str:
            """Keep a PIN, on the record."""
            return "kept"

        model = script(
            says(call("open_account", owner="ann", pin=CANARY), call("keep_pin", "k2", pin=CANARY))
        )
        agent = world.agent([open_account, keep_pin], model)
        server = running_server(world, graphs={"desk": agent})
        opened.append(server)
        http = httpx.Client(base_url=server.__enter__().url, timeout=30)
        opened.append(http)
        world._crew = crew_of(world)
        found = Served(world, effects, http)
        slack.connect(f"{found.url}/slack/events")
        return found

    yield start
    for each in reversed(opened):
        each.__exit__(None, None, None)


def outgoing(desk: Served, slack: FakeSlack, log: io.StringIO, run: Mapping[str, Any]) -> dict[str, str]:
    """Everything that people and programs are shown, by surface."""
    get = lambda path: desk.http.get(path).text  # noqa: E731 – used on the next lines only
    request = desk.http.get(f"/api/v1/runs/{run['id']}").json()["requests"][0]
    act = (request["action"] or {}).get("id")
    world = desk.world
    world.trail()
    run_cli = lambda *words: CliRunner().invoke(app, words).output  # noqa: E731 – as above
    state = world.graphs._graph(world.run_now(world.runs()[0])).get_state(on(run["thread_id"]))
    return {
        "slack": json.dumps([each.arguments for each in slack.calls], default=str),
        "any channel": str([each.given for each in world.channels if isinstance(each, Raw)]),
        "inbox page": get("/"),
        "request page": get(f"/requests/{request['id']}"),
        "run page": get(f"/runs/{run['id']}"),
        "api": get("/api/v1/requests")
        + get(f"/api/v1/requests/{request['id']}")
        + get(f"/api/v1/runs/{run['id']}")
        + get(f"/api/v1/actions/{act}"),
        "audit api": get("/api/v1/audit"),
        "audit export": run_cli("audit", "export"),
        "command line": run_cli("requests", "list", "--status", "all")
        + run_cli("requests", "show", request["id"])
        + run_cli("requests", "show", request["id"], "--json")
        + run_cli("runs", "show", run["id"], "--json"),
        "clients": json.dumps(
            [{k: v for k, v in item.value.items() if k != "hitl"} for item in state.interrupts]
        ),
        "log": log.getvalue(),
    }


@pytest.mark.parametrize("edit", [{"owner": "bob"}, {"owner": "bob", "pin": OTHER}], ids=["kept", "changed"])
def test_a_hidden_argument_leaves_nowhere(
    edit: dict[str, str], desk: Callable[..., Served], slack: FakeSlack, log: io.StringIO, effects: Effects
):
    """P-04: not the model's value and not the reviewer's, while it waits and when it is done; what runs is the whole call."""
    served = desk(["pin"])
    run = served.started("desk", HELLO)
    (card,) = slack.messages
    for button in ("Reject", "Edit"):  # their forms are seen among what Slack was sent
        assert slack.click(ANN.removeprefix("slack:"), card, text=button).status == 200
    slack.open_home(ANN.removeprefix("slack:"))
    assert len(slack.views) >= 2
    seen = {f"{name}, pending": text for name, text in outgoing(served, slack, log, run).items()}
    (request,) = served.http.get("/api/v1/requests").json()["items"]
    assert (request["args"], request["redacted"]) == ({"owner": "ann", "pin": MARK}, ["pin"])

    bad = served.decide(
        request["id"], type="edit", edited_action={"name": "open_account", "args": {"owner": 7}}
    )
    assert bad.status_code == 422, bad.text
    good = served.decide(request["id"], type="edit", edited_action={"name": "open_account", "args": edit})
    assert good.status_code == 200, good.text
    served.world.step()
    assert effects.done == [("bob", edit.get("pin", CANARY))]

    seen |= {"a refusal": bad.text, "a decision": good.text, **outgoing(served, slack, log, run)}
    assert {name for name, text in seen.items() if CANARY in text or OTHER in text} == set()
    assert MARK in seen["inbox page, pending"]  # where what is decided stands no more
    for surface in TALKATIVE - {"clients", "inbox page"}:
        assert MARK in seen[surface] or "\\u27e6redacted\\u27e7" in seen[surface], surface
    for surface in ("slack", "request page", "command line"):
        assert "You do not see everything" in seen[surface], surface


def test_the_search_would_find_it(desk: Callable[..., Served], slack: FakeSlack, log: io.StringIO):
    """The test above looks where arguments are shown: where none are hidden it finds them on every surface that shows any."""
    served = desk([])
    run = served.started("desk", HELLO)
    assert {name for name, text in outgoing(served, slack, log, run).items() if CANARY in text} == TALKATIVE
