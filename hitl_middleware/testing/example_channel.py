"""A channel of one's own, complete and small: a pin board. Copy it to begin yours; it passes ``ChannelContract``.

What makes a channel: ``targets`` says where a request's cards belong, ``approvers`` who may decide there by default, ``post`` / ``update``
/ ``find`` keep one message true, ``notify`` says something once, ``notices`` what is said once of a decision or a deadline. Words come from
``hitl_middleware.display``, so that every place says the same and hides nothing. Whatever goes wrong is a ``DeliveryFailed``: for good, or
with the time to wait – publishing, retrying and remembering are the library's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from hitl_middleware.display import hidden_from, shown_args, shown_text, visible
from hitl_middleware.errors import DeliveryFailed
from hitl_middleware.records import Card, CardView, Notice, NoticeDraft, Occasion, ReviewRequest, Target
from hitl_middleware.wording import late_words, person, status_words

LIMIT = 3_000
"""Characters of arguments that fit on a pin."""

Trouble = Literal["lost", "down", "limited", "refused"]


@dataclass
class Board:
    """The far end, here in memory: what is pinned, under its number, and the trouble that the next call meets."""

    pins: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Number → the card's id, which nobody sees, and the words."""
    notes: list[str] = field(default_factory=list)
    trouble: Trouble | None = None
    seconds: int = 0

    def meet(self, *when: Trouble) -> None:
        """Meet the scripted trouble, if it is one of these."""
        if self.trouble in when:
            trouble, self.trouble = self.trouble, None
            wait = self.seconds if trouble == "limited" else None
            why = f"the board is {trouble}"
            raise DeliveryFailed(
                why, permanent=trouble == "refused", retry_after=wait, unheard=trouble == "lost"
            )


class BoardChannel:
    """``ReviewChannel`` for a board. Nothing on it is parsed, so nothing has to be escaped; a place with markup has to."""

    name = "board"

    def __init__(self, board: Board, place: str = "hall") -> None:
        self._board = board
        self._place = place

    def targets(self, request: ReviewRequest) -> Sequence[Target]:
        """Every request belongs here; a real channel would look at ``request.tool`` and ``request.plan.approvers``."""
        return [Target(channel=self.name, address=self._place)]

    def approvers(self, labels: Mapping[str, str]) -> Sequence[str]:
        """Nobody but whom policies and settings name."""
        return ()

    def notices(self, request: ReviewRequest, card: Card, occasion: Occasion) -> Sequence[NoticeDraft]:
        """Nothing of a decision: the card says it. Of a deadline a line that calls those whom it concerns: a changed pin wakes nobody."""
        if occasion.kind == "decided":
            return ()
        text = late_words(request, occasion, ", ".join(occasion.to))
        return [NoticeDraft(key=occasion.kind, address=card.target.address, body={"text": text})]

    async def post(self, view: CardView) -> str:
        """Pin it. The card's id goes with it, for ``find``."""
        self._board.meet("down", "limited", "refused")
        ref = f"{self._place}-{len(self._board.pins) + 1}"
        self._board.pins[ref] = (view.card.id, words(view))
        self._board.meet("lost")
        return ref

    async def update(self, view: CardView, ref: str) -> None:
        """Change the pin. One that somebody took down stays down."""
        self._board.meet("down", "limited", "refused")
        if ref not in self._board.pins:
            why = "somebody took the pin down"
            raise DeliveryFailed(why, permanent=True)
        self._board.pins[ref] = (view.card.id, words(view))
        self._board.meet("lost")

    async def find(self, view: CardView) -> Sequence[str]:
        """After a lost answer: the pins that carry this card's id."""
        return [ref for ref, (card, _) in self._board.pins.items() if card == view.card.id]

    async def remove(self, ref: str) -> None:
        """Take a pin down."""
        self._board.meet("down", "limited", "refused")
        self._board.pins.pop(ref, None)

    async def notify(self, notice: Notice) -> None:
        """Say it once."""
        self._board.meet("down", "limited", "refused")
        self._board.notes.append(visible(str(notice.body["text"])))


def words(view: CardView) -> str:
    """The whole card. ``status_words`` tells the two stories apart: what was decided, and what became of the act."""
    request, action = view.request, view.action
    status = status_words(request, action)
    lines = [
        visible(request.title),
        visible(request.tool or ""),
        shown_text(request.description, LIMIT).text,
        shown_args(request.args or {}, LIMIT, redact=request.plan.redact).text,
        hidden_from(request) or "",
        visible(request.plan.reason),
        *(visible(note) for note in request.notes),
        status.decided(visible(person(request.decided_by, request.decided_by_name) or "") or None),
        status.outcome or "",
        visible(action.error) if action is not None and action.error else "",
    ]
    return "\n".join(line for line in lines if line)
