"""Triggers: which run begins when an issue is labelled (``[[triggers]]`` of ``hitl.toml``). Pure."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from hitl_middleware.channels.github import words
from hitl_middleware.channels.github.events import Labeled
from hitl_middleware.errors import ConfigurationError, HitlError
from hitl_middleware.records import OnNewInput
from hitl_middleware.settings import TriggerConfig

INPUT: Final[Mapping[str, str]] = {
    "repository": "repository.full_name",
    "issue": "issue.number",
    "issue_url": "issue.html_url",
    "title": "issue.title",
    "body": "issue.body",
}
"""The input of a run where a trigger maps nothing of its own."""

REQUESTERS: Final[Mapping[str, str]] = {"author": "issue.user.login", "labeller": "sender.login"}

LABELED_AGAIN: Final = "The issue was labelled again, and another run waits for this one to end"

_NAMESPACE: Final = uuid.UUID("5f0d2a0e-6d0c-4f0e-9c3a-3f1b8f5f8a6e")
"""Ids of runs that begin on GitHub are made from what began them: the same delivery is the same run."""


class PathMissing(HitlError):
    """The trigger for label {label!r} takes {name!r} from {path!r}, and the delivery has nothing there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StartRun:
    """A run to begin. A thread for each graph on each issue: what arrives while its run is suspended waits, or as the trigger says."""

    run_id: str
    thread_id: str
    graph: str
    input: Mapping[str, Any]
    requester: str | None
    on_new_input: OnNewInput
    labels: Mapping[str, str] = field(default_factory=dict)


def concerns(triggers: Iterable[TriggerConfig], labeled: Labeled) -> list[TriggerConfig]:
    """The triggers that wait for this label, there. To GitHub ``Bug`` and ``bug`` are one label, and so with names of repositories."""
    repository, label = labeled.repository.lower(), labeled.label.lower()
    return [
        trigger
        for trigger in triggers
        if trigger.label.lower() == label
        and (not trigger.repositories or repository in {each.lower() for each in trigger.repositories})
    ]


def run_of(trigger: TriggerConfig, labeled: Labeled) -> StartRun:
    """What a trigger begins. Raises ``PathMissing``."""
    given = {
        name: _at(labeled.payload, path, trigger, name) for name, path in (trigger.input or INPUT).items()
    }
    path = REQUESTERS[trigger.requester]
    login = _at(labeled.payload, path, trigger, "requester")
    address = words.Address(labeled.repository, labeled.number)
    labels = {words.REPOSITORY: labeled.repository, words.ISSUE: str(labeled.number)}
    url = labeled.payload["issue"].get("html_url")
    if isinstance(url, str):
        labels[words.ISSUE_URL] = url[:500]
    return StartRun(
        run_id=str(uuid.uuid5(_NAMESPACE, f"{labeled.key}:{trigger.graph}")),
        thread_id=f"{words.PREFIX}{address}:{trigger.graph}",
        graph=trigger.graph,
        input=given,
        requester=f"{words.PREFIX}{login}" if isinstance(login, str) else None,
        on_new_input=trigger.on_new_input,
        labels=labels,
    )


def check_triggers(triggers: Iterable[TriggerConfig], graphs: Iterable[str]) -> None:
    """Raises ``ConfigurationError`` for a trigger whose graph nobody here serves."""
    known = sorted(graphs)
    for trigger in triggers:
        if trigger.graph not in known:
            msg = (
                f"hitl.toml: the trigger for label {trigger.label!r} starts graph {trigger.graph!r}, which is not served here. "
                f"Served: {', '.join(known) or 'none'}."
            )
            raise ConfigurationError(msg)


def _at(payload: Mapping[str, Any], path: str, trigger: TriggerConfig, name: str) -> Any:
    """What stands at a dotted path; an issue without a body has ``null`` there, which is something."""
    found: Any = payload
    for part in path.split("."):
        if isinstance(found, list) and part.isdecimal() and int(part) < len(found):
            found = found[int(part)]
        elif isinstance(found, Mapping) and part in found:
            found = found[part]
        else:
            raise PathMissing(label=trigger.label, name=name, path=path)
    return found
