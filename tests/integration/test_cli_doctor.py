"""``hitl doctor`` as its users have it: what it says, how it leaves, and what is different afterwards."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from hitl_graphs.human_approval import graph
from hitl_middleware.ids import new_id
from hitl_middleware.records import Run

from tests.kit.commands import Commands
from tests.kit.databases import sqlite_in
from tests.kit.world import World, on

LOOKED = "Looked at 1 run that has not ended, 0 requests that wait and 0 events of the audit."


@pytest.fixture
def hitl(tmp_path: Path) -> Commands:
    """The command line in a folder of its own, with a database in it."""
    return Commands(tmp_path, {"HITL_DATABASE_URL": sqlite_in(tmp_path)})


@pytest.fixture
def world(hitl: Commands, make_world: Callable[..., World]) -> World:
    """Somebody else who uses the same database."""
    return make_world(hitl.environ["HITL_DATABASE_URL"])


def parked(world: World, name: str = "human-approval") -> Run:
    """A run at a question that nobody was asked, as an older version may have left it."""
    world.serve(name, graph)
    served = world.graphs._graphs[name]
    thread = new_id()
    with_saver = served.copy({"checkpointer": world.checkpointer()})
    world.portal.call(with_saver.ainvoke, {"topic": "bees"}, on(thread))
    return recorded(world, thread, name)


def recorded(world: World, thread: str, name: str) -> Run:
    """Its record."""

    async def store() -> Run:
        async with world.store.begin() as uow:
            now = await uow.now()
            run = Run(
                id=new_id(), thread_id=thread, graph=name, status="suspended", driver="hitl", created_at=now,
                updated_at=now, wanted=1, seen=1,
            )  # fmt: skip
            assert await uow.add_run(run)
            return run

    return world.portal.call(store)


def test_it_finds_and_heals(hitl: Commands, world: World) -> None:
    """G-15, issue 4 item 8: named with its id, the sentence and the way out; exit code 1; ``--fix`` files it and leaves with 0."""
    run = parked(world)
    done = hitl.run("doctor")
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.splitlines() == [
        "✗ A run of human-approval is suspended at a question that nobody was asked.",
        f"    {run.id}",
        "  → hitl doctor --fix files the requests. Start hitl serve or hitl worker: they do so by themselves within a minute.",
        f"{LOOKED} 1 thing is out of order.",
    ]
    assert world.pending() == []
    healed = hitl.said("doctor", "--fix")
    assert healed.splitlines() == [
        "✓ Mended: A run of human-approval is suspended at a question that nobody was asked.",
        f"    {run.id}",
        f"{LOOKED} All of it is mended; a running server or worker carries on with what is due.",
    ]
    assert world.only().run_id == run.id
    assert hitl.said("doctor").endswith("1 request that waits and 0 events of the audit. All is well.\n")


def test_what_only_people_can_mend(hitl: Commands, world: World) -> None:
    """A graph that is not in langgraph.json: exit code 1 with ``--fix`` too, and in JSON for programs."""
    run = recorded(world, "t-1", "forgotten")
    done = hitl.run("doctor", "--fix", "--json")
    assert done.returncode == 1
    told = json.loads(done.stdout)
    assert told == {
        "ok": False,
        "findings": [
            {
                "check": "graph unknown",
                "says": "A run waits, and its graph forgotten cannot be run here.",
                "ids": [run.id],
                "mend": "Put forgotten back into langgraph.json, or run hitl doctor in the folder that has it.",
                "healable": False,
                "note": False,
                "mended": [],
            }
        ],
        "looked_at": {"runs": 1, "requests": 0, "audit_events": 0},
    }


GUARDED = """
from langchain_core.tools import tool
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode
from hitl_middleware import Hitl, Policy, Review, human_step, requires_approval, route


class State(MessagesState, total=False):
    review: Review


@requires_approval(Policy(approvers=["group:finance"], required_approvals=2, required_from=["group:security", "group:finance"]))
@tool
def pay(amount: int) -> str:
    "Pay."
    return "paid"


