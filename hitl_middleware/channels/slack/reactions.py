"""When 👍 or ❌ on a card counts. Pure.

A click carries the digest of the card it stands on, a reaction carries nothing: all that is known is which message, not which state of it
the person saw. So it may only count while Slack shows the request as it is now (``card.shown == request.version``). Where a newer version
is on its way to the message, the person may have agreed to the older one, and is asked to look again. That is stricter than a click on an
old card, which counts where nothing but a note was added; without a digest we cannot tell such a change from one that matters.

And it says no more than a button would: ❌ rejects without a reason, 👍 approves only where the card has an Approve button that asks
nothing further. A card that had to be cut offers none, so a reaction on it approves nothing either.
"""

from __future__ import annotations

from typing import Final, Literal

from hitl_middleware.channels.slack import render, words
from hitl_middleware.channels.slack.press import action_id
from hitl_middleware.channels.slack.settings import SlackSettings
from hitl_middleware.records import Card, CardView

CHANGED: Final = (
    "The card has changed since, and a reaction does not tell which state of it you saw. Nothing was decided; "
    "please look at it again and use its buttons, or take your reaction back and set it anew."
)
FORM: Final = "This wants a form to be filled in, so a reaction cannot approve it. Nothing was decided; please use its buttons."
CUT: Final = "The card does not show everything, so a reaction cannot approve it. Nothing was decided."
NO_APPROVE: Final = "This cannot be approved here with a reaction. Nothing was decided."
NO_REJECT: Final = "This cannot be rejected here with a reaction. Nothing was decided."


def counts_in(settings: SlackSettings, card: Card) -> bool:
    """Whether reactions count where this card stands; a channel may be named as it is in the routes, or by its id."""
    if isinstance(settings.reactions, bool):
        return settings.reactions
    channel, _, _ = (card.ref or "").partition(":")
    return bool({channel, card.target.address} & set(settings.reactions))


def why_not(view: CardView, answer: Literal["approve", "reject"]) -> str | None:
    """Why a reaction does not count on this card, as a sentence in Slack's markup; ``None``: the desk may judge it.

    Of a request that is decided the desk says so itself, with who did it and when.
    """
    request = view.request
    if request.status != "pending":
        return None
    if view.card.shown != request.version:
        return CHANGED
    offered = _offered(view)
    if answer == "reject":
        return None if action_id("reject") in offered else NO_REJECT
    if request.kind != "tool_call" and request.response_schema is not None:
        return FORM
    return None if action_id("approve") in offered else _not_offered(view)


def _offered(view: CardView) -> frozenset[str]:
    """``action_id`` of every button that the card has now."""
    rows = (block["elements"] for block in render.blocks(view) if block["type"] == "actions")
    return frozenset(element["action_id"] for row in rows for element in row)


def _not_offered(view: CardView) -> str:
    if "approve" not in view.request.plan.allowed_decisions:
        return NO_APPROVE
    where = words.link(view.url, "Decide on its page")
    return f"{CUT} {where}" if where else CUT
