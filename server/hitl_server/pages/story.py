"""What happened in a run, in order, and when it was people that were waited for. Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from hitl_middleware.drawing.timeline import Span, joined
from hitl_middleware.records import Action, ReviewRequest
from hitl_middleware.review import is_final
from hitl_middleware.views import RunDetail
from hitl_middleware.wording import person


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """One line of a story. ``ended``: of a wait, when it was over; ``None`` where it is not, or where there was none."""

    at: dt.datetime
    kind: Literal["run", "wait", "act"]
    ended: dt.datetime | None = None
    request: ReviewRequest | None = None
    action: Action | None = None
    words: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """``whole`` and ``waited`` in seconds: how long it took (so far), and how much of that people were waited for."""

    moments: tuple[Moment, ...]
    whole: float
    waited: float


def story_of(detail: RunDetail, now: dt.datetime) -> Story:
    """The story of a run up to ``now``, or to its end."""
    run = detail.run
    end = max(run.updated_at if is_final("run", run.status) else now, run.created_at)
    waits = joined(_within(each, run.created_at, end) for each in detail.requests)
    whole = (end - run.created_at).total_seconds()
    return Story(
        moments=tuple(sorted(_moments(detail), key=lambda moment: moment.at)),
        whole=whole,
        waited=sum((to - since).total_seconds() for since, to in waits),
    )


def _moments(detail: RunDetail) -> Iterator[Moment]:
    run = detail.run
    yield Moment(at=run.created_at, kind="run", words=f"Started by {person(run.started_by) or 'its caller'}")
    for request in detail.requests:
        yield Moment(at=request.created_at, kind="wait", ended=_over(request), request=request)
    for action in detail.actions:
        if action.attempts:
            yield Moment(at=action.settled_at or action.updated_at, kind="act", action=action)
    if is_final("run", run.status):
        yield Moment(at=run.updated_at, kind="run", words=f"Run {run.status}")


def _over(request: ReviewRequest) -> dt.datetime | None:
    return None if request.status == "pending" else request.decided_at or request.updated_at


def _within(request: ReviewRequest, first: dt.datetime, last: dt.datetime) -> Span:
    """When it waited, as far as that was in the run's time."""
    since = min(max(request.created_at, first), last)
    return since, max(min(_over(request) or last, last), since)


_ADDRESS: Final = "_url"


def links(labels: Mapping[str, str]) -> tuple[tuple[str, str, str], ...]:
    """Labels that are addresses of pages elsewhere: name, text and address. Only such as a browser opens as a page.

    ``issue_url`` beside ``issue`` is where that is found: the text is then what ``issue`` says.
    """
    return tuple(
        (name.removesuffix(_ADDRESS).replace("_", " "), labels.get(name.removesuffix(_ADDRESS), value), value)
        for name, value in labels.items()
        if _is_address(value)
    )


def plain(labels: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """The other labels."""
    return tuple(
        (name.replace("_", " "), value)
        for name, value in labels.items()
        if not _is_address(value) and not _is_address(labels.get(f"{name}{_ADDRESS}", ""))
    )


def _is_address(value: str) -> bool:
    odd = any(char.isspace() or not char.isprintable() or char in "\"'<>`\\" for char in value)
    return value.startswith(("https://", "http://")) and not odd
