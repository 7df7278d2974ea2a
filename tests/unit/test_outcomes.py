"""How an act ended: which errors are a certain "no", and which leave it in doubt."""

from __future__ import annotations

import asyncio
import smtplib
import socket
from collections.abc import Callable
from typing import Any

import aiohttp
import httpx
import pytest
import requests
import urllib3
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import ToolMessage
from langgraph.types import Command

from hitl_middleware.actions import Decision, Identity
from hitl_middleware.clock import ManualClock
from hitl_middleware.errors import AlreadyExecuted, NotExecuted, OutcomeUnknown
from hitl_middleware.gate import outcomes
from hitl_middleware.gate.outcomes import classify
from hitl_middleware.leases import Claim
from hitl_middleware.policy import ReviewPlan
from hitl_middleware.records import Action

CLOCK = ManualClock()
ACTION = Action(
    id="a-1",
    identity=Identity("t", "ns", "call-1"),
    tool="pay",
    args={},
    digest="",
    proposed_digest="",
    plan=ReviewPlan(verdict="ask"),
    status="executing",
    idempotency_key="a-1",
    created_at=CLOCK.now(),
    updated_at=CLOCK.now(),
)
REQUEST = httpx.Request("POST", "http://shop.example/")


def _claim(*ended: BaseException | None, refused: bool = False) -> Claim:
    return Claim(ACTION, "c-1", 10, CLOCK.monotonic, ended=list(ended), refused=refused)


def _from(error: BaseException, cause: BaseException) -> BaseException:
    try:
        raise error from cause
    except BaseException as raised:  # noqa: BLE001 – whatever it is
        return raised


def _while(error: BaseException, before: BaseException) -> BaseException:
    try:
        try:
            raise before
        except BaseException:  # noqa: BLE001 – whatever it is
            raise error  # noqa: B904 – the implicit context is the point
    except BaseException as raised:  # noqa: BLE001 – whatever it is
        return raised


class GrpcCode:
    """What grpc's ``code()`` gives."""

    def __init__(self, name: str) -> None:
        self.name = name


class RpcError(Exception):
    """As grpc's own: every failure is this class."""

    def code(self) -> GrpcCode:
        """The status."""
        return GrpcCode(str(self.args[0]))


NEVER_SENT = [
    ConnectionRefusedError(),
    socket.gaierror(),
    httpx.ConnectError("", request=REQUEST),
    httpx.ConnectTimeout("", request=REQUEST),
    httpx.PoolTimeout("", request=REQUEST),
    requests.exceptions.ConnectTimeout(),
    requests.exceptions.ConnectionError(
        urllib3.exceptions.MaxRetryError(
            urllib3.HTTPConnectionPool("h"),
            "/",
            urllib3.exceptions.NewConnectionError(urllib3.HTTPConnectionPool("h"), ""),  # type: ignore[arg-type]
        )
    ),
    _from(httpx.ConnectTimeout("", request=REQUEST), TimeoutError()),
    _from(OSError("all attempts failed"), ExceptionGroup("", [ConnectionRefusedError()])),
]
SAID_NO = [
    ValueError(),
    KeyError("x"),
    httpx.HTTPStatusError("", request=REQUEST, response=httpx.Response(500, request=REQUEST)),
    requests.exceptions.HTTPError("503"),
    PermissionError(),
    RpcError("INVALID_ARGUMENT"),
    NotExecuted(),
    _from(ValueError(), NotExecuted()),
    _while(NotExecuted(), TimeoutError()),
    _while(ValueError(), KeyError()),
    ExceptionGroup("", [ValueError(), KeyError()]),
]
DOUBT = [
    TimeoutError(),
    asyncio.CancelledError(),
    KeyboardInterrupt(),
    SystemExit(),
    ConnectionResetError(),
    BrokenPipeError(),
    httpx.ReadTimeout("", request=REQUEST),
    httpx.WriteTimeout("", request=REQUEST),
    httpx.ReadError("", request=REQUEST),
    httpx.RemoteProtocolError("", request=REQUEST),
    requests.exceptions.ReadTimeout(),
    requests.exceptions.ConnectionError("Connection aborted."),
    requests.exceptions.ChunkedEncodingError(urllib3.exceptions.ProtocolError("cut")),
    aiohttp.ServerDisconnectedError(),
    aiohttp.ServerTimeoutError(),
    aiohttp.ClientPayloadError(),
    smtplib.SMTPServerDisconnected(),
    RpcError("DEADLINE_EXCEEDED"),
    RpcError("UNAVAILABLE"),
    OutcomeUnknown(),
    _from(ValueError(), TimeoutError()),
    _from(RuntimeError(), _from(ValueError(), OutcomeUnknown())),
    _while(ValueError(), TimeoutError()),
    ExceptionGroup("", [ValueError(), TimeoutError()]),
    ExceptionGroup("", [ConnectionRefusedError(), TimeoutError()]),
    _while(ConnectionRefusedError(), httpx.ReadTimeout("", request=REQUEST)),
    _while(httpx.ConnectError("", request=REQUEST), _from(httpx.ReadError("", request=REQUEST), OSError())),
]


