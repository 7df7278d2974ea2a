"""Methods that open and change views: views.open, views.push, views.update, views.publish.

Error names and limits: docs.slack.dev, pages of the methods; "Modals" (a trigger lives three seconds and opens one
view; a modal holds three views).
"""

from __future__ import annotations

import secrets
from dataclasses import replace
from typing import Any

from hitl_middleware.testing.fake_slack import blocks as block_kit
from hitl_middleware.testing.fake_slack import views as rules
from hitl_middleware.testing.fake_slack.records import View
from hitl_middleware.testing.fake_slack.refusals import Error, Refusal
from hitl_middleware.testing.fake_slack.state import TRIGGER_SECONDS, Trigger, Workspace
from hitl_middleware.testing.fake_slack.web_api import Arguments, method
from hitl_middleware.testing.fake_slack.words import Json


def checked(workspace: Workspace, view: Any, surface: str, *, instead_of: str = "") -> Json:
    """A view that Slack would take for this surface, or a refusal that says why not."""
    if rules.too_large(view):
        raise Refusal(Error.VIEW_TOO_LARGE)
    if found := rules.problems(view, surface):
        raise Refusal(Error.INVALID_ARGUMENTS, *found)
    external_id = view.get("external_id", "")
    taken = {
        each.payload["external_id"]: each.id for each in workspace.views.values() if each.status == "open"
    }
    if external_id and taken.get(external_id, instead_of) != instead_of:
        raise Refusal(Error.DUPLICATE_EXTERNAL_ID)
    checked_view: Json = view
    return checked_view


def opened(workspace: Workspace, user: str, view: Json, *, below: View | None = None, **fields: Any) -> View:
    """Store a new view, above another one of the same modal or as the root of its own."""
    with workspace.changing():
        name = workspace.new_id("V")
        stack = {
            "root_view_id": below.payload["root_view_id"] if below else name,
            "previous_view_id": below.id if below else None,
        }
        stored = View(
            id=name,
            user=user,
            payload=_payload(workspace, name, view, stack),
            names=workspace.names,
            **fields,
        )
        workspace.views[name] = stored
    return stored


def changed(workspace: Workspace, old: View, view: Json) -> View:
    """Store what a view shows from now on."""
    with workspace.changing():
        stack = {key: old.payload[key] for key in ("root_view_id", "previous_view_id")}
        payload = _payload(workspace, old.id, view, stack)
        stored = workspace.views[old.id] = replace(old, payload=payload, errors={})
    return stored


def stack_of(workspace: Workspace, view: View) -> list[View]:
    """The open views of the modal to which this one belongs, the root first."""
    root = view.payload["root_view_id"]
    return [
        each
        for each in workspace.views.values()
        if each.payload["root_view_id"] == root and each.status == "open"
    ]


def pushed(workspace: Workspace, below: View, view: Json) -> View:
    """Store a view above another one."""
    if len(stack_of(workspace, below)) >= rules.MOST_STACKED:
        raise Refusal(Error.PUSH_LIMIT_REACHED)
    return opened(workspace, below.user, view, below=below, opened_from=below.opened_from)


def _payload(workspace: Workspace, name: str, view: Json, stack: Json) -> dict[str, Any]:
    defaults: dict[str, Any] = {
        "private_metadata": "",
        "callback_id": "",
        "external_id": "",
        "clear_on_close": False,
        "notify_on_close": False,
        "close": None,
        "submit": None,
    }
    return {
        "id": name,
        "team_id": workspace.app.team_id,
        **defaults,
        **view,
        "blocks": list(block_kit.completed(view["blocks"], lambda: workspace.new_id("")[-5:])),
        "state": {"values": {}},
        "hash": f"{int(workspace.now())}.{secrets.token_hex(4)}",
        **stack,
        "app_id": workspace.app.app_id,
        "app_installed_team_id": workspace.app.team_id,
        "bot_id": workspace.app.bot_id,
    }


def _exchange(workspace: Workspace, trigger_id: str) -> Trigger:
    trigger = workspace.triggers.get(trigger_id)
    if trigger is None:
        raise Refusal(Error.INVALID_TRIGGER_ID)
    if trigger.used:
        raise Refusal(Error.EXCHANGED_TRIGGER_ID)
    if workspace.now() - trigger.issued > TRIGGER_SECONDS:
        raise Refusal(Error.EXPIRED_TRIGGER_ID)
    trigger.used = True
    return trigger


def _view(arguments: Arguments) -> Any:
    if "view" not in arguments:
        raise Refusal(Error.INVALID_ARGUMENTS, "missing required field: view")
    return arguments.data("view", Error.INVALID_ARGUMENTS)


@method("views.open")
def views_open(workspace: Workspace, arguments: Arguments) -> dict[str, Any]:
    """Show a modal to the person whose act the trigger came from."""
    trigger_id = arguments.need("trigger_id")
    view = checked(workspace, _view(arguments), "modal")
    trigger = _exchange(workspace, trigger_id)
    return {"view": opened(workspace, trigger.user, view, opened_from=trigger.container).payload}


@method("views.push")
def views_push(workspace: Workspace, arguments: Arguments) -> dict[str, Any]:
    """Put a view above the modal in which the act took place."""
    trigger_id = arguments.need("trigger_id")
    view = checked(workspace, _view(arguments), "modal")
    trigger = workspace.triggers.get(trigger_id)
    below = workspace.views.get((trigger.container or {}).get("view_id", "")) if trigger else None
    if trigger is not None and (below is None or below.status != "open"):
        raise Refusal(Error.NOT_FOUND)
    _exchange(workspace, trigger_id)
    return {"view": pushed(workspace, below, view).payload} if below else {}


@method("views.update")
def views_update(workspace: Workspace, arguments: Arguments) -> dict[str, Any]:
    """Change what an open view shows; with `hash`, only if nobody else changed it in between."""
    name, external_id = arguments.text("view_id"), arguments.text("external_id")
    if bool(name) == bool(external_id):
        raise Refusal(Error.INVALID_ARGUMENTS, "must have exactly one of: view_id, external_id")
    found = [
        each
        for each in workspace.views.values()
        if each.status == "open"
        and (each.id == name or (external_id and each.payload["external_id"] == external_id))
    ]
    if not found:
        raise Refusal(Error.NOT_FOUND)
    (old,) = found
    view = checked(workspace, _view(arguments), old.type, instead_of=old.id)
    if arguments.text("hash", old.payload["hash"]) != old.payload["hash"]:
        raise Refusal(Error.HASH_CONFLICT)
    return {"view": changed(workspace, old, view).payload}


@method("views.publish")
def views_publish(workspace: Workspace, arguments: Arguments) -> dict[str, Any]:
    """Show or change a person's home tab."""
    user = arguments.need("user_id")
    if user not in workspace.users:
        raise Refusal(Error.INVALID_ARGUMENTS, "no such user [json-pointer:/user_id]")
    old = workspace.home_of(user)
    view = checked(workspace, _view(arguments), "home", instead_of=old.id if old else "")
    if old is None:
        return {"view": opened(workspace, user, view).payload}
    if arguments.text("hash", old.payload["hash"]) != old.payload["hash"]:
        raise Refusal(Error.HASH_CONFLICT)
    return {"view": changed(workspace, old, view).payload}
