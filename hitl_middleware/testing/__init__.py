"""What our own tests use, for yours: a Slack and a GitHub as strict as the real ones, and contracts for stores, channels, dispatchers
and places of graphs of your own.

The contracts need pytest; everything is loaded when it is first asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hitl_middleware.testing.channel_contract import ChannelContract
    from hitl_middleware.testing.dispatcher_contract import DispatcherContract
    from hitl_middleware.testing.fake_github import FakeGitHub
    from hitl_middleware.testing.fake_slack import FakeSlack
    from hitl_middleware.testing.runs_contract import RunsContract
    from hitl_middleware.testing.store_contract import StoreContract

_HOMES = {
    "FakeGitHub": "fake_github",
    "FakeSlack": "fake_slack",
    "ChannelContract": "channel_contract",
    "DispatcherContract": "dispatcher_contract",
    "RunsContract": "runs_contract",
    "StoreContract": "store_contract",
}

__all__ = [
    "ChannelContract",
    "DispatcherContract",
    "FakeGitHub",
    "FakeSlack",
    "RunsContract",
    "StoreContract",
]


def __getattr__(name: str) -> Any:
    try:
        home = _HOMES[name]
    except KeyError:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg) from None
    return getattr(import_module(f"{__name__}.{home}"), name)
