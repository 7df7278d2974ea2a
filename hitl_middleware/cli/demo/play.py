"""The conversation, played for somebody who sits at the terminal and decides."""

from __future__ import annotations

from typing import Final

from hitl_middleware.cli.demo import books
from hitl_middleware.cli.demo.card import changes, content
from hitl_middleware.cli.demo.deciding import Decider
from hitl_middleware.cli.demo.script import CHANNEL, CUSTOMER, DATABASE, SCRIPT, Line, called
from hitl_middleware.cli.demo.stage import Stage
from hitl_middleware.cli.demo.terminal import Terminal
from hitl_middleware.errors import Refused
from hitl_middleware.records import ReviewRequest
from hitl_middleware.review import is_final
from hitl_middleware.testing.fake_slack import CannotHappen
from hitl_middleware.views import RequestDetail, RunDetail

_PLACE: Final = f"Slack · #{CHANNEL[1]}"

_SLOWLY: Final = 0.7
"""Seconds that an act takes here, so that its card is seen executing."""


class Play:
    """Plays what has not been played yet."""

    def __init__(self, stage: Stage, terminal: Terminal, decider: Decider) -> None:
        self._stage = stage
        self._terminal = terminal
        self._decider = decider
        self._hinted = False
        self._drawn: dict[str, int] = {}  # request → how many states of its card were drawn

    def play(self) -> None:
        """From where the conversation stands to its end."""
        runs = self._stage.runs()
        for number, line in enumerate(SCRIPT):
            begun = runs[number] if number < len(runs) else None
            if begun is not None and is_final("run", begun.run.status):
                continue
            if begun is not None:
                self._welcome_back(number, begun)
            else:
                self._terminal.heading(f"{number + 1} of {len(SCRIPT)} · {line.about}")
                self._terminal.say(f"{CUSTOMER} writes to the support desk:")
                self._terminal.say()
                self._terminal.quote(line.words, indent=4)
                self._terminal.say()
                self._stage.customer_writes(line.words)
            self._follow(number, line)
        books.summary(self._stage, self._terminal)

    def _welcome_back(self, number: int, begun: RunDetail) -> None:
        self._terminal.heading(f"{number + 1} of {len(SCRIPT)} · Where you stopped")
        self._terminal.say(
            "This run has waited in the database since you stopped. Same run, same request, same card in Slack:"
        )
        self._terminal.say()
        self._terminal.table([("thread", begun.run.thread_id), ("run", begun.run.id)])
        self._terminal.say()

    def _follow(self, number: int, line: Line) -> None:
        """From question to question until the run has ended."""
        explained = False
        while True:
            detail = self._stage.until("The agent's next step", lambda: self._at_rest(number))
            self._news()
            if is_final("run", detail.run.status):
                break
            for request in detail.requests:
                if request.status != "pending":
                    continue
                if not explained and request.kind == "tool_call":
                    self._terminal.say(line.waits)
                    self._terminal.say()
                    explained = True
                self._ask(request)
        if detail.run.error:
            self._terminal.say(f"The run failed: {detail.run.error}")
        if line.done:
            self._terminal.say(line.done)
        asked = [request for request in detail.requests if request.kind == "tool_call"]
        if asked and asked[-1].status != "approved":
            self._terminal.say("The agent was told, and goes on. Its note for the log:")
            self._terminal.quote(self._stage.note_of(detail.run), indent=4)

    def _at_rest(self, number: int) -> RunDetail | None:
        """The run, once it has ended or asks something and Slack shows it."""
        runs = self._stage.runs()
        if number >= len(runs):
            return None
        detail = runs[number]
        waiting = [request for request in detail.requests if request.status == "pending"]
        still = is_final("run", detail.run.status) or (detail.run.status == "suspended" and waiting)
        return detail if still and all(map(self._stage.is_shown, detail.requests)) else None

    # one question ----------------------------------------------------------------------------------------------------

    def _ask(self, request: ReviewRequest) -> None:
        asked = self._stage.original_of(request)
        card = self._stage.card(asked)
        if card is None:
            self._terminal.say("Its card is no longer in Slack. It can be decided here all the same.")
        elif self._drawn.get(asked.id) != len(card.versions):
            self._terminal.box(_PLACE, content(card.blocks, card.names))
            self._drawn[asked.id] = len(card.versions)
        pages = [
            ("Slack", f"{self._stage.url}/preview/slack"),
            ("Page", f"{self._stage.url}/requests/{request.id}"),
        ]
        self._terminal.table(pages, indent=4)
        self._terminal.say()
        if not self._hinted and request.kind == "tool_call":
            self._terminal.say(
                "You may also decide in a browser – in Slack as it would look, as any of its people, or on the request's page – or in "
                "another terminal, in this folder:"
            )
            self._terminal.say(f"{DATABASE} {called()} requests approve {request.code}", indent=4)
            self._terminal.say()
            self._hinted = True
        while self._stage.request(request.id).request.status == "pending":
            self._stage.take_time(_SLOWLY)
            try:
                told = self._decider.decide(request, card, lambda: self._stage.is_decided(request))
            except (Refused, CannotHappen, ValueError) as error:
                self._terminal.say(f"It did not count: {error}")
                self._terminal.say()
                continue
            self._terminal.say()
            if told:
                self._terminal.say(told)
                self._terminal.say()
        self._settled(request, asked)
        self._terminal.say()

    def _settled(self, request: ReviewRequest, asked: ReviewRequest) -> None:
        """What the card shows, as it shows it, until its story is over."""

        def ended() -> RequestDetail | None:
            found = self._stage.ended(request)
            self._changes(asked)
            return found

        end = self._stage.until("The end of the act", ended)
        if end.action is not None and end.action.status == "unknown":
            self._terminal.say(
                "Nobody knows whether it happened, so it is not tried again by itself. You will be asked."
            )

    def _changes(self, asked: ReviewRequest) -> None:
        card = self._stage.card(asked)
        states = [*card.versions, card] if card else []
        for number in range(self._drawn.get(asked.id, 0) + 1, len(states)):
            before, after = states[number - 1], states[number]
            changed = changes(before.blocks, after.blocks, after.names)
            self._terminal.box(f"{_PLACE} · the same card, changed", changed)
            self._drawn[asked.id] = number

    def _news(self) -> None:
        found = self._stage.news()
        if found:
            self._terminal.say("What was really done, from the services' own books:")
            self._terminal.table([books.told(service, effect) for service, effect in found], indent=4)
            self._terminal.say()
