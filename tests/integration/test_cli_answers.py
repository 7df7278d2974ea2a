"""What every command has in common: it answers at once, in JSON where asked, and says no in one sentence."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import typer.main

from hitl_middleware.cli.app import app
from hitl_middleware.cli.output import who_decides
from hitl_middleware.manifest import EXAMPLES
from hitl_server.shapes import RequestList, RunList

from tests.kit.commands import HITL, Commands, environment

MISSING = "01890000-0000-7000-8000-000000000000"
HEAVY = ("langgraph", "langchain_core", "sqlalchemy", "alembic", "fastapi", "uvicorn", "slack_bolt", "stripe")


@pytest.fixture
def hitl(tmp_path: Path) -> Commands:
    """The command line in an empty folder."""
    return Commands(tmp_path)


def leaves(command: Any, words: str = "") -> dict[str, set[str]]:
    """Every command that does something, by its words, and its options."""
    below = getattr(command, "commands", None)
    if below is None:
        return {words: {option for parameter in command.params for option in parameter.opts}}
    return {k: v for name, each in below.items() for k, v in leaves(each, f"{words} {name}".strip()).items()}


def test_it_is_the_command_line_of_the_design():
    """Every command of DESIGN §5 that exists so far is there, and each takes --json."""
    found = leaves(typer.main.get_command(app))

    assert set(found) == {
        "demo", "serve", "worker", "runs list", "runs show", "runs start", "requests list", "requests show",
        "requests approve", "requests reject", "requests feedback", "requests respond", "requests edit",
        "actions settle", "audit verify", "audit export", "connect slack", "connect github",
        "db upgrade", "doctor", "policy test", "init", "sign-in",
    }  # fmt: skip
    assert [words for words, options in found.items() if "--json" not in options] == []


def test_help_loads_nothing_heavy():
    """``hitl --help`` answers at once: neither a graph library nor a database nor a server is imported for it."""
    asked = f"import sys, hitl_middleware.cli.app; print([name for name in {HEAVY} if name in sys.modules])"

    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"


def test_it_tells_its_version(hitl):
    """``--version`` prints one line and leaves with 0."""
    assert hitl.said("--version").startswith("hitl ")


def test_the_api_token_is_nobodys_name():
    """E-04: by default ``api`` decides, and whoever sits at the terminal may, too; a stranger knows neither."""
    assert who_decides(["api"]) == "api (the API token), and operators"
    assert who_decides(["slack:U1", "api"]) == "slack:U1, api"


def test_an_empty_database_is_an_answer(hitl):
    """Where nothing has happened yet, lists are empty – in words and as the API's lists – and the audit holds."""
    assert hitl.said("requests", "list") == "Nothing waits for a decision.\n"
    assert RequestList.model_validate(hitl.json("requests", "list")).items == ()
    assert RunList.model_validate(hitl.json("runs", "list")).items == ()
    assert hitl.json("audit", "verify") == {"ok": True, "checked": 0, "unsealed": 0, "problem": None}


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (
            ("runs", "start", "nope", "--input", "{}"),
            f"No graph is called 'nope'. Known graphs: {', '.join(EXAMPLES)}.",
        ),
        (("runs", "start", "support", "--input", "{oops"), "--input: not JSON"),
        (("runs", "show", MISSING), f"There is no run '{MISSING}'."),
        (("requests", "show", "nope"), "There is no request 'nope'."),
        (("requests", "show", "7zzzzzzz"), "There is no request '7zzzzzzz'."),
        (("requests", "approve", MISSING), f"There is no request '{MISSING}'."),
        (("requests", "edit", MISSING, "[1]"), "ARGS: must be a JSON object with the tool's arguments"),
        (("requests", "edit", MISSING, "{"), "ARGS: not JSON"),
        (("requests", "respond", MISSING, "--answer", "{"), "--answer: not JSON"),
        (
            ("requests", "list", "--cursor", "later"),
            "--cursor: it is what the page before gives as next, with --json",
        ),
        (
            ("runs", "list", "--cursor", "a-cursor"),
            "--cursor: it is what the page before gives as next, with --json",
        ),
        (("requests", "list", "--status", "later"), "--status: 'later' is none of pending, approved"),
        (("actions", "settle", MISSING, "done"), f"There is no action '{MISSING}'."),
        (("audit", "export", "--to", "no/such/folder/file"), "--to: No such file or directory"),
        (("audit", "export", "--run", MISSING), f"There is no run '{MISSING}'."),
        (
            ("demo",),
            "hitl demo asks you to decide, and nobody sits at this input. Without a person: hitl demo --ci",
        ),
    ],
    ids=lambda value: "-".join(value[:2]) if isinstance(value, tuple) else "",
)
def test_what_is_not_there_is_said_in_a_sentence(hitl, words, sentence):
    """E-04: an unknown graph, run, request or action, or input that cannot be read: one sentence on stderr, exit code 2."""
    assert hitl.refused(*words).startswith(sentence)


