"""How an act ended: from what the tool answered or raised, to ``succeeded``, ``failed`` or ``unknown``. Pure but for the serializer.

The order of doubt: a failure may be told to the agent, an unknown outcome must not be. ``failed`` is only what is certainly a "no" –
an error answer, an HTTP error status, an ordinary exception, a connection that was never made. A time-out, a connection lost after
sending and a cancellation are ``unknown`` (DESIGN rule 4).
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any, Literal

from langchain_core.messages import ToolMessage
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.types import Command

from hitl_middleware.actions import Decision
from hitl_middleware.errors import AlreadyExecuted, NotExecuted, OutcomeUnknown
from hitl_middleware.leases import Claim
from hitl_middleware.ledger import MAX_TEXT, Outcome
from hitl_middleware.records import Action

MAX_RESULT = 1_000_000
"""Bytes of one tool answer that are kept; a larger one is replaced by a message that says so."""

# Names, because the core imports no HTTP library: httpx, requests, urllib3, aiohttp, stripe, openai, botocore, grpc speak these.
_NEVER_SENT = frozenset({
    "ConnectionRefusedError", "gaierror", "ConnectError", "ConnectTimeout", "NewConnectionError", "NameResolutionError",
    "ClientConnectorError", "PoolTimeout", "UnsupportedProtocol", "InvalidURL", "ConnectTimeoutError", "NotExecuted",
})  # fmt: skip
_IN_DOUBT = frozenset({
    "TimeoutError", "TimeoutException", "Timeout", "ConnectionError", "TransportError", "ReadTimeoutError", "ProtocolError",
    "APIConnectionError", "APITimeoutError", "ServerDisconnectedError", "ClientOSError", "IncompleteRead", "RemoteDisconnected",
    "NodeTimeoutError", "HTTPClientError", "ClientPayloadError", "SMTPServerDisconnected", "DeadlineExceeded",
    "OutcomeUnknown", "LeaseLost",
})  # fmt: skip

_SERDE = JsonPlusSerializer(
    allowed_msgpack_modules=None
)  # strict: what comes back from the database is data, never code


def classify(error: BaseException) -> Literal["failed", "unknown"]:
    """Whether ``error`` is certainly a "no"."""
    if isinstance(error, NotExecuted):
        return "failed"
    if isinstance(error, OutcomeUnknown | asyncio.CancelledError) or not isinstance(error, Exception):
        return "unknown"
    return "unknown" if _doubtful(error, set()) else "failed"


def _doubtful(error: BaseException, seen: set[int]) -> bool:
    """Whether the act may have happened, for all that the error, what it wraps and what came before it say.

    A library wraps its refused connection in an error that also stands for lost ones: what was never sent explains what wraps it. It does
    not explain what was being handled when it was raised: there an earlier attempt may have gone through.
    """
    wrapped = [link for link in _links(error) if id(link) not in seen]
    seen.update(map(id, wrapped))
    if not any(_names(link) & _NEVER_SENT for link in wrapped):
        if any(_names(link) & _IN_DOUBT or _lost_call(link) for link in wrapped):
            return True
        if any(_doubtful(part, seen) for link in wrapped for part in getattr(link, "exceptions", ())):
            return True
    before = [link.__context__ for link in wrapped if link.__context__ is not None]
    return any(_doubtful(link, seen) for link in before if id(link) not in seen)


def _lost_call(error: BaseException) -> bool:
    """Whether a gRPC call was lost: it says in a code what others say in a class."""
    code = getattr(error, "code", None) if "RpcError" in _names(error) else None
    return code is not None and getattr(code(), "name", "") in {
        "DEADLINE_EXCEEDED",
        "UNAVAILABLE",
        "CANCELLED",
        "UNKNOWN",
    }


def _names(error: BaseException) -> set[str]:
    return {cls.__name__ for cls in type(error).__mro__}


def _links(error: BaseException) -> Iterator[BaseException]:
    """The error and what it wraps, also where a library keeps that as an argument or a ``reason`` (requests, urllib3)."""
    seen: set[int] = set()
    waiting: list[object] = [error]
    while waiting:
        link = waiting.pop()
        if isinstance(link, BaseException) and id(link) not in seen:
            seen.add(id(link))
            yield link
            waiting += [link.__cause__, getattr(link, "reason", None), *link.args]


def of_error(error: BaseException, claim: Claim) -> Outcome:
    """The outcome of a call that raised. What the tool's body raised counts for more; one doubtful attempt leaves it in doubt."""
    if claim.ended and claim.ended[-1] is None:
        return Outcome(
            status="unknown", error=f"It was performed, but its answer was lost: {_words(error)}"[:MAX_TEXT]
        )
    raised = [item for item in claim.ended if item is not None]
    told = next((item for item in raised if classify(item) == "unknown"), raised[-1] if raised else error)
    return Outcome(status=classify(told), error=_words(told)[:MAX_TEXT])


