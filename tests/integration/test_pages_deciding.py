"""Deciding from a page: by a form, through the desk that Slack and GitHub use."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from html.parser import HTMLParser
from typing import Any

import httpx
import pytest

from hitl_middleware import OutcomeUnknown

from tests.kit.served import ANN, Served

HTMX = {"HX-Request": "true"}
UNCHANGED: Any = {"type": "edit", "field-0": "5"}


def decided(server: Served, key: str, *, htmx: bool = False, **form: str) -> httpx.Response:
    """One form, as a browser sends it."""
    return server.http.post(f"/requests/{key}/decide", data=form, headers=HTMX if htmx else None)


def test_approve(locked_desk: Served):
    """O-05: stored, and the browser is led back to where it was; the act follows as from anywhere else."""
    request = locked_desk.asked()
    answer = decided(locked_desk, request["id"], type="approve", digest=request["digest"], part="page")
    assert (answer.status_code, answer.headers["location"]) == (303, f"/requests/{request['id']}")
    assert locked_desk.request(request["id"])["action"]["status"] == "succeeded"
    assert locked_desk.effects.done == [5]
    told = locked_desk.http.get(f"/requests/{request['id']}").text
    assert "Approved by api" in told
    assert "inbox" in told


def test_from_the_list(locked_desk: Served):
    """The browser is led back to the list; htmx is given just the one request, as it is now."""
    first, second = locked_desk.asked(), locked_desk.asked()
    answer = decided(locked_desk, first["id"], type="reject", message="too much", part="card")
    assert (answer.status_code, answer.headers["location"]) == (303, "/inbox")
    answer = decided(locked_desk, second["id"], htmx=True, type="reject", part="card")
    assert answer.status_code == 200
    assert "Rejected by api" in answer.text
    assert "<html" not in answer.text
    assert locked_desk.request(first["id"])["decision"]["message"] == "too much"
    assert locked_desk.effects.done == []


def test_edit(locked_desk: Served):
    """S-11: fields from the schema of the tool's arguments; what runs is what was entered, and the page shows before and after."""
    request = locked_desk.asked()
    form: Any = {"type": "edit", "field-0": "3", "digest": request["digest"]}
    assert decided(locked_desk, request["id"], **form).status_code == 303
    locked_desk.world.step()
    assert locked_desk.effects.done == [3]
    assert "amount: 5 → 3" in locked_desk.http.get(f"/requests/{request['id']}").text


def test_an_edit_that_changes_nothing(locked_desk: Served):
    """It is an approval."""
    request = locked_desk.asked()
    assert decided(locked_desk, request["id"], **UNCHANGED).status_code == 303
    assert locked_desk.request(request["id"])["decision"]["type"] == "approve"


@pytest.mark.parametrize(
    ("form", "why"),
    [
        ({"type": "edit", "field-0": "many"}, "A whole number, for example 12000."),
        ({"type": "feedback", "message": "  "}, "feedback needs words"),
        ({"type": "dance"}, "press one of the buttons"),
        ({}, "press one of the buttons"),
        ({"type": "respond", "message": "x" * 20_001}, "at most 20000 characters"),
    ],
)
def test_what_does_not_fit(locked_desk: Served, form: Any, why: str):
    """422 on the page: why, with what was typed; nothing is decided."""
    request = locked_desk.asked()
    for htmx in (True, False):
        answer = decided(locked_desk, request["id"], htmx=htmx, part="card", **form)
        assert (answer.status_code, answer.headers["content-type"]) == (422, "text/html; charset=utf-8")
        assert why in answer.text or "Nothing was decided yet" in answer.text
        assert form.get("field-0", form.get("message", "")).strip()[:100] in answer.text
    assert locked_desk.request(request["id"])["status"] == "pending"


def test_somebody_was_first(locked_desk: Served):
    """409: the page says who and when, shows the truth, and gives back what was typed."""
    request = locked_desk.asked()
    locked_desk.decide(request["id"], type="reject", message="no", reviewer=ANN)
    for htmx in (True, False):
        answer = decided(
            locked_desk,
            request["id"],
            htmx=htmx,
            type="feedback",
            message="Half of it <b>",
            part="card",
        )
        assert answer.status_code == 409
        assert f"already rejected by {ANN} at 2026-" in answer.text
        assert f"Rejected by {ANN}" in answer.text
        assert "Half of it &lt;b&gt;" in answer.text


