"""Methods that write and read messages: chat.*, conversations.history, conversations.replies, reactions.add.

Limits: docs.slack.dev, pages of the methods; "Message metadata". `chat.postMessage` cuts a text after 40,000
characters; `chat.update` refuses one of more than 4,000 (measured by its users in bytes of UTF-8).
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any, Final

from hitl_middleware.testing.fake_slack import blocks as block_kit
from hitl_middleware.testing.fake_slack import payloads
from hitl_middleware.testing.fake_slack.records import Channel, Message
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
from hitl_middleware.testing.fake_slack.words import Json

MOST_TEXT: Final = 40_000
MOST_UPDATED_BYTES: Final = 4_000
MOST_METADATA_BYTES: Final = 8_000
_TS = re.compile(r"\d{10}\.\d{6}")
_EMOJI = re.compile(r"[a-z0-9_'+-]+(::skin-tone-[2-6])?")


# ---------------------------------------------------------------------------------------------------- what is written


def read_blocks(workspace: Workspace, arguments: Arguments) -> tuple[Json, ...]:
    """The blocks of a message, checked and completed as Slack stores them."""
    blocks = arguments.data("blocks", Error.INVALID_BLOCKS_FORMAT)
    if not isinstance(blocks, list):
        raise Refusal(Error.INVALID_BLOCKS_FORMAT)
    found = block_kit.in_message(blocks)
    if found:
        raise Refusal(Error.INVALID_BLOCKS, *found, errors=found)
    return block_kit.completed(blocks, lambda: workspace.new_id("")[-5:])


def _content(workspace: Workspace, arguments: Arguments) -> tuple[str, tuple[Json, ...]]:
    if "attachments" in arguments:
        raise Refusal(Error.INVALID_ATTACHMENTS, "this fake knows blocks, not attachments")
    blocks = read_blocks(workspace, arguments) if "blocks" in arguments else ()
    if block_kit.too_long(blocks):
        raise Refusal(Error.MSG_BLOCKS_TOO_LONG)
    text = arguments.text("text")
    if not text and not blocks:
        raise Refusal(Error.NO_TEXT)
    return text, blocks


def _metadata(arguments: Arguments) -> Json | None:
    """Metadata as given; an empty object stands for none."""
    if arguments.given.get("metadata") is None:
        return None
    found = arguments.data("metadata", Error.INVALID_METADATA_FORMAT)
    if found == {}:
        return None
    right = isinstance(found, dict) and {"event_type", "event_payload"} == found.keys()
    if not right or not isinstance(found["event_type"], str) or not isinstance(found["event_payload"], dict):
        raise Refusal(Error.INVALID_METADATA_FORMAT)
    if not re.fullmatch(r"\w{1,255}", found["event_type"], re.ASCII):
        raise Refusal(Error.INVALID_METADATA_FORMAT)
    if len(json.dumps(found["event_payload"], ensure_ascii=False).encode()) > MOST_METADATA_BYTES:
        raise Refusal(Error.METADATA_TOO_LARGE)
    metadata: Json = found
    return metadata


def _target(workspace: Workspace, arguments: Arguments) -> Channel:
    """Where to post: a conversation's id, a channel's `#name`, or a person's id for the direct conversation.

    Somebody who has left still has theirs, and it takes messages (slackapi/python-slack-sdk, issue 1156).
    """
    name = arguments.need("channel")
    if name in workspace.users:
        return workspace.direct((name,))
    by_name = {f"#{each.name}": each for each in workspace.channels.values() if each.kind == "channel"}
    channel = by_name.get(name) or find_channel(workspace, name)
    if not channel.bot_is_member and "chat:write.public" not in workspace.app.scopes:
        raise Refusal(Error.NOT_IN_CHANNEL)
    if channel.archived:
        raise Refusal(Error.IS_ARCHIVED)
    return channel


def _thread(workspace: Workspace, arguments: Arguments, channel: Channel) -> dict[str, Any]:
    thread_ts = arguments.text("thread_ts")
    if not thread_ts:
        return {}
    if not _TS.fullmatch(thread_ts):
        raise Refusal(Error.INVALID_THREAD_TS)
    parent = workspace.messages.get((channel.id, thread_ts))
    if parent is None or parent.visible_to is not None:
        raise Refusal(Error.THREAD_NOT_FOUND)
    return {"thread_ts": parent.thread_ts or thread_ts, "broadcast": arguments.flag("reply_broadcast")}


def _stored(workspace: Workspace, channel: Channel, ts: str) -> Message:
    found = workspace.messages.get((channel.id, ts))
    if found is None or found.visible_to is not None:
        raise Refusal(Error.MESSAGE_NOT_FOUND)
    return found


def _own(workspace: Workspace, arguments: Arguments, error: Error) -> Message:
    channel = find_channel(workspace, arguments.need("channel"))
    message = _stored(workspace, channel, arguments.need("ts"))
    if message.bot_id != workspace.app.bot_id:
        raise Refusal(error)
    return message


def _answer(workspace: Workspace, message: Message) -> dict[str, Any]:
    return {"channel": message.channel, "ts": message.ts, "message": payloads.message(message, workspace.app)}


# ------------------------------------------------------------------------------------------------------------ methods


@method("chat.postMessage", "chat:write")
def post_message(workspace: Workspace, arguments: Arguments) -> dict[str, Any]:
    """A new message by the bot."""
    if any(name in arguments for name in ("username", "icon_emoji", "icon_url")):
        need_scope(workspace, "chat:write.customize")
    channel = _target(workspace, arguments)
    text, blocks = _content(workspace, arguments)
    metadata, thread = _metadata(arguments), _thread(workspace, arguments, channel)
    app = workspace.app
    message = workspace.post(
        channel.id,
        text[:MOST_TEXT],
        user=app.bot_user_id,
        bot_id=app.bot_id,
        blocks=blocks,
        metadata=metadata,
        **thread,
    )
    return _answer(workspace, message)


@method("chat.update", "chat:write")
def update(workspace: Workspace, arguments: Arguments) -> dict[str, Any]:
    """A new state of one of the bot's messages. A text without blocks takes the old blocks away."""
    message = _own(workspace, arguments, Error.CANT_UPDATE_MESSAGE)
    if workspace.channels[message.channel].archived:
        raise Refusal(Error.IS_INACTIVE)
    if len(arguments.text("text").encode()) > MOST_UPDATED_BYTES:
        raise Refusal(Error.MSG_TOO_LONG)
    text, blocks = _content(workspace, arguments)
    metadata = _metadata(arguments) if "metadata" in arguments else message.metadata
    changed = workspace.change(message, text=text, blocks=blocks, metadata=metadata)
    return {**_answer(workspace, changed), "text": text}


