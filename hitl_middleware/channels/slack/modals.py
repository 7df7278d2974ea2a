"""The modals we open, one for each kind of answer that needs more than a click. Pure.

Limits of Slack (docs.slack.dev, "Modal views"): title, submit and close 24 characters each; ``private_metadata`` 3,000; 100 blocks; the
whole view 250,000 characters of JSON.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from hitl_middleware.channels.slack import inputs
from hitl_middleware.channels.slack.answers import spec_of
from hitl_middleware.channels.slack.press import (
    ENTRY,
    OUTCOME,
    WORDS,
    FormContext,
    FormKind,
    callback_id,
)
from hitl_middleware.channels.slack.words import Json, markup, plain
from hitl_middleware.forms import FormSpec
from hitl_middleware.records import ReviewRequest
from hitl_middleware.review import RequestKind

MOST_TITLE: Final = 300
MOST_JSON: Final = 245_000
"""Of the blocks; what stands around them takes less than 5,000."""

OUTCOMES: Final[Mapping[str, tuple[str, str]]] = {
    "done": ("It happened", "The agent is told that it was done."),
    "failed": ("It did not happen", "The agent is told that it failed."),
    "retry": ("It did not happen: do it now", "It is done once more, and only now."),
}
"""Value of the option → what it says, and what follows from it."""


class NoForm(Exception):
    """There is no form for this in Slack; the message says why, in our markup."""


def opened(kind: FormKind, context: FormContext, request: ReviewRequest) -> Json:
    """The view that a button opens. Raises ``NoForm`` where what it would hold does not fit into Slack."""
    title, submit = _LABELS[kind]
    return {
        "type": "modal",
        "callback_id": callback_id(kind),
        "private_metadata": context.model_dump_json(exclude_none=True),
        "title": _ours(title),
        "submit": _ours(submit),
        "close": _ours("Back"),
        "blocks": _blocks(kind, request),
    }


def unavailable(kind: FormKind, request: ReviewRequest) -> str | None:
    """Why this form cannot be opened in Slack, as a sentence in our markup; ``None``: it can."""
    try:
        _blocks(kind, request)
    except NoForm as why:
        return str(why)
    return None


def _blocks(kind: FormKind, request: ReviewRequest) -> list[Json]:
    spec = spec_of(kind, request)
    blocks = [*_HEADS[kind](request), *(_words(kind, request) if spec is None else _fields(spec))]
    if len(json.dumps(blocks)) > MOST_JSON:
        msg = "All of it together is too long for a form in Slack."
        raise NoForm(msg)
    return blocks


_LABELS: Final[Mapping[FormKind, tuple[str, str]]] = {
    "edit": ("Edit", "Approve as edited"),
    "fill": ("Approve", "Approve"),
    "reject": ("Reject", "Reject"),
    "feedback": ("Feedback", "Send back"),
    "respond": ("Respond", "Respond"),
    "settle": ("What happened?", "Say so"),
}


def _fields(spec: FormSpec) -> list[Json]:
    if why := inputs.unfit(spec):
        raise NoForm(why)
    return inputs.blocks(spec)


def _words(kind: FormKind, request: ReviewRequest) -> list[Json]:
    match kind:
        case "reject":
            hint = _AFTER_REJECT.get(request.kind, "The run is told, and goes on.")
            return [inputs.words_input("Reason", hint, block=WORDS, optional=True)]
        case "feedback":
            hint = _AFTER_FEEDBACK.get(request.kind, "The run gets your words.")
            return [inputs.words_input("What should be different?", hint, block=WORDS, optional=False)]
        case "settle":
            hint = "Shown on the card; of something that happened it is what the agent is told."
            return [_outcome(), inputs.words_input("How you know", hint, block=WORDS, optional=True)]
    return [inputs.words_input("Answer", "The run goes on with your words.", block=WORDS, optional=False)]


_AFTER_REJECT: Final[Mapping[RequestKind, str]] = {
    "tool_call": "The agent is told, and goes on without the act.",
    "step": "The workflow is told; it says what follows.",
    "breakpoint": "The run is cancelled.",
}
_AFTER_FEEDBACK: Final[Mapping[RequestKind, str]] = {
    "tool_call": "The act is not done. The agent gets your words and may come back with something better.",
    "step": "The workflow gets your words, and may ask again with something better.",
}


def _outcome() -> Json:
    options = [
        {"text": _ours(label), "description": _ours(follows), "value": value}
        for value, (label, follows) in OUTCOMES.items()
    ]
    return {
        "type": "input",
        "block_id": OUTCOME,
        "label": _ours("What became of it?"),
        "element": {"type": "radio_buttons", "action_id": ENTRY, "options": options},
    }


def _about(request: ReviewRequest, *sentences: str) -> Sequence[Json]:
    """What it is about, in anybody's words, and what this form does, in ours."""
    title = plain(request.title or request.tool or "This request", MOST_TITLE)
    said = [{"type": "context", "elements": [markup(" ".join(sentences))]}] if sentences else []
    return [{"type": "section", "text": title}, *said]


_HEADS: Final[Mapping[FormKind, Callable[[ReviewRequest], Sequence[Json]]]] = {
    "edit": lambda request: _about(
        request,
        "What you send is approved and runs as you leave it here.",
        "The policy looks at it again: where it wants more for the edited call, people are asked again.",
    ),
    "fill": _about,
    "reject": _about,
    "feedback": _about,
    "respond": lambda request: (
        _about(request, "The tool does not run: the agent is told your words as its answer.")
        if request.kind == "tool_call"
        else _about(request)
    ),
    "settle": lambda request: _about(
        request, "It is not known whether this was done. Look where it would show before you say so."
    ),
}


def _ours(text: str) -> Json:
    return {"type": "plain_text", "text": text, "emoji": False}
