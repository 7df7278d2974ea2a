"""A reviewer who follows a script: rules given in the test, answers given as any person gives them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from hitl_middleware.actions import Decision, DecisionType, EditedAction
from hitl_middleware.records import ReviewRequest
from hitl_middleware.testing.still import StillHitl

ROUNDS = 100
"""How often a reviewer looks again before a test is told that it never ends."""

Where = Callable[[ReviewRequest], bool]
Outcome = Literal["done", "failed", "retry"]


@dataclass(frozen=True, slots=True)
class Rule:
    """What is answered to one kind of question."""

    fits: Where
    decision: Callable[[ReviewRequest], Decision] | None = None
    outcome: Outcome | None = None
    words: str | None = None
    left: int | None = None


class Answer:
    """The second half of ``reviewer.on("refund") …``: what the reviewer answers there. Later rules come first."""

    def __init__(self, reviewer: ScriptedReviewer, fits: Where, times: int | None) -> None:
        self._reviewer = reviewer
        self._fits = fits
        self._times = times

    def approve(self, answer: Any = None) -> ScriptedReviewer:
        """Yes, as it is. ``answer``: what a workflow step's form is filled in with."""
        return self._decides(lambda _: Decision(type="approve", answer=answer))

    def reject(self, why: str | None = None) -> ScriptedReviewer:
        """No."""
        return self._says("reject", why)

    def feedback(self, words: str) -> ScriptedReviewer:
        """Not like this; the agent is told the words."""
        return self._says("feedback", words)

    def respond(self, answer: Any) -> ScriptedReviewer:
        """Answer in the tool's place, or to a question: words, or a value."""
        if isinstance(answer, str):
            return self._says("respond", answer)
        return self._decides(lambda _: Decision(type="respond", answer=answer))

    def edit(self, **args: Any) -> ScriptedReviewer:
        """Yes, with these arguments changed."""

        def decision(request: ReviewRequest) -> Decision:
            changed = EditedAction(name=request.tool or "", args={**(request.args or {}), **args})
            return Decision(type="edit", edited_action=changed)

        return self._decides(decision)

    def settle(self, outcome: Outcome, words: str | None = None) -> ScriptedReviewer:
        """Of an act whose outcome is unknown: it was ``done``, it ``failed``, or ``retry`` it."""
        return self._reviewer.follow(Rule(self._fits, outcome=outcome, words=words, left=self._times))

    def _says(self, kind: DecisionType, words: str | None = None) -> ScriptedReviewer:
        return self._decides(lambda _: Decision(type=kind, message=words))

    def _decides(self, decision: Callable[[ReviewRequest], Decision]) -> ScriptedReviewer:
        return self._reviewer.follow(Rule(self._fits, decision=decision, left=self._times))