builder = StateGraph(State)
builder.add_node("look", human_step("Look", into="review", approvers=["group:nobody", "slack:U024BE7LH", "slack:S0GROUP001"]))
builder.add_node("tools", ToolNode([pay], **Hitl.from_env().tool_gate([pay])))
builder.add_edge(START, "look")
builder.add_conditional_edges("look", route("review", approve="tools", reject=END, feedback="look"))
graph = builder.compile()
"""


def test_roles_that_nobody_has(hitl: Commands) -> None:
    """P-02, issue 6: a group of hitl.toml that a rule names and in which nobody is: whom it is needed for, and where it stands."""
    (hitl.folder / "guarded.py").write_text(GUARDED)
    (hitl.folder / "langgraph.json").write_text(json.dumps({"graphs": {"guarded": "./guarded.py:graph"}}))
    (hitl.folder / "hitl.toml").write_text('[groups]\nfinance = ["slack:U024BE7LH"]\nsecurity = []\n')
    done = hitl.run("doctor", HITL_DEFAULT_APPROVERS="group:ops,slack:U1")
    assert done.returncode == 1
    assert done.stdout.splitlines()[::2][:3] == [
        "✗ Nobody is in group:security, without whom nobody can approve pay of guarded.",
        "✗ Nobody is in group:nobody, whom look of guarded names.",
        "✗ Nobody is in group:ops, whom HITL_DEFAULT_APPROVERS names.",
    ]
    assert "Put people into that group, under [groups] of hitl.toml, or correct its name." in done.stdout
    groups = "security = ['github:sue']\nnobody = ['github:n']\nops = ['github:o']"
    (hitl.folder / "hitl.toml").write_text(f"[groups]\nfinance = ['slack:U024BE7LH']\n{groups}\n")
    assert hitl.run("doctor", HITL_DEFAULT_APPROVERS="group:ops,slack:U1").stdout.endswith("All is well.\n")


NAMED = """
from langchain_core.tools import tool
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode
from hitl_middleware import Hitl, requires_approval


@requires_approval(approvers=["finance", "ann", "api", "slack:U1"])
@tool
def pay(amount: int) -> str:
    "Pay."
    return "paid"


def graph_of(options):
    builder = StateGraph(MessagesState)
    builder.add_node("tools", ToolNode([pay], **options))
    builder.add_edge(START, "tools")
    return builder.compile()


