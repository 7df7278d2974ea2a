"""What happened to issues, and when: who labelled, assigned, closed."""

from __future__ import annotations

from typing import Any

from hitl_middleware.testing.fake_github.api.issues import READ, found
from hitl_middleware.testing.fake_github.records import IssueEvent
from hitl_middleware.testing.fake_github.refusals import not_found
from hitl_middleware.testing.fake_github.rest import Answer, Asking, Json, route
from hitl_middleware.testing.fake_github.shapes import issues as shapes


def list_events(asking: Asking) -> Answer:
    """An issue's history, the oldest first."""
    repository, issue = found(asking)
    place = (repository.full_name, issue.number)
    events = [each for each in asking.hub.world.events if (each.repository, each.number) == place]
    return asking.page(events, lambda each: shapes.event(asking.hub, each))


for _name in ("events", "timeline"):  # comments and commits are not in this timeline
    route("GET", f"/repos/{{owner}}/{{repo}}/issues/{{number}}/{_name}", needs=READ)(list_events)


def _with_issue(asking: Asking, event: IssueEvent) -> Json:
    issue = asking.hub.world.issues[f"{event.repository}#{event.number}".lower()]
    return {**shapes.event(asking.hub, event), "issue": shapes.issue(asking.hub, issue)}


@route("GET", "/repos/{owner}/{repo}/issues/events", needs=READ)
def list_all(asking: Asking) -> Answer:
    """Of all issues, the newest first."""
    repository = asking.repository()
    events = [each for each in asking.hub.world.events if each.repository == repository.full_name]
    return asking.page(events[::-1], lambda each: _with_issue(asking, each))


@route("GET", "/repos/{owner}/{repo}/issues/events/{event}", needs=READ)
def get_event(asking: Asking) -> Any:
    """One of them, with its issue."""
    repository, number = asking.repository(), asking.number("event")
    here = (each for each in asking.hub.world.events if each.repository == repository.full_name)
    event = next((each for each in here if each.id == number), None)
    return _with_issue(asking, event) if event is not None else not_found()
