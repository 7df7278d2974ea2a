"""A card as a comment: one living text, edited in place. Pure: a view in, Markdown out.

GitHub takes 65,536 characters. What does not fit is cut loudly, and then the comment offers no approve and says where there is one. Long
texts are folded (``<details>``), never left out. Where everything that others wrote stands is ``markdown``'s business.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from hitl_middleware.channels.github import sentences, words
from hitl_middleware.channels.github.markdown import Language, code, link, moment, plain, room
from hitl_middleware.channels.github.parts import box, bullets, hint, said
from hitl_middleware.channels.github.sentences import who
from hitl_middleware.display import Shown, hidden_from, shown_args, shown_changes, shown_data, shown_text
from hitl_middleware.quorum import approvals, counted, shows
from hitl_middleware.records import CardView, ReviewRequest
from hitl_middleware.review import RequestStatus, is_final
from hitl_middleware.telling import settler
from hitl_middleware.wording import OVERDUE, UNANSWERED, status_words

MOST_DATA: Final = (40_000, 20_000, 8_000, 2_000)
"""Characters for what is shown. The first with which the comment fits is taken: wrapped lines and long fences take room of their own."""

MOST_DESCRIPTION: Final = 10_000
MOST_CHANGES: Final = 2_000
MOST_MESSAGE: Final = 2_000
MOST_OUTCOME: Final = 2_000
MOST_NOTES: Final = 10
MOST_NOTE: Final = 300
MOST_FIELD: Final = 160
MOST_AGREED: Final = 8

_PATCH: Final = re.compile(r"^--- .+\n\+\+\+ .+\n@@ ", re.MULTILINE)

_NAME: Final = re.compile(r"[a-z]+(?:_[a-z]+)*")

_SIGN: Final = {
    "Waiting for a decision": "⏳",
    OVERDUE: "⏰",
    "Approved": "✅",
    "Rejected": "⛔",
    "Revision requested": "🔁",
    "Feedback sent": "🔁",
    "Answered": "💬",
    "Expired": "⌛",
    "Executing": "⚙️",
    "Executed": "✅",
    "Failed": "❌",
    "Unknown": "❓",
}


@dataclass(frozen=True, slots=True)
class Content:
    """A comment. ``complete``: it shows all there is, so a person may decide on it."""

    text: str
    complete: bool


def content(view: CardView) -> Content:
    """The whole comment for a card as it should be now, its hidden mark first."""
    found = [_content(view, most) for most in MOST_DATA[:1]]
    for most in MOST_DATA[1:]:
        if room(found[-1].text) > words.MOST_BODY:
            found.append(_content(view, most))
    return found[-1]


def complete(view: CardView) -> bool:
    """Whether the comment shows everything; only then may ``/approve`` count."""
    return content(view).complete


def _content(view: CardView, most: int) -> Content:
    request = view.request
    over = request.status != "pending"  # then what was asked is folded: people come for what became of it
    most_said = min(MOST_DESCRIPTION, most)
    description = shown_text(request.description, most_said, measure=room)
    data = _data(view, most)
    whole = description.complete and all(shown.complete for _, shown, _ in data)
    parts = [
        words.card_marker(view.card.id),
        f"### {sentences.heading(request)}",
        _state(view),
        bullets(_facts(view)),
        said("What was asked" if over else "What is asked", request.description, most_said, fold=over)
        if request.description.strip()
        else "",
        *(box(label, shown.text, language, fold=over) for label, shown, language in data),
        # An argument's name is the tool author's, not ours.
        f"🔒 {plain(note, MOST_NOTE)}" if (note := hidden_from(request)) else "",
        *_changes(request),
        *_before(request),
        *_answer(view),
        *(_asking(view, whole=whole) if request.status == "pending" else ()),
        _foot(view),
    ]
    return Content("\n\n".join(filter(None, parts)) + "\n", whole)


# ------------------------------------------------------------------------------------------------------------- the story


def _state(view: CardView) -> str:
    """Both stories: who decided, and what became of the act."""
    request = view.request
    now = status_words(request, view.action)
    sign = _SIGN.get(now.decision, "▪️")
    if request.status == "pending":
        at = moment(request.deadline_at) if request.deadline_at else ""
        until = f" – the deadline was {at}" if request.overdue else f" until {at}" if at else ""
        return f"{sign} **{now.decision}**{until}"
    by = who(request.decided_by, request.decided_by_name)
    first = " ".join(
        filter(
            None,
            (sign, f"**{now.decision} by** {by}" if by else f"**{now.decision}**", sentences.via(request)),
        )
    )
    first += f" – {now.then}" if now.then else ""
    if not now.outcome:
        return first
    return f"{first}\\\n{_SIGN.get(now.outcome, '▪️')} **{now.outcome}**"


def _facts(view: CardView) -> Iterator[str]:
    request, plan = view.request, view.request.plan
    yield f"**Workflow:** {plain(request.graph, MOST_FIELD)}"
    if request.step:
        rounds = f", round {request.round}" if (request.round or 1) > 1 else ""
        yield f"**Step:** {plain(request.step, MOST_FIELD)}{rounds}"
    if request.tool:
        yield f"**Tool:** {code(request.tool, MOST_FIELD)}"
    if plan.reason and request.kind != "step":  # of a step it is always the same: the workflow waits at it
        yield f"**Why you are asked:** {plain(plan.reason, MOST_FIELD)}"
    if plan.risk:
        yield f"**Risk:** {plain(plan.risk, MOST_FIELD)}"
    if request.labels.get(words.PULL_REQUEST, "").isdecimal():
        yield f"**Pull request:** {_pull_request(request)}"
    if request.requester:
        yield f"**Asked for by:** {who(request.requester)}"
    if request.status == "pending":
        yield f"**May decide:** {sentences.may_decide(request)}"
    yield from _agreed(view)
    if request.decided_at:
        yield f"**Decided:** {moment(request.decided_at)}"
    if by := settler(view.action):
        yield f"**Settled by:** {who(by)}"


def _pull_request(request: ReviewRequest) -> str:
    """A reference that GitHub makes a link of, and the commit that is decided on."""
    number, commit = int(request.labels[words.PULL_REQUEST]), request.labels.get(words.HEAD_SHA)
    return f"#{number} at {code(commit[:12])}" if commit else f"#{number}"


def _agreed(view: CardView) -> Iterator[str]:
    """How many of several approvals there are, whose – each person once –, and who is still needed."""
    request = view.request
    if not shows(request):
        return
    found = approvals(request.plan, view.submissions)
    names = [who(each.person, each.name) or "" for each in found.given]
    more = [f"{len(names) - MOST_AGREED} more"] if len(names) > MOST_AGREED else []
    by = f" by {', '.join([*names[:MOST_AGREED], *more])}" if names else ""
    still = sentences.still_needed(found, request.labels) if request.status == "pending" else ""
    yield f"**Approvals:** {counted(found)}{by}{still}"


# ---------------------------------------------------------------------------------------------------------- what is shown


def _data(view: CardView, most: int) -> list[tuple[str, Shown, Language]]:
    """The call as it will run, or what a step shows, value by value; else the value a question came with."""
    request = view.request
    if request.args is None:
        return []
    if request.kind == "step":
        shown = shown_data(request.args, most, measure=room)
        return [(_label(key) or "Details", text, _language(text.text)) for key, text in shown]
    edited = request.decision is not None and request.decision.type == "edit"
    label = "Arguments" if request.tool else "Details"
    label = f"{label}, as edited by the reviewer" if edited else label
    return [(label, shown_args(request.args, most, measure=room, redact=request.plan.redact), "text")]


def _label(key: str) -> str:
    """A key of the state as people write it: ``pull_request`` is “Pull request”. What is no plain name stays as it is."""
    return key.replace("_", " ").capitalize() if _NAME.fullmatch(key) else key


def _language(text: str) -> Language:
    """GitHub colours the lines of a patch."""
    return "diff" if _PATCH.search(text) else "text"


def _changes(request: ReviewRequest) -> Iterator[str]:
    if request.edited_from is not None:
        changes = shown_changes(request.edited_from, request.args or {}, MOST_CHANGES, measure=room)
        yield box("What the reviewer changed", changes.text)


def _before(request: ReviewRequest) -> Iterator[str]:
    """What happened beside it; of a step that is asked again, what was said in the rounds before, to the letter."""
    notes = [note for note in request.notes[-MOST_NOTES:] if note.strip()]
    if notes and (request.round or 1) > 1:
        yield said("Said before", "\n".join(notes), MOST_MESSAGE)
    elif notes:
        yield bullets(f"ℹ️ {plain(note, MOST_NOTE)}" for note in notes)


def _answer(view: CardView) -> Iterator[str]:
    """The reviewer's words, then what became of the act."""
    request, action = view.request, view.action
    if request.decision and request.decision.message:
        yield said("In the reviewer's words", request.decision.message, MOST_MESSAGE)
    if request.decision and request.decision.answer is not None:
        yield box(
            "The answer", shown_args({"answer": request.decision.answer}, MOST_MESSAGE, measure=room).text
        )
    if action is None or not (action.status == "unknown" or is_final("action", action.status)):
        return
    if action.error:
        yield said("Error", action.error, MOST_OUTCOME)
    elif action.result_text:
        yield said("Result", action.result_text, MOST_OUTCOME)
    if todo := status_words(request, action).hint:
        yield f"❗ {hint(todo)}"


