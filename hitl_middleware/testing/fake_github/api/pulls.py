"""Pull requests: list, open, read, edit, merge."""

from __future__ import annotations

from typing import Any, Final

from hitl_middleware.testing.fake_github import git, issues, merging
from hitl_middleware.testing.fake_github import pulls as deeds
from hitl_middleware.testing.fake_github.records import Pull, Repository
from hitl_middleware.testing.fake_github.refusals import Refusal, invalid, malformed, not_found
from hitl_middleware.testing.fake_github.rest import Answer, Asking, Json, route
from hitl_middleware.testing.fake_github.shapes import commits, people
from hitl_middleware.testing.fake_github.shapes import pulls as shapes

READ: Final = "pull_requests:read"
WRITE: Final = "pull_requests:write"
_PULLS: Final = "/repos/{owner}/{repo}/pulls"
PULL: Final = f"{_PULLS}/{{number}}"


def found(asking: Asking) -> tuple[Repository, Pull]:
    """The repository and the pull request in the path."""
    repository = asking.repository()
    return repository, deeds.find(asking.hub, repository, asking.number("number"))


def _shown(asking: Asking, pull: Pull) -> Json:
    hub = asking.hub
    shown = shapes.pull(hub, pull, full=True, mergeable=merging.mergeable(hub, pull))
    repository = hub.world.repositories[pull.repository.lower()]
    if shown["mergeable_state"] == "clean" and merging.blocked(hub, repository, pull):
        shown["mergeable_state"] = "blocked"
    return shown


@route("GET", _PULLS, needs=READ)
def list_pulls(asking: Asking) -> Answer:
    """Pull requests, the newest first. As on GitHub, `head` counts only in the form `owner:branch`; another is ignored."""
    repository, query, hub = asking.repository(), asking.query, asking.hub
    state, head, base = query.get("state", "open"), query.get("head", ""), query.get("base")
    if state not in {"open", "closed", "all"}:
        invalid("PullRequest", "state", "invalid")

    def fits(pull: Pull) -> bool:
        return (
            pull.repository == repository.full_name
            and state in {"all", shapes.issue_of(hub, pull).state}
            and (":" not in head or head.lower() == f"{repository.owner}:{pull.head}".lower())
            and base in {None, pull.base}
        )

    matching = [each for each in hub.world.pulls.values() if fits(each)]
    sort, usual = query.get("sort", "created"), "desc" if query.get("sort", "created") == "created" else "asc"
    key = "updated_at" if sort == "updated" else "created_at"
    matching.sort(
        key=lambda each: (getattr(shapes.issue_of(hub, each), key), each.number),
        reverse=query.get("direction", usual) == "desc",
    )
    return asking.page(matching, lambda each: shapes.pull(hub, each))


@route("POST", _PULLS, needs=WRITE)
def create_pull(asking: Asking) -> Answer:
    """A new pull request of a branch of this repository."""
    repository = asking.repository()
    if not asking.has_role(repository, "write"):
        raise Refusal(403, "Must have push access to this repository.")
    given = asking.read(
        ["head", "base"],
        title="string",
        head="string",
        base="string",
        body="string?",
        draft="boolean",
        maintainer_can_modify="boolean",
        head_repo="string",
        issue="integer",
    )
    if "title" not in given:
        malformed('"title" wasn\'t supplied.')
    pull = deeds.opened(
        asking.hub,
        repository,
        asking.who,
        head=given["head"],
        base=given["base"],
        title=given["title"],
        body=given.get("body"),
        draft=given.get("draft", False),
    )
    shown = _shown(asking, pull)
    return Answer(shown, 201, {"Location": shown["url"]})


@route("GET", PULL, needs=READ)
def get_pull(asking: Asking) -> Any:
    """One pull request; asking makes GitHub find out whether it can be merged."""
    return _shown(asking, found(asking)[1])


