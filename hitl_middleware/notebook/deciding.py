"""An answer from a notebook: built, given to the desk, and told of. The rules are the desk's."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, Final, Literal, cast, get_args

from pydantic import ValidationError

from hitl_middleware.actions import Decision, DecisionType, EditedAction
from hitl_middleware.errors import DoesNotFit
from hitl_middleware.hitl import Hitl
from hitl_middleware.notebook.errors import NothingWaits, Several
from hitl_middleware.notebook.facts import Facts
from hitl_middleware.notebook.markup import Html, Shown, tag
from hitl_middleware.notebook.standing import standing
from hitl_middleware.people import login
from hitl_middleware.records import Action, ReviewRequest

VIA: Final = "notebook"

Outcome = Literal["done", "failed", "retry"]


@dataclass(frozen=True, slots=True, repr=False)
class Told(Shown):
    """What became of an answer. It is committed when this exists; ``await`` gives the same, at once."""

    words: str
    request: ReviewRequest | None = None
    action: Action | None = None

    def __await__(self) -> Generator[Any, None, Told]:
        yield from ()
        return self

    def as_html(self) -> Html:
        return tag("p", self.words)

    def as_text(self) -> str:
        return self.words


def waiting(facts: Facts, key: str | None) -> ReviewRequest:
    """The request that is meant: the only one that waits, or the one with this code or id. Raises ``NothingWaits``, ``Several``."""
    pending = facts.pending
    if key is not None:
        found = [request for request in pending if key.lower() in {request.code, request.id}]
        if not found:
            raise NothingWaits(why=f"no request {key!r} is pending. Pending: {_codes(facts) or 'none'}.")
        return found[0]
    if not pending:
        if facts.asking:
            raise NothingWaits(
                why="the thread asks, but no request was stored, because the graph is neither attached nor served. "
                "hitl.attach(graph, name=…) files the next one; this one you answer by graph.invoke(Command(resume={…}))."
            )
        raise NothingWaits(why=f"{standing(facts).headline}.")
    if len(pending) > 1:
        raise Several(count=len(pending), codes=_codes(facts))
    return pending[0]


def _codes(facts: Facts) -> str:
    return ", ".join(f"{request.code} ({request.title})" for request in facts.pending)


def decision(
    request: ReviewRequest,
    type_: str,
    message: str | None,
    args: dict[str, Any] | None,
    answer: Any,
    *,
    answered: bool,
) -> Decision:
    """The answer as the desk takes it. Raises ``DoesNotFit`` with what would fit."""
    if type_ not in get_args(DecisionType):
        raise DoesNotFit(
            field="decision", why=f"{type_!r} is none of {', '.join(request.plan.allowed_decisions)}"
        )
    kind = cast("DecisionType", type_)
    words: dict[str, Any] = {"type": kind}
    if message is not None:
        words["message"] = message
    if kind == "edit":
        if args is None:
            raise DoesNotFit(
                field="args", why="an edit needs what is to change, for example args={'amount_cents': 500}"
            )
        words["edited_action"] = EditedAction(name=request.tool or "", args={**(request.args or {}), **args})
    if answered:
        words["answer"] = answer
    try:
        return Decision.model_validate(words)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        field = ".".join(str(part) for part in first["loc"]) or kind
        raise DoesNotFit(field=field, why=first["msg"].removeprefix("Value error, ")) from None


async def submit(
    hitl: Hitl, request: ReviewRequest, said: Decision, *, reviewer: str, named: bool
) -> ReviewRequest:
    """Hand it to the desk. ``named``: somebody else than whoever sits here is named, and the audit tells both."""
    return await hitl.submit(
        request.id,
        said,
        identity=reviewer,
        via=VIA,
        vouched_by=f"{VIA}:{login()}" if named else None,
        # What was decided is meant for the call as it was shown here.
        if_match=request.digest or None,
    )


def in_doubt(facts: Facts, action_id: str | None) -> Action:
    """The act whose outcome nobody knows. Raises ``NothingWaits``, ``Several``."""
    found = [act for act in facts.actions if act.status == "unknown" and action_id in {None, act.id}]
    if not found:
        raise NothingWaits(why="no act of this run has an unknown outcome.")
    if len(found) > 1:
        raise Several(count=len(found), codes=", ".join(f"{act.id} ({act.tool})" for act in found))
    return found[0]
