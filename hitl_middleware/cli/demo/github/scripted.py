"""The people of ``hitl demo --github --ci`` and what has to be true after each of their comments."""

from __future__ import annotations

from typing import Final

import httpx

from hitl_middleware import audit
from hitl_middleware.cli.demo.checks import Checks, Scene, expect, only, says
from hitl_middleware.cli.demo.github.script import BUGS, GRAPH, LABEL, PEOPLE, REPORTER, SHOP, YOU
from hitl_middleware.cli.demo.github.stage import IssueStage, staged
from hitl_middleware.cli.demo.github.summary import on_github
from hitl_middleware.records import ReviewRequest
from hitl_middleware.testing.fake_github import Comment, Issue
from hitl_middleware.views import RunDetail

WISH: Final = "Mind the empty cart, too."
WHY: Final = "We sell no coupons any more."
OTHER: Final = next(login for login in PEOPLE if login not in {YOU, REPORTER})


def play_and_check(stage: IssueStage, checks: Checks) -> None:
    """Everything, in order. Raises ``DidNotHold`` at the first step that does not hold."""
    scene = _Bug(stage, checks)
    scene.asked()
    scene.not_decided()
    scene.sent_back()
    scene.approved()
    scene.merged()
    scene.rejected()
    scene.afterwards()