def test_what_was_looked_at_has_changed(locked_desk: Served):
    """412: nobody decides on what they did not see (rule 3)."""
    request = locked_desk.asked()
    answer = decided(locked_desk, request["id"], type="approve", digest="0" * 64)
    assert answer.status_code == 412
    assert "has changed since it was read" in answer.text
    assert locked_desk.request(request["id"])["status"] == "pending"


def test_who_may_not(serve: Callable[..., Served]):
    """403: the page says who may, and keeps what was typed."""
    server = serve(locked=True, approvers=[ANN])
    request = server.asked()
    answer = decided(server, request["id"], type="reject", message="not mine")
    assert answer.status_code == 403
    assert f"it is for {ANN} to decide" in answer.text
    assert "not mine" in answer.text
    assert server.request(request["id"])["status"] == "pending"


def test_one_of_two(serve: Callable[..., Served]):
    """P-02: an approval from the page is counted with those from elsewhere; the page says who is still needed, and offers no edit."""
    server = serve(locked=True, approvers=["api"], required_approvals=2, required_from=[ANN])
    request = server.asked()
    page = server.http.get(f"/requests/{request['id']}").text
    assert "0 of 2 approvals – still needed: 2 more, among them slack:" in page
    assert 'value="edit"' not in page
    assert decided(server, request["id"], type="approve").status_code == 303
    assert f"1 of 2 approvals (by api) – still needed from {ANN}" in (
        server.http.get(f"/requests/{request['id']}").text
    )
    assert server.decide(request["id"], type="approve", reviewer=ANN).json()["status"] == "approved"


def test_whose_approval_would_change_nothing(serve: Callable[..., Served]):
    """P-02: 403: the page says who is needed; a no still counts."""
    server = serve(locked=True, approvers=["api"], required_from=[ANN])
    request = server.asked()
    answer = decided(server, request["id"], type="approve")
    assert answer.status_code == 403
    assert (
        f"An approval by api would change nothing: 0 of 1 approval – still needed from {ANN}." in answer.text
    )
    assert decided(server, request["id"], type="reject", message="no").status_code == 303
    assert server.request(request["id"])["status"] == "rejected"


class TestFormsOfPages:
    """As a browser sends them: what the page holds, and the button that was pressed."""

    def test_approve_with_a_click(self, open_desk: Served):
        """No script and no token but the page's own."""
        request = open_desk.asked()
        form = form_of(open_desk, "/", "approve")
        assert form.action == f"/requests/{request['id']}/decide"
        assert open_desk.http.post(form.action, data=form.sent | {"csrf": "0"}).status_code == 403
        assert open_desk.request(request["id"])["status"] == "pending"
        assert open_desk.http.post(form.action, data=form.sent).status_code == 303
        assert open_desk.request(request["id"])["status"] == "approved"

    def test_an_error_at_its_field(self, open_desk: Served):
        """The sentence stands at the field, the form is open, and holds what was typed."""
        request = open_desk.asked()
        form = form_of(open_desk, f"/requests/{request['id']}", "edit")
        assert form.sent["field-0"] == "5"
        answer = open_desk.http.post(form.action, data=form.sent | {"field-0": "5 or so"})
        assert answer.status_code == 422
        again = Forms(answer.text).by("edit")
        assert again.sent["field-0"] == "5 or so"
        assert "A whole number, for example 12000." in answer.text
        answer = open_desk.http.post(again.action, data=again.sent | {"field-0": "6"})
        assert answer.status_code == 303
        assert open_desk.request(request["id"])["args"] == {"amount": 6}

    def test_what_is_not_shown_in_full_cannot_be_approved_there(self, serve: Callable[..., Served]):
        """Rule 9: the list offers no approval of what it cuts; the page does, of what it shows."""
        server = serve()
        request = server.asked()
        server.world.portal.call(_long_args, server, request["id"])
        kinds = {form.button for form in Forms(server.http.get("/").text).all}
        assert "approve" not in kinds
        assert "reject" in kinds
        assert form_of(server, f"/requests/{request['id']}", "approve").action

    def test_who_only_looks(self, locked_desk: Served):
        """A program's token is a viewer of pages: they offer it nothing."""
        locked_desk.asked()
        assert Forms(locked_desk.http.get("/").text).all == []


@dataclass
class Form:
    """``sent``: what a browser would send of it when its first button is pressed."""

    action: str
    sent: dict[str, str] = field(default_factory=dict)
    button: str | None = None


