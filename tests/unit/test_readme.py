"""README tells the truth: its drawings are the tables, its program runs."""

from __future__ import annotations

import json
import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain.agents.middleware import HumanInTheLoopMiddleware
from langchain_core.messages import AIMessage
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode
from langgraph.types import Command, interrupt
from pydantic import BaseModel

from hitl_middleware import Decision, Hitl, requires_approval, send_tool_calls
from hitl_middleware.clock import SystemClock
from hitl_middleware.review import drawing
from hitl_middleware.runs.agent_server import configured_agent_server
from hitl_middleware.settings import ConfigFile, Settings

from tests.kit.agent_server import MOUNTED
from tests.kit.models import Scripted
from tests.kit.words import parsed

LOCAL = "http://127.0.0.1:2024"
README = Path(__file__).parents[2] / "README.md"


def snippets(language: str) -> list[str]:
    """Every fenced block of one language."""
    return re.findall(rf"```{language}\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.parametrize("kind", ["request", "action", "run"])
def test_the_drawings_are_the_tables(kind):
    """Each state diagram is the one drawn from ``review.py``."""
    assert drawing(kind) + "\n" in snippets("mermaid")


def test_the_first_program_is_short():
    """The program on README's first screen has at most 20 lines."""
    assert len(snippets("python")[0].strip().splitlines()) <= 20


def test_the_first_program_runs(monkeypatch, tmp_path, capsys):
    """E-01, S-05: README's program parks at the refund; approved in "another terminal" it goes on and the refund happens once."""
    monkeypatch.setenv("HITL_DATABASE_URL", f"sqlite:///{tmp_path}/hitl.db")
    call = {
        "name": "process_refund",
        "args": {"order_id": "A-1001", "amount_cents": 12_000, "reason": "late"},
        "id": "c1",
    }
    model = Scripted(turns=(AIMessage("", tool_calls=[call]),))
    program = snippets("python")[0].replace('"openai:gpt-5"', "model")
    decided: list[str] = []

    def other_terminal(text: str) -> None:
        if "another terminal" in text:
            hitl = Hitl.from_env()
            (request,) = hitl.portal.call(hitl.views.requests, status="pending")[0].items
            hitl.portal.call(
                hitl.submit, request.id, Decision(type="approve"), identity="local:ann", via="cli"
            )
            decided.append(request.code)
        else:
            decided.append(text)

    names = {"__name__": "readme", "model": model, "print": other_terminal}
    exec(compile(program, str(README), "exec"), names)  # noqa: S102 – README's own program
    Hitl.from_env().stop()
    assert decided[1:] == ["refunded 12000 cents of A-1001"]


def test_langchains_middleware_by_a_changed_import(monkeypatch, tmp_path):
    """E-03: README's snippet: the file is deleted once, however often the same resume arrives, and the decision is on record."""
    monkeypatch.setenv("HITL_DATABASE_URL", f"sqlite:///{tmp_path}/hitl.db")
    deleted: list[str] = []

    @tool
    def delete_file(path: str) -> str:
        """Delete a file."""
        deleted.append(path)
        return f"deleted {path}"

    call = {"name": "delete_file", "args": {"path": "report.pdf"}, "id": "c1"}
    (program,) = [text for text in snippets("python") if "hitl_middleware.langchain import" in text]
    names: dict[str, object] = {
        "Command": Command,
        "config": {"configurable": {"thread_id": "t-1"}},
        "create_agent": create_agent,
        "delete_file": delete_file,
        "model": Scripted(turns=(AIMessage("", tool_calls=[call]),)),
        "saver": InMemorySaver(),
    }
    again = program.splitlines()[-1]
    exec(compile(program + again, str(README), "exec"), names)  # noqa: S102 – README's own program
    hitl = Hitl.from_env()
    (request,) = hitl.portal.call(hitl.views.requests)[0].items
    hitl.stop()
    assert (deleted, request.status, request.decided_by) == (["report.pdf"], "approved", "caller")


def test_five_ways_to_use_what_one_has():
    """Issue 3: the section shows five, and each is run here: the drop-in, LangChain and deepagents, Agent Inbox, a question, ToolNode."""
    section = README.read_text(encoding="utf-8").split("## Use it with what you have")[1].split("\n## ")[0]
    shown = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    marks = [
        "hitl_middleware.langchain import",
        'name="files"',
        "def review(state)",
        "def ask(state)",
        "hitl.tool_gate(tools)",
    ]
    assert [mark in text for mark, text in zip(marks, shown, strict=True)] == [True] * 5


def _asked_and_decided(hitl: Hitl, **said: Any) -> str:
    """Decide the one thing that waits, let the run go on; the tool or the question."""
    (request,) = hitl.portal.call(hitl.views.requests, status="pending")[0].items
    hitl.portal.call(hitl.submit, request.id, Decision(**said), identity="local:ann", via="cli")
    assert hitl.wait_for("t-1", seconds=30).run.status == "succeeded"
    return request.tool or request.title


def test_langchains_middleware_as_it_is(monkeypatch, tmp_path):
    """E-03: README's snippet: LangChain's own class, attached by one line, is asked about and goes on."""
    monkeypatch.setenv("HITL_DATABASE_URL", f"sqlite:///{tmp_path}/hitl.db")
    deleted: list[str] = []

    @tool
    def delete_file(path: str) -> str:
        """Delete a file."""
        deleted.append(path)
        return f"deleted {path}"

    call = {"name": "delete_file", "args": {"path": "report.pdf"}, "id": "c1"}
    (program,) = [text for text in snippets("python") if 'name="files"' in text]
    hitl = Hitl.from_env()
    names: dict[str, Any] = {
        "HumanInTheLoopMiddleware": HumanInTheLoopMiddleware,
        "create_agent": create_agent,
        "delete_file": delete_file,
        "hitl": hitl,
        "model": Scripted(turns=(AIMessage("", tool_calls=[call]),)),
        "saver": InMemorySaver(),
    }
    exec(compile(program, str(README), "exec"), names)  # noqa: S102 – README's own program
    try:
        given = {"messages": [("user", "delete report.pdf")]}
        names["agent"].invoke(given, {"configurable": {"thread_id": "t-1"}})
        assert _asked_and_decided(hitl, type="approve") == "delete_file"
    finally:
        hitl.stop()
    assert deleted == ["report.pdf"]


@pytest.mark.parametrize(
    ("node", "said", "asked", "answer"),
    [
        ("review", {"type": "feedback", "message": "not him"}, "send_mail", {"type": "response", "args": "not him"}),
        ("ask", {"type": "respond", "message": "blue"}, "Which colour?", "blue"),
    ],
)  # fmt: skip
def test_other_graphs_as_they_are(monkeypatch, tmp_path, node, said, asked, answer):
    """E-03: README's snippets: Agent Inbox's form and a plain interrupt, in a graph that is attached."""
    monkeypatch.setenv("HITL_DATABASE_URL", f"sqlite:///{tmp_path}/hitl.db")
    (program,) = [text for text in snippets("python") if text.startswith(f"def {node}(state)")]
    names: dict[str, Any] = {"interrupt": interrupt}
    exec(compile(program, str(README), "exec"), names)  # noqa: S102 – README's own program
    state: Any = dict
    builder = StateGraph(state)
    builder.add_node("node", names[node])
    builder.add_edge(START, "node")
    hitl = Hitl.from_env()
    try:
        graph = hitl.attach(builder.compile(checkpointer=InMemorySaver()), name="other")
        here: Any = {"configurable": {"thread_id": "t-1"}}
        graph.invoke({"to": "ann"}, here)
        assert _asked_and_decided(hitl, **said) == asked
        assert graph.get_state(here).values["answer"] == answer
    finally:
        hitl.stop()


def test_plain_langgraph(monkeypatch, tmp_path):
    """E-03: README's snippet: a ToolNode with the gate in a graph of one's own: asked, approved, done once, with its outcome."""
    monkeypatch.setenv("HITL_DATABASE_URL", f"sqlite:///{tmp_path}/hitl.db")
    deleted: list[str] = []

    @requires_approval
    @tool
    def delete_file(path: str) -> str:
        """Delete a file."""
        deleted.append(path)
        return f"deleted {path}"

    call = {"name": "delete_file", "args": {"path": "report.pdf"}, "id": "c1"}
    model = Scripted(turns=(AIMessage("", tool_calls=[call]),))
    (program,) = [text for text in snippets("python") if "hitl.tool_gate(tools)" in text]
    builder = StateGraph(MessagesState)
    builder.add_node("model", lambda state: {"messages": [model.invoke(state["messages"])]})
    builder.add_edge(START, "model")
    hitl = Hitl.from_env()
    names: dict[str, Any] = {
        "ToolNode": ToolNode,
        "builder": builder,
        "hitl": hitl,
        "send_tool_calls": send_tool_calls,
        "tools": [delete_file],
    }
    exec(compile(program, str(README), "exec"), names)  # noqa: S102 – README's own program
    try:
        given = {"messages": [("user", "delete report.pdf")]}
        names["graph"].invoke(given, {"configurable": {"thread_id": "t-1"}})
        assert deleted == []
        assert _asked_and_decided(hitl, type="approve") == "delete_file"
        (action,) = hitl.portal.call(hitl.views.requests)[1].values()
        assert (action.status, action.result_text) == ("succeeded", "deleted report.pdf")
    finally:
        hitl.stop()
    assert deleted == ["report.pdf"]


def test_the_workflow_runs(monkeypatch, tmp_path, capsys):
    """G-06: README's workflow asks, is reviewed, goes round with the feedback, and changes what was agreed on, once."""
    monkeypatch.setenv("HITL_DATABASE_URL", f"sqlite:///{tmp_path}/hitl.db")
    (program,) = [snippet for snippet in snippets("python") if "human_step(" in snippet]
    names: dict[str, Any] = {"__name__": "readme"}
    exec(compile(program, str(README), "exec", dont_inherit=True), names)  # noqa: S102 – README's own program
    hitl = Hitl.from_env()

    def decide(title: str, **said: Any) -> None:
        hitl.settle_all()
        (request,) = hitl.portal.call(hitl.views.requests, status="pending")[0].items
        assert request.title == title
        hitl.portal.call(hitl.submit, request.id, Decision(**said), identity="local:ann", via="cli")

    try:
        names["graph"].invoke({"topic": "bees"}, {"configurable": {"thread_id": "t-1"}})
        decide("What matters most?", type="respond", message="honey")
        decide("Review the plan", type="feedback", message="wax")
        decide("Review the plan", type="approve")
        assert hitl.wait_for("t-1", seconds=30).run.status == "succeeded"
    finally:
        hitl.stop()
    printed = capsys.readouterr().out.splitlines()
    assert [line for line in printed if "Agreed" in line] == ["Agreed: A plan for bees: wax"]


def test_an_agent_servers_manifest_names_the_app_that_can_be_mounted():
    """O-09: README's ``langgraph.json`` parses, and its app is the one that the tests have a real Agent Server serve."""
    (shown,) = [json.loads(text) for text in snippets("json")]
    assert shown["http"] == {"app": MOUNTED}
    assert f"HITL_AGENT_SERVER_URL={LOCAL} hitl serve" in README.read_text(encoding="utf-8")
    config = ConfigFile.model_validate(tomllib.loads(snippets("toml")[-1]))
    runs = configured_agent_server(Settings(agent_server_url=LOCAL), config, SystemClock())
    assert runs is not None
    assert runs.graphs() == tuple(shown["graphs"])


def test_every_setting_of_the_file_is_shown():
    """E-04: README's ``hitl.toml`` is taken as it is, and has everything that can be said there."""
    config = ConfigFile.model_validate(tomllib.loads(snippets("toml")[-1]))
    assert set(unsaid(config)) == {"triggers.event"}  # there is one


def unsaid(settings: BaseModel, where: str = "") -> Iterator[str]:
    """The settings that were left out, with their tables."""
    for name in type(settings).model_fields:
        if name not in settings.model_fields_set:
            yield where + name
        value = getattr(settings, name)
        parts = value.values() if isinstance(value, dict) else value if isinstance(value, tuple) else [value]
        for part in parts:
            if isinstance(part, BaseModel):
                yield from unsaid(part, f"{where}{name}.")


def command_lines() -> set[str]:
    """Every command of ours in the README: those to be typed, and those in the text that are whole."""
    text = README.read_text(encoding="utf-8")
    typed = [line.partition("#")[0] for block in snippets("sh") for line in block.splitlines()]
    told = re.findall(r"`(hitl [^`]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL).replace("\n  ", " "))
    found = {" ".join(line.split()) for line in [*typed, *told] if line.startswith("hitl ")}
    return {line for line in found if "…" not in line}


@pytest.mark.parametrize("line", sorted(command_lines()))
def test_every_command_is_one_that_there_is(line):
    """E-04: whatever the README tells to run is understood by the command line: command, options and values."""
    parsed(shlex.split(line.replace("done|failed|retry", "done"))[1:])


def test_what_is_copied_is_shipped():
    """Issue 5: the files that "Run it for years" names are where it says."""
    section = README.read_text(encoding="utf-8").split("## Run it for years")[1].split("\n## ")[0]
    named = re.findall(r"`server/([a-z.-]*)`", section)
    assert named == ["", "alerts.yml"]
    assert all((README.parent / "server" / name).exists() for name in [*named, "example.env", "compose.yaml"])
