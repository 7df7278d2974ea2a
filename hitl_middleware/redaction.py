"""What a policy hides (``redact``) and how that looks: the one place where arguments are taken out before anybody is shown them. Pure.

The store and the graph keep the whole call: it is what runs and what the digest covers. Whatever leaves for people – cards, forms, pages,
the API, the command line, the notebook – comes from ``Views``, the publisher or a result of ``Hitl``, and they hand out records without
the hidden values. So a surface that forgets to ask cannot leak. Logs and audit hold no arguments in the first place.

A reviewer's edit may leave a hidden argument out, or send it back as it was shown: then it keeps its value (``restored``).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any, Final

from hitl_middleware.actions import Decision, canonical
from hitl_middleware.records import Action, ReviewRequest, Submission

MARK: Final = "⟦redacted⟧"
"""What stands in a hidden argument's place."""


def redacted(args: Mapping[str, Any], redact: Collection[str]) -> dict[str, Any]:
    """``args`` with ``MARK`` for every one that ``redact`` names."""
    return {name: MARK if name in redact else value for name, value in args.items()}


def hidden(args: Mapping[str, Any] | None, redact: Collection[str]) -> tuple[str, ...]:
    """Names of the arguments that are there and hidden."""
    return tuple(name for name in args or () if name in redact)


def restored(decision: Decision, args: Mapping[str, Any] | None, redact: Collection[str]) -> Decision:
    """An edit with the hidden arguments it did not name, as they are in ``args``, where they stand there."""
    edited = decision.edited_action
    if edited is None or not args or not redact:
        return decision
    given = {name: value for name, value in edited.args.items() if not (name in redact and value == MARK)}
    order = [*args, *(name for name in given if name not in args)]
    whole = {
        name: given[name] if name in given else args[name]
        for name in order
        if name in given or name in redact
    }
    return decision.model_copy(update={"edited_action": edited.model_copy(update={"args": whole})})


# ------------------------------------------------------------------------------------------------- records for people


def hide_decision(decision: Decision | None, redact: Collection[str]) -> Decision | None:
    """A decision without the values of hidden arguments that its edit carries."""
    if decision is None or decision.edited_action is None or not redact:
        return decision
    edited = decision.edited_action
    shown = edited.model_copy(update={"args": redacted(edited.args, redact)})
    return decision.model_copy(update={"edited_action": shown})


def hide_request(request: ReviewRequest) -> ReviewRequest:
    """A request as people may see it."""
    redact, before = request.plan.redact, request.edited_from
    if not redact:
        return request
    changed = ", ".join(_changed(before, request.args or {}, redact)) if before is not None else ""
    note = f"A reviewer changed what is hidden: {changed}"
    return replace(
        request,
        args=None if request.args is None else redacted(request.args, redact),
        decision=hide_decision(request.decision, redact),
        edited_from=None if before is None else redacted(before, redact),
        notes=(*request.notes, note) if changed else request.notes,
    )


def _changed(before: Mapping[str, Any], after: Mapping[str, Any], redact: Collection[str]) -> list[str]:
    """Names of hidden arguments that are others now. Before and after look the same to whoever sees only the mark."""
    return [
        name
        for name in redact
        if canonical({name: before[name]} if name in before else {})
        != canonical({name: after[name]} if name in after else {})
    ]


def hide_action(action: Action) -> Action:
    """An act as people may see it."""
    redact = action.plan.redact
    if not redact:
        return action
    return replace(
        action, args=redacted(action.args, redact), decision=hide_decision(action.decision, redact)
    )


def hide_submission(submission: Submission, redact: Collection[str]) -> Submission:
    """An answer as people may see it."""
    shown = hide_decision(submission.decision, redact)
    return submission if shown is None else replace(submission, decision=shown)