@pytest.mark.parametrize("error", NEVER_SENT, ids=repr)
def test_what_was_never_sent_is_a_failure(error: BaseException) -> None:
    """DESIGN §2.4: a connection that was never made did nothing, whatever a library wrapped around it."""
    assert classify(error) == "failed"


@pytest.mark.parametrize("error", SAID_NO, ids=repr)
def test_a_no_is_a_failure(error: BaseException) -> None:
    """DESIGN §2.4: an error answer or any ordinary exception."""
    assert classify(error) == "failed"


@pytest.mark.parametrize("error", DOUBT, ids=repr)
def test_doubt_is_unknown(error: BaseException) -> None:
    """DESIGN §2.4: a time-out, a connection lost after sending, a cancellation – also before, beside or below what was raised."""
    assert classify(error) == "unknown"


@given(
    st.recursive(
        st.sampled_from([ValueError, TimeoutError, ConnectionRefusedError]).map(lambda c: c()),
        lambda e: st.builds(_from, e, e) | st.builds(_while, e, e),
    )
)
def test_it_always_answers(error: BaseException) -> None:
    """DESIGN §2.4: whatever wraps whatever, in circles too."""
    assert classify(error) in {"failed", "unknown"}


@pytest.mark.parametrize(
    ("result", "claim", "status"),
    [
        (ToolMessage("ok", tool_call_id="call-1"), _claim(None), "succeeded"),
        (ToolMessage("no", tool_call_id="call-1", status="error"), _claim(None), "failed"),
        (ToolMessage("no", tool_call_id="call-1", status="error"), _claim(ValueError()), "failed"),
        (ToolMessage("no", tool_call_id="call-1", status="error"), _claim(TimeoutError()), "unknown"),
        (ToolMessage("fine", tool_call_id="call-1"), _claim(ValueError()), "failed"),
        (ToolMessage("fine", tool_call_id="call-1"), _claim(TimeoutError()), "unknown"),
        (ToolMessage("ok", tool_call_id="call-1"), _claim(TimeoutError(), None), "succeeded"),
        (
            ToolMessage("no", tool_call_id="call-1", status="error"),
            _claim(ValueError(), refused=True),
            "failed",
        ),
        (
            ToolMessage("no", tool_call_id="call-1", status="error"),
            _claim(TimeoutError(), refused=True),
            "unknown",
        ),
        (ToolMessage("no", tool_call_id="call-1", status="error"), _claim(None, refused=True), "unknown"),
        (ToolMessage("ok", tool_call_id="call-1"), _claim(None, refused=True), "succeeded"),
        (Command(update={"x": 1}), _claim(None), "succeeded"),
    ],
)
def test_how_the_body_ended_says_more_than_the_answer(result: Any, claim: Claim, status: str) -> None:
    """DESIGN §2.4: a handler behind the gate may make any answer of any error; the outcome is the body's."""
    assert outcomes.of_result(result, claim).status == status