@route("PATCH", PULL, needs=WRITE)
def edit_pull(asking: Asking) -> Any:
    """Title, body, state, base."""
    repository, pull = found(asking)
    hub, who = asking.hub, asking.who
    given = asking.read(
        title="string", body="string?", state="string", base="string", maintainer_can_modify="boolean"
    )
    issue = shapes.issue_of(hub, pull)
    if not asking.has_role(repository, "write") and who.login != issue.user:
        raise Refusal(403, "Must have admin rights to Repository.")
    state = given.get("state", issue.state)
    if state not in {"open", "closed"}:
        invalid("PullRequest", "state", "invalid")
    if state == "open" and pull.merged_at is not None and "state" in given:
        invalid("PullRequest", "state", "invalid", "state cannot be changed. The pull request is merged.")
    issue = issues.edited(hub, issue, who, title=given.get("title"), body=given.get("body"))
    if "base" in given:
        pull = deeds.rebased(hub, pull, who, given["base"])
        issue = shapes.issue_of(hub, pull)
    if state == "closed":
        issues.closed(hub, issue, who)
    elif issue.state == "closed":
        refs = hub.world.refs[repository.full_name.lower()]
        if deeds.HEADS + pull.head not in refs:
            message = f"state cannot be changed. The {pull.head} branch has been deleted."
            invalid("PullRequest", "state", "invalid", message)
        issues.reopened(hub, issue, who)
    return _shown(asking, deeds.find(hub, repository, pull.number))


@route("GET", f"{PULL}/files", needs=READ)
def list_files(asking: Asking) -> Answer:
    """What it changes."""
    repository, pull = found(asking)
    return asking.page(shapes.files(asking.hub, repository, pull), lambda each: each)


@route("GET", f"{PULL}/commits", needs=READ)
def list_commits(asking: Asking) -> Answer:
    """What it is made of, the oldest first."""
    repository, pull = found(asking)
    made = git.ahead(asking.hub, pull.base_sha, pull.head_sha)
    return asking.page(made, lambda each: commits.commit(asking.hub, repository, each))


@route("GET", f"{PULL}/merge", needs=READ)
def is_merged(asking: Asking) -> Answer:
    """204 for a merged one, 404 for any other."""
    return Answer(None, 204) if found(asking)[1].merged_at is not None else not_found()


@route("PUT", f"{PULL}/merge", needs="contents:write", role="write")
def merge(asking: Asking) -> Any:
    """Merge: 409 when its head is not `sha` any more, 405 when it cannot be merged."""
    repository, pull = found(asking)
    given = asking.read(
        commit_title="string?", commit_message="string?", sha="string?", merge_method="string?"
    )
    method = given.get("merge_method") or "merge"
    if method not in {"merge", "squash", "rebase"}:
        malformed(f'{method} is not a member of ["merge", "squash", "rebase"].')
    sha = merging.merged(
        asking.hub,
        repository,
        pull,
        asking.who,
        sha=given.get("sha"),
        method=method,
        title=given.get("commit_title"),
        message=given.get("commit_message"),
    )
    return {"sha": sha, "merged": True, "message": "Pull Request successfully merged"}


@route("GET", f"{PULL}/requested_reviewers", needs=READ)
def list_requested(asking: Asking) -> Any:
    """Who is asked for a review."""
    users = [people.user(asking.hub, each) for each in found(asking)[1].requested_reviewers]
    return {"users": users, "teams": []}


def _reviewers(asking: Asking) -> list[str]:
    given: list[str] = asking.read(reviewers="strings", team_reviewers="strings").get("reviewers", [])
    return given


@route("POST", f"{PULL}/requested_reviewers", needs=WRITE, role="triage")
def request_reviewers(asking: Asking) -> Answer:
    """Ask more people."""
    _, pull = found(asking)
    everybody = [*pull.requested_reviewers, *_reviewers(asking)]
    return Answer(shapes.pull(asking.hub, deeds.asked(asking.hub, pull, asking.who, everybody)), 201)


@route("DELETE", f"{PULL}/requested_reviewers", needs=WRITE, role="triage")
def remove_reviewers(asking: Asking) -> Any:
    """Ask fewer."""
    _, pull = found(asking)
    gone = set(_reviewers(asking))
    left = [each for each in pull.requested_reviewers if each not in gone]
    return shapes.pull(asking.hub, deeds.asked(asking.hub, pull, asking.who, left))
