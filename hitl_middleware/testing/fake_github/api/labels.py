"""Labels of repositories and of issues, and locks."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any, Final

from hitl_middleware.testing.fake_github import issues as deeds
from hitl_middleware.testing.fake_github.api.issues import READ, WRITE, found, label_names
from hitl_middleware.testing.fake_github.records import Issue, Label
from hitl_middleware.testing.fake_github.refusals import Refusal, invalid, not_found
from hitl_middleware.testing.fake_github.rest import Answer, Asking, route
from hitl_middleware.testing.fake_github.shapes import repositories

_LABELS: Final = "/repos/{owner}/{repo}/issues/{number}/labels"


@route("GET", "/repos/{owner}/{repo}/labels", needs=READ)
def list_repository_labels(asking: Asking) -> Answer:
    """All labels of a repository."""
    repository = asking.repository()
    labels = [*repository.labels.values()]
    return asking.page(labels, lambda each: repositories.label(asking.hub, repository, each))


@route("POST", "/repos/{owner}/{repo}/labels", needs=WRITE, role="triage")
def create_label(asking: Asking) -> Answer:
    """A new label."""
    repository, hub = asking.repository(), asking.hub
    given = asking.read(["name"], name="string", color="string", description="string?")
    name, color = given["name"], given.get("color", "ededed")
    if name.lower() in repository.labels:
        invalid("Label", "name", "already_exists")
    if not re.fullmatch("[0-9a-fA-F]{6}", color):
        invalid("Label", "color", "invalid")
    label = Label(id=hub.new_id(), name=name, color=color, description=given.get("description"))
    changed = replace(repository, labels={**repository.labels, name.lower(): label})
    hub.world.repositories[repository.full_name.lower()] = changed
    return Answer(repositories.label(hub, changed, label), 201)


@route("GET", "/repos/{owner}/{repo}/labels/{name}", needs=READ)
def get_label(asking: Asking) -> Any:
    """One label."""
    repository = asking.repository()
    label = repository.labels.get(asking.path["name"].lower())
    return repositories.label(asking.hub, repository, label) if label else not_found()


@route("PUT", "/repos/{owner}/{repo}/issues/{number}/lock", needs=WRITE, role="write")
def lock(asking: Asking) -> Answer:
    """Only those who can triage comment from now on."""
    _, issue = found(asking)
    reason = asking.read(lock_reason="string?").get("lock_reason")
    if reason not in {None, "off-topic", "too heated", "resolved", "spam"}:
        invalid("Issue", "lock_reason", "invalid")
    deeds.store(asking.hub, replace(issue, locked=True))
    return Answer(None, 204)


@route("DELETE", "/repos/{owner}/{repo}/issues/{number}/lock", needs=WRITE, role="write")
def unlock(asking: Asking) -> Answer:
    """Everybody comments again."""
    deeds.store(asking.hub, replace(found(asking)[1], locked=False))
    return Answer(None, 204)


@route("GET", _LABELS, needs=READ)
def list_labels(asking: Asking) -> Answer:
    """The labels of an issue."""
    issue = found(asking)[1]
    return asking.page(_shown(asking, issue), lambda each: each)


@route("POST", _LABELS, needs=WRITE, role="triage")
def add_labels(asking: Asking) -> Any:
    """More labels."""
    _, issue = found(asking)
    return _shown(asking, deeds.relabelled(asking.hub, issue, asking.who, [*issue.labels, *_given(asking)]))


@route("PUT", _LABELS, needs=WRITE, role="triage")
def set_labels(asking: Asking) -> Any:
    """Exactly these labels."""
    return _shown(asking, deeds.relabelled(asking.hub, found(asking)[1], asking.who, _given(asking)))


@route("DELETE", f"{_LABELS}/{{name}}", needs=WRITE, role="triage")
def remove_label(asking: Asking) -> Any:
    """One label less; 404 where it is not."""
    _, issue = found(asking)
    name = asking.path["name"].lower()
    left = [each for each in issue.labels if each.lower() != name]
    if len(left) == len(issue.labels):
        raise Refusal(404, "Label does not exist")
    return _shown(asking, deeds.relabelled(asking.hub, issue, asking.who, left))


@route("DELETE", _LABELS, needs=WRITE, role="triage")
def remove_labels(asking: Asking) -> Answer:
    """No labels."""
    deeds.relabelled(asking.hub, found(asking)[1], asking.who, [])
    return Answer(None, 204)


def _given(asking: Asking) -> list[str]:
    body = asking.body
    if isinstance(body, dict):
        body = asking.read(["labels"], labels="any")["labels"]
    return label_names(body or [])


def _shown(asking: Asking, issue: Issue) -> list[Any]:
    repository = asking.hub.world.repositories[issue.repository.lower()]
    return [
        repositories.label(asking.hub, repository, repository.labels[name.lower()]) for name in issue.labels
    ]
