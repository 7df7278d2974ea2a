"""The people of ``hitl demo --ci`` and what has to be true after each of their steps."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Final

import httpx

from hitl_graphs.support.fakes import EmailTransferred, MessageSent, RefundCreated
from hitl_middleware import audit
from hitl_middleware.cli.demo.checks import Checks, Scene, expect, only, says
from hitl_middleware.cli.demo.deciding import reject
from hitl_middleware.cli.demo.script import ANN, KIM, SCRIPT
from hitl_middleware.cli.demo.stage import Stage, staged
from hitl_middleware.records import ReviewRequest
from hitl_middleware.review import is_final
from hitl_middleware.testing.fake_slack import Message
from hitl_middleware.views import RunDetail

MOVE: Final = "Please move my purchases from dana@mail.example to dana@work.example"
SLACK: Final = "what stands in Slack"
WHY: Final = "The new address is not confirmed yet."


def play_and_check(stage: Stage, checks: Checks) -> None:
    """Everything, in order. Raises ``DidNotHold`` at the first step that does not hold."""
    scene = Conversation(stage, checks)
    scene.draft()
    scene.large_refund()
    scene.small_refund()
    scene.rejection()
    scene.forgeries()
    scene.afterwards()


class Conversation:
    """The steps."""

    def __init__(self, stage: Stage, checks: Checks) -> None:
        self._stage = stage
        self._check = checks.check

    def draft(self) -> None:
        """A reply waits for a reader."""
        with self._check(
            "a customer's question, by Front's signed webhook: the reply waits, nothing is sent"
        ):
            request, card = self._asked(SCRIPT[0].words)
            expect(self._stage.front.made(MessageSent), (), "messages sent")
        with self._check("its card in Slack says Waiting and has the buttons Approve and Reject"):
            says(card.plain(), "Waiting for a decision", where=SLACK)
            expect(
                [button.text for button in card.buttons], ["Approve", "Edit", "Reject", "Feedback"], "buttons"
            )
        with self._check("@ann presses Approve, signed as Slack signs: the reply is sent, once"):
            expect(self._stage.slack.click(ANN, card, text="Approve").status, 200, "HTTP status of the click")
            self._ended(request)
            sent = only(self._stage.front.made(MessageSent), "messages")
            expect(sent.idempotency_key, request.action_id, "idempotency key")
        with self._check("the same card says Approved by @ann, and Executed; its buttons are gone"):
            self._card(request, "Approved by @ann", "Executed")

    def large_refund(self) -> None:
        """Money waits for a person, who clicks twice."""
        with self._check("a refund of 120.00 waits for a person, no money moves"):
            request, card = self._asked(SCRIPT[1].words)
            expect(self._stage.stripe.made(RefundCreated), (), "refunds")
        with (
            self._check("@ann clicks Approve twice at once: one decision, the other click is told so"),
            ThreadPoolExecutor(2) as two,
        ):
            slack = self._stage.slack
            clicks = [two.submit(slack.click, ANN, card, text="Approve", stale=card) for _ in range(2)]
            expect([click.result().status for click in clicks], [200, 200], "HTTP status of the clicks")
            notes = self._stage.until("The note to the second click", lambda: slack.ephemerals)
            says(only(notes, "notes").plain(), "@ann", where=SLACK)
            expect(len(self._stage.request(request.id).submissions), 1, "decisions that count")
        with self._check("Stripe refunds 120.00, once, under the action's idempotency key"):
            self._ended(request)
            refund = only(self._stage.stripe.made(RefundCreated), "refunds")
            expect((refund.order_id, refund.amount), ("A-1001", 12_000), "refund")
            expect(refund.idempotency_key, request.action_id, "idempotency key")
        with self._check("the same card says Approved by @ann, and Executed"):
            self._card(request, "Approved by @ann", "Executed")

    def small_refund(self) -> None:
        """The policy lets it pass, on the record."""
        with self._check(
            "a refund of 39.00 asks nobody and is made, once; the action says that the policy decided"
        ):
            before = len(self._stage.slack.messages)
            run = self._run(SCRIPT[2].words, asks=False)
            action = only(run.actions, "actions")
            expect((action.status, action.decided_by), ("succeeded", "policy"), "action")
            expect(len(self._stage.effects_of(action.id)), 1, "refunds under its key")
            expect(len(self._stage.slack.messages), before, "messages in Slack")

    def rejection(self) -> None:
        """No means no, and the agent hears why."""
        with self._check(
            "@kim rejects the move of an account with a reason, in Slack's form: it does not happen"
        ):
            request, card = self._asked(MOVE)
            expect(reject(self._stage.slack, KIM, card, WHY).trouble, "", "what Slack says")
            run = self._ended(request)
            expect(self._stage.platform.made(EmailTransferred), (), "moves")
        with self._check("the card says Rejected by @kim with the reason, and the agent was told it"):
            self._card(request, "Rejected by @kim", WHY)
            if WHY not in (note := self._stage.note_of(run.run)):
                expect(note, f"… {WHY} …", "the agent's note")

    def forgeries(self) -> None:
        """What was heard before, or signed by somebody else, does nothing."""
        slack = self._stage.slack
        click = next(each for each in slack.deliveries if each.kind == "block_actions")
        with self._check("a click that is replayed byte by byte is answered 200 and does nothing"):
            before = self._books()
            expect(slack.replay(click).status, 200, "HTTP status")
            self._stage.hitl.settle_all()
            expect(self._books(), before, "what was done")
        with self._check("a click with another signature is answered 401 and does nothing"):
            expect(slack.send(slack.forge(click, secret="guessed")).status, 401, "HTTP status")  # noqa: S106 – a wrong one
            expect(self._books(), before, "what was done")

    def afterwards(self) -> None:
        """Nothing is left over."""
        stage = self._stage
        with self._check("no request is left, every run has ended"):
            runs = stage.runs()
            expect(
                [r.code for run in runs for r in run.requests if r.status == "pending"], [], "open requests"
            )
            expect([run.run.status for run in runs], ["succeeded"] * 4, "runs")
        with self._check("every act was performed exactly once, those that were refused never"):
            for action in (action for run in runs for action in run.actions):
                wanted = 0 if action.status == "denied" else 1
                expect(len(stage.effects_of(action.id)), wanted, f"{action.tool} in the books")
        with self._check("the audit verifies"):
            stage.hitl.portal.call(audit.seal, stage.hitl.store)
            expect(stage.hitl.portal.call(audit.verify, stage.hitl.store).problem, None, "problem")
        with self._check("the server is ready, and says so"):
            expect(
                httpx.get(f"{stage.url}/readyz", trust_env=False).status_code, 200, "HTTP status of /readyz"
            )

    # helpers ---------------------------------------------------------------------------------------------------------

    def _run(self, words: str, *, asks: bool) -> RunDetail:
        """The customer writes; the run that follows, once it asks or has ended."""
        count = len(self._stage.runs())
        self._stage.customer_writes(words)

        def stands() -> RunDetail | None:
            runs = self._stage.runs()[count:]
            if not runs:
                return None
            shown = all(map(self._stage.is_shown, runs[0].requests))
            at_rest = bool(runs[0].requests) if asks else is_final("run", runs[0].run.status)
            return runs[0] if shown and at_rest else None

        return self._stage.until("What the message leads to", stands)

    def _asked(self, words: str) -> tuple[ReviewRequest, Message]:
        request = only(self._run(words, asks=True).requests, "requests")
        expect(request.status, "pending", "request")
        return request, only([card for card in [self._stage.card(request)] if card], "cards")

    def _ended(self, request: ReviewRequest) -> RunDetail:
        def ended() -> RunDetail | None:
            run = self._stage.run(request.run_id)
            over = self._stage.ended(request) and is_final("run", run.run.status)
            return run if over else None

        return self._stage.until("The end of the run", ended)

    def _card(self, request: ReviewRequest, *words: str) -> None:
        card = self._stage.card(request)
        found = only([m for m in self._stage.slack.messages if request.code in m.plain()], "cards")
        expect(found, card, "the card")
        says(found.plain(), *words, where=SLACK)
        expect(found.buttons, [], "buttons")

    def _books(self) -> list[object]:
        stage = self._stage
        effects = [*stage.front.effects, *stage.stripe.effects, *stage.platform.effects]
        decided = [stage.request(request.id).submissions for run in stage.runs() for request in run.requests]
        return [effects, decided]


SCENE: Final = Scene("Slack, Front, Stripe, the database, the server", staged, play_and_check)
