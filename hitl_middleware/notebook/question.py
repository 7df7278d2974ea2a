"""The question at which a run stands, as a card: what would happen, who decides, since when."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass

from hitl_middleware.display import hidden_from, shown_args, shown_changes, shown_data, shown_text
from hitl_middleware.notebook.facts import Asking, Facts
from hitl_middleware.notebook.markup import Html, Shown, facts, indented, tag
from hitl_middleware.notebook.messages import MOST, written
from hitl_middleware.notebook.standing import waits_for
from hitl_middleware.quorum import progress, shows
from hitl_middleware.records import ReviewRequest
from hitl_middleware.telling import span
from hitl_middleware.wording import person, status_words


@dataclass(frozen=True, slots=True, repr=False)
class Question(Shown):
    """One request, as of the moment ``facts`` were read."""

    request: ReviewRequest
    facts: Facts

    @property
    def pairs(self) -> tuple[tuple[str, str], ...]:
        """What there is to know of it, each under a word."""
        return tuple(_pairs(self.request, self.facts))

    def as_html(self) -> Html:
        request = self.request
        words = status_words(request, self.facts.action_of.get(request.action_id or ""))
        open_still = request.status == "pending"
        return tag(
            "div",
            tag("h3", request.title),
            tag(
                "p",
                tag("span", words.headline, class_=f"badge {'wait' if open_still else 'soft'}"),
                tag("code", request.code),
                tag("span", f" {request.tool or request.step or request.kind}", class_="soft"),
            ),
            tag("p", shown_text(request.description, MOST).text)
            if request.description and not request.tool
            else None,
            *(
                part
                for name, text in _shown(request)
                for part in (tag("h4", name) if name else None, tag("pre", text))
            ),
            facts(self.pairs),
            class_=f"box {'waiting' if open_still else ''}".strip(),
        )

    def as_text(self) -> str:
        request = self.request
        lines = [f"{request.title}  [{request.code}]  {request.status}"]
        if request.description and not request.tool:
            lines.append(indented(shown_text(request.description, MOST).text))
        lines += [indented(f"{name}\n{text}" if name else text) for name, text in _shown(request)]
        lines += [f"  {name}: {value}" for name, value in self.pairs]
        return "\n".join(lines)


def _shown(request: ReviewRequest) -> Iterator[tuple[str, str]]:
    if request.args is not None and request.tool is not None:
        yield "", shown_args(request.args, MOST, redact=request.plan.redact).text
    elif request.args is not None:
        yield from ((name, shown.text) for name, shown in shown_data(request.args, MOST))
    if request.edited_from is not None:
        yield "Changed", shown_changes(request.edited_from, request.args or {}, MOST).text


def _pairs(request: ReviewRequest, facts: Facts) -> Iterator[tuple[str, str]]:
    if (note := hidden_from(request)) is not None:
        yield "Hidden", note
    yield "Waits for" if request.status == "pending" else "Asked", waits_for(request)
    ended = request.decided_at or (None if request.status == "pending" else request.updated_at)
    yield (
        "Since",
        f"{_time(request.created_at)} ({span(((ended or facts.at) - request.created_at).total_seconds())})",
    )
    if shows(request) and request.kind != "outcome":
        yield "Approvals", progress(facts.approvals_of(request))
    if request.status == "pending":
        yield (
            "Answers",
            "done, failed, retry" if request.kind == "outcome" else ", ".join(request.plan.allowed_decisions),
        )
    if request.deadline_at is not None and request.status == "pending":
        yield "Overdue since" if request.overdue else "Until", _time(request.deadline_at)
    if request.decided_by is not None:
        yield (
            "Decided by",
            f"{person(request.decided_by, request.decided_by_name)} in {request.decided_via or 'the run'}",
        )
    if request.decision is not None and request.decision.message:
        yield "Their words", request.decision.message
    if request.decision is not None and request.decision.answered:
        yield "Their answer", written(request.decision.answer)
    action = facts.action_of.get(request.action_id or "")
    if action is not None and action.status not in {"waiting", "denied"}:
        yield (
            "Act",
            f"{action.status}{f' – {action.error or action.result_text}' if action.error or action.result_text else ''}",
        )
    for note in request.notes:
        yield "Note", note


@dataclass(frozen=True, slots=True, repr=False)
class Unasked(Shown):
    """A question of LangGraph that nobody was asked, because the graph is neither attached nor served."""

    asking: Asking

    def as_html(self) -> Html:
        asked = self.asking
        return tag(
            "div",
            tag("h3", asked.title),
            tag("p", tag("span", "Nobody was asked", class_="badge wait"), tag("code", asked.interrupt_id)),
            tag("p", shown_text(asked.description, MOST).text) if asked.description else None,
            tag("pre", shown_args(asked.shown, MOST).text) if asked.shown else None,
            class_="box waiting",
        )

    def as_text(self) -> str:
        asked = self.asking
        lines = [f"{asked.title}  (nobody was asked)"]
        lines += [indented(shown_args(asked.shown, MOST).text)] if asked.shown else []
        return "\n".join(lines)


def _time(at: dt.datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"