gated, bare = graph_of(Hitl.from_env().tool_gate([pay])), graph_of({})
"""


def test_words_that_are_nobody(hitl: Commands) -> None:
    """P-01, E-04: a bare word is no approver, and in hitl.toml a name of [people] alone: told, and what to write; also a forgotten gate."""
    (hitl.folder / "named.py").write_text(NAMED)
    graphs = {"gated": "./named.py:gated", "bare": "./named.py:bare"}
    (hitl.folder / "langgraph.json").write_text(json.dumps({"graphs": graphs}))
    (hitl.folder / "hitl.toml").write_text(
        "operators = ['ann', 'bob']\n[people]\nann = ['slack:U1']\n"
        "[groups]\nfinance = ['ann', 'sam', 'github:meg']\n[sign_in]\nviewers = ['group:finance', 'vera']\n"
    )
    done = hitl.run("doctor", HITL_DEFAULT_APPROVERS="U024BE7LH,api")
    assert done.returncode == 1
    *told, _ = done.stdout.splitlines()
    in_place = "under [people], or put the identity in place of the name."
    assert list(zip(told[::2], told[1::2], strict=True)) == [
        (
            "✗ pay of bare is marked, and no gate stands before it: each call of it is refused.",
            "  → Add the gate: create_agent(..., middleware=[hitl.approvals(tools)]) or ToolNode(tools, **hitl.tool_gate(tools)).",
        ),
        (
            "✗ hitl.toml: operators names 'bob', who is not under [people]: nobody is recognised as bob.",
            f'  → Write bob = ["slack:U024BE7LH"] {in_place}',
        ),
        (
            "✗ hitl.toml: [sign_in] viewers names 'vera', who is not under [people]: nobody is recognised as vera.",
            f'  → Write vera = ["slack:U024BE7LH"] {in_place}',
        ),
        (
            "✗ hitl.toml: [groups] finance names 'sam', who is not under [people]: nobody is recognised as sam.",
            f'  → Write sam = ["slack:U024BE7LH"] {in_place}',
        ),
        (
            "✗ 'U024BE7LH', whom HITL_DEFAULT_APPROVERS would ask, is nobody.",
            "  → Write a person as a channel knows them (slack:U024BE7LH, github:ann), or a group (group:finance).",
        ),
        (
            "✗ 'ann', whom pay of gated would ask, is nobody.",
            "  → Write one of ann's identities: slack:U1. It stands for all of them.",
        ),
        ("✗ 'finance', whom pay of gated would ask, is nobody.", "  → Write group:finance."),
    ]
    (hitl.folder / "hitl.toml").write_text("[people]\nann = ['slack:U1']\nbob = ['slack:U1']\n")
    both = hitl.run("doctor").stdout
    assert both.startswith("✗ [people] slack:U1 belongs to ann and to bob; it would count for both."), (
        "hitl serve stops"
    )
    (hitl.folder / "hitl.toml").unlink()
    lone = hitl.run("doctor", GITHUB_TOKEN="ghp_secret", HITL_DEFAULT_APPROVER="slack:U1")
    assert lone.stdout.startswith(
        "✗ HITL_DEFAULT_APPROVER is set, and nothing reads it. Did you mean HITL_DEFAULT_APPROVERS?"
    )
    assert lone.returncode == 1, "hitl serve does not start with it"
    assert (
        "✗ GitHub is configured in part: GITHUB_TOKEN is set but GITHUB_WEBHOOK_SECRET is not." in lone.stdout
    )


def test_the_set_up(hitl: Commands, world: World) -> None:
    """E-04: hitl.toml, a channel in part, a graph that does not load: each told, all at once, and nothing is healed on such ground."""
    run = parked(world)
    (hitl.folder / "hitl.toml").write_text("[slack]\nchanel = 'C1'\n")
    manifest = {"graphs": {"human-approval": "hitl_graphs.human_approval:graph", "gone": "nowhere:graph"}}
    (hitl.folder / "langgraph.json").write_text(json.dumps(manifest))
    done = hitl.run("doctor", "--fix")
    assert done.returncode == 1
    first, _, second, _, third, *_ = done.stdout.splitlines()
    assert first == "✗ hitl.toml: slack.chanel: there is no such key. Did you mean channel?"
    assert second == "✗ graph 'gone' (nowhere:graph) cannot be loaded: No module named 'nowhere'"
    assert third == "✗ A run of human-approval is suspended at a question that nobody was asked."
    assert run.id in done.stdout
    trigger = "[[triggers]]\nlabel = 'bug'\ngraph = 'sdlc'\n"
    (hitl.folder / "hitl.toml").write_text(trigger)
    off = hitl.run("doctor").stdout
    assert "✗ hitl.toml has triggers, and nothing of GitHub is configured: no label begins a run.\n" in off
    (hitl.folder / "hitl.toml").write_text(f"{trigger}[github]\nwebhook = false\n")
    unknown = hitl.run("doctor", GITHUB_TOKEN="ghp_secret").stdout
    assert (
        "✗ hitl.toml: the trigger for label 'bug' starts graph 'sdlc', which is not served here." in unknown
    )
    assert "ghp_secret" not in unknown
    (hitl.folder / "hitl.toml").unlink()
    half = hitl.run("doctor", SLACK_BOT_TOKEN="xoxb-secret", HITL_SIGN_IN_GITHUB_SECRET="xoxb-secret")
    assert half.returncode == 1
    assert half.stdout.startswith("✗ Slack is configured in part: SLACK_BOT_TOKEN is set but neither SLACK_")
    assert (
        "✗ Sign-in with GitHub is configured in part: HITL_SIGN_IN_GITHUB_SECRET is set, but" in half.stdout
    )
    assert "xoxb-secret" not in half.stdout
    assert world.pending() == []


def test_an_agent_server(hitl: Commands, world: World) -> None:
    """Issue 5: one that is away, and an address of which nothing says what is there: a sentence with what to run; no run is to blame."""
    run = recorded(world, "t-1", "shop")
    (hitl.folder / "hitl.toml").write_text("[agent_server]\ngraphs = ['shop']\n")
    there = "http://127.0.0.1:1"
    away = hitl.run("doctor", HITL_AGENT_SERVER_URL=there)
    assert away.returncode == 1
    says, mend, summed = away.stdout.splitlines()
    assert says.startswith(f"✗ The Agent Server at {there} cannot be reached: ")
    assert (
        "HITL_AGENT_SERVER_URL names it; on your own machine, `langgraph dev` starts one and prints its address."
        in says
    )
    assert mend == "  → Until then its runs stay as they are, and nothing of them is lost."
    assert summed == f"{LOOKED} 1 thing is out of order."
    assert run.id not in away.stdout
    (hitl.folder / "hitl.toml").unlink()
    unsaid = hitl.run("doctor", HITL_AGENT_SERVER_URL=there).stdout
    assert (
        "✗ HITL_AGENT_SERVER_URL is set, and nothing says which graphs live there: name them in hitl.toml"
        in unsaid
    )
    nonsense = hitl.run("doctor", HITL_AGENT_SERVER_URL="localhost").stdout
    assert (
        "✗ HITL_AGENT_SERVER_URL is not an address: it has the form https://host or http://127.0.0.1:2024\n"
        in nonsense
    )


def test_the_database(hitl: Commands, tmp_path: Path) -> None:
    """Another revision, one that cannot be reached, a variable that makes no sense: told, with what to do; looking makes no database."""
    with closing(sqlite3.connect(tmp_path / "hitl.db")) as database:
        database.execute("UPDATE hitl_schema_version SET version_num = '0001'")
        database.commit()
    old = hitl.run("doctor", "--fix")
    assert old.returncode == 1
    assert old.stdout.startswith("✗ The database is at revision 0001, this version needs ")
    assert "Run: hitl db upgrade" in old.stdout
    away = hitl.run("doctor", HITL_DATABASE_URL="postgresql://hitl:s3cret@127.0.0.1:1/hitl")
    assert away.returncode == 1
    assert away.stdout.startswith("✗ The database ")
    assert "cannot be reached" in away.stdout
    assert "s3cret" not in away.stdout
    for variable, value in (("HITL_LEASE_SECONDS", "soon"), ("HITL_DATABASE_URL", "s3cret")):
        wrong = hitl.run("doctor", **{variable: value})
        assert (wrong.returncode, wrong.stdout.startswith(f"✗ {variable}")) == (1, True)
        assert "s3cret" not in wrong.stdout
    file = hitl.run("doctor", HITL_DATABASE_URL=f"sqlite:///{tmp_path}/hitl.db/below/hitl.db")
    assert (file.returncode, "hitl.db is no folder" in file.stdout) == (1, True)
    nothing = hitl.said("doctor", HITL_DATABASE_URL="sqlite:///none/hitl.db")
    assert nothing == "Nothing is stored yet. All is well.\n"
    assert not (tmp_path / "none").exists()
    half = hitl.run("doctor", HITL_DATABASE_URL="sqlite:///none/hitl.db", SLACK_BOT_TOKEN="xoxb-secret")
    assert half.stdout.endswith("Nothing is stored yet. 1 thing is out of order.\n")
    assert "What is stored was not looked at." in away.stdout
