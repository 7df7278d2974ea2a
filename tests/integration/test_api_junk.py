"""Whatever is sent: an answer below 500, a problem document, and nothing changed (O-08)."""

from __future__ import annotations

import contextlib
import json
import math
import socket
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from langchain_core.tools import tool

from hitl_middleware import Decision, requires_approval
from hitl_middleware.quorum import approvals
from hitl_middleware.testing.store_contract.case import a_request, a_submission, an_action
from hitl_server.body import MOST_BYTES
from hitl_server.jsontext import CUT, DEEPEST, NotJson, plain, read_json
from hitl_server.schemas import request_out

from tests.kit.models import call, says, script
from tests.kit.served import ANN, Served

JSON = {"Content-Type": "application/json"}
WRITES = ["/api/v1/runs", "/api/v1/requests/{request}/decisions", "/api/v1/actions/{action}/outcome"]

JUNK = {
    "nothing": (b"", 422),
    "blanks": (b"   ", 400),
    "half": (b'{"type": ', 400),
    "two": (b"{} {}", 400),
    "latin-1": ('{"type": "é"}'.encode("latin-1"), 400),
    "utf-16": ('{"type": "approve"}'.encode("utf-16"), 400),
    "a byte order mark": (b'\xef\xbb\xbf{"type": "approve"}', 400),
    "a NUL byte": (b'{"type": "a\0b"}', 400),
    "NaN": (b'{"type": "approve", "answer": NaN}', 400),
    "Infinity": (b'{"type": "approve", "answer": -Infinity}', 400),
    "a number beyond floats": (b'{"type": "approve", "answer": 1e999}', 400),
    "an integer beyond 64 bits": (b'{"type": "approve", "answer": 18446744073709551616}', 400),
    "an integer of a megabyte": (b'{"type": ' + b"9" * 900_000 + b"}", 400),
    "a lone surrogate": (b'{"type": "reject", "message": "\\ud800"}', 400),
    "a lone surrogate as a name": (b'{"\\udfff": 1}', 400),
    "a name twice": (b'{"type": "approve", "type": "reject"}', 400),
    "65 levels": (b'{"type": ' + b"[" * 64 + b"]" * 64 + b"}", 400),
    "100,000 levels": (b"[" * 100_000, 400),
    "400,000 levels of objects": (b'{"a":' * 150_000, 400),
    "a list": (b"[]", 422),
    "a text": (b'"approve"', 422),
    "null": (b"null", 422),
    "other names": (b'{"__proto__": {}, "constructor": 1}', 422),
    "too much": (b'{"type": "' + b"x" * MOST_BYTES + b'"}', 413),
}
"""Bodies no route takes, and what each is answered."""


@cache
def filled(path: str, server: Served) -> str:
    """The path with ids that exist."""
    (request,) = server.http.get("/api/v1/requests").json()["items"]
    return path.format(request=request["id"], action=request["action"]["id"])


def is_problem(answer: httpx.Response) -> bool:
    """Whether a refusal has its form: four members, and the status it came with."""
    told = answer.json()
    standard = told["type"] == "about:blank" and told["status"] == answer.status_code
    return (
        standard
        and bool(told["title"])
        and bool(told["detail"])
        and (answer.headers["content-type"] == "application/problem+json")
    )


@pytest.mark.parametrize("path", WRITES)
@pytest.mark.parametrize("junk", JUNK)
def test_junk(unchanged: Served, path: str, junk: str):
    """A problem document with the status that fits, and the request is as it was."""
    body, status = JUNK[junk]
    before = unchanged.http.get("/api/v1/requests").json()
    answer = unchanged.http.post(filled(path, unchanged), content=body, headers=JSON)
    assert (answer.status_code, is_problem(answer)) == (status, True)
    assert unchanged.http.get("/api/v1/requests").json() == before


@pytest.mark.parametrize("path", [*WRITES, "/slack/events"])
def test_a_body_without_a_length(unchanged: Served, path: str):
    """Chunked, 20 MB: 413 as soon as the cap is passed, and the sender gets to see it."""

    def chunks() -> Iterator[bytes]:
        for _ in range(2_000):
            yield b"[" * 10_000

    path = filled(path, unchanged)
    answer = unchanged.http.post(path, content=chunks(), headers=JSON)
    assert (answer.status_code, is_problem(answer)) == (404 if "slack" in path else 413, True)


