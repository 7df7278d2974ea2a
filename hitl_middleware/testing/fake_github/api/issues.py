"""Issues: list, open, read, edit, assign, and their history."""

from __future__ import annotations

from typing import Any, Final

from hitl_middleware.testing.fake_github import issues as deeds
from hitl_middleware.testing.fake_github import moving
from hitl_middleware.testing.fake_github.records import Issue, Repository
from hitl_middleware.testing.fake_github.refusals import Refusal, invalid, malformed
from hitl_middleware.testing.fake_github.rest import Answer, Asking, route
from hitl_middleware.testing.fake_github.shapes import issues as shapes
from hitl_middleware.testing.fake_github.times import since

READ: Final = "issues:read|pull_requests:read"
WRITE: Final = "issues:write|pull_requests:write"
_ISSUE: Final = "/repos/{owner}/{repo}/issues/{number}"


def found(asking: Asking) -> tuple[Repository, Issue]:
    """The repository and the issue in the path."""
    repository = asking.repository()
    return repository, deeds.find(asking.hub, repository, asking.number("number"))


@route("GET", "/repos/{owner}/{repo}/issues", needs=READ)
def list_issues(asking: Asking) -> Answer:
    """Issues and pull requests, the newest first."""
    repository, query = asking.repository(), asking.query
    state, labels = query.get("state", "open"), [each for each in query.get("labels", "").split(",") if each]
    if state not in {"open", "closed", "all"}:
        invalid("Issue", "state", "invalid")
    sort, direction = query.get("sort", "created"), query.get("direction", "desc")
    begin, assignee, creator = since(query), query.get("assignee"), query.get("creator")

    def fits(issue: Issue) -> bool:
        return (
            issue.repository == repository.full_name
            and state in {"all", issue.state}
            and {each.lower() for each in labels} <= {each.lower() for each in issue.labels}
            and issue.updated_at >= begin
            and (assignee in {None, "*"} or assignee in issue.assignees)
            and creator in {None, issue.user}
        )

    key = {"created": "created_at", "updated": "updated_at"}.get(sort, "created_at")
    matching = [each for each in asking.hub.world.issues.values() if fits(each)]
    matching.sort(key=lambda each: (getattr(each, key), each.number), reverse=direction == "desc")
    return asking.page(matching, lambda each: shapes.issue(asking.hub, each, full=True))


@route("POST", "/repos/{owner}/{repo}/issues", needs="issues:write")
def create_issue(asking: Asking) -> Answer:
    """A new issue."""
    repository = asking.repository()
    given = asking.read(
        ["title"],
        title="any",
        body="string?",
        assignee="string?",
        milestone="any",
        labels="any",
        assignees="strings?",
        type="string?",
    )
    if given.get("milestone") is not None:
        invalid("Issue", "milestone", "invalid")
    assignees = [*(given.get("assignees") or []), *filter(None, [given.get("assignee")])]
    issue = deeds.opened(
        asking.hub,
        repository,
        asking.who,
        _title(given["title"]),
        given.get("body"),
        labels=label_names(given.get("labels") or []),
        assignees=assignees,
    )
    shown = shapes.issue(asking.hub, issue, full=True)
    return Answer(shown, 201, {"Location": shown["url"]})


@route("GET", _ISSUE, needs=READ)
def get_issue(asking: Asking) -> Any:
    """One issue; of one that was transferred, where it is now."""
    moved = moving.elsewhere(asking.hub, asking.repository(), asking.number("number"))
    if moved is not None:
        raise moved
    return shapes.issue(asking.hub, found(asking)[1], full=True)


@route("PATCH", _ISSUE, needs=WRITE)
def edit_issue(asking: Asking) -> Any:
    """Title, body, state, labels, assignees. Its author may change the first three, others need a role."""
    repository, issue = found(asking)
    given = asking.read(
        title="any",
        body="string?",
        state="string",
        state_reason="string?",
        labels="any",
        assignees="strings",
        assignee="string?",
        milestone="any",
        type="string?",
    )
    hub, who = asking.hub, asking.who
    if not asking.has_role(repository, "triage") and who.login != issue.user:
        raise Refusal(403, "Must have admin rights to Repository.")
    state = given.get("state", issue.state)
    if state not in {"open", "closed"}:
        invalid("Issue", "state", "invalid")
    reason = given.get("state_reason")
    if reason not in {None, "completed", "not_planned", "duplicate", "reopened"}:
        invalid("Issue", "state_reason", "invalid")
    title = _title(given["title"]) if given.get("title") is not None else None
    issue = deeds.edited(hub, issue, who, title=title, body=given.get("body"))
    if asking.has_role(repository, "triage"):
        if given.get("labels") is not None:
            issue = deeds.relabelled(hub, issue, who, label_names(given["labels"]))
        if "assignees" in given:
            issue = deeds.reassigned(hub, issue, who, given["assignees"])
    if state == "closed":
        issue = deeds.closed(hub, issue, who, reason or "completed")
    elif issue.state == "closed":
        issue = deeds.reopened(hub, issue, who)
    return shapes.issue(hub, issue, full=True)


def _title(given: Any) -> str:
    """GitHub takes numbers as titles, too."""
    if isinstance(given, str | int) and not isinstance(given, bool):
        return str(given)
    return malformed('No subschema in "oneOf" matched.')


def label_names(given: Any) -> list[str]:
    """Names of labels, given as texts or as objects with a name."""
    if isinstance(given, str):
        given = [given]
    if not isinstance(given, list):
        malformed(f"{given!r} is not an array.")
    named = [each.get("name") if isinstance(each, dict) else each for each in given]
    names = [each for each in named if isinstance(each, str)]
    if len(names) < len(named):
        malformed('No subschema in "oneOf" matched.')
    return names


@route("POST", f"{_ISSUE}/assignees", needs=WRITE, role="triage")
def add_assignees(asking: Asking) -> Answer:
    """More assignees."""
    _, issue = found(asking)
    more = asking.read(assignees="strings").get("assignees", [])
    issue = deeds.reassigned(asking.hub, issue, asking.who, [*issue.assignees, *more])
    return Answer(shapes.issue(asking.hub, issue, full=True), 201)


@route("DELETE", f"{_ISSUE}/assignees", needs=WRITE, role="triage")
def remove_assignees(asking: Asking) -> Any:
    """Fewer assignees."""
    _, issue = found(asking)
    fewer = {each.lower() for each in asking.read(assignees="strings").get("assignees", [])}
    left = [each for each in issue.assignees if each.lower() not in fewer]
    return shapes.issue(asking.hub, deeds.reassigned(asking.hub, issue, asking.who, left), full=True)
