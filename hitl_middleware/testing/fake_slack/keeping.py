"""A workspace that outlives its process: people, conversations and messages in one JSON file.

Written whenever something has changed, before the app hears that it has; what the app was told once is true after a kill.
Modals, triggers and response_urls are not kept: their time is over in seconds.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from hitl_middleware.testing.fake_slack.records import Channel, Message, User, UserGroup
from hitl_middleware.testing.fake_slack.state import Workspace


def keep(workspace: Workspace, path: Path) -> None:
    """Take up what the file holds, and write to it from now on."""
    if path.exists():
        _load(workspace, json.loads(path.read_text(encoding="utf-8")))
    workspace.keep_in(path, lambda: json.dumps(_dump(workspace), ensure_ascii=False).encode())


def _dump(workspace: Workspace) -> dict[str, Any]:
    return {
        "numbered": workspace.numbered,
        "users": [_plain(each) for each in workspace.users.values()],
        "usergroups": [_plain(each) for each in workspace.usergroups.values()],
        "channels": [
            {**_plain(each), "members": None if each.members is None else sorted(each.members)}
            for each in workspace.channels.values()
        ],
        "messages": [_message(each) for each in workspace.messages.values()],
    }


def _load(workspace: Workspace, kept: Mapping[str, Any]) -> None:
    workspace.numbered = kept["numbered"]
    for each in kept["users"]:
        workspace.add_user(User(**each))
    for each in kept["usergroups"]:
        workspace.add_usergroup(UserGroup(**{**each, "users": tuple(each["users"])}))
    for each in kept["channels"]:
        members = each["members"]
        workspace.add_channel(Channel(**{**each, "members": None if members is None else frozenset(members)}))
    for each in kept["messages"]:
        workspace.put(_restored(workspace, each))


def _plain(record: User | UserGroup | Channel | Message) -> dict[str, Any]:
    return {part.name: getattr(record, part.name) for part in fields(record) if part.name != "names"}


def _message(message: Message) -> dict[str, Any]:
    return {**_plain(message), "versions": [_message(each) for each in message.versions]}


def _restored(workspace: Workspace, kept: Mapping[str, Any]) -> Message:
    return Message(
        **{
            **kept,
            "blocks": tuple(kept["blocks"]),
            "reactions": tuple((name, user) for name, user in kept["reactions"]),
            "versions": tuple(_restored(workspace, each) for each in kept["versions"]),
            "names": workspace.names,
        }
    )