# ---------------------------------------------------------------------------------------------------------- what is asked


def _asking(view: CardView, *, whole: bool) -> Iterator[str]:
    """The commands; where a comment cannot do, a sentence that says where else to decide."""
    request = view.request
    where = sentences.elsewhere(request, view.url)
    may = set(request.plan.allowed_decisions)
    by_comment = whole and not sentences.needs_form(request)
    offered = list(sentences.commands(request, approve=by_comment))
    if request.kind == "outcome":
        yield f"❗ **Say what happened** {_settle(view)}. No comment decides this."
        return
    if not whole:
        yield f"⚠️ **This is too long to be shown here in full, so it cannot be approved by a comment.** Decide it {where}."
    elif "approve" in may and sentences.needs_form(request):
        yield f"⚠️ **Approving takes a form that a comment cannot fill in.** Fill it in {where}."
    if offered:
        yield "**To decide, comment with**"
        yield bullets(offered)
        yield "The command stands on the first line. Its code may be left out while nothing else waits here."
    elif whole:
        yield f"**This cannot be answered by a comment.** Answer it {where}."
    other = [
        name
        for name, kind in (("edited", "edit"), ("answered in the tool's place", "respond"))
        # A call that needs several approvals is not edited by one (the desk would refuse it).
        if kind in may and not (kind == "edit" and request.plan.by_several)
    ]
    if whole and offered and other:
        yield f"It can also be {' or '.join(other)} {where}."


