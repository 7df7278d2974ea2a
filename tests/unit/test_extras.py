"""What is an extra and not installed is asked for by its name, before anything depends on it (E-04)."""

from __future__ import annotations

import importlib
import sys

import pytest

from hitl_middleware import Hitl
from hitl_middleware.errors import ConfigurationError
from hitl_middleware.settings import Settings

SLACK = {"SLACK_BOT_TOKEN": "xoxb-1", "SLACK_SIGNING_SECRET": "0" * 32}
GITHUB = {"GITHUB_TOKEN": "ghp_1", "GITHUB_WEBHOOK_SECRET": "secret"}


@pytest.mark.parametrize(
    ("module", "environ", "said"),
    [
        ("slack_bolt", SLACK, "Slack is configured, and what speaks to it is not installed. Install: pip install 'hitl-middleware[slack]'"),
        ("github", GITHUB, "GitHub is configured, and what speaks to it is not installed. Install: pip install 'hitl-middleware[github]'"),
    ],
)  # fmt: skip
def test_a_channel_without_its_sdk(monkeypatch, module, environ, said):
    """E-04, G-14: said when the process starts; else it would serve, and every card would be tried until it is given up."""
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    hitl = Hitl(Settings(database_url="memory://"))
    assert [each.name for each in hitl.channels] == [next(iter(environ)).partition("_")[0].lower()]
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ConfigurationError) as caught:
        _ = Hitl(Settings(database_url="memory://")).channels
    assert str(caught.value) == said


def test_middleware_without_langchain(monkeypatch):
    """E-04: ``hitl.approvals`` where LangChain is not installed, as the first program of README may be run."""
    for name in [
        name for name in sys.modules if name.startswith(("hitl_middleware.langchain", "langchain."))
    ]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "langchain", None)
    with pytest.raises(ModuleNotFoundError) as caught:
        importlib.import_module("hitl_middleware.langchain")
    assert (
        str(caught.value) == "langchain is not installed. Install: pip install 'hitl-middleware[langchain]'"
    )
