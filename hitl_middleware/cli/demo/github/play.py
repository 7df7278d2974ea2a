"""A bug, played for somebody who sits at the terminal and decides by comments."""

from __future__ import annotations

from hitl_middleware.channels.github.hints import explain
from hitl_middleware.channels.github.inbound import parse_command
from hitl_middleware.cli.demo.github import summary
from hitl_middleware.cli.demo.github.conversation import Conversation
from hitl_middleware.cli.demo.github.script import GRAPH, LABEL, PEOPLE, SHOP, page
from hitl_middleware.cli.demo.github.stage import IssueStage
from hitl_middleware.cli.demo.script import called
from hitl_middleware.cli.demo.terminal import Terminal
from hitl_middleware.records import ReviewRequest
from hitl_middleware.review import is_final
from hitl_middleware.testing.fake_github import CannotHappen, Issue
from hitl_middleware.views import RunDetail

WAYS = (
    ("/approve", "goes on"),
    ("/reject <why>", "stops the workflow; the reason is on record"),
    ("/feedback <words>", "does the step again with your words, and asks again"),
    ("/hitl help", "says so on the issue; /hitl status says what waits"),
)


class Play:
    """Plays the newest issue to its end, or the next one where that has ended. ``login``: who comments."""

    def __init__(self, stage: IssueStage, terminal: Terminal, login: str) -> None:
        self._stage = stage
        self._terminal = terminal
        self._login = login
        self._explained = False
        if login not in PEOPLE:
            stage.github.person(login, permission="read", on=SHOP)

    def play(self) -> None:
        """From where it stands to the end of the workflow."""
        newest = self._stage.issues()[-1:]
        run = self._stage.run_of(newest[0]) if newest else None
        if newest and (run is None or not is_final("run", run.run.status)):
            issue = newest[0]
            if run is None and LABEL in issue.labels:  # its webhook was lost with the process
                run = self._stage.rested(issue)
        else:
            issue, run = self._stage.open_issue(), None
        conversation = Conversation(self._stage, self._terminal, issue)
        if run is None:
            self._begin(issue, conversation)
        else:
            self._welcome_back(run, conversation)
        self._follow(issue, conversation)

    def _begin(self, issue: Issue, conversation: Conversation) -> None:
        self._terminal.heading("A bug")
        conversation.begin()
        self._terminal.say()
        self._terminal.say(
            f"A maintainer labels it “{LABEL}”. GitHub tells the server by a signed webhook, and a trigger in {self._stage.config} "
            f"begins the workflow {GRAPH} on it."
        )
        self._terminal.say()
        self._stage.label(issue)

    def _welcome_back(self, run: RunDetail, conversation: Conversation) -> None:
        self._terminal.heading("Where you stopped")
        self._terminal.say(
            "This run has waited in the database since you stopped, and its comment on the issue. Same run, same request:"
        )
        self._terminal.say()
        self._terminal.table([("thread", run.run.thread_id), ("run", run.run.id)])
        self._terminal.say()
        conversation.begin()
        for request in run.requests:
            if request.status == "pending" and (card := self._stage.card(request)) is not None:
                conversation.whole(card)

    def _follow(self, issue: Issue, conversation: Conversation) -> None:
        """From question to question until the run has ended."""
        while True:
            detail = self._stage.rested(issue, conversation.draw)
            if is_final("run", detail.run.status):
                break
            waiting = [request for request in detail.requests if request.status == "pending"]
            self._explain(issue, waiting[0])
            self._comment(issue, waiting, conversation)
        self._terminal.say()
        if detail.run.error:
            self._terminal.say(f"The run failed: {detail.run.error}")
        summary.told(self._stage, self._terminal, issue, detail)

    def _explain(self, issue: Issue, request: ReviewRequest) -> None:
        self._terminal.say()
        if self._explained:
            return
        self._terminal.say(
            f"You are @{self._login}. Write a comment as you would on GitHub; its first line decides:"
        )
        self._terminal.table(WAYS, indent=4)
        self._terminal.say()
        self._terminal.table(
            [
                ("GitHub", f"{self._stage.url}/preview/github"),
                ("Page", f"{self._stage.url}/requests/{request.id}"),
                ("Issue", page(self._stage.github.web_url, issue.number)),
            ],
            indent=4,
        )
        self._terminal.say()
        self._terminal.say(
            "You may also decide in a browser – on the issue as GitHub would draw it, as any of its people, or on the request's page – or "
            "in another terminal, in this folder:"
        )
        self._terminal.say(f"{summary.DATABASE} {called()} requests approve {request.code}")
        self._terminal.say()
        self._explained = True

    def _comment(self, issue: Issue, waiting: list[ReviewRequest], conversation: Conversation) -> None:
        """One comment of the person's, posted; nothing, where it was decided elsewhere meanwhile."""
        self._terminal.say(f"Your comment as @{self._login}:", style="bold")
        typed = self._terminal.line_unless(lambda: any(map(self._stage.is_decided, waiting)))
        self._terminal.say()
        if typed is None:
            for request in filter(self._stage.is_decided, waiting):
                self._terminal.say(self._stage.elsewhere(request))
            return
        try:
            self._stage.github.comment(SHOP, issue.number, self._login, typed)
        except CannotHappen:
            self._terminal.say("GitHub posts no empty comment.")
            return
        if parse_command(typed) is None and explain(typed) is None:
            conversation.draw()
            self._terminal.say(
                "That is conversation, no command: it is left alone, and nothing is decided.", indent=4
            )