def _settle(view: CardView) -> str:
    terminal = f"in a terminal with {code(f'hitl actions settle {view.request.action_id}')}"
    on_page = link(view.url, "on its page")
    return f"{on_page}, or {terminal}" if on_page else terminal


def _foot(view: CardView) -> str:
    """How to speak of the request elsewhere, and the way to its pages. Code and ids are ours."""
    request = view.request
    base, found, _ = (view.url or "").rpartition(f"/requests/{request.id}")
    run = f"{base}/runs/{request.run_id}" if found else None
    parts = (
        f"Code {code(request.code)}",
        link(run, "run") or f"run {code(request.run_id)}",
        link(view.url, "request"),
        "`/hitl help`" if request.status == "pending" else None,
    )
    return f"<sub>{' · '.join(filter(None, parts))}</sub>"


# -------------------------------------------------------------------------------------------------------- the confirmation


def confirmation(request: ReviewRequest) -> str:
    """The comment that a decision leaves behind: who decided what, where if not here, and what follows. Without a hidden mark."""
    sign = _SIGN.get(status_words(request, None).decision, "▪️")
    head = f"{sign} **{_follows(request)}** – {sentences.heading(request)} was {sentences.decided(request)}."
    if request.status == "expired":
        head = f"{sign} **Expired** – {sentences.heading(request)} was {sentences.decided(request)}: {UNANSWERED}."
    message = request.decision.message if request.decision else None
    if message and message.strip():
        words_ = said(_LABEL.get(request.status, "In their words"), message, MOST_MESSAGE)
    else:
        words_ = "No reason was given." if request.status == "rejected" else ""
    return "\n\n".join(filter(None, (head, words_, f"<sub>Code {code(request.code)}</sub>"))) + "\n"


_LABEL: Final[Mapping[RequestStatus, str]] = {"rejected": "Reason", "revised": "What should be different"}


def _follows(request: ReviewRequest) -> str:
    """What a decision leads to, in a word or two."""
    match request.status, request.kind:
        case "rejected", "tool_call":
            return "Not done"
        case "rejected", _:
            return "Stopped"
        case (("approved" | "answered"), _):
            return "Resumed"
        case "revised", _:
            return "Revision requested"
    return "Closed"
