"""What Slack sends to an app, to the byte: signatures, headers and payloads. Pure.

Shapes: docs.slack.dev, "Verifying requests from Slack", "block_actions payload", "View payloads", "Events API",
"Implementing slash commands".
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlencode

from hitl_middleware.testing.fake_slack.records import Channel, Delivery, Installation, Message, User
from hitl_middleware.testing.fake_slack.words import Json

FORM: Final = "application/x-www-form-urlencoded"
JSON: Final = "application/json"
# Deprecated by Slack in favour of the signature, and still in every payload.
VERIFICATION_TOKEN: Final = "fake-verification-token"  # noqa: S105  # proves nothing, here as there


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """Slack's `v0` signature of one body at one time."""
    return (
        "v0="
        + hmac.new(secret.encode(), b"v0:" + timestamp.encode() + b":" + body, hashlib.sha256).hexdigest()
    )


def signed(
    secret: str,
    body: bytes,
    *,
    kind: str,
    url: str,
    at: float,
    content_type: str,
    extra: Mapping[str, str] | None = None,
) -> Delivery:
    """A delivery with the headers that Slack sends."""
    timestamp = str(int(at))
    headers = {
        "Accept": "*/*",
        "User-Agent": "Slackbot 1.0 (+https://api.slack.com/robots)",
        "Content-Type": content_type,
        **(extra or {}),
        "X-Slack-Request-Timestamp": timestamp,
        "X-Slack-Signature": signature(secret, timestamp, body),
    }
    return Delivery(kind=kind, url=url, body=body, headers=tuple(headers.items()), at=at)


def as_form(payload: Json) -> bytes:
    """An interaction: JSON in the one field of a form."""
    return urlencode({"payload": json.dumps(payload)}).encode()


def as_fields(fields: Mapping[str, str]) -> bytes:
    """A slash command: a plain form."""
    return urlencode(fields).encode()


def as_json(payload: Json) -> bytes:
    """An event: JSON as it is."""
    return json.dumps(payload).encode()


# ---------------------------------------------------------------------------------------------------------- the parts


def message(what: Message, app: Installation, *, with_metadata: bool = True) -> dict[str, Any]:
    """A message as Slack returns it, in history, in answers and in payloads."""
    found: dict[str, Any] = {
        "type": "message",
        "user": what.user,
        "text": what.text,
        "ts": what.ts,
        "team": app.team_id,
    }
    if what.bot_id is not None:
        profile = {"id": app.bot_id, "app_id": app.app_id, "name": app.bot_name, "team_id": app.team_id}
        found |= {"bot_id": what.bot_id, "app_id": app.app_id, "bot_profile": {**profile, "deleted": False}}
    if what.blocks:
        found["blocks"] = list(what.blocks)
    if what.metadata is not None and with_metadata:
        found["metadata"] = what.metadata
    if what.edited is not None:
        found["edited"] = {"user": what.user, "ts": f"{what.edited:.6f}"}
    if what.thread_ts is not None:
        found["thread_ts"] = what.thread_ts
    if what.reactions:
        names = dict.fromkeys(name for name, _ in what.reactions)
        by_name = {name: [user for each, user in what.reactions if each == name] for name in names}
        found["reactions"] = [
            {"name": name, "users": users, "count": len(users)} for name, users in by_name.items()
        ]
    return found


def user(who: User, app: Installation, *, with_email: bool = True) -> dict[str, Any]:
    """A person as `users.info` returns them; the address needs a scope of its own."""
    profile = {"real_name": who.real_name, "display_name": who.name, "team": app.team_id}
    return {
        "id": who.id,
        "team_id": app.team_id,
        "name": who.name,
        "real_name": who.real_name,
        "deleted": who.deleted,
        "is_bot": who.is_bot,
        "profile": {**profile, "email": who.email} if with_email and not who.is_bot else profile,
    }


