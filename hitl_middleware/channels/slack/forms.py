"""The modals we open. Pure.

Limits of Slack (docs.slack.dev, "Modal views"): title, submit and close 24 characters each; ``private_metadata`` 3,000; label 2,000.
"""

from __future__ import annotations

from hitl_middleware.channels.slack.press import MOST_REASON, REASON, REJECTION, FormContext
from hitl_middleware.channels.slack.words import Json, plain
from hitl_middleware.records import ReviewRequest


def rejection(context: FormContext, request: ReviewRequest) -> Json:
    """Asks why. Without a reason it is still a rejection."""
    return {
        "type": "modal",
        "callback_id": REJECTION,
        "private_metadata": context.model_dump_json(),
        "title": _ours("Reject"),
        "submit": _ours("Reject"),
        "close": _ours("Back"),
        "blocks": [
            {"type": "section", "text": plain(request.title or request.tool or "This request", 300)},
            {
                "type": "input",
                "block_id": REASON,
                "optional": True,
                "label": _ours("Reason"),
                "hint": _ours("The agent is told, and goes on without the act."),
                "element": {
                    "type": "plain_text_input",
                    "action_id": REASON,
                    "multiline": True,
                    "max_length": MOST_REASON,
                    "focus_on_load": True,
                },
            },
        ],
    }


def _ours(text: str) -> Json:
    return {"type": "plain_text", "text": text, "emoji": False}
