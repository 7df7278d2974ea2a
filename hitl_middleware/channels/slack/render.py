"""A card in Block Kit. Pure: a view in, blocks out.

Limits of Slack (docs.slack.dev, "Reference: Block Kit"): 50 blocks; header 150 characters; text of a section 3,000; 10 fields of 2,000;
10 elements in a context; value of a button 2,000. For all text of a message together Slack documents no limit and enforces one near
13,200 characters, a block counting for up to 125 (slackapi/bolt-js, issues 2509 and 2867): the shares below come to less than that.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from hitl_middleware.channels.slack import words
from hitl_middleware.channels.slack.buttons import asking, button
from hitl_middleware.channels.slack.words import Json, box, markup, plain
from hitl_middleware.display import (
    Shown,
    hidden_from,
    one_line,
    shown_args,
    shown_changes,
    shown_data,
    shown_text,
)
from hitl_middleware.quorum import approvals, counted, shows, still_words
from hitl_middleware.records import CardView, ReviewRequest
from hitl_middleware.review import is_final
from hitl_middleware.telling import settler
from hitl_middleware.wording import OVERDUE, person, status_words

MOST_HEADER: Final = 150
MOST_FIELD: Final = 160
MOST_ARGS: Final = 5_000
MOST_CHANGES: Final = 1_000
MOST_DESCRIPTION: Final = 1_000
MOST_MESSAGE: Final = 700
MOST_OUTCOME: Final = 1_000
MOST_NOTES: Final = 4
MOST_NOTE: Final = 500
MOST_PEOPLE: Final = 5

_SIGN: Final = {
    "Waiting for a decision": "⏳",
    OVERDUE: "⏰",
    "Expired": "⌛",
    "Approved": "✅",
    "Rejected": "⛔",
    "Executing": "⚙️",
    "Executed": "✅",
    "Failed": "❌",
    "Unknown": "❓",
}


@dataclass(frozen=True, slots=True)
class CardContent:
    """What is posted: ``text`` is the fallback for notifications (our own words), ``blocks`` is what people see."""

    text: str
    blocks: list[Json]
    metadata: Json


def content(view: CardView) -> CardContent:
    """The whole message for a card as it should be now."""
    request = view.request
    said = status_words(request, view.action)
    return CardContent(
        text=f"{said.headline}: {words.tool_name(request)}",
        blocks=blocks(view),
        metadata=dict(words.metadata(request, view.card.id)),
    )


def blocks(view: CardView) -> list[Json]:
    """The blocks of a card, from top to bottom."""
    request = view.request
    data = _data(view)
    description = shown_text(request.description, MOST_DESCRIPTION, measure=words.weight)
    found = [
        {"type": "header", "text": plain(request.title or words.tool_name(request), MOST_HEADER)},
        _state(view),
    ]
    found += _facts(view)
    if description.text.strip():
        found.append(box("What is asked", description.text))
    found += [box(label, shown.text) for label, shown in data]
    if note := hidden_from(request):
        # Plain text: an argument's name is the tool author's, not ours.
        found.append({"type": "section", "text": plain(f"🔒 {note}", MOST_NOTE)})
    if request.edited_from is not None:
        changes = shown_changes(request.edited_from, request.args or {}, MOST_CHANGES, measure=words.weight)
        found.append(box("What the reviewer changed", changes.text))
    found += _notes(request)
    found += _answer(view)
    if request.status == "pending":
        complete = description.complete and all(shown.complete for _, shown in data)
        found += asking(view, complete=complete)
    found.append(_foot(view))
    return found


def _data(view: CardView) -> list[tuple[str, Shown]]:
    """The call as it will run, under a label of ours; of a step what it shows, value by value; else the value a question came with."""
    request = view.request
    if request.args is None:
        return []
    if request.kind == "step":
        shown = shown_data(request.args, MOST_ARGS, measure=words.weight)
        return [(one_line(key, MOST_FIELD) or "Details", text) for key, text in shown]
    edited = request.decision is not None and request.decision.type == "edit"
    label = "Arguments" if request.tool else "Details"
    label = f"{label}, as edited by the reviewer" if edited else label
    return [(label, shown_args(request.args, MOST_ARGS, measure=words.weight, redact=request.plan.redact))]


def _notes(request: ReviewRequest) -> Iterator[Json]:
    """What happened beside it; of a step that is asked again, what was said in the rounds before, to the letter."""
    said = [note for note in request.notes[-MOST_NOTES:] if note.strip()]
    if said and (request.round or 1) > 1:
        yield box("Before", _cut("\n".join(said), MOST_MESSAGE))
    elif said:
        yield {"type": "context", "elements": [plain(note, MOST_FIELD) for note in said]}


def _state(view: CardView) -> Json:
    """Both stories in one place: who decided, and what became of it."""
    said = status_words(view.request, view.action)
    request = view.request
    sign = _SIGN.get(said.decision, "▪️")
    outcome = f"{_SIGN.get(said.outcome, '▪️')} {said.outcome}" if said.outcome else ""
    user = words.user_of(request.decided_by)
    if request.decided_by is None or user:
        lines = [f"{sign} {said.decided(f'<@{user}>' if user else None)}", outcome]
        return {"type": "section", "text": markup("\n".join(filter(None, lines)))}
    # A name may hold anything, so the whole line is plain text here.
    who = words.escape(person(request.decided_by, request.decided_by_name) or "")
    lines = [f"{sign} {said.decided(who)}", outcome]
    return {
        "type": "section",
        "text": {"type": "plain_text", "text": "\n".join(filter(None, lines)), "emoji": False},
    }


def _facts(view: CardView) -> Iterator[Json]:
    """A table of two columns; a section takes 10 fields, that is 5 rows."""
    rows = [*_about(view), *_progress(view)]
    for start in range(0, len(rows), 5):
        fields = [
            field for label, value in rows[start : start + 5] for field in (markup(f"*{label}*"), value)
        ]
        yield {"type": "section", "fields": fields}


def _about(view: CardView) -> Iterator[tuple[str, Json]]:
    """What it is and why somebody is asked."""
    request, plan = view.request, view.request.plan
    if request.tool:
        yield "Tool", plain(request.tool, MOST_FIELD)
    if request.step:
        rounds = f" – round {request.round}" if (request.round or 1) > 1 else ""
        yield "Step", plain(f"{request.step}{rounds}", MOST_FIELD)
    labels = ", ".join(f"{key} {value}" for key, value in view.run.labels.items())
    yield "Run", plain(f"{request.graph} – {labels}" if labels else request.graph, MOST_FIELD)
    if plan.reason:
        yield "Why you are asked", plain(plan.reason, MOST_FIELD)
    if plan.risk:
        yield "Risk", plain(plan.risk, MOST_FIELD)
    if request.requester:
        yield "Asked for by", _people([(request.requester, None)])


def _progress(view: CardView) -> Iterator[tuple[str, Json]]:
    """Who may decide, who has, by when."""
    request = view.request
    if request.status == "pending":
        if request.plan.approvers:
            yield "May decide", _people([(approver, None) for approver in request.plan.approvers])
        if request.deadline_at:
            label = "Overdue since" if request.overdue else "Deadline"
            yield label, markup(words.date(request.deadline_at))
    if shows(request):
        found = approvals(request.plan, view.submissions)
        yield "Approvals", markup(counted(found))
        if found.given:
            yield "By", _people([(each.person, each.name) for each in found.given])
        if request.status == "pending" and (still := still_words(found, words.role)) is not None:
            yield "Still needed", markup(still)
    if request.decided_at:
        yield "Decided", markup(words.date(request.decided_at))
    if by := settler(view.action):
        yield "Settled by", _people([(by, None)])


def _people(who: Sequence[tuple[str, str | None]]) -> Json:
    """People and user groups as mentions if Slack knows all of them; otherwise by name, as plain text."""
    more = f" and {len(who) - MOST_PEOPLE} more" if len(who) > MOST_PEOPLE else ""
    known = [words.reference(identity) for identity, _ in who[:MOST_PEOPLE]]
    if all(known):
        return markup(", ".join(filter(None, known)) + more)
    names = [person(identity, name) or "" for identity, name in who[:MOST_PEOPLE]]
    return plain(", ".join(names) + more, MOST_FIELD)


def _answer(view: CardView) -> Iterator[Json]:
    """The reviewer's words, then what became of the act."""
    request, action = view.request, view.action
    if request.decision and request.decision.message:
        yield box("In the reviewer's words", _cut(request.decision.message, MOST_MESSAGE))
    if request.decision and request.decision.answered:
        answer = shown_args({"answer": request.decision.answer}, MOST_MESSAGE, measure=words.weight)
        yield box("The answer", answer.text)
    if action is None or not (action.status == "unknown" or is_final("action", action.status)):
        return
    if action.error:
        yield box("Error", _cut(action.error, MOST_OUTCOME))
    elif action.result_text:
        yield box("Result", _cut(action.result_text, MOST_OUTCOME))
    if hint := status_words(request, action).hint:
        yield {"type": "section", "text": markup(f"❗ {_commands(hint)}")}
        yield {"type": "actions", "elements": [button("settle", "Say what happened", request)]}


def _foot(view: CardView) -> Json:
    """How to speak of the request elsewhere. Code and id are ours."""
    parts: Iterable[str | None] = (f"Code `{_id(view.request)}`", words.link(view.url, "Open the request"))
    return {"type": "context", "elements": [markup(part) for part in parts if part]}


def _id(request: ReviewRequest) -> str:
    return words.escape(request.code)


def _cut(text: str, limit: int) -> str:
    return shown_text(text, limit, measure=words.weight).text


def _commands(hint: str) -> str:
    """Our own hint as markup, with its command in code."""
    sentence, found, command = words.escape(hint).partition("hitl ")
    return f"{sentence}`{found}{command}`" if found else sentence