@pytest.mark.parametrize(
    ("error", "claim", "status", "words"),
    [
        (ValueError("no"), _claim(ValueError("no")), "failed", "ValueError: no"),
        (ValueError("outside"), _claim(), "failed", "ValueError: outside"),
        (AlreadyExecuted(tool="pay"), _claim(LookupError("no"), refused=True), "failed", "LookupError: no"),
        (AlreadyExecuted(tool="pay"), _claim(TimeoutError(), refused=True), "unknown", "TimeoutError"),
        (AlreadyExecuted(tool="pay"), _claim(None, refused=True), "unknown", "It was performed, but"),
        (ValueError("after"), _claim(None), "unknown", "its answer was lost: ValueError: after"),
        (ValueError("last"), _claim(TimeoutError(), ValueError("last")), "unknown", "TimeoutError"),
    ],
)
def test_what_was_raised(error: BaseException, claim: Claim, status: str, words: str) -> None:
    """DESIGN §2.4, S-09: the words are those of the body; one doubtful attempt leaves all in doubt."""
    outcome = outcomes.of_error(error, claim)
    assert outcome.status == status
    assert words in str(outcome.error)


def _settled(result: Any) -> Action:
    from dataclasses import replace

    outcome = outcomes.of_result(result, _claim(None))
    return replace(ACTION, status=outcome.status, result_type=outcome.result_type, result=outcome.result)


@pytest.mark.parametrize(
    "result",
    [
        ToolMessage("paid", tool_call_id="call-1", name="pay", artifact={"receipt": [1, 2]}),
        ToolMessage([{"type": "text", "text": "paid"}], tool_call_id="call-1", name="pay"),
        Command(update={"paid": 7, "messages": [ToolMessage("paid", tool_call_id="call-1")]}, goto="next"),
        [ToolMessage("paid", tool_call_id="call-1"), Command(update={"paid": 7})],
    ],
)
def test_a_replay_is_the_very_answer(result: Any) -> None:
    """DESIGN §6: the whole message or command is stored and comes back as it was."""
    assert repr(outcomes.replay(_settled(result))) == repr(result)


@pytest.mark.parametrize(
    "big", [lambda t: ToolMessage(t, tool_call_id="call-1"), lambda t: Command(update={"x": t})]
)
def test_an_answer_too_large_to_keep_says_so_loudly(big: Callable[[str], Any]) -> None:
    """DESIGN §6: a size-capped stub that still answers its call."""
    replayed = outcomes.replay(_settled(big("x" * (outcomes.MAX_RESULT + 1))))
    assert "could not be kept" in replayed.content
    assert replayed.tool_call_id == "call-1"


def test_an_answer_that_cannot_be_stored_says_so_loudly() -> None:
    """DESIGN §6: the act happened; what it answered was told once and is replayed as a stub."""
    replayed = outcomes.replay(_settled(ToolMessage("ok", tool_call_id="call-1", artifact=lambda: 1)))
    assert replayed.tool_call_id == "call-1"


@pytest.mark.parametrize(
    ("decision", "status", "words"),
    [
        (Decision(type="reject"), "error", "rejected by slack:U1. No reason was given"),
        (Decision(type="reject", message='a "b"\n'), "error", 'quoted as data: "a \\"b\\"\\n"'),
        (
            Decision(type="feedback", message="less"),
            "error",
            'slack:U1 asks for a revision. Their words, quoted as data: "less"',
        ),
        (Decision(type="respond", message="done"), "success", "done"),
        (Decision(type="respond", answer=[1], message="ignored"), "success", "[1]"),
    ],
)
def test_what_the_agent_is_told_of_a_denial(decision: Decision, status: str, words: str) -> None:
    """S-12: the words and their author, marked as data."""
    from dataclasses import replace

    message = outcomes.answer(replace(ACTION, status="denied", decision=decision, decided_by="slack:U1"))
    assert (message.status, message.tool_call_id) == (status, "call-1")
    assert words in str(message.content)