class ScriptedReviewer:
    """Decides what is asked by rules, through ``Hitl.submit`` and ``Hitl.settle`` as every channel does.

    So everything that can refuse a person can refuse this one: who it is, what the plan allows, who was first. ``identity`` is who it
    is; the default one sits at the terminal and may decide anything.
    """

    def __init__(self, hitl: StillHitl, identity: str = "local:reviewer") -> None:
        self._hitl = hitl
        self.identity = identity
        self._rules: list[Rule] = []
        self.decided: list[ReviewRequest] = []
        """What was decided so far, as it stood right after."""

    def known_as(self, identity: str) -> ScriptedReviewer:
        """Another reviewer, without rules: ``slack:U…``, ``github:ann`` …"""
        return ScriptedReviewer(self._hitl, identity)

    def on(
        self, tool: str | None = None, *, where: Where | None = None, times: int | None = None, **args: Any
    ) -> Answer:
        """Say when a rule holds: for this tool or step (``None``: any question), where the call has these arguments, ``times`` often."""

        def fits(request: ReviewRequest) -> bool:
            has = (request.args or {}).items()
            return (
                (tool is None or _name(request) == tool)
                and all(item in has for item in args.items())
                and (where is None or where(request))
            )

        return Answer(self, fits, times)

    def follow(self, rule: Rule) -> ScriptedReviewer:
        """Add a rule; it comes before those that were there."""
        self._rules.insert(0, rule)
        return self

    def review(self) -> list[ReviewRequest]:
        """Answer all that waits and that a rule speaks of, carry it out, and what is asked then, until nothing is. What was decided now.

        What no rule speaks of is left waiting. Raises what the desk says to an answer that does not count (``NotAllowed`` …), and
        ``AssertionError`` where the agent asks for ever.
        """
        before = len(self.decided)
        for _ in range(ROUNDS):
            self._hitl.step()
            answered = [self._answer(request) for request in self._hitl.pending()]
            if not any(answered):
                return self.decided[before:]
        msg = f"after {ROUNDS} rounds the agent still asks; {asked(self._hitl)}"
        raise AssertionError(msg)

    def _answer(self, request: ReviewRequest) -> bool:
        for index, rule in enumerate(self._rules):
            is_outcome = request.kind == "outcome"
            if rule.left == 0 or (rule.outcome is not None) != is_outcome or not rule.fits(request):
                continue
            if rule.left is not None:
                self._rules[index] = replace(rule, left=rule.left - 1)
            self.decided.append(self._give(request, rule))
            return True
        return False

    def _give(self, request: ReviewRequest, rule: Rule) -> ReviewRequest:
        hitl = self._hitl
        if rule.decision is not None:
            return hitl.portal.call(
                hitl.submit, request.id, rule.decision(request), identity=self.identity, via="test"
            )
        assert rule.outcome is not None
        assert request.action_id is not None
        hitl.portal.call(
            hitl.settle,
            request.action_id,
            rule.outcome,
            identity=self.identity,
            via="test",
            message=rule.words,
        )
        return hitl.portal.call(hitl.views.request, request.id).request


class AssertWaiting:
    """``assert_waiting("refund", order_id="A-1")``: do what is due; then exactly this must wait. That request.

    A workflow step is named like a tool, and what it shows like arguments. Those that are not named do not matter.
    ``assert_waiting.nothing()``: nobody is asked anything.
    """

    def __init__(self, hitl: StillHitl) -> None:
        self._hitl = hitl

    def __call__(self, tool: str, /, **args: Any) -> ReviewRequest:
        self._hitl.step()
        pending = self._hitl.pending()
        found = [one for one in pending if _name(one) == tool and _has(one.args, args)]
        wanted = f"{tool}({', '.join(f'{name}={value!r}' for name, value in args.items())})"
        assert len(found) == len(pending) == 1, f"exactly {wanted} should wait; {asked(self._hitl)}"
        return found[0]

    def nothing(self) -> None:
        """Nothing waits for anybody."""
        self._hitl.step()
        assert not self._hitl.pending(), f"nothing should wait; {asked(self._hitl)}"


def _name(request: ReviewRequest) -> str | None:
    return request.tool or request.step


def asked(hitl: StillHitl) -> str:
    """What waits and how the acts stand, for the message of a failed assertion."""
    waiting = [f"  {_call(_name(one) or one.title, one.args)} [{one.kind}]" for one in hitl.pending()]
    acts = [
        f"  {_call(one.tool, one.args)} {one.status}{f': {one.error}' if one.error else ''}"
        for one in hitl.actions()
    ]
    return "\n".join(["waiting now:", *(waiting or ["  nothing"]), "acts so far:", *(acts or ["  none"])])


def _call(name: str, args: Mapping[str, Any] | None) -> str:
    return f"{name}({', '.join(f'{key}={value!r}' for key, value in (args or {}).items())})"


def _has(args: Mapping[str, Any] | None, wanted: Mapping[str, Any]) -> bool:
    return all(name in (args or {}) and (args or {})[name] == value for name, value in wanted.items())
