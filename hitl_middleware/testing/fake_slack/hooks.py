"""What an app may do with a response_url: answer, replace or delete, five times within half an hour.

Source: docs.slack.dev, "Handling user interaction in your Slack apps", on message responses.
"""

from __future__ import annotations

from typing import Final

from hitl_middleware.testing.fake_slack.chat import MOST_TEXT, read_blocks
from hitl_middleware.testing.fake_slack.records import Message
from hitl_middleware.testing.fake_slack.refusals import Error, Refusal
from hitl_middleware.testing.fake_slack.state import ResponseUrl, Workspace
from hitl_middleware.testing.fake_slack.web_api import Arguments

MOST_USES: Final = 5
SECONDS: Final = 30 * 60


def respond(workspace: Workspace, key: str, arguments: Arguments) -> None:
    """Do what was posted to a response_url, or raise `Refusal`."""
    hook = workspace.response_urls.get(key)
    if hook is None:
        raise Refusal(Error.NO_SERVICE)
    if workspace.now() - hook.issued > SECONDS:
        raise Refusal(Error.EXPIRED_URL)
    if hook.uses >= MOST_USES:
        raise Refusal(Error.USED_URL)
    original = workspace.messages.get(hook.message) if hook.message else None
    if arguments.flag("delete_original"):
        _counted(hook)
        if original is None:
            raise Refusal(Error.MESSAGE_NOT_FOUND)
        workspace.delete(original)
        return
    message(workspace, hook, arguments, original if arguments.flag("replace_original") else None)
    _counted(hook)


def message(
    workspace: Workspace, hook: ResponseUrl, arguments: Arguments, original: Message | None
) -> Message:
    """A new message in the place of the interaction, or a new state of the message it began at."""
    blocks = read_blocks(workspace, arguments) if arguments.given.get("blocks") is not None else ()
    text = arguments.text("text")[:MOST_TEXT]
    if not text and not blocks:
        raise Refusal(Error.NO_TEXT)
    if original is not None:
        return workspace.change(original, text=text, blocks=blocks)
    kind = arguments.text("response_type", "ephemeral")
    if kind not in {"ephemeral", "in_channel"}:
        raise Refusal(Error.INVALID_RESPONSE_TYPE)
    app = workspace.app
    return workspace.post(
        hook.channel,
        text,
        user=app.bot_user_id,
        bot_id=app.bot_id,
        blocks=blocks,
        thread_ts=arguments.text("thread_ts") or None,
        visible_to=hook.user if kind == "ephemeral" else None,
    )


def _counted(hook: ResponseUrl) -> None:
    hook.uses += 1
