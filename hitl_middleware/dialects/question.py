"""A question: one thing an interrupt asks, whoever raised it. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from hitl_middleware.actions import ActionRequest, Place, canonical
from hitl_middleware.policy import ReviewPlan
from hitl_middleware.review import RequestKind

MAX_TITLE = 150
VERSION = 1
"""Of the ``hitl`` object in what we ask ourselves."""

Form = Literal["ours", "batched", "per_call", "agent_inbox", "plain", "breakpoint"]
"""In which words it was asked, and so in which it is answered; the table is in ``hitl_middleware.dialects``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One thing an interrupt asks.

    ``call`` is a call that stands at our own gate and so has an action; a call that foreign middleware asks about has ``tool`` and
    ``shown`` (its arguments) alone. A workflow step and an ``ask`` have a ``place``, by which they are known again, and in ``shown`` what
    of the state people see; ``notes`` tell of the rounds before. Anything else has in ``shown`` the foreign value, as data.
    """

    kind: RequestKind
    title: str
    plan: ReviewPlan
    form: Form = "plain"
    description: str = ""
    call: ActionRequest | None = None
    tool: str | None = None
    shown: dict[str, Any] | None = None
    response_schema: dict[str, Any] | None = None
    idempotent: bool = False
    early: bool = False
    """Of an ``outcome``: asked while the act may still have been under way; the gate itself looks once more before a person does."""
    place: Place | None = None
    step: str | None = None
    round: int | None = None
    notes: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        """sha256 (hex) over RFC 8785 JSON of what the answer to a question with a place speaks of."""
        place = self.place
        facts = {
            "place": None if place is None else [place.thread_id, place.checkpoint_ns, place.ordinal],
            "asked": self.description or self.title,
            "shown": self.shown,
            "schema": self.response_schema,
        }
        return hashlib.sha256(canonical(facts)).hexdigest()


def fingerprint(asked: Sequence[Question], position: int) -> str:
    """sha256 (hex) over all that one interrupt asks, and which of it this is.

    An answer belongs to what was asked, all of it: where LangGraph asks other things under an id that it used before, nothing matches.
    """
    content = [
        [q.form, q.kind, q.title, q.description, q.tool, q.shown, list(q.plan.allowed_decisions), q.response_schema]
        for q in asked
    ]  # fmt: skip
    # The encoder's own order of keys, not RFC 8785: it must not fail however deep a foreign value is, and nobody else computes this.
    return hashlib.sha256(json.dumps([position, content], sort_keys=True).encode()).hexdigest()


def title_of(text: str) -> str:
    """The first line of a text, as a heading."""
    line = text.strip().split("\n", 1)[0]
    return line if len(line) <= MAX_TITLE else line[: MAX_TITLE - 1] + "…"


def headed(text: str, otherwise: str) -> tuple[str, str]:
    """A question's title, and the whole text where the title is not all of it. ``otherwise``: where there is no text."""
    text = text.strip()
    title = title_of(text) or otherwise
    return title, "" if title == text else text


def jsonable(value: Any) -> Any:
    """The value as JSON has it; what JSON has no form for, as text."""
    try:
        return json.loads(json.dumps(value, default=str, allow_nan=False))
    except Exception:  # noqa: BLE001 – JSON has no form for it: tuples as keys, circles, NaN, a __str__ that fails
        try:
            return str(value)
        except Exception:  # noqa: BLE001 – as above
            return f"a {type(value).__name__} that cannot be shown"