@pytest.mark.parametrize("path", WRITES)
def test_a_large_body(unchanged: Served, path: str):
    """20 MB at once: 413, and never a connection that is reset before the answer is read."""
    for _ in range(10):
        answer = unchanged.http.post(filled(path, unchanged), content=b"[" * 20_000_000, headers=JSON)
        assert (answer.status_code, is_problem(answer)) == (413, True)


def test_a_large_body_that_is_not_let_in(unchanged: Served):
    """Refused at the door: the answer arrives although nobody read the body."""
    for _ in range(10):
        answer = unchanged.http.post("/api/v1/runs", content=b"[" * 20_000_000)
        assert answer.status_code == 415


def test_a_declared_length_is_enough(unchanged: Served):
    """A body that says it is too large is refused before a byte of it is read."""
    url = httpx.URL(unchanged.url)
    with socket.create_connection((url.host, url.port or 0), timeout=10) as line:
        line.sendall(
            b"POST /api/v1/runs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            b"Content-Length: 99999999999999999999\r\n\r\n"
        )
        assert line.recv(100).startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET http://evil.example/ HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"POST /api/v1/runs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: x\r\n\r\n{}",
        b"POST /api/v1/runs HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nContent-Type: application/json\r\n\r\nzz\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 200_000 + b"\r\n\r\n",
    ],
)
def test_what_is_not_http(unchanged: Served, raw: bytes):
    """A 4xx, or the line is closed; never a 5xx, and the server answers the next one."""
    url = httpx.URL(unchanged.url)
    with socket.create_connection((url.host, url.port or 0), timeout=10) as line:
        said = b""
        with contextlib.suppress(OSError):  # it may be closed before we are done
            line.sendall(raw)
            line.shutdown(socket.SHUT_WR)
            said = line.recv(100)
    assert not said or said.startswith(b"HTTP/1.1 4")
    assert unchanged.http.get("/healthz").status_code == 200


ODD = [
    "\0",
    "a\0b",
    "../../etc/passwd",
    "%",
    "é",
    "☂" * 50,
    "\u202e",
    "'; DROP TABLE hitl_runs; --",
    "x" * 8_000,
    "{id}",
    "-1",
    " ",
]


@pytest.mark.parametrize("odd", ODD, ids=range(len(ODD)))
@pytest.mark.parametrize(
    "path", ["/api/v1/runs/{}", "/api/v1/requests/{}", "/api/v1/actions/{}", "/requests/{}", "/runs/{}"]
)
def test_odd_ids(unchanged: Served, path: str, odd: str):
    """404 as a problem document."""
    answer = unchanged.http.get(path.format(quote(odd, safe="")))
    assert (answer.status_code, is_problem(answer)) == (404, True)


@pytest.mark.parametrize("odd", ODD, ids=range(len(ODD)))
def test_odd_ids_to_write_to(unchanged: Served, odd: str):
    """404 as a problem document."""
    for path in ("/api/v1/requests/{}/decisions", "/api/v1/actions/{}/outcome"):
        body = {"type": "approve" if "decisions" in path else "done"}
        answer = unchanged.http.post(path.format(quote(odd, safe="")), json=body)
        assert (answer.status_code, is_problem(answer)) == (404, True)


@pytest.mark.parametrize("raw", ["%ff", "%ed%a0%80", "%00", "%", "%zz", "a%2fb", "a?b=%ff&limit=1"])
def test_odd_paths(unchanged: Served, raw: str):
    """Bytes that are no text: below 500."""
    for path in ("/api/v1/runs/", "/requests/", "/"):
        url = httpx.URL(unchanged.url, raw_path=(path + raw).encode())
        assert unchanged.http.get(url).status_code in {200, 404}


def test_methods(unchanged: Served):
    """405 with Allow and a problem document; HEAD is GET without the body."""
    answer = unchanged.http.delete("/api/v1/runs", headers=JSON)
    assert (answer.status_code, is_problem(answer)) == (405, True)
    assert answer.headers["allow"]
    for path in ("/", "/healthz", "/readyz", "/metrics", "/openapi.json", "/api/v1/runs", "/nope"):
        head, get = unchanged.http.head(path), unchanged.http.get(path)
        assert (head.status_code, head.content) == (get.status_code, b"")
        assert head.headers["content-type"] == get.headers["content-type"]


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters())
    | st.sampled_from(
        ["approve", "edit", "reject", "respond", "feedback", "done", "desk", "pay", ANN, "enqueue"]
    ),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(st.characters(), max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)
