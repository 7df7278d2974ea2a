"""What the services and the database say was done: told as it happens, and added up in the end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from hitl_graphs.support.fakes import (
    CommentPosted,
    ConversationAssigned,
    Effect,
    EmailTransferred,
    MessageSent,
    RefundCreated,
)
from hitl_middleware import audit
from hitl_middleware.cli.demo.stage import Stage
from hitl_middleware.cli.demo.terminal import Terminal
from hitl_middleware.display import one_line
from hitl_middleware.records import Action, ReviewRequest
from hitl_middleware.wording import person, status_words


def told(service: str, effect: Effect) -> tuple[str, str]:
    """The service's name, and what it recorded."""
    match effect:
        case MessageSent():
            what = f"a message to the customer: “{one_line(effect.text or effect.body, 300)}”"
        case CommentPosted():
            what = f"a comment for teammates: “{one_line(effect.body, 200)}”"
        case ConversationAssigned():
            what = f"the conversation belongs to {effect.assignee_id}"
        case RefundCreated():
            amount = f"{effect.amount / 100:.2f} {effect.currency.upper()}"
            what = f"{effect.refund_id}, {amount} of order {effect.order_id}"
        case EmailTransferred():
            what = f"purchases moved from {effect.from_email} to {effect.to_email}"
        case _:
            what = type(effect).__name__
    return service.capitalize(), what


def summary(stage: Stage, terminal: Terminal) -> None:
    """Asked, decided, executed once each, and the audit that says so."""
    acts = [(action, detail.requests) for detail in stage.runs() for action in detail.actions]
    terminal.heading("What happened")
    for action, requests in acts:
        asked = next(
            (one for one in requests if one.action_id == action.id and one.kind == "tool_call"), None
        )
        terminal.say(f"{action.tool}({_call(action)})", indent=2, style="bold")
        terminal.table(list(_story(stage, action, asked)), indent=6)
    terminal.say()
    stage.hitl.portal.call(audit.seal, stage.hitl.store)
    found = stage.hitl.portal.call(audit.verify, stage.hitl.store)
    verified = f"verified: {found.checked} events, each chained by its hash to the one before"
    terminal.table([("audit", found.problem or verified)])


def _story(stage: Stage, action: Action, asked: ReviewRequest | None) -> Iterator[tuple[str, str]]:
    if asked is None:
        yield "asked", "nobody: the policy lets it pass on the record"
    else:
        yield "asked", f"in Slack, request {asked.code}"
        by = person(asked.decided_by, asked.decided_by_name)
        words = asked.decision.message if asked.decision else None
        said = f": “{one_line(words, 200)}”" if words else ""
        edited = ", edited" if asked.decision and asked.decision.type == "edit" else ""
        yield "decided", f"{status_words(asked, None).decision}{edited}{f' by {by}' if by else ''}{said}"
    yield "executed", _executed(action, stage.effects_of(action.id))


def _executed(action: Action, effects: Sequence[tuple[str, Effect]]) -> str:
    where = f", as {effects[0][0]}'s own books say" if effects else ""
    count = {0: "no", 1: "once"}.get(len(effects), f"{len(effects)} times") + where
    return f"{count}; it failed: {one_line(action.error or '', 200)}" if action.status == "failed" else count


def _call(action: Action) -> str:
    return one_line(", ".join(str(value) for value in action.args.values()), 54)
