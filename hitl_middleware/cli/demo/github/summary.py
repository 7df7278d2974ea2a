"""What was asked, decided and done, as the database and GitHub have it."""

from __future__ import annotations

from typing import Final

from hitl_middleware import audit
from hitl_middleware.cli.demo.github.script import SHOP, page
from hitl_middleware.cli.demo.github.stage import IssueStage
from hitl_middleware.cli.demo.terminal import Terminal
from hitl_middleware.display import one_line
from hitl_middleware.records import ReviewRequest
from hitl_middleware.testing.fake_github import Issue
from hitl_middleware.views import RunDetail
from hitl_middleware.wording import person, status_words

DATABASE: Final = "HITL_DATABASE_URL=sqlite:///.hitl/demo-github.db"
"""For commands in another terminal."""


def told(stage: IssueStage, terminal: Terminal, issue: Issue, run: RunDetail) -> None:
    """Each question with its answer, each act with how often it happened, and the audit that says so."""
    terminal.heading("What happened")
    terminal.table([(_step(request), _answer(request)) for request in run.requests])
    terminal.say()
    acts = [(action.tool, _count(stage, run, action.tool, action.status)) for action in run.actions]
    terminal.table([*acts] or [("on GitHub", "nothing: no branch, no commit, no pull request")])
    terminal.say()
    now = stage.github.issue(SHOP, issue.number)
    stage.hitl.portal.call(audit.seal, stage.hitl.store)
    found = stage.hitl.portal.call(audit.verify, stage.hitl.store)
    verified = f"verified: {found.checked} events, each chained by its hash to the one before"
    terminal.table(
        [
            ("run", run.run.status),
            ("issue", f"{now.state}, {page(stage.github.web_url, issue.number)}"),
            ("audit", found.problem or verified),
        ]
    )


def on_github(stage: IssueStage, run: RunDetail) -> dict[str, int]:
    """How often each act of a run is found on GitHub, by the tool's name."""
    pulls = [pull for pull in stage.github.pulls if pull == stage.pull_of(run)]
    heads = [
        name for name in stage.github.branches(SHOP) if name.startswith(f"hitl/{run.run.labels['issue']}-")
    ]
    mine = {commit.sha for head in heads for commit in stage.github.log(SHOP, head)}
    before = {commit.sha for pull in pulls for commit in stage.github.log(SHOP, pull.base_sha)}
    return {
        "create_branch": len(heads),
        "commit_files": len(mine - before),
        "open_pull_request": len(pulls),
        "merge_pull_request": sum(pull.merged_at is not None for pull in pulls),
    }


def _count(stage: IssueStage, run: RunDetail, tool: str, status: str) -> str:
    found = on_github(stage, run).get(tool)
    if found is None:
        return status
    return f"{status}; on GitHub {({0: 'not at all', 1: 'once'}).get(found, f'{found} times')}"


def _step(request: ReviewRequest) -> str:
    again = f", round {request.round}" if (request.round or 1) > 1 else ""
    return f"{request.step or request.title}{again}"


def _answer(request: ReviewRequest) -> str:
    by = person(request.decided_by, request.decided_by_name)
    words = request.decision.message if request.decision else None
    said = f": “{one_line(words, 200)}”" if words else ""
    return f"{status_words(request, None).decision}{f' by {by}' if by else ''}{said}"