def test_an_unknown_command_or_option_is_no_traceback(hitl):
    """E-04: a word that is none, and an option of a later version: exit code 2, and the word is named."""
    for words, named in ((("frobnicate",), "frobnicate"), (("demo", "--jira"), "--jira")):
        done = hitl.run(*words)

        assert (done.returncode, done.stdout) == (2, "")
        assert named in done.stderr
        assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("environ", "sentence"),
    [
        ({"HITL_DATABASE_URL": "sqlite:///."}, "The database sqlite:///. cannot be reached:"),
        (
            {"HITL_DATABASE_URL": "sqlite:///taken/x.db"},
            "The database sqlite:///taken/x.db cannot be reached:",
        ),
        ({"HITL_DATABASE_URL": "sqlite:///notes.txt"}, "The database sqlite:///notes.txt cannot be reached:"),
        (
            {"HITL_DATABASE_URL": "mysql://root:hunter2@localhost/x"},
            "HITL_DATABASE_URL: mysql is not supported",
        ),
        (
            {"HITL_DATABASE_URL": "postgresql://root:hunter2@127.0.0.1:1/x"},
            "The database postgresql://root:***@127.0.0.1:1/x cannot be reached:",
        ),
        ({"HITL_DATABASE_URL": "hunter2"}, "HITL_DATABASE_URL is not a URL"),
        ({"HITL_DATABASE_URL": "postgresql://root:hunter2@h:one/x"}, "HITL_DATABASE_URL is not a URL"),
        ({"HITL_LEASE_SECONDS": "soon"}, "HITL_LEASE_SECONDS: "),
        ({"HITL_FAILPOINTS": "nowhere=kill"}, "HITL_FAILPOINTS: 'nowhere=kill' is not NAME="),
    ],
    ids=lambda value: " ".join(value.values()) if isinstance(value, dict) else "",
)
def test_a_wrong_set_up_is_said_in_a_sentence(hitl, environ, sentence):
    """E-04: a database that cannot be reached or a variable that makes no sense is named, no password is repeated, nothing is written."""
    (hitl.folder / "taken").write_text("a file, no folder")
    (hitl.folder / "notes.txt").write_text("These are notes. " * 100)
    before = sorted(hitl.folder.rglob("*"))

    said = hitl.refused("requests", "list", **environ)

    assert said.startswith(sentence)
    assert "hunter2" not in said
    assert "?." not in said
    assert sorted(hitl.folder.rglob("*")) == before


def test_a_half_configured_channel_stops_the_server(hitl):
    """A bot token without its signing secret: ``serve`` says so and listens nowhere (DESIGN rule 8)."""
    said = hitl.refused("serve", "--port", "0", SLACK_BOT_TOKEN="xoxb-1")

    assert said.startswith(
        "Slack is configured in part: SLACK_BOT_TOKEN is set but neither SLACK_SIGNING_SECRET nor SLACK_APP_TOKEN is."
    )


def test_a_reader_who_leaves_is_no_error(hitl):
    """``hitl audit export | head``: quiet, also where everything is written at the very end."""
    hitl.said("runs", "start", "support", "--input", '{"text": "hello"}')
    for words in (("audit", "export"), ("--help",)):
        process = subprocess.Popen(
            [HITL, *words],
            cwd=hitl.folder,
            env=environment(hitl.folder, {}),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert process.stdout is not None
        process.stdout.close()

        _, said = process.communicate(timeout=60)

        assert said == b""


def test_the_schema_is_brought_up_to_date(hitl):
    """O-07: ``db upgrade`` makes an empty SQLite database ready and says from where to where; asked again it changes nothing."""
    first = hitl.json("db", "upgrade")

    assert first["before"] is None
    assert hitl.said("db", "upgrade") == f"The database is at revision {first['after']}.\n"
    assert hitl.json("db", "upgrade") == {"before": first["after"], "after": first["after"]}


def test_the_audit_is_exported_and_a_change_in_it_is_found(hitl):
    """O-01: each event is one line of JSON with number and hash; one that is changed afterwards breaks the chain, exit code 1."""
    for _ in range(2):
        said = hitl.said("runs", "start", "support", "--input", '{"text": "hello"}')
        assert "of support is stored. A running server or worker takes it up;" in said, "nobody runs it yet"

    events = [json.loads(line) for line in hitl.said("audit", "export").splitlines()]
    hitl.said("audit", "export", "--to", "audit.jsonl")

    assert [event["seq"] for event in events] == [1, 2]
    assert {event["kind"] for event in events} == {"run.started"}
    assert [json.loads(line) for line in (hitl.folder / "audit.jsonl").read_text().splitlines()] == events

    with closing(sqlite3.connect(hitl.folder / ".hitl" / "hitl.db")) as database, database:
        (table,) = database.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE '%audit%'"
        ).fetchone()
        database.execute(f"UPDATE {table} SET actor = 'somebody else' WHERE seq = 1")  # noqa: S608 – our own table
    done = hitl.run("audit", "verify")

    assert done.returncode == 1
    assert done.stdout.startswith("The chain is broken: event 1 ")


def test_what_others_wrote_cannot_command_the_terminal(hitl):
    """DESIGN rule 9: escape sequences and line breaks in text of others are shown, not obeyed."""
    hitl.said(
        "runs", "start", "support", "--input", '{"text": "hello"}', "--thread", "t\u001b[2J\nFAKE  line"
    )

    listed = hitl.said("runs", "list")

    assert "\u001b" not in listed
    assert len(listed.splitlines()) == 2
