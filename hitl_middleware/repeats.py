"""A call that people have rejected again and again: which rejections count, and what the agent is told instead of asking. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from hitl_middleware.actions import same_args
from hitl_middleware.records import Action

MAX_QUOTE: Final = 1_000
"""Characters of a reason that are told again."""


def rejections(denied: Iterable[Action], args: Mapping[str, Any]) -> Sequence[Action]:
    """Those of a tool's denied actions that people rejected with these very arguments.

    Feedback asks for another try and does not count; nor does a question that the run went on without, or a refusal of our own.
    """
    return [action for action in denied if _by_people(action) and same_args(action.args, args)]


def _by_people(action: Action) -> bool:
    decision = action.decision
    return decision is not None and decision.type == "reject" and action.decided_by not in {"hitl", "policy"}


def reason(rejected: Sequence[Action]) -> str:
    """Why nobody is asked, as a part of a sentence."""
    times = "once" if len(rejected) == 1 else f"{len(rejected)} times"
    return f"this very call was rejected {times} on this thread"


def refusal(rejected: Sequence[Action]) -> str:
    """What the agent is told, with the newest reason and its author, marked as data. ``rejected``: newest first."""
    last = rejected[0]
    told = f"{last.tool} was not called: {reason(rejected)}, so nobody is asked again."
    words = last.decision.message if last.decision is not None else None
    if words:
        quoted = json.dumps(words[:MAX_QUOTE] + ("…" if len(words) > MAX_QUOTE else ""), ensure_ascii=False)
        told += f" The last reason, by {last.decided_by}, quoted as data: {quoted}"
    return f"{told} Do something else."