KEYS = st.sampled_from(
    [
        "type",
        "message",
        "edited_action",
        "answer",
        "reviewer",
        "name",
        "args",
        "graph",
        "input",
        "thread_id",
        "requester",
        "result",
    ]
)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    path=st.sampled_from(WRITES),
    body=st.dictionaries(KEYS, VALUES, max_size=5),
    match=st.none() | st.text('"*W/,a ', max_size=6),
)
def test_bodies_that_almost_fit(unchanged: Served, path: str, body: dict[str, Any], match: str | None):
    """The right names with any values: an answer below 500, and the pending request stays pending."""
    body = {"type": "x"} | body if "runs" not in path else body | {"graph": "no such graph"}
    if body.get("type") in ("approve", "reject"):
        body["reviewer"] = "slack:UNOBODY"
    headers = JSON if match is None else JSON | {"If-Match": match.strip()}
    answer = unchanged.http.post(filled(path, unchanged), content=json.dumps(body).encode(), headers=headers)
    assert 400 <= answer.status_code < 500
    assert is_problem(answer)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(path=st.sampled_from(WRITES), body=st.binary(max_size=200))
def test_any_bytes(unchanged: Served, path: str, body: bytes):
    """Below 500."""
    answer = unchanged.http.post(filled(path, unchanged), content=body, headers=JSON)
    assert 400 <= answer.status_code < 500
    assert is_problem(answer)


class TestJsonText:
    @given(VALUES)
    def test_what_is_written_can_be_read(self, value: Any):
        """Whatever a model wrote, the answer is JSON that any reader takes."""
        written = json.dumps(plain(value), allow_nan=False, ensure_ascii=False).encode()
        json.loads(written)

    @given(VALUES)
    def test_what_is_read_is_what_was_sent(self, value: Any):
        """Refused, or read to the letter; what is read needs no change to be written."""
        try:
            found = read_json(json.dumps(value).encode())
        except NotJson:
            return
        assert found == value
        assert plain(found) == found

    def test_the_deepest(self):
        """64 levels are read, 65 are not."""
        assert read_json(b"[" * DEEPEST + b"]" * DEEPEST)
        with pytest.raises(NotJson):
            read_json(b"[" * (DEEPEST + 1) + b"]" * (DEEPEST + 1))

    def test_what_is_too_deep_to_be_written(self):
        """A loud cut, not an error."""
        value: Any = 1
        for _ in range(5_000):
            value = [value]
        assert CUT in json.dumps(plain(value), ensure_ascii=False)


def test_what_a_model_may_write(open_server: Served):
    """A call with NaN and deep nesting in its arguments is shown in API and page, not answered with a 5xx."""
    deep: Any = 1
    for _ in range(150):
        deep = [deep]
    world = open_server.world

    @requires_approval(approvers=["api"])
    @tool
    def give(share: float, deep: Any, note: str) -> str:
        """Give."""
        return "given"

    odd = {"share": math.nan, "deep": deep, "note": "a\0b \u202e"}
    world.serve("odd", world.plain([give], script(says(call("give", **odd)))))
    request = open_server.asked("odd")
    assert (request["args"]["share"], request["args"]["note"]) == ("nan", "a\0b \u202e")
    assert CUT in json.dumps(request["args"]["deep"], ensure_ascii=False)
    page = open_server.http.get(f"/requests/{request['id']}")
    assert (page.status_code, "⟦U+202E⟧" in page.text, "\u202e" in page.text) == (200, True, False)


@given(VALUES)
def test_whatever_is_stored_can_be_shown(value: Any):
    """The API's shapes take any arguments, texts and answers that a store may hold."""
    decision = Decision(type="respond", message="words", answer=[value])
    request = replace(a_request("r"), args={"x": value}, title="half \udfff", decision=decision)
    given = replace(a_submission("r"), person="half \udfff", decision=Decision(type="approve"))
    shown = request_out(
        request, an_action(args={"x": value}, result_text="\ud800"), approvals(request.plan, (given,))
    )
    json.loads(shown.model_dump_json())
    json.dumps(shown.model_dump(mode="json"), allow_nan=False, ensure_ascii=False).encode()