class _Bug:
    """The steps."""

    def __init__(self, stage: IssueStage, checks: Checks) -> None:
        self._stage = stage
        self._github = stage.github
        self._check = checks.check
        self._issue: Issue

    def asked(self) -> None:
        """A label begins the workflow, and it asks where the bug was reported."""
        with self._check(f"@{REPORTER} opens an issue: nothing happens yet"):
            self._issue = self._stage.open_issue()
            self._stage.hitl.settle_all()
            expect(self._stage.run_of(self._issue), None, "run")
        with self._check(
            f"@{YOU} labels it {LABEL}, by GitHub's signed webhook: {GRAPH} runs to its first human step"
        ):
            self._stage.label(self._issue)
            request = self._pending()
            expect((request.graph, request.step, request.round), (GRAPH, "fix-review", 1), "what is asked")
            expect(request.requester, f"github:{REPORTER}", "who asked for it")
        with self._check(
            "one comment on the issue asks: analysis and diff, the three commands, who may decide"
        ):
            only(self._ours(), "comments")
            self._card(
                request, "Waiting for a decision", BUGS[0].title, "+++ b/", "anybody with write access",
                f"/approve {request.code}", f"/reject {request.code}", f"/feedback {request.code}",
            )  # fmt: skip
            expect(
                sum(on_github(self._stage, self._run()).values()), 0, "branches, commits and pull requests"
            )

    def not_decided(self) -> None:
        """What is no command, and who may not."""
        request = self._pending()
        with self._check(
            f"@{REPORTER}, who reported it and may only read, approves: 👎, a sentence says why, nothing is decided"
        ):
            comment = self._says(REPORTER, "/approve")
            expect(self._reactions(comment), {"eyes", "-1"}, "reactions")
            expect(self._pending(), request, "what waits")
        with self._check(
            "“approve” without its slash: 👎 and a hint, nothing is decided; a conversation is left alone"
        ):
            comment = self._says(YOU, "approve")
            says(self._reads(self._ours()[-1]), "/approve", where="the hint")
            expect(self._reactions(comment), {"-1"}, "reactions")
            before = len(self._ours())
            expect(self._reactions(self._says(YOU, "I like it so far.")), set(), "reactions")
            expect(len(self._ours()), before, "answers")
            expect(self._pending(), request, "what waits")
        with self._check("a forged webhook is answered 401, and does nothing"):
            told = next(each for each in reversed(self._github.deliveries) if each.event == "issue_comment")
            expect(self._github.send(self._github.forge(told, secret="guessed")).status, 401, "HTTP status")  # noqa: S106 – a wrong one

    def sent_back(self) -> None:
        """Feedback brings the next round."""
        first = self._pending()
        with self._check(f"@{YOU} writes /feedback: 👀 🚀, and the same comment says Revision requested"):
            comment = self._says(YOU, f"/feedback {WISH}")
            expect(self._reactions(comment), {"eyes", "rocket"}, "reactions")
            self._card(first, f"Revision requested by @{YOU}", WISH)
        with self._check(
            "round 2 asks in a comment of its own, with a code of its own, and the words are in the new diff"
        ):
            second = self._pending()
            expect(
                (second.step, second.round, second.code == first.code),
                ("fix-review", 2, False),
                "what is asked",
            )
            self._card(second, "Waiting for a decision", WISH)

    def approved(self) -> None:
        """The fix becomes a pull request."""
        request = self._pending()
        with self._check(f"@{OTHER} approves round 2, and the webhook comes three times: one decision"):
            self._github.double_deliveries(copies=3)
            self._says(OTHER, f"/approve {request.code}")
            self._card(request, f"Approved by @{OTHER}")
            expect(len(self._stage.request(request.id).submissions), 1, "decisions that count")
        with self._check("a branch, a commit and a pull request are there, once each, and nothing is merged"):
            done = {"create_branch": 1, "commit_files": 1, "open_pull_request": 1, "merge_pull_request": 0}
            expect(on_github(self._stage, self._run()), done, "what is on GitHub")
        with self._check("the merge is asked about, on the issue, with pull request and commit"):
            merge, pull = self._pending(), self._stage.pull_of(self._run())
            expect(merge.step, "merge-approval", "step")
            if pull is None:
                expect(pull, "one", "pull request")
            else:
                self._card(merge, "Waiting for a decision", f"#{pull.number}", pull.head_sha[:7])

    def merged(self) -> None:
        """GitHub does not repeat a webhook; the decision still arrives."""
        request = self._pending()
        with self._check(
            f"@{YOU} approves the merge and the webhook is lost: the issue is re-read, and it counts"
        ):
            self._github.lose_deliveries()
            self._github.comment(SHOP, self._issue.number, YOU, "/approve")
            self._stage.until("The decision", lambda: self._stage.is_decided(request))
            run = self._stage.rested(self._issue)
            expect((run.run.status, run.run.error), ("succeeded", None), "run")
            self._card(request, f"Approved by @{YOU}")
        with self._check("the pull request is merged, once, and the issue is closed by it"):
            expect(on_github(self._stage, run)["merge_pull_request"], 1, "merges")
            expect(self._github.issue(SHOP, self._issue.number).state, "closed", "issue")

    def rejected(self) -> None:
        """No means no."""
        with self._check(
            f"@{OTHER} rejects the next bug's fix: the workflow stops with the reason, nothing is done on GitHub"
        ):
            self._issue = self._stage.open_issue()
            self._stage.label(self._issue)
            request = self._pending()
            self._says(OTHER, f"/reject {WHY}")
            run = self._run()
            expect((run.run.status, list(run.actions)), ("succeeded", []), "run and acts")
            expect(sum(on_github(self._stage, run).values()), 0, "branches, commits and pull requests")
            self._card(request, f"Rejected by @{OTHER}", WHY)
            says(self._reads(self._ours()[-1]), "Stopped", WHY, where="the confirmation")

    def afterwards(self) -> None:
        """Nothing is left over."""
        stage = self._stage
        with self._check("every act was performed exactly once, and no request is left"):
            for issue in stage.issues():
                run = stage.run_of(issue)
                for action in run.actions if run else ():
                    expect(action.status, "succeeded", action.tool)
                expect(
                    [r.code for r in (run.requests if run else ()) if r.status == "pending"],
                    [],
                    "open requests",
                )
        with self._check("the audit verifies"):
            stage.hitl.portal.call(audit.seal, stage.hitl.store)
            expect(stage.hitl.portal.call(audit.verify, stage.hitl.store).problem, None, "problem")
        with self._check("the server is ready, and says so"):
            expect(
                httpx.get(f"{stage.url}/readyz", trust_env=False).status_code, 200, "HTTP status of /readyz"
            )

    # what is looked at -----------------------------------------------------------------------------------------------

    def _run(self) -> RunDetail:
        return self._stage.rested(self._issue)

    def _pending(self) -> ReviewRequest:
        return only(
            [request for request in self._run().requests if request.status == "pending"], "open requests"
        )

    def _says(self, who: str, body: str) -> Comment:
        """A comment, and everything that follows from it."""
        comment = self._github.comment(SHOP, self._issue.number, who, body)
        self._stage.rested(self._issue)
        return comment

    def _card(self, request: ReviewRequest, *words: str) -> None:
        card = only([card for card in [self._stage.card(request)] if card], "cards")
        says(self._reads(card), *words, where="what stands on the issue")
        if request.status == "pending":
            return
        if "/approve" in (text := self._reads(card)):
            expect(text, "without commands", "what stands on the issue")

    def _ours(self) -> list[Comment]:
        return [
            each
            for each in self._github.comments(SHOP, self._issue.number)
            if each.user == self._github.bot_login
        ]

    def _reads(self, comment: Comment) -> str:
        return self._github.seen(comment).text

    def _reactions(self, comment: Comment) -> set[str]:
        return {content for who, content in self._github.reactions(comment) if who == self._github.bot_login}


SCENE: Final = Scene("GitHub, the database, the server", staged, play_and_check)
