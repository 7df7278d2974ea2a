"""What is wrong with a setting is said where it stands and in its own words (E-04)."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from hitl_middleware.errors import ConfigurationError
from hitl_middleware.manifest import read_manifest
from hitl_middleware.settings import VARIABLES, load_config, load_settings, misspelt

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('operator = ["ann"]', "operator: there is no such key. Did you mean operators?"),
        ("[slack]\nchanel = 'C1'", "slack.chanel: there is no such key. Did you mean channel?"),
        ("[[triggers]]\nlabels = 'bug'\ngraph = 'g'\nlabel = 'x'", "triggers.0.labels: there is no such key. Did you mean label?"),
        ("[tokens.ci]\ntoken = 'T'\ntoken_env = 'T'", "tokens.ci.token: there is no such key. Did you mean token_env?"),
        ("[agent_server]\nurl = 'x'", "agent_server.url: there is no such key here. There are: graphs."),
        ("[people]\nann = 'slack:U1'", 'people.ann: must be a list: ["…"]'),
        ("slack = 'C1'", "slack: must be a table"),
        ("people = 'ann'", "people: must be a table"),
    ],
)  # fmt: skip
def test_a_slip_in_the_file(tmp_path: Path, text: str, said: str) -> None:
    """E-04: the key, and what should stand there, in TOML's words and not in Python's."""
    path = tmp_path / "hitl.toml"
    path.write_text(text)
    with pytest.raises(ConfigurationError) as caught:
        load_config(path)
    assert str(caught.value) == f"{path}: {said}"


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    """E-04: a folder, or bytes that are no text, in the place of a file: without Python's numbers and codecs."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "bytes").write_bytes(b"\xff\xfe")
    for load in (load_config, read_manifest):
        for name, why in (("folder", "Is a directory"), ("bytes", "it is not text in UTF-8")):
            with pytest.raises(ConfigurationError) as caught:
                load(tmp_path / name)
            assert str(caught.value) == f"{tmp_path / name} cannot be read: {why}"


@pytest.mark.parametrize("spec", [5, {"pth": "a:b"}, {"path": 5}, None])
def test_a_graph_without_a_place(tmp_path: Path, spec: object) -> None:
    """E-04: a manifest that names none is told by the graph's name; LangGraph's longer form is understood."""
    path = tmp_path / "langgraph.json"
    path.write_text(json.dumps({"graphs": {"desk": spec}}))
    with pytest.raises(
        ConfigurationError, match="graph 'desk' must be \"module:attribute\", or an object with that"
    ):
        read_manifest(path)
    path.write_text(json.dumps({"graphs": {"desk": {"path": "a:b"}}}))
    assert read_manifest(path) == {"desk": "a:b"}


def test_every_variable_is_known() -> None:
    """E-04: whatever our code and README name is one that is read, so that no right name is called a slip of the pen."""
    packages = ("hitl_middleware", "server/hitl_server", "graphs/hitl_graphs")
    files = [path for package in packages for path in (ROOT / package).rglob("*.py")]
    texts = [path.read_text(encoding="utf-8") for path in (*files, ROOT / "README.md")]
    assert {name for text in texts for name in re.findall(r"HITL_[A-Z_]*[A-Z]", text)} <= VARIABLES


def test_a_variable_that_is_misspelt() -> None:
    """E-04: it would be passed over in silence, and the default stand in its place. What is nothing like ours is somebody else's."""
    names = ("HITL_DATABSE_URL", "HITL_API_TOKENS", "HITL_COLOUR", "HITL_API_TOKEN", "HOME")
    found = misspelt(dict.fromkeys(names, "x"))
    assert found == {"HITL_API_TOKENS": "HITL_API_TOKEN", "HITL_DATABSE_URL": "HITL_DATABASE_URL"}


@pytest.mark.parametrize(
    "address", ["hitl.example.com", "hitl.example.com:8100", "ftp://x", "https://", "/inbox"]
)
def test_an_address_that_is_none(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    """E-04, G-04: cards link to HITL_PUBLIC_URL; what is no address is said before a card is posted that no service takes."""
    monkeypatch.setenv("HITL_PUBLIC_URL", address)
    with pytest.raises(ConfigurationError) as caught:
        load_settings()
    assert str(caught.value) == "HITL_PUBLIC_URL: is not an address: it has the form https://hitl.example.com"


@pytest.mark.parametrize(
    "address", ["http://127.0.0.1:8100", "https://Hitl.example.com/below/", "HTTPS://x.example"]
)
def test_an_address_that_is_one(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    """O-05: with a port, a path, in capitals; and a variable that is set to nothing is not set."""
    monkeypatch.setenv("HITL_PUBLIC_URL", address)
    assert load_settings().public_url == address
    monkeypatch.setenv("HITL_PUBLIC_URL", "")
    assert load_settings().public_url is None
