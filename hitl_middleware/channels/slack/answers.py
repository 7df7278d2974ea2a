"""What a form that was sent means: a decision, what became of an act, or a sentence for each field that does not fit. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from pydantic import ValidationError

from hitl_middleware.actions import Decision, DecisionType, EditedAction, same_args
from hitl_middleware.channels.slack import inputs
from hitl_middleware.channels.slack.inbound import FormSent
from hitl_middleware.channels.slack.press import OUTCOME, WORDS, FormKind
from hitl_middleware.desk.form import form_of
from hitl_middleware.display import one_line
from hitl_middleware.errors import DoesNotFit
from hitl_middleware.forms import FormSpec
from hitl_middleware.records import ReviewRequest

MOST_ERROR: Final = 300
"""Characters of a sentence at a field. Slack documents no limit; this is two lines and a half."""

Errors = Mapping[str, str]
"""``block_id`` → sentence, for ``response_action: errors``."""


_ANSWER: Final[Mapping[FormKind, DecisionType]] = {"edit": "edit", "fill": "approve", "respond": "respond"}


def spec_of(kind: FormKind, request: ReviewRequest) -> FormSpec | None:
    """The fields that a form of this kind has; ``None``: it asks for words."""
    return form_of(request, _ANSWER[kind]) if kind in _ANSWER else None


def decision_of(sent: FormSent, request: ReviewRequest) -> Decision | Errors:
    """The decision that somebody's form makes, or what is wrong with it."""
    spec = spec_of(sent.kind, request)
    try:
        if spec is None:
            return _in_words(sent)
        filled = spec.fill(inputs.entries(spec, sent.given))
        if filled.errors:
            return _at_blocks(spec, filled.errors)
        return _with_values(sent, request, filled.value)
    except ValidationError as error:
        why = str(error.errors(include_input=False, include_url=False)[0]["msg"])
        return _at_blocks(spec, {"": why.removeprefix("Value error, ").partition(": ")[2] or why})


@dataclass(frozen=True, slots=True)
class Settlement:
    """What somebody says became of an act."""

    what: Literal["done", "failed", "retry"]
    message: str | None


def outcome_of(sent: FormSent) -> Settlement | Errors:
    """What the form of an unknown outcome says."""
    match sent.given.get(OUTCOME):
        case "done" | "failed" | "retry" as what:
            return Settlement(what, _words(sent))
    return {OUTCOME: "Say what became of it."}


def misfit(error: DoesNotFit, kind: FormKind, request: ReviewRequest) -> Errors:
    """What the desk says of an answer, at the block it belongs to."""
    spec = spec_of(kind, request)
    errors: dict[str, str] = {}
    for field, why in error.places:
        key = field.removeprefix("edited_action.args").removeprefix("answer").removeprefix(".")
        owner = spec.owner(tuple(key.split("."))) if spec is not None else None
        errors.setdefault(owner.key if owner else "", why)
    return _at_blocks(spec, errors)


def _in_words(sent: FormSent) -> Decision | Errors:
    said = _words(sent)
    match sent.kind:
        case "reject":
            return Decision(type="reject", message=said)
        case "feedback":
            return Decision(type="feedback", message=said)
    return Decision(type="respond", message=said)


def _words(sent: FormSent) -> str | None:
    given = sent.given.get(WORDS)
    return given.strip() or None if isinstance(given, str) else None


def _with_values(sent: FormSent, request: ReviewRequest, value: object) -> Decision | Errors:
    if sent.kind != "edit":
        return Decision(type="approve" if sent.kind == "fill" else "respond", answer=value)
    if not isinstance(value, dict):
        return {}
    seen = {name: each for name, each in (request.args or {}).items() if name not in request.plan.redact}
    if same_args(value, seen) and "approve" in request.plan.allowed_decisions:
        # Sent as it was: the person looked at it, and wants just this.
        return Decision(type="approve")
    return Decision(type="edit", edited_action=EditedAction(name=request.tool or "", args=value))


def _at_blocks(spec: FormSpec | None, errors: Mapping[str, str]) -> Errors:
    """Slack shows an error only at an input block, so what belongs to none is said at the first."""
    if spec is None:
        return {WORDS: one_line(" ".join(errors.values()), MOST_ERROR)}
    first = inputs.block_id(spec, spec.fields[0].key) if spec.fields else WORDS
    found: dict[str, str] = {}
    for key, why in errors.items():
        found.setdefault(inputs.block_id(spec, key) or first or WORDS, one_line(why, MOST_ERROR))
    return found
