"""Everything ``hitl demo --github`` plays on: a GitHub with its memory on disk, the settings that lead to it, the real server."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from hitl_middleware.channels.github.words import CommentRef
from hitl_middleware.cli.demo.backstage import Backstage, Unreadable, environment, own
from hitl_middleware.cli.demo.github.script import (
    BUGS,
    CONFIG,
    FILES,
    LABEL,
    NOTES,
    PEOPLE,
    REPORTER,
    SHOP,
    YOU,
)
from hitl_middleware.errors import HitlError
from hitl_middleware.hitl import Hitl
from hitl_middleware.records import ReviewRequest
from hitl_middleware.review import is_final
from hitl_middleware.testing.fake_github import Comment, FakeGitHub, Issue, Pull
from hitl_middleware.views import RunDetail
from hitl_server.preview import GitHubSeen, preview_router
from hitl_server.serve import running_server

T = TypeVar("T")


class NotTaken(HitlError):
    """The server did not take GitHub's webhook: {why}"""


@dataclass(slots=True, kw_only=True)
class IssueStage(Backstage):
    """The repository and the library in it. ``config``: the ``hitl.toml`` that is in force."""

    github: FakeGitHub
    config: Path

    # what people do --------------------------------------------------------------------------------------------------

    def open_issue(self) -> Issue:
        """Somebody reports the next bug."""
        bug = BUGS[len(self.issues()) % len(BUGS)]
        return self.github.open_issue(SHOP, REPORTER, bug.title, bug.body)

    def label(self, issue: Issue) -> None:
        """A maintainer puts the label on it; GitHub tells the server by a signed webhook. Raises ``NotTaken``."""
        self.github.label(SHOP, issue.number, YOU, LABEL)
        reply = self.github.replies[-1]
        if reply.status != 202:
            raise NotTaken(why=f"HTTP {reply.status} {reply.trouble} {reply.text[:300]}")

    # what there is ---------------------------------------------------------------------------------------------------

    def issues(self) -> list[Issue]:
        """The bugs, the oldest first; pull requests are none."""
        return [issue for issue in self.github.issues if not issue.pull]

    def run_of(self, issue: Issue) -> RunDetail | None:
        """The run that an issue's label began."""
        for run in self.hitl.portal.call(self.hitl.views.runs).items:
            if run.labels.get("repository") == SHOP and run.labels.get("issue") == str(issue.number):
                return self.run(run.id)
        return None

    def pull_of(self, run: RunDetail) -> Pull | None:
        """The pull request that a run has opened."""
        number = run.run.labels.get("pull_request")
        return self.github.pull(SHOP, int(number)) if number else None

    def card(self, request: ReviewRequest) -> Comment | None:
        """The comment that shows a request, as it is now; ``None``: there is none, or somebody took it away."""
        refs = [
            card.ref
            for card in self.request(request.id).cards
            if card.target.channel == "github" and card.ref
        ]
        ids = {CommentRef.parse(ref).comment for ref in refs}
        return next((comment for comment in self.github.comments(SHOP) if comment.id in ids), None)

    def at_rest(self, issue: Issue) -> RunDetail | None:
        """The issue's run, once it has ended or asks something, and the issue shows it."""
        detail = self.run_of(issue)
        if detail is None:
            return None
        asks = any(request.status == "pending" for request in detail.requests)
        still = is_final("run", detail.run.status) or (detail.run.status == "suspended" and asks)
        return detail if still and all(map(self.is_shown, detail.requests)) else None

    def rested(self, issue: Issue, look: Callable[[], object] = lambda: None) -> RunDetail:
        """The same, after everything that is under way has come to its end. ``look`` is called now and then meanwhile."""

        def looking(find: Callable[[], T]) -> Callable[[], T]:
            return lambda: (look(), find())[1]

        with ThreadPoolExecutor(1) as aside:
            while True:
                self.until("The workflow's next step", looking(lambda: self.at_rest(issue)))
                # Comments that are not judged yet, and what is still to be posted.
                settled = aside.submit(self.hitl.settle_all)
                self.until("All that is due", looking(settled.done))
                settled.result()
                self.github.finish_deliveries()
                if (detail := self.at_rest(issue)) is not None:
                    look()
                    return detail


@contextmanager
def staged(folder: Path, database: Path) -> Iterator[IssueStage]:
    """Build it up, give it to the block, take it down. Raises ``ConfigurationError`` where the folder is another demo's, or no good."""
    with ExitStack() as stack:
        log = stack.enter_context(own(folder))
        try:
            github = stack.enter_context(_github(folder))
        except ValueError:
            raise Unreadable(folder=folder, database=database) from None
        github.repository(SHOP, files=FILES)
        for login, (role, name) in PEOPLE.items():
            github.person(login, permission=role, on=SHOP, name=name)
        environment(folder, database)
        os.environ |= github.environ
        config = folder / "hitl.toml"
        config.write_text(CONFIG, encoding="utf-8")
        hitl = Hitl.from_env()
        stack.callback(hitl.stop)
        preview = preview_router(github=GitHubSeen(fake=github, repository=SHOP, people=NOTES))
        server = stack.enter_context(running_server(hitl, routers=[preview]))
        github.disconnect()  # an earlier demo's server had another address
        github.connect(f"{server.url}/github/webhooks", SHOP)
        stage = IssueStage(hitl=hitl, url=server.url, log=log, github=github, config=config)
        hitl.settle_all()  # whatever an earlier demo left half-way is where it belongs before anybody looks
        yield stage


def _github(folder: Path) -> FakeGitHub:
    """With everything that was there before, and where it was before: the database and the comments hold addresses of it."""
    kept_in, address = folder / "github.json", folder / "github.port"
    try:
        port = int(address.read_text())
    except (FileNotFoundError, ValueError):
        port = 0
    try:
        github = FakeGitHub(kept_in=kept_in, port=port)
    except OSError:  # somebody else is there by now
        github = FakeGitHub(kept_in=kept_in)
    address.write_text(github.web_url.rpartition(":")[2])
    return github
