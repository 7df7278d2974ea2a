"""The buttons of a card: one for each answer that the plan allows and Slack has a form for. Pure.

Limits of Slack (docs.slack.dev, "Button element"): 75 characters of text, 2,000 of value; 25 elements in a block of actions.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from hitl_middleware.channels.slack import modals, words
from hitl_middleware.channels.slack.press import ButtonKind, FormKind, Press, action_id
from hitl_middleware.channels.slack.words import Json, markup
from hitl_middleware.records import CardView, ReviewRequest


def asking(view: CardView, *, complete: bool) -> Iterator[Json]:
    """The buttons; where they are not enough, a sentence that says where else to decide."""
    request = view.request
    where = (
        words.link(view.url, "Decide on its page")
        or f"Decide in a terminal: `hitl requests show {words.escape(request.code)}`"
    )
    forms = {kind: modals.unavailable(kind, request) for kind in _wanted(request)}
    buttons = [button(kind, label, request) for kind, label in _buttons(request, forms, complete=complete)]
    if not complete:
        sentence = "⚠️ *This is too long to be shown here in full, so it cannot be approved here.*"
        yield {"type": "section", "text": markup(f"{sentence} {where}")}
    elif not buttons:
        yield {"type": "section", "text": markup(f"This cannot be answered with a button. {where}")}
    if buttons:
        yield {"type": "actions", "elements": buttons}
    for kind, why in forms.items() if complete else ():
        if why:
            sentence = f"⚠️ *{_DOING[kind]} is not possible here.* {why}"
            yield {"type": "section", "text": markup(f"{sentence} {where}")}


_LABELS: Final[tuple[tuple[ButtonKind, str], ...]] = (
    ("approve", "Approve"),
    ("fill", "Approve"),
    ("edit", "Edit"),
    ("reject", "Reject"),
    ("feedback", "Feedback"),
    ("respond", "Respond"),
)


_DOING: Final[Mapping[FormKind, str]] = {"fill": "Approving", "edit": "Editing", "respond": "Responding"}


def _buttons(
    request: ReviewRequest, forms: Mapping[FormKind, str | None], *, complete: bool
) -> Iterator[tuple[ButtonKind, str]]:
    """What the plan allows and Slack has a form for. Where something is cut nothing is offered that would have the act happen."""
    allowed: set[ButtonKind] = {kind for kind in request.plan.allowed_decisions if kind != "edit"}
    if "fill" in forms:
        allowed.remove("approve")
    allowed |= set(forms)
    allowed -= {kind for kind, why in forms.items() if why}
    if not complete:
        allowed -= {"approve", "fill", "edit"}
    return (each for each in _LABELS if each[0] in allowed)


def _wanted(request: ReviewRequest) -> Iterator[FormKind]:
    """The forms with fields of its own that this request may be answered with."""
    may = request.plan.allowed_decisions
    if "approve" in may and request.kind == "step" and request.response_schema is not None:
        yield "fill"
    # A call that needs several approvals is not edited by one (the desk would refuse it).
    if "edit" in may and request.tool and request.args is not None and not request.plan.by_several:
        yield "edit"
    if "respond" in may and request.kind not in {"tool_call", "outcome"}:
        yield "respond"


_STYLES: Final[Mapping[ButtonKind, str]] = {"approve": "primary", "fill": "primary", "reject": "danger"}


def button(kind: ButtonKind, label: str, request: ReviewRequest) -> Json:
    """One button; it carries the request and the digest that is shown."""
    style = {"style": _STYLES[kind]} if kind in _STYLES else {}
    return {
        "type": "button",
        "action_id": action_id(kind),
        "text": {"type": "plain_text", "text": label, "emoji": False},
        "value": Press(request.id, request.version, request.digest).value,
        **style,
    }
