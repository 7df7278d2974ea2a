"""The app's manifest says what the code does: scopes of the methods it calls, events it hears, one address for all."""

from __future__ import annotations

import ast
import inspect
import tomllib
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped, unused-ignore]
from slack_sdk.web.async_client import AsyncWebClient

import hitl_middleware.channels.slack
from hitl_middleware.channels.slack import scopes
from hitl_middleware.channels.slack.events import HEARD
from hitl_middleware.channels.slack.manifest import NAME, manifest_path
from hitl_middleware.channels.slack.settings import SlackSettings
from hitl_middleware.testing.fake_slack.web_api import METHODS

ROOT = Path(__file__).parents[2]
PACKAGE = Path(inspect.getfile(hitl_middleware.channels.slack)).parent
CALLABLE = {
    name
    for name, what in inspect.getmembers(AsyncWebClient, inspect.iscoroutinefunction)
    if "_" in name and name != "api_call"
}


def manifest() -> dict[str, Any]:
    """The file that we ship."""
    found: dict[str, Any] = yaml.safe_load(manifest_path().read_text(encoding="utf-8"))
    return found


def test_the_wheel_brings_it() -> None:
    """S-14: where the package is installed it lies beside the module that looks for it; here it is the repository's."""
    assert manifest_path() == ROOT / "server" / NAME
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    (there,) = project["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"].values()
    assert ROOT / there == PACKAGE / NAME


def called() -> set[str]:
    """Every method of the Web API that stands anywhere in the channel's code."""
    return {
        node.attr
        for path in PACKAGE.glob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and node.attr in CALLABLE
    }


def test_the_table_has_every_method_that_is_called():
    """S-14: a call without its scopes in the table, or one too many there, fails here and not at a customer's."""
    assert called() == set(scopes.METHODS)
    assert set(HEARD) == set(scopes.EVENTS)


def test_the_manifest_asks_for_no_more_and_no_less():
    """S-14: bot scopes and events are those of the table."""
    found = manifest()
    assert sorted(found["oauth_config"]["scopes"]["bot"]) == sorted(scopes.ALL)
    assert sorted(found["settings"]["event_subscriptions"]["bot_events"]) == sorted(HEARD)


def test_the_manifest_switches_on_what_we_use():
    """Home tab, direct messages, buttons; everything to the one route."""
    found = manifest()
    assert found["features"]["app_home"]["home_tab_enabled"]
    assert found["features"]["app_home"]["messages_tab_enabled"]
    assert found["settings"]["interactivity"]["is_enabled"]
    addresses = {found["settings"][name]["request_url"] for name in ("event_subscriptions", "interactivity")}
    assert addresses == {"https://hitl.example.com/slack/events"}


def test_the_fake_asks_for_the_same_scopes():
    """E-02: a method that needs a scope in the fake has it in the table, so a test with these scopes alone is worth something."""
    for name, needed in scopes.METHODS.items():
        method = METHODS[
            name.replace("_", ".", 1) if name != "apps_connections_open" else "apps.connections.open"
        ]
        assert method.whose == "app" or set(method.scopes) <= set(needed)


def test_reactions_are_asked_for_where_they_count():
    """Without the setting, the scope is not missed."""
    said = {"bot_token": "xoxb-1", "signing_secret": "s"}
    assert "reactions:read" not in scopes.needed(SlackSettings.model_validate(said))
    everything = SlackSettings.model_validate({**said, "reactions": True, "user_groups": True})
    assert scopes.needed(everything) == scopes.ALL
