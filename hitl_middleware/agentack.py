"""The audit as an AgentAck trace (schema 2), which ``agentack check`` judges: was every act approved, once, and as it was shown?

Pure: events in, trace events out. An act is named by its tool and its digest, which covers arguments, policy and place, so the checker
holds what was proposed, shown and done against each other, and nobody's arguments leave with the trace. What the trace's words mean here:

    action_proposed      the gate entered the act
    approval_requested   a person was asked: the request's id. Policies that only record ask nobody: there is none
    approval_decision    ``allow``: approved; ``deny``: rejected, revised, answered in the tool's place, expired, superseded, cancelled
    action_executed      a claim was taken and not given back: succeeded, failed, unknown or under way – whatever may have had an effect
    action_blocked       it was denied, or refused by the policy

AgentAck knows no edits: an approval of something else than was shown is what it looks for. So an edit denies the act as it was proposed,
and proposes, shows and allows another one, of the same intent. Who settles an unknown outcome with "retry" allows the act once more.
Questions, steps and breakpoints are no acts and are left out. What still waits makes the trace incomplete, and the checker says so.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from hitl_middleware.records import AuditEvent

SCHEMA: Final = 2

_DENIED: Final = frozenset({"rejected", "revised", "answered", "expired", "superseded", "cancelled"})

Line = dict[str, Any]
"""One event of a trace, as it is written: a JSON object."""


@dataclass(slots=True)
class _Act:
    """What is known of an action so far. ``name`` and ``digest`` change with an edit, ``intent`` does not."""

    intent: str
    tool: str
    name: str
    digest: str
    approval: str | None = None
    versions: int = 1
    standing: bool = False
    """Whether it was proposed as it stands, and not blocked since."""
    in_doubt: bool = False
    inquiries: set[str] = field(default_factory=set)
    """Requests that ask what became of it: no approvals. Who says "retry" there leaves an event of the action."""


def trace(events: Sequence[AuditEvent], session: str) -> Iterator[Line]:
    """Sealed events in order, as a trace with this ``session_id``; it ends with ``session_end``, where the export ends."""
    given_back = _given_back(events)
    acts: dict[str, _Act] = {}
    for event in events:
        if event.action_id is None:
            continue
        act = acts.get(event.action_id)
        if act is None:
            tool = str(event.data.get("tool", "unknown"))
            act = acts[event.action_id] = _Act(event.action_id, tool, event.action_id, "")
        about, _, what = event.kind.partition(".")
        told = (
            _of_request(act, what, event) if about == "request" else _of_action(act, what, event, given_back)
        )
        yield from ({**_stamp(event.at, session), **line} for line in told)
    if events:
        yield {**_stamp(events[-1].at, session), "type": "session_end", "reason": "the export ends here"}


def _of_request(act: _Act, what: str, event: AuditEvent) -> Iterator[Line]:
    digest = str(event.data.get("digest", ""))
    request = event.request_id or ""
    if act.in_doubt and what == "opened":
        act.inquiries.add(request)
    if request in act.inquiries:
        return
    act.approval = act.approval or request
    if what == "opened":
        yield from _proposed(act, digest)
        act.approval = request
        yield _asked(act)
    elif what == "approved":
        if digest not in {"", act.digest}:
            yield _decided(act, "deny")
            yield _blocked(act, "edited by a reviewer")
            yield from _proposed(act, digest)
            act.approval = f"{request}/edited"
            yield _asked(act)
        yield _decided(act, "allow")
    elif what in _DENIED:
        yield _decided(act, "deny")
        yield _blocked(act, what)


def _of_action(act: _Act, what: str, event: AuditEvent, outcomes: dict[str, str]) -> Iterator[Line]:
    digest = str(event.data.get("digest", ""))
    if what in {"proposed", "approved"}:
        yield from _proposed(act, digest)
    elif what == "asked_again":
        yield _blocked(act, "others are asked about it")
    elif what == "refused":
        yield from _proposed(act, digest)
        yield _blocked(act, "refused by the policy")
    elif what == "claimed":
        act.in_doubt = False
        if (done := outcomes.get(event.id)) is not None:
            yield {
                "type": "action_executed",
                **_named(act),
                **_approval(act),
                "action": _action(act, done or act.digest),
            }
    elif what == "unknown":
        act.in_doubt = True
    elif what in {"succeeded", "failed"}:
        act.in_doubt = False
    elif what == "retry":
        act.in_doubt = False
        act.approval = event.id
        yield _asked(act)
        yield _decided(act, "allow")


def _given_back(events: Iterable[AuditEvent]) -> dict[str, str]:
    """Of each claim that was not given back (its event's id) the digest of what was done; empty where nobody has said yet."""
    done: dict[str, str] = {}
    open_claims: dict[str, str] = {}
    for event in events:
        action, what = event.action_id or "", event.kind.removeprefix("action.")
        if what == "claimed":
            open_claims[action] = event.id
            done[event.id] = ""
        elif what == "released" and action in open_claims:
            del done[open_claims.pop(action)]
        elif what in {"succeeded", "failed", "unknown"} and action in open_claims:
            done[open_claims.pop(action)] = str(event.data.get("digest", ""))
    return done


def _proposed(act: _Act, digest: str) -> Iterator[Line]:
    """The act as it stands now, under a name of its own, unless that was said already."""
    if act.standing and digest == act.digest:
        return
    if act.digest:
        act.versions += 1
        act.name = f"{act.intent}/{act.versions}"
    act.digest, act.standing = digest, True
    yield {"type": "action_proposed", **_named(act), "action": _action(act, digest)}


def _asked(act: _Act) -> Line:
    return {"type": "approval_requested", **_named(act), **_approval(act), "action": _action(act, act.digest)}


def _decided(act: _Act, decision: Literal["allow", "deny"]) -> Line:
    return {"type": "approval_decision", **_named(act), **_approval(act), "decision": decision}


def _blocked(act: _Act, reason: str) -> Line:
    act.standing = False
    return {"type": "action_blocked", **_named(act), **_approval(act), "reason": reason}


def _stamp(at: dt.datetime, session: str) -> Line:
    moment = at.astimezone(dt.UTC).isoformat().replace("+00:00", "Z")
    return {"schema_version": SCHEMA, "timestamp": moment, "session_id": session}


def _named(act: _Act) -> Line:
    return {"action_id": act.name, "intent_id": act.intent}


def _approval(act: _Act) -> Line:
    return {} if act.approval is None else {"approval_id": act.approval}


def _action(act: _Act, digest: str) -> Line:
    return {"tool": act.tool, "operation": "call", "parameters": {"digest": digest}}
