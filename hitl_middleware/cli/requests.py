"""``hitl requests list|show|approve|reject|feedback|respond|edit``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any, cast, get_args

import typer

from hitl_middleware.cli.context import (
    As,
    Cursor,
    Json,
    Limit,
    ask,
    fail,
    local_identity,
    opened,
    speaks,
    voucher,
)
from hitl_middleware.cli.filling import Sets, filled
from hitl_middleware.cli.output import as_json, facts, say, table, who_decides

if TYPE_CHECKING:
    from hitl_middleware.records import ReviewRequest
    from hitl_middleware.review import RequestStatus
    from hitl_middleware.views import RequestDetail

app = typer.Typer(no_args_is_help=True)
Key = Annotated[str, typer.Argument(help="Request id, or its 8-character code.", metavar="REQUEST")]


@app.command("list")
@speaks
def list_(
    status: Annotated[str, typer.Option(help="pending, approved, rejected, … or all.")] = "pending",
    limit: Limit = 50,
    cursor: Cursor = None,
    json_: Json = False,
) -> None:
    """What waits, newest first."""
    from hitl_middleware.display import args_line

    wanted = _status(status)
    with opened() as hitl:
        page, actions = ask(hitl, hitl.views.requests, status=wanted, limit=limit, cursor=cursor)
        found = ask(hitl, hitl.views.approvals, page.items) if json_ else {}
    if json_:
        from hitl_server.schemas import requests_out

        as_json(requests_out(page, actions, found).model_dump(mode="json"))
        return
    table(
        ["CODE", "STATUS", "SINCE (UTC)", "WHAT", "ARGUMENTS"],
        [
            (
                request.code,
                request.status,
                f"{request.created_at:%Y-%m-%d %H:%M:%S}",
                request.title,
                args_line(request.args, request.plan.redact),
            )
            for request in page.items
        ],
        empty="Nothing waits for a decision." if wanted == "pending" else "No such requests.",
    )


@app.command("show", short_help="One request, and what became of it.")
@speaks
def show(key: Key, json_: Json = False) -> None:
    """One request: the call exactly as it will run, who was asked and why, what happened."""
    from hitl_middleware.display import hidden_from, shown_args, shown_changes
    from hitl_middleware.wording import card_words

    with opened() as hitl:
        detail = ask(hitl, hitl.views.request, key)
    request, action = detail.request, detail.action
    if json_:
        from hitl_server.schemas import cards_out

        cards = cards_out(detail.cards).model_dump(mode="json")["items"]
        as_json({**_out(detail), "cards": cards})
        return
    posted = (f"{card.target.channel} {card.target.address}: {card_words(card)}" for card in detail.cards)
    facts(
        f"{request.title}  [{request.code}]",
        {
            "status": request.status,
            "tool": request.tool,
            "step": request.step,
            "round": request.round,
            "asked": None if request.tool else request.description or None,
            "arguments" if request.tool else "shown": (
                shown_args(request.args, 4_000, redact=request.plan.redact).text if request.args else None
            ),
            "hidden": hidden_from(request),
            "changed": (
                shown_changes(request.edited_from, request.args or {}, 4_000).text
                if request.edited_from is not None
                else None
            ),
            "form" if request.kind == "step" else "schema": _schema(request),
            "why": request.plan.reason,
            "who decides": who_decides(request.plan.approvers or ()),
            "approvals": detail.progress,
            "answers": ", ".join(request.plan.allowed_decisions),
            "overdue since" if request.overdue else "until": f"{request.deadline_at:%Y-%m-%d %H:%M:%S} UTC"
            if request.deadline_at
            else None,
            "decided by": request.decided_by,
            "their words": request.decision.message if request.decision else None,
            "their answer": _answer(request),
            "action": f"{action.id} ({action.status})" if action else None,
            "result": action.result_text if action else None,
            "error": action.error if action else None,
            "posted to": "\n".join(posted),
            "run": f"{detail.run.id} ({detail.run.status})",
            "digest": request.digest,
            "notes": "; ".join(request.notes),
        },
    )


@app.command("approve", short_help="Let the act happen, or the workflow go on.")
@speaks
def approve(
    key: Key,
    answer: Annotated[str | None, typer.Option(help="A step's form, filled in, as JSON.")] = None,
    set_: Sets = None,
    as_: As = None,
    json_: Json = False,
) -> None:
    """Let the act happen, or the workflow go on; a step's form is filled in with --set or --answer."""
    _decide(key, as_, json_, sets=set_, type="approve", **_answered(answer))