def _common(kind: str, who: User, app: Installation) -> dict[str, Any]:
    return {
        "type": kind,
        "user": {"id": who.id, "username": who.name, "name": who.name, "team_id": app.team_id},
        "api_app_id": app.app_id,
        "token": VERIFICATION_TOKEN,
        "team": {"id": app.team_id, "domain": app.team_domain},
        "enterprise": None,
        "is_enterprise_install": False,
    }


# ------------------------------------------------------------------------------------------------------- interactions


def action_in_message(
    who: User,
    app: Installation,
    *,
    where: Channel,
    what: Message,
    action: Json,
    state: Json,
    trigger_id: str,
    response_url: str,
) -> dict[str, Any]:
    """`block_actions` from a message. Of an ephemeral message Slack sends where it stands, not what it says."""
    ephemeral = what.visible_to is not None
    name = {"im": "directmessage", "group": "privategroup"}.get(where.kind, where.name)
    container = {"type": "message", "message_ts": what.ts, "channel_id": where.id, "is_ephemeral": ephemeral}
    return {
        **_common("block_actions", who, app),
        "container": container,
        "trigger_id": trigger_id,
        "channel": {"id": where.id, "name": name},
        **({} if ephemeral else {"message": message(what, app)}),
        "state": {"values": state},
        "response_url": response_url,
        "actions": [action],
    }


def action_in_view(
    who: User, app: Installation, *, view: Json, action: Json, state: Json, trigger_id: str
) -> dict[str, Any]:
    """`block_actions` from a modal or a home tab."""
    return {
        **_common("block_actions", who, app),
        "container": {"type": "view", "view_id": view["id"]},
        "trigger_id": trigger_id,
        "view": {**view, "state": {"values": state}},
        "actions": [action],
    }


def view_submission(
    who: User, app: Installation, *, view: Json, state: Json, trigger_id: str
) -> dict[str, Any]:
    """Somebody pressed a modal's submit button."""
    return {
        **_common("view_submission", who, app),
        "trigger_id": trigger_id,
        "view": {**view, "state": {"values": state}},
        "response_urls": [],
    }


def view_closed(who: User, app: Installation, *, view: Json, is_cleared: bool) -> dict[str, Any]:
    """Somebody closed a modal whose app wants to know."""
    return {**_common("view_closed", who, app), "view": view, "is_cleared": is_cleared}


# -------------------------------------------------------------------------------------------------- events, commands


def event_callback(event: Json, app: Installation, *, event_id: str, at: float) -> dict[str, Any]:
    """The envelope of every event."""
    return {
        "token": VERIFICATION_TOKEN,
        "team_id": app.team_id,
        "api_app_id": app.app_id,
        "event": event,
        "type": "event_callback",
        "event_id": event_id,
        "event_time": int(at),
        "authorizations": [
            {
                "enterprise_id": None,
                "team_id": app.team_id,
                "user_id": app.bot_user_id,
                "is_bot": True,
                "is_enterprise_install": False,
            }
        ],
        "is_ext_shared_channel": False,
    }


def reaction(kind: str, who: str, name: str, what: Message) -> dict[str, Any]:
    """`reaction_added` or `reaction_removed`."""
    item = {"type": "message", "channel": what.channel, "ts": what.ts}
    return {"type": kind, "user": who, "reaction": name, "item": item, "item_user": what.user}


def url_verification(challenge: str) -> dict[str, Any]:
    """The question Slack asks of a request URL before it uses it."""
    return {"token": VERIFICATION_TOKEN, "challenge": challenge, "type": "url_verification"}


def command(
    who: User, app: Installation, *, where: Channel, name: str, text: str, trigger_id: str, response_url: str
) -> dict[str, str]:
    """The fields of a slash command."""
    return {
        "token": VERIFICATION_TOKEN,
        "team_id": app.team_id,
        "team_domain": app.team_domain,
        "channel_id": where.id,
        "channel_name": "directmessage" if where.kind == "im" else where.name,
        "user_id": who.id,
        "user_name": who.name,
        "command": name,
        "text": text,
        "api_app_id": app.app_id,
        "is_enterprise_install": "false",
        "response_url": response_url,
        "trigger_id": trigger_id,
    }
