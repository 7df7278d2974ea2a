"""An issue as it goes on: what is new on it is drawn, in the order in which it came."""

from __future__ import annotations

from typing import Final

from hitl_middleware.cli.demo.github.comment import changes, lines_of
from hitl_middleware.cli.demo.github.script import SHOP
from hitl_middleware.cli.demo.github.stage import IssueStage
from hitl_middleware.cli.demo.terminal import Terminal
from hitl_middleware.testing.fake_github import Comment, Issue, Pull

_FACES: Final = {"eyes": "👀", "rocket": "🚀", "-1": "👎"}


class Conversation:
    """Draws. What stood there before it began counts as seen."""

    def __init__(self, stage: IssueStage, terminal: Terminal, issue: Issue) -> None:
        self._stage = stage
        self._terminal = terminal
        self._issue = issue
        self._states = {comment.id: len(comment.versions) + 1 for comment in self._comments()}
        self._reactions = {comment.id: len(stage.github.reactions(comment)) for comment in self._comments()}
        self._pulls = {pull.number: pull for pull in stage.github.pulls}

    def begin(self) -> None:
        """The issue itself."""
        body = lines_of(self._stage.github.seen(self._issue).html)
        labels = f" · {', '.join(self._issue.labels)}" if self._issue.labels else ""
        self._box(f"@{self._issue.user} opened an issue{labels}", [self._issue.title, *body])

    def whole(self, comment: Comment) -> None:
        """A comment as it stands."""
        self._box(f"@{comment.user} wrote", self._lines(comment.body))
        self._states[comment.id] = len(comment.versions) + 1

    def draw(self) -> None:
        """What is new: the pull request and what was pushed to it, comments, edits of ours, reactions, the merge."""
        comments = self._comments()  # looked at before the rest, so what a comment speaks of is there
        pulls = self._stage.github.pulls
        for pull in pulls:
            self._draw_pull(pull)
        for comment in comments:
            states = [*comment.versions, comment.body]
            for number in range(self._states.get(comment.id, 0), len(states)):
                self._draw(comment, states, number)
                self._states[comment.id] = number + 1
        for comment in comments:
            found = self._stage.github.reactions(comment)
            for who, content in found[self._reactions.get(comment.id, 0) :]:
                face = _FACES.get(content, content)
                self._terminal.say(f"@{who} reacted {face} to @{comment.user}'s comment", indent=4)
            self._reactions[comment.id] = len(found)
        for pull in pulls:
            self._draw_merge(pull)
            self._pulls[pull.number] = pull

    def _draw(self, comment: Comment, states: list[str], number: int) -> None:
        now = self._lines(states[number])
        if number:
            self._box(f"@{comment.user} changed its comment", changes(self._lines(states[number - 1]), now))
        else:
            self._box(f"@{comment.user} wrote", now)

    def _draw_pull(self, pull: Pull) -> None:
        before, issue = self._pulls.get(pull.number), self._stage.github.issue(SHOP, pull.number)
        if before is None:
            lines = [issue.title, f"{pull.head} → {pull.base}, at {pull.head_sha[:7]}"]
            self._box(f"@{issue.user} opened pull request #{pull.number}", lines)
        elif pull.head_sha != before.head_sha:
            pushed = f"@{issue.user} pushed {pull.head_sha[:7]} to pull request #{pull.number}"
            self._terminal.say(pushed, indent=4)

    def _draw_merge(self, pull: Pull) -> None:
        before, now = self._pulls.get(pull.number), self._stage.github.issue(SHOP, self._issue.number)
        if pull.merged_at and not (before and before.merged_at):
            lines = [
                f"{pull.head} → {pull.base}, as {(pull.merge_sha or '')[:7]}",
                f"Issue #{now.number} is {now.state}.",
            ]
            self._box(f"@{pull.merged_by} merged pull request #{pull.number}", lines)

    def _comments(self) -> list[Comment]:
        return self._stage.github.comments(SHOP, self._issue.number)

    def _lines(self, body: str) -> list[str]:
        return lines_of(self._stage.github.seen(body).html)

    def _box(self, title: str, lines: list[str]) -> None:
        self._terminal.box(f"{SHOP}#{self._issue.number} · {title}", lines)
