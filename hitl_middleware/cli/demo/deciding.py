"""One person's answer: typed here, or – with ``--as slack:U…`` – by pressing the buttons in Slack, signed as Slack signs."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final, Literal

from hitl_middleware.actions import Decision, DecisionType, EditedAction
from hitl_middleware.channels.slack.words import user_of
from hitl_middleware.cli.context import local_identity, voucher
from hitl_middleware.cli.demo import books
from hitl_middleware.cli.demo.script import PEOPLE
from hitl_middleware.cli.demo.stage import Stage
from hitl_middleware.cli.demo.terminal import Terminal
from hitl_middleware.records import ReviewRequest
from hitl_middleware.testing.fake_slack import FakeSlack, Message, Reply

WORDS: Final[Mapping[DecisionType, tuple[str, str]]] = {
    "approve": ("a", "approve"),
    "reject": ("r", "reject"),
    "feedback": ("f", "feedback"),
    "edit": ("e", "edit"),
    "respond": ("w", "write the answer yourself"),
}
OUTCOMES: Final[Mapping[str, str]] = {"d": "done", "f": "failed", "t": "try again"}
SLACK_SECONDS: Final = 5.0


class Decider:
    """Whoever decides."""

    def __init__(self, stage: Stage, terminal: Terminal, as_: str | None) -> None:
        self._stage = stage
        self._terminal = terminal
        self.identity = as_ or local_identity()
        self._vouched_by = voucher(as_)
        self.slack_user = user_of(as_)
        if self.slack_user and self.slack_user not in PEOPLE:
            stage.slack.add_user(self.slack_user, name=self.slack_user.lower())

    def decide(self, request: ReviewRequest, card: Message | None, overtaken: Callable[[], bool]) -> str:
        """Ask, and let the answer count; what happened, for people. ``overtaken``: somebody decided elsewhere meanwhile.

        Raises ``Refused`` for an answer that does not count.
        """
        if request.kind == "outcome":
            return self._settle(request, overtaken)
        allowed = [kind for kind in WORDS if kind in request.plan.allowed_decisions]
        options = {WORDS[kind][0]: WORDS[kind][1] for kind in allowed}
        typed = self._terminal.choose(options, overtaken)
        if typed is None:
            return self._stage.elsewhere(request)
        kind = next(kind for kind in allowed if WORDS[kind][0] == typed)
        if self.slack_user and card is not None and kind in {"approve", "reject"}:
            return self._in_slack(kind, self.slack_user, card, request)
        self._submit(request, self._decision(kind, request))
        return ""

    def _submit(self, request: ReviewRequest, decision: Decision) -> None:
        hitl = self._stage.hitl
        hitl.portal.call(
            hitl.submit,
            request.id,
            decision,
            identity=self.identity,
            vouched_by=self._vouched_by,
            via="cli",
        )

    def _decision(self, kind: DecisionType, request: ReviewRequest) -> Decision:
        match kind:
            case "reject":
                return Decision(type=kind, message=self._terminal.line("Why? The agent is told: ") or None)
            case "feedback":
                return Decision(type=kind, message=self._terminal.line("What should be different? "))
            case "respond":
                return Decision(type=kind, message=self._terminal.line("The tool's answer, in your words: "))
            case "edit":
                args = self._edited(request.args or {})
                return Decision(type=kind, edited_action=EditedAction(name=request.tool or "", args=args))
            case _:
                return Decision(type=kind)

    def _edited(self, args: Mapping[str, Any]) -> dict[str, Any]:
        self._terminal.say("Type a new value, or nothing to keep what is there.")
        edited = dict(args)
        for name, value in args.items():
            typed = self._terminal.line(f"  {name}: ").strip()
            if typed:
                edited[name] = typed if isinstance(value, str) else _value(typed)
        return edited

    def _settle(self, request: ReviewRequest, overtaken: Callable[[], bool]) -> str:
        found = self._stage.effects_of(request.action_id or "")
        self._terminal.say(
            "The process that performed this act died before it could say how it ended. So it is not tried again by itself; "
            "somebody has to look. The services' own books say, under this action's key:"
        )
        self._terminal.table([books.told(*one) for one in found] or [("nothing", "")], indent=4)
        self._terminal.say()
        self._terminal.say("What became of it?")
        typed = self._terminal.choose(OUTCOMES, overtaken)
        if typed is None:
            return self._stage.elsewhere(request)
        what: Literal["done", "failed", "retry"] = {"d": "done", "f": "failed"}.get(typed, "retry")  # type: ignore[assignment]
        hitl = self._stage.hitl
        hitl.portal.call(
            hitl.settle,
            request.action_id or "",
            what,
            identity=self.identity,
            vouched_by=self._vouched_by,
            via="cli",
        )
        return ""

    # in Slack --------------------------------------------------------------------------------------------------------

    def _in_slack(self, kind: DecisionType, user: str, card: Message, request: ReviewRequest) -> str:
        slack = self._stage.slack
        before = len(slack.ephemerals)
        if kind == "approve":
            reply = slack.click(user, card, text="Approve")
            done = "pressed Approve"
        else:
            reply = reject(slack, user, card, self._terminal.line("Why? The agent is told: "))
            done = "pressed Reject and filled in the form"
        if reply.trouble:
            return f"Slack says: {reply.trouble}"

        def answered() -> str | None:
            if len(slack.ephemerals) > before:
                return f"Only you see this in Slack: {slack.ephemerals[-1].plain()}"
            if self._stage.request(request.id).request.status != "pending":
                return f"You {done} in Slack; the server got it signed and answered in {reply.seconds * 1000:.0f} ms."
            return None

        return self._stage.until("An answer to the click", answered, SLACK_SECONDS)


def reject(slack: FakeSlack, user: str, card: Message, reason: str) -> Reply:
    """Press Reject, fill in the form that opens, send it."""
    known = {view.id for view in slack.views}
    pressed = slack.click(user, card, text="Reject")
    opened = [view for view in slack.views if view.id not in known]
    return slack.submit_view(user, opened[0], {"Reason": reason}) if opened else pressed


def _value(typed: str) -> Any:
    try:
        return json.loads(typed)
    except ValueError:
        return typed  # the tool's schema says what it minds