@method("chat.delete", "chat:write")
def delete(workspace: Workspace, arguments: Arguments) -> dict[str, Any]:
    """Take one of the bot's messages away."""
    message = _own(workspace, arguments, Error.CANT_DELETE_MESSAGE)
    workspace.delete(message)
    return {"channel": message.channel, "ts": message.ts}


@method("chat.postEphemeral", "chat:write")
def post_ephemeral(workspace: Workspace, arguments: Arguments) -> dict[str, Any]:
    """A message that one person sees, until they reload."""
    channel = find_channel(workspace, arguments.need("channel"))
    user = arguments.need("user")
    if not channel.bot_is_member:
        raise Refusal(Error.NOT_IN_CHANNEL)
    if channel.archived:
        raise Refusal(Error.IS_ARCHIVED)
    if user not in workspace.users or workspace.users[user].deleted or not channel.has(user):
        raise Refusal(Error.USER_NOT_IN_CHANNEL)
    text, blocks = _content(workspace, arguments)
    app = workspace.app
    message = workspace.post(
        channel.id, text[:MOST_TEXT], user=app.bot_user_id, bot_id=app.bot_id, blocks=blocks, visible_to=user
    )
    return {"message_ts": message.ts}


@method("chat.getPermalink")
def get_permalink(workspace: Workspace, arguments: Arguments) -> dict[str, Any]:
    """The address of a message."""
    channel = find_channel(workspace, arguments.need("channel"))
    message = _stored(workspace, channel, arguments.need("message_ts"))
    digits = message.ts.replace(".", "")
    address = f"https://{workspace.app.team_domain}.slack.com/archives/{channel.id}/p{digits}"
    return {"channel": channel.id, "permalink": address}


