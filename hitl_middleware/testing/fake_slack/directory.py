"""Methods about the app, people and places: auth.test, users.*, usergroups.*, conversations.info and .open, …

Scopes and error names: docs.slack.dev, pages of the methods.
"""

from __future__ import annotations

from typing import Any

from hitl_middleware.testing.fake_slack import payloads
from hitl_middleware.testing.fake_slack.records import Channel, User, UserGroup
from hitl_middleware.testing.fake_slack.refusals import Error, Refusal
from hitl_middleware.testing.fake_slack.state import Workspace
from hitl_middleware.testing.fake_slack.web_api import (
    SCOPED,
    Arguments,
    find_channel,
    method,
    need_scope,
    page,
)


@method("api.test", whose="nobody")
def api_test(_workspace: Workspace, arguments: Arguments) -> dict[str, Any]:
    """Whether anybody is there; an `error` among the arguments is given back as one."""
    if error := arguments.text("error"):
        raise Refusal(error, args=dict(arguments.given))
    return {"args": dict(arguments.given)}


@method("auth.test")
def auth_test(workspace: Workspace, _arguments: Arguments) -> dict[str, Any]:
    """Who the token is."""
    app = workspace.app
    return {
        "url": f"https://{app.team_domain}.slack.com/",
        "team": app.team_name,
        "user": app.bot_name,
        "team_id": app.team_id,
        "user_id": app.bot_user_id,
        "bot_id": app.bot_id,
        "is_enterprise_install": False,
    }


@method("apps.connections.open", "connections:write", whose="app")
def apps_connections_open(workspace: Workspace, _arguments: Arguments) -> dict[str, Any]:
    """An address for one WebSocket, soon."""
    host = workspace.base_url.removeprefix("http://")
    return {"url": f"ws://{host}/link/?ticket={workspace.sockets.issue()}&app_id={workspace.app.app_id}"}


@method("team.info", "team:read")
def team_info(workspace: Workspace, arguments: Arguments) -> dict[str, Any]:
    """The workspace."""
    app = workspace.app
    if arguments.text("team", app.team_id) != app.team_id:
        raise Refusal(Error.TEAM_NOT_FOUND)
    return {"team": {"id": app.team_id, "name": app.team_name, "domain": app.team_domain}}


def _user(workspace: Workspace, user: User) -> dict[str, Any]:
    return payloads.user(user, workspace.app, with_email="users:read.email" in workspace.app.scopes)


@method("users.info", "users:read")
def users_info(workspace: Workspace, arguments: Arguments) -> dict[str, Any]:
    """One person."""
    user = workspace.users.get(arguments.need("user"))
    if user is None:
        raise Refusal(Error.USER_NOT_FOUND)
    return {"user": _user(workspace, user)}


@method("users.list", "users:read")
def users_list(workspace: Workspace, arguments: Arguments) -> dict[str, Any]:
    """Everybody, also those who have left."""
    members, cursor = page(
        [_user(workspace, user) for user in workspace.users.values()], arguments, most=1000
    )
    return {"members": members, **cursor}


def _group(workspace: Workspace, group: UserGroup, *, with_users: bool) -> dict[str, Any]:
    found = {
        "id": group.id,
        "team_id": workspace.app.team_id,
        "is_usergroup": True,
        "name": group.handle,
        "handle": group.handle,
        "user_count": len(group.users),
    }
    return {**found, "users": list(group.users)} if with_users else found


@method("usergroups.list", "usergroups:read")
def usergroups_list(workspace: Workspace, arguments: Arguments) -> dict[str, Any]:
    """The user groups; their members only on request."""
    full = arguments.flag("include_users")
    return {
        "usergroups": [_group(workspace, each, with_users=full) for each in workspace.usergroups.values()]
    }


@method("usergroups.users.list", "usergroups:read")
def usergroups_users_list(workspace: Workspace, arguments: Arguments) -> dict[str, Any]:
    """The members of one user group."""
    group = workspace.usergroups.get(arguments.need("usergroup"))
    if group is None:
        raise Refusal(Error.NO_SUCH_SUBTEAM)
    return {"users": list(group.users)}


def _channel(workspace: Workspace, channel: Channel) -> dict[str, Any]:
    found: dict[str, Any] = {
        "id": channel.id,
        "is_channel": channel.kind == "channel",
        "is_group": channel.kind == "group",
        "is_im": channel.kind == "im",
        "is_mpim": channel.kind == "mpim",
        "is_private": channel.kind != "channel",
        "is_archived": channel.archived,
    }
    if channel.kind == "im":
        (person,) = (channel.members or frozenset()) - {workspace.app.bot_user_id}
        return {**found, "user": person}
    return {**found, "name": channel.name, "is_member": channel.bot_is_member}


@method("conversations.info")
def conversations_info(workspace: Workspace, arguments: Arguments) -> dict[str, Any]:
    """One conversation."""
    channel = find_channel(workspace, arguments.need("channel"))
    need_scope(
        workspace, {"channel": "channels", "group": "groups"}.get(channel.kind, channel.kind) + ":read"
    )
    return {"channel": _channel(workspace, channel)}


@method("conversations.list")
def conversations_list(workspace: Workspace, arguments: Arguments) -> dict[str, Any]:
    """The conversations of the kinds asked for, page by page; private ones only where the bot is a member."""
    names = {"public_channel": "channel", "private_channel": "group", "im": "im", "mpim": "mpim"}
    wanted = arguments.text("types", "public_channel").split(",")
    if not set(wanted) <= names.keys():
        raise Refusal(Error.INVALID_TYPES)
    kinds = {names[each] for each in wanted}
    for kind in sorted(kinds):
        need_scope(workspace, f"{SCOPED.get(kind, kind)}:read")
    found = [
        _channel(workspace, each)
        for each in workspace.channels.values()
        if each.kind in kinds
        and (each.kind == "channel" or each.bot_is_member)
        and not (each.archived and arguments.flag("exclude_archived"))
    ]
    channels, cursor = page(found, arguments, most=1000)
    return {"channels": channels, **cursor}


@method("conversations.open")
def conversations_open(workspace: Workspace, arguments: Arguments) -> dict[str, Any]:
    """The direct conversation with one person or a few; opening it twice gives the same one."""
    if name := arguments.text("channel"):
        channel = find_channel(workspace, name)
        if channel.kind not in {"im", "mpim"}:
            raise Refusal(Error.METHOD_NOT_SUPPORTED_FOR_CHANNEL_TYPE)
        people = tuple((channel.members or frozenset()) - {workspace.app.bot_user_id})
    else:
        given = arguments.given.get("users") or ""
        people = (
            tuple(given) if isinstance(given, list) else tuple(each for each in str(given).split(",") if each)
        )
    if not people:
        raise Refusal(Error.USERS_LIST_NOT_SUPPLIED)
    need_scope(workspace, "im:write" if len(people) == 1 else "mpim:write")
    if any(each not in workspace.users for each in people):
        raise Refusal(Error.USER_NOT_FOUND)
    if any(workspace.users[each].deleted for each in people):
        raise Refusal(Error.USER_DISABLED)
    if len(people) > 8:
        raise Refusal(Error.TOO_MANY_USERS)
    before = set(workspace.channels)
    channel = workspace.direct(people)
    opened = {"already_open": channel.id in before, "no_op": channel.id in before}
    return {
        **opened,
        "channel": _channel(workspace, channel) if arguments.flag("return_im") else {"id": channel.id},
    }
