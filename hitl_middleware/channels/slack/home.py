"""The app's home tab: what waits for one person. Pure: what waits in, a view out.

It is drawn anew whenever the person opens it (Slack says so with ``app_home_opened`` each time) and says of when it is. It is not redrawn
while it stays open: that would be a call to Slack per person and change, for a list whose every line leads to a card that is kept true
anyway. Nothing is decided in it, so that an old one can do no harm.

Limits (docs.slack.dev, "Home tab" and "Block Kit"): 100 blocks; text of a section 3,000 characters; 10 elements of a context.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from hitl_middleware.channels.slack import words
from hitl_middleware.channels.slack.words import Json, markup, plain
from hitl_middleware.desk.waiting import Waiting, WaitingRequest
from hitl_middleware.quorum import progress
from hitl_middleware.records import Card

MOST_BLOCKS: Final = 100
MOST_ITEMS: Final = (MOST_BLOCKS - 4) // 2
"""A request takes two blocks; heading, time, nothing-waits and "and N more" one each."""

MOST_TITLE: Final = 150


def view(waiting: Waiting, *, user: str, workspace_url: str | None = None, pages: str | None = None) -> Json:
    """The whole tab for ``user``. ``workspace_url``: where the workspace's messages are found; ``pages``: where the requests' pages are."""
    count = len(waiting.items) + waiting.more
    heading = "1 request waits for you" if count == 1 else f"{count} requests wait for you"
    blocks: list[Json] = [
        {"type": "header", "text": plain(heading if count else "Nothing waits for you", MOST_TITLE)},
        {
            "type": "context",
            "elements": [markup(f"As of {words.date(waiting.at)}. Open this tab again for what is newer.")],
        },
    ]
    for item in waiting.items[:MOST_ITEMS]:
        blocks += _item(item, user, workspace_url, pages)
    more = count - min(len(waiting.items), MOST_ITEMS)
    if more:
        blocks.append({"type": "context", "elements": [markup(_more(more, pages))]})
    return {"type": "home", "blocks": blocks}


def _item(item: WaitingRequest, user: str, workspace_url: str | None, pages: str | None) -> list[Json]:
    request = item.request
    facts = [
        progress(item.approvals, words.role) if item.approvals else None,
        words.code(request.tool, 80) if request.tool else None,
        f"asked {words.date(request.created_at)}",
        f"{'overdue since' if request.overdue else 'until'} {words.date(request.deadline_at)}"
        if request.deadline_at
        else None,
        f"code `{words.escape(request.code)}`",
        words.link(message_link(item.cards, user, workspace_url), "Message"),
        words.link(f"{pages}/requests/{request.id}" if pages else None, "Page"),
    ]
    return [
        {"type": "section", "text": plain(request.title or words.tool_name(request), MOST_TITLE)},
        {"type": "context", "elements": [markup(fact) for fact in facts if fact]},
    ]


def message_link(cards: Sequence[Card], user: str, workspace_url: str | None) -> str | None:
    """The address of the message that this person can see: their own, else one in a channel; nobody else's direct message."""
    ours = [card for card in cards if card.target.channel == "slack" and card.ref]
    mine = [card for card in ours if card.target.address == user]
    common = [card for card in ours if words.user_of(words.PREFIX + card.target.address) is None]
    for card in (*mine, *common):
        channel, _, ts = (card.ref or "").partition(":")
        if workspace_url:
            # As chat.getPermalink answers it, without a call per message.
            return f"{workspace_url.rstrip('/')}/archives/{channel}/p{ts.replace('.', '')}"
    return None


def _more(more: int, pages: str | None) -> str:
    sentence = f"… and {more} more"
    where = words.link(pages, "All of them")
    return f"{sentence}. {where}" if where else sentence