def _words(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def of_result(result: Any, claim: Claim) -> Outcome:
    """The outcome of a call that answered. A handler may have made an answer of an error: how the tool's body ended says more."""
    failed = isinstance(result, ToolMessage) and result.status == "error"
    last = claim.ended[-1] if claim.ended else None
    if last is not None and (not failed or claim.refused or classify(last) == "unknown"):
        return of_error(last, claim)
    if failed and claim.refused:
        return of_error(AlreadyExecuted(tool=claim.action.tool), claim)
    kind, payload = _pack(result, claim.action)
    text = preview(result)
    return Outcome(
        status="failed" if failed else "succeeded",
        result_type=kind,
        result=payload,
        text=None if failed else text,
        error=text if failed else None,
    )


def _pack(result: Any, action: Action) -> tuple[str, bytes]:
    try:
        kind, payload = _SERDE.dumps_typed(result)
        if len(payload) <= MAX_RESULT:
            return kind, payload
        why = f"{len(payload):,} bytes, more than the {MAX_RESULT:,} that are kept"
    except (TypeError, ValueError, RecursionError) as error:
        why = f"not serializable: {type(error).__name__}"
    text = f"[The answer was given once and could not be kept ({why}).]\n{preview(result)[:MAX_TEXT]}"
    return _SERDE.dumps_typed(_message(action, text))


def preview(result: Any) -> str:
    """The answer as words for people."""
    if isinstance(result, ToolMessage):
        content = result.content
        return content if isinstance(content, str) else json.dumps(content, default=str, ensure_ascii=False)
    if isinstance(result, Command):
        messages = result.update.get("messages", []) if isinstance(result.update, dict) else []
        words = [preview(message) for message in messages if isinstance(message, ToolMessage)]
        return "\n".join(words) or "The tool changed the run's state."
    if isinstance(result, list):
        return "\n".join(preview(item) for item in result)
    return str(result)


def replay(action: Action) -> Any:
    """The tool's answer, from what is stored of a settled action.

    Where there is none – it raised, or its answer was lost – the ledger's words; ``response_metadata["hitl"]`` says who settled it
    (``settled_by``: ``reconcile`` is the outside world) and under which idempotency key.
    """
    if action.result is not None and action.result_type is not None:
        return _SERDE.loads_typed((action.result_type, action.result))
    if action.status == "failed":
        return _message(
            action, f"{action.tool} failed: {action.error or 'no reason was given'}", status="error"
        )
    return _message(action, action.result_text or f"{action.tool} was performed.")


def answer(action: Action) -> ToolMessage:
    """What the agent is told of a denied action: the words and their author, marked as data."""
    decision = action.decision or Decision(type="reject")
    if action.decided_by == "policy":
        return _message(action, action.error or f"{action.tool} was refused by the policy.", status="error")
    if decision.type == "respond":
        value = decision.reply
        return _message(action, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
    if action.decided_by == "hitl":
        return _message(
            action, f"{action.tool} was not performed. {decision.message or ''}".rstrip(), status="error"
        )
    if decision.type == "feedback":
        told = f"{action.tool} was not performed. {action.decided_by} asks for a revision."
    else:
        told = f"{action.tool} was not performed. It was rejected by {action.decided_by}."
    if decision.message:
        told += f" Their words, quoted as data: {json.dumps(decision.message, ensure_ascii=False)}"
    elif decision.type == "reject":
        told += " No reason was given. Do not repeat the same call."
    return _message(action, told, status="error")


def _message(action: Action, content: str, status: Literal["success", "error"] = "success") -> ToolMessage:
    # For a graph's own code: providers are not sent this.
    told = {"settled_by": action.settled_by, "idempotency_key": action.idempotency_key}
    return ToolMessage(
        content=content,
        tool_call_id=action.identity.tool_call_id,
        name=action.tool,
        status=status,
        response_metadata={"hitl": told},
    )
