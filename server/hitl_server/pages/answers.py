"""What was sent by a form of a page, as a decision or as what is wrong with it. Pure.

Whatever is wrong, what was typed is kept: a ``Draft`` is drawn into the form again, each sentence at the field that it is about.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Literal, cast, get_args

from pydantic import ValidationError

from hitl_middleware.actions import DECISION_TYPES, MAX_MESSAGE, Decision, EditedAction, same_args
from hitl_middleware.desk.form import form_of
from hitl_middleware.errors import DoesNotFit
from hitl_middleware.records import ReviewRequest
from hitl_server.pages.fields import Sent, entries

MESSAGE: Final = "message"
CHOOSE: Final = "Nothing was decided: press one of the buttons."
MEND: Final = "Nothing was decided yet: see below."

What = Literal["done", "failed", "retry"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """An answer that did not count: what was ``sent`` and what is wrong with it – ``note`` as a whole, ``errors`` at a field.

    ``errors`` are by the key of a form's field, or ``message``. ``type`` is the button that was pressed.
    """

    type: str = ""
    sent: Sent = field(default_factory=dict)
    note: str | None = None
    errors: Mapping[str, str] = field(default_factory=dict)

    @property
    def message(self) -> str:
        """The words that were typed."""
        return one(self.sent, MESSAGE)

    def of(self, kind: str) -> Draft | None:
        """This, where it is about that kind of answer."""
        return self if self.type == kind else None


def one(sent: Sent, name: str) -> str:
    """The last value under a name; ``""``: there is none."""
    values = sent.get(name) or ("",)
    return values[-1]


def decision_of(sent: Sent, request: ReviewRequest) -> Decision | Draft:
    """The decision that somebody sent, or what is wrong with it."""
    kind = one(sent, "type")
    draft = Draft(type=kind, sent=sent)
    if kind not in DECISION_TYPES:
        return replace(draft, note=CHOOSE)
    words = one(sent, MESSAGE).strip() or None
    spec = form_of(request, kind)
    try:
        if spec is None:
            return Decision(type=kind, message=words)
        filled = spec.fill(entries(spec, sent))
        if filled.errors:
            return _with(draft, filled.errors)
        if kind == "edit":
            return _edited(filled.value, request, words)
        return Decision(type=kind, message=words, answer=filled.value)
    except ValidationError as error:
        told = error.errors(include_input=False, include_url=False)[0]
        why = str(told["msg"]).removeprefix("Value error, ")
        return _with(draft, {MESSAGE: why.partition(": ")[2] or why})


def misfit(sent: Sent, request: ReviewRequest, error: DoesNotFit) -> Draft:
    """What the desk says of an answer, at the field it belongs to."""
    draft = Draft(type=one(sent, "type"), sent=sent)
    spec = form_of(request, draft.type) if draft.type in DECISION_TYPES else None
    errors: dict[str, str] = {}
    for place, why in error.places:
        key = place.removeprefix("edited_action.args").removeprefix("answer").removeprefix(".")
        owner = spec.owner(tuple(key.split("."))) if spec is not None and key else None
        errors.setdefault(owner.key if owner else MESSAGE if place == MESSAGE else "", why)
    return _with(draft, errors)


def outcome_of(sent: Sent) -> What | Draft:
    """What somebody says became of an act."""
    what = one(sent, "type")
    draft = Draft(type=what, sent=sent, note=CHOOSE)
    if what not in get_args(What):
        return draft
    if len(draft.message) > MAX_MESSAGE:
        return replace(draft, note=f"At most {MAX_MESSAGE:,} characters of words.")
    return cast("What", what)


def _edited(value: object, request: ReviewRequest, words: str | None) -> Decision:
    args = value if isinstance(value, dict) else {}
    before = {name: each for name, each in (request.args or {}).items() if name not in request.plan.redact}
    if same_args(args, before) and "approve" in request.plan.allowed_decisions:
        # Sent as it was: the person looked at it, and wants just this.
        return Decision(type="approve", message=words)
    return Decision(
        type="edit", message=words, edited_action=EditedAction(name=request.tool or "", args=args)
    )


def _with(draft: Draft, errors: Mapping[str, str]) -> Draft:
    placed = {key: why for key, why in errors.items() if key}
    return replace(draft, errors=placed, note=errors.get("") or MEND)