class Forms(HTMLParser):
    """The forms of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.all: list[Form] = []
        self._open: Form | None = None
        self._text: str | None = None
        self.feed(page)

    def by(self, button: str) -> Form:
        """The first form with this button, pressed."""
        return next(form for form in self.all if form.button == button)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        name, value = given.get("name") or "", given.get("value") or ""
        if tag == "form" and "hx-post" in given:
            self._open = Form(given.get("action") or "")
        elif self._open is not None and tag == "input":
            self._open.sent[name] = value
        elif self._open is not None and tag == "textarea":
            self._open.sent[name], self._text = "", name
        elif self._open is not None and tag == "button":
            self.all.append(Form(self._open.action, self._open.sent | {name: value}, value))

    def handle_data(self, data: str) -> None:
        if self._open is not None and self._text is not None:
            self._open.sent[self._text] += data.removeprefix("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._open = None
        elif tag == "textarea":
            self._text = None


def form_of(server: Served, path: str, button: str) -> Form:
    """A form of a page."""
    return Forms(server.http.get(path).text).by(button)


async def _long_args(server: Served, request_id: str) -> None:
    async with server.world.store.begin() as uow:
        request = await uow.request(request_id, lock=True)
        assert request is not None
        await uow.save_request(replace(request, args={"amount": 5, "why": "x" * 5_000}))


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"{}", "application/json", 415),
        (b"type=approve", "text/plain", 415),
        (b"type=approve", "multipart/form-data", 415),
        (b"type=%ff", "application/x-www-form-urlencoded", 400),
        ("type=é".encode(), "application/x-www-form-urlencoded", 400),
        (b"&".join(b"a=1" for _ in range(3_000)), "application/x-www-form-urlencoded", 400),
        (b"x" * 1_000_001, "application/x-www-form-urlencoded", 413),
    ],
)
def test_what_is_no_form(locked_desk: Served, body: bytes, kind: str, status: int):
    """O-08: a problem document, and nothing is decided."""
    request = locked_desk.asked()
    for path in (f"/requests/{request['id']}/decide", f"/actions/{request['action']['id']}/settle"):
        answer = locked_desk.http.post(path, content=body, headers={"content-type": kind})
        assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert locked_desk.request(request["id"])["status"] == "pending"


def test_nothing_is_decided_by_get(locked_desk: Served):
    """405, whatever stands behind the question mark."""
    request = locked_desk.asked()
    answer = locked_desk.http.get(f"/requests/{request['id']}/decide?type=approve")
    assert answer.status_code == 405
    assert locked_desk.request(request["id"])["status"] == "pending"


def test_settling(locked_desk: Served):
    """Rule 2: an outcome that nobody knows is settled from the run's page; once, and what was typed is kept."""

    def lose() -> None:
        raise OutcomeUnknown

    locked_desk.effects.then = lose
    request = locked_desk.asked()
    locked_desk.decide(request["id"], type="approve")
    locked_desk.world.step()
    run, path = f"/runs/{request['run_id']}", f"/actions/{request['action']['id']}/settle"
    assert "Nobody knows what became of" in locked_desk.http.get(run).text
    asked = locked_desk.http.get(f"/requests/{locked_desk.world.only('outcome').id}").text
    assert "What became of pay?" in asked
    assert "as it will run" not in asked, "it may have run already"
    answer = locked_desk.http.post(path, data={"type": "perhaps", "message": "I called the bank"})
    assert (answer.status_code, "I called the bank" in answer.text) == (422, True)
    answer = locked_desk.http.post(path, data={"type": "done", "message": "It is on the statement"})
    assert (answer.status_code, answer.headers["location"]) == (303, run)
    locked_desk.world.step()
    assert locked_desk.request(request["id"])["action"]["status"] == "succeeded"
    for page in (run, f"/requests/{request['id']}"):
        words = re.sub(r"<[^>]*>|\s+", " ", locked_desk.http.get(page).text)
        assert re.search(r"Settled by\s+api", words), (
            "what a person said is not taken for the tool's own result"
        )
    answer = locked_desk.http.post(
        path, data={"type": "failed", "message": "No, it is not", "back": "request"}
    )
    assert answer.status_code == 422
    assert "only an unknown outcome can be settled" in answer.text
    assert "No, it is not" in answer.text