@app.command("reject")
@speaks
def reject(
    key: Key,
    reason: Annotated[str | None, typer.Argument(help="Told to the agent.")] = None,
    as_: As = None,
    json_: Json = False,
) -> None:
    """Refuse the act."""
    _decide(key, as_, json_, type="reject", message=reason)


@app.command("feedback", short_help="Ask for a revision, in words.")
@speaks
def feedback(
    key: Key,
    words: Annotated[str, typer.Argument(help="What should be different.")],
    as_: As = None,
    json_: Json = False,
) -> None:
    """Ask for a revision: the act is not performed (a step is asked again), the words go back."""
    _decide(key, as_, json_, type="feedback", message=words)


@app.command("respond", short_help="Answer a question, or in the tool's place.")
@speaks
def respond(
    key: Key,
    words: Annotated[str | None, typer.Argument(help="Words in the tool's place.")] = None,
    answer: Annotated[str | None, typer.Option(help="A JSON value instead of words.")] = None,
    set_: Sets = None,
    as_: As = None,
    json_: Json = False,
) -> None:
    """Answer in the tool's place, or answer a question of the graph: with words, with --set, or with --answer."""
    _decide(key, as_, json_, sets=set_, type="respond", message=words, **_answered(answer))


@app.command("edit", short_help="Approve the act with other arguments.")
@speaks
def edit(
    key: Key,
    args: Annotated[
        str | None, typer.Argument(help="All arguments as JSON, e.g. '{\"amount_cents\": 500}'.")
    ] = None,
    set_: Sets = None,
    as_: As = None,
    json_: Json = False,
) -> None:
    """Approve the act with other arguments: hitl requests edit 7k3m9x2q --set amount_cents=500"""
    if (args is None) == (set_ is None):
        fail("Give all arguments as JSON, or those to be changed with --set NAME=VALUE.")
    value = None if args is None else _parsed("ARGS", args)
    if args is not None and not isinstance(value, dict):
        fail("ARGS: must be a JSON object with the tool's arguments")
    _decide(key, as_, json_, sets=set_, type="edit", edited=value)


def _decide(
    key: str,
    as_: str | None,
    json_: bool,
    *,
    edited: Any = None,
    sets: list[str] | None = None,
    **decision: Any,
) -> None:
    from hitl_middleware.actions import Decision

    who = as_ or local_identity()
    with opened() as hitl:
        request = ask(hitl, hitl.views.request, key).request
        if sets is not None and decision["type"] == "edit":
            edited = filled(request, "edit", sets)
        elif sets is not None:
            decision["answer"] = filled(request, decision["type"], sets)
        if edited is not None:
            decision["edited_action"] = {"name": request.tool or "", "args": edited}
        said = Decision.model_validate(decision)
        # What was filled in is meant for the call as it was read just now.
        seen = request.digest if sets is not None else None
        ask(
            hitl,
            hitl.submit,
            request.id,
            said,
            identity=who,
            vouched_by=voucher(as_),
            via="cli",
            if_match=seen,
        )
        detail = ask(hitl, hitl.views.request, request.id)
    if json_:
        as_json(_out(detail))
    else:
        say(_told(detail, who))


def _schema(request: ReviewRequest) -> str | None:
    """What an answer must look like, where one is asked for: a call's schema is of its arguments, which speak for themselves."""
    if request.kind == "tool_call" or request.response_schema is None:
        return None
    return json.dumps(request.response_schema, ensure_ascii=False, indent=2)


def _answer(request: ReviewRequest) -> str | None:
    if request.decision is None or not request.decision.answered:
        return None
    return json.dumps(request.decision.answer, ensure_ascii=False)


def _told(detail: RequestDetail, who: str) -> str:
    request = detail.request
    if request.status == "pending":
        return f"Counted. {request.title} [{request.code}]: {detail.progress}."
    decided = f"{request.title} [{request.code}] is {request.status}, decided by {request.decided_by or who}."
    return f"{decided} A running server or worker, or the program that waits for it, carries on."


def _out(detail: RequestDetail) -> Any:
    from hitl_server.schemas import request_out

    return request_out(detail.request, detail.action, detail.approvals).model_dump(mode="json")


def _status(text: str) -> RequestStatus | None:
    from hitl_middleware.review import RequestStatus

    known = get_args(RequestStatus)
    if text != "all" and text not in known:
        fail(f"--status: {text!r} is none of {', '.join(known)}, all")
    return None if text == "all" else cast("RequestStatus", text)


def _answered(text: str | None) -> dict[str, Any]:
    """The option ``--answer``, if it was given: ``null`` is an answer."""
    return {} if text is None else {"answer": _parsed("--answer", text)}


def _parsed(where: str, text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        fail(f"{where}: not JSON ({error})")
