"""``hitl init``: a project that works as it stands, and never at somebody's cost."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hitl_middleware.cli.init import NotWritable, templates, write_project
from hitl_middleware.manifest import load_graph, read_manifest
from hitl_middleware.settings import load_config

from tests.kit.commands import Commands
from tests.kit.inner import run_inner

README = Path(__file__).parents[2] / "README.md"
FILES = [
    ".env.example",
    ".gitignore",
    "README.md",
    "agent.py",
    "hitl.toml",
    "langgraph.json",
    "test_agent.py",
]


def test_in_an_empty_folder_it_works_at_once(tmp_path, monkeypatch):
    """E-01, E-02: one command, and the project's own tests pass; its graph and settings load; README shows one of those tests."""
    commands = Commands(tmp_path)
    said = commands.said("init", "desk").splitlines()
    assert said[0] == f"A new agent stands in desk: {', '.join(FILES)}"
    assert said[1:] == ["Next:", "  cd desk", "  pytest", "  hitl serve", "README.md has the rest."]
    project = tmp_path / "desk"
    assert sorted(path.name for path in project.iterdir()) == FILES

    monkeypatch.syspath_prepend(str(project))
    inner = run_inner(project, "--import-mode=prepend", plugins=["hitl_middleware.testing.plugin"])
    assert inner.outcomes == {
        "test_a_large_refund_waits_and_happens_once": "passed",
        "test_a_rejected_refund_never_happens": "passed",
    }, inner.output
    shown = (
        README.read_text(encoding="utf-8").partition("## Test your own agent")[2].partition("```python\n")[2]
    )
    assert shown.partition("```")[0] in (project / "test_agent.py").read_text(encoding="utf-8")

    monkeypatch.setenv("HITL_DATABASE_URL", "memory://")
    ((name, spec),) = read_manifest(project / "langgraph.json").items()
    assert load_graph(name, spec, project).name == "desk"
    assert load_config(project / "hitl.toml").people == {}


def test_nothing_is_overwritten(tmp_path):
    """E-04: one file of the same name, and nothing at all is written; the sentence names it and says what to do."""
    (tmp_path / "agent.py").write_text("mine")
    refused = Commands(tmp_path).refused("init")
    assert (
        refused
        == f"{tmp_path} has agent.py already; nothing was written. Choose an empty folder: hitl init NEW_FOLDER"
    )
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("agent.py", "mine")]


def test_here_and_as_json(tmp_path):
    """Without a folder it is the working directory; --json says what was written and what comes next."""
    (tmp_path / "notes.txt").write_text("mine")
    told = json.loads(Commands(tmp_path).said("init", "--json"))
    assert told == {"folder": ".", "files": FILES, "next": ["pytest", "hitl serve"]}
    assert (tmp_path / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize("place", ["a file", "a file/below"])
def test_where_it_cannot_write_it_leaves_nothing(tmp_path, place):
    """E-04: a sentence instead of a traceback, and nothing half-done."""
    (tmp_path / "a file").write_text("mine")
    with pytest.raises(NotWritable, match="nothing was left there"):
        write_project(tmp_path / place)
    assert [path.name for path in tmp_path.iterdir()] == ["a file"]


def test_a_dangling_link_is_not_followed(tmp_path):
    """E-04: a name that is taken by a link to nowhere is taken: no file appears where the link points."""
    (tmp_path / "agent.py").symlink_to(tmp_path / "elsewhere.py")
    with pytest.raises(Exception, match=r"has agent\.py already"):
        write_project(tmp_path)
    assert not (tmp_path / "elsewhere.py").exists()


def test_templates_fit_on_a_screen():
    """A first look is short: no file has more than 60 lines."""
    assert {
        name: len(text.splitlines()) for name, text in templates().items() if len(text.splitlines()) > 60
    } == {}