@method("conversations.history")
def history(workspace: Workspace, arguments: Arguments) -> dict[str, Any]:
    """Messages of a conversation, the newest first, without those inside threads."""
    channel = _readable(workspace, arguments)
    stored = [each for (where, _), each in workspace.messages.items() if where == channel.id]
    top = [each for each in stored if each.thread_ts in {None, each.ts} or each.broadcast]
    return _listed(workspace, arguments, top[::-1])


@method("conversations.replies")
def replies(workspace: Workspace, arguments: Arguments) -> dict[str, Any]:
    """A message and the thread below it, the oldest first."""
    channel = _readable(workspace, arguments)
    ts = arguments.need("ts")
    stored = [each for (where, _), each in workspace.messages.items() if where == channel.id]
    thread = [each for each in stored if ts in {each.ts, each.thread_ts} and each.visible_to is None]
    if not thread:
        raise Refusal(Error.THREAD_NOT_FOUND)
    return _listed(workspace, arguments, thread)


def _readable(workspace: Workspace, arguments: Arguments) -> Channel:
    channel = find_channel(workspace, arguments.need("channel"))
    need_scope(workspace, f"{SCOPED.get(channel.kind, channel.kind)}:history")
    if not channel.bot_is_member:
        raise Refusal(Error.NOT_IN_CHANNEL)
    return channel


def _listed(workspace: Workspace, arguments: Arguments, messages: list[Message]) -> dict[str, Any]:
    """One page; `oldest` and `latest` are outside unless `inclusive`, metadata only comes on request."""
    ends = {name: arguments.text(name) for name in ("oldest", "latest")}
    for name, value in ends.items():
        if value and not re.fullmatch(r"\d+(\.\d+)?", value):
            raise Refusal(Error(f"invalid_ts_{name}"))
    inclusive, full = arguments.flag("inclusive"), arguments.flag("include_all_metadata")

    def fits(message: Message) -> bool:
        at, oldest, latest = float(message.ts), float(ends["oldest"] or 0), float(ends["latest"] or "inf")
        return oldest < at < latest or (inclusive and at in {oldest, latest})

    seen = [each for each in messages if each.visible_to is None and fits(each)]
    shown, cursor = page(
        [payloads.message(each, workspace.app, with_metadata=full) for each in seen], arguments
    )
    return {"messages": shown, "has_more": bool(cursor["response_metadata"]["next_cursor"]), **cursor}


@method("reactions.add", "reactions:write")
def add_reaction(workspace: Workspace, arguments: Arguments) -> dict[str, Any]:
    """The bot's own reaction to a message."""
    channel, name = find_channel(workspace, arguments.need("channel")), arguments.need("name")
    if not _TS.fullmatch(ts := arguments.need("timestamp")):
        raise Refusal(Error.BAD_TIMESTAMP)
    if not _EMOJI.fullmatch(name):
        raise Refusal(Error.INVALID_NAME)
    react(workspace, _stored(workspace, channel, ts), name, workspace.app.bot_user_id)
    return {}


@method("reactions.remove", "reactions:write")
def remove_reaction(workspace: Workspace, arguments: Arguments) -> dict[str, Any]:
    """Take the bot's own reaction back."""
    channel, name = find_channel(workspace, arguments.need("channel")), arguments.need("name")
    if not _TS.fullmatch(ts := arguments.need("timestamp")):
        raise Refusal(Error.BAD_TIMESTAMP)
    unreact(workspace, _stored(workspace, channel, ts), name, workspace.app.bot_user_id)
    return {}


def unreact(workspace: Workspace, message: Message, name: str, user: str) -> Message:
    """Take anybody's reaction away."""
    if (name, user) not in message.reactions:
        raise Refusal(Error.NO_REACTION)
    with workspace.changing():
        left = tuple(each for each in message.reactions if each != (name, user))
        changed = replace(message, reactions=left)
        workspace.messages[message.channel, message.ts] = changed
    return changed


def react(workspace: Workspace, message: Message, name: str, user: str) -> Message:
    """Anybody's reaction. It is no edit: the message has the same versions as before."""
    if (name, user) in message.reactions:
        raise Refusal(Error.ALREADY_REACTED)
    with workspace.changing():
        changed = replace(message, reactions=(*message.reactions, (name, user)))
        workspace.messages[message.channel, message.ts] = changed
    return changed
