"""Pages: what people see in a browser. Nothing that anybody wrote is more than text on them."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

import hitl_server
from hitl_middleware import OutcomeUnknown
from hitl_server.pages.inbox import AT_ONCE

from tests.kit.served import ANN, Served

HOSTILE = (
    "<script>alert(1)</script>\"'><img src=x onerror=alert(1)> {{ 7*7 }} \u202egnp.exe\u2066 \u200bhid\x1b[2J"
)
POLICY = "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"
BROWSER = {"Accept": "text/html,application/xhtml+xml"}
PROBLEM = "application/problem+json"
LOADED = re.compile(r"/static/[a-z.]+\?v=[0-9a-f]{12}")


class Elements(HTMLParser):
    """The elements and attributes of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.links: list[str] = []
        self.attributes: set[str] = set()
        self.words: list[str] = []
        self.scripts: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.scripts += [dict(attrs).get("src") or "inline"] if tag == "script" else []
        self.attributes |= {name for name, _ in attrs}
        self.links += [value or "" for name, value in attrs if name in {"href", "src", "action"}]

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        """What is read."""
        return " ".join(" ".join(self.words).split())


def page(server: Served, path: str) -> Elements:
    """A page, which must be one that loads nothing from elsewhere, and runs nothing but our own files."""
    answer = server.http.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert answer.headers["content-security-policy"] == POLICY
    found = Elements(answer.text)
    assert not found.tags & {"img", "iframe", "object", "embed", "style", "base"}
    assert all(LOADED.fullmatch(source) for source in found.scripts)
    assert not [name for name in found.attributes if name.startswith("on") or name == "style"]
    assert all(re.fullmatch(r"(/|#main)[a-z0-9/.?=_-]*", link) for link in found.links)
    assert 'name="viewport"' in answer.text
    return found


def test_what_waits(open_desk: Served):
    """O-05: the first page lists what waits, for whom, with links; nothing else."""
    assert "Nothing waits." in page(open_desk, "/").text
    request = open_desk.asked()
    decided = open_desk.asked()
    open_desk.decide(decided["id"], type="reject")
    shown = page(open_desk, "/")
    assert f"/requests/{request['id']}" in shown.links
    assert f"/requests/{decided['id']}" not in shown.links
    assert request["code"] in shown.text
    assert f"For whoever holds the API token , {ANN}" in shown.text


def test_the_riskiest_waits_in_front(serve: Callable[..., Served]):
    """O-05: riskier before less risky, whatever is older; of equal ones the oldest. Arguments stand in the list."""
    server = serve(risk="high")
    asked = [server.asked("poll"), server.asked(), server.asked(), server.asked("poll")]
    shown = page(server, "/")
    order = [link for link in shown.links if re.fullmatch(r"/requests/[0-9a-f-]{36}", link)]
    assert order == [f"/requests/{asked[at]['id']}" for at in (1, 2, 0, 3)]
    assert '"amount": 5' in shown.text
    assert "high" in shown.text


def test_one_of_the_list(open_desk: Served):
    """What the list shows of one, as it is now: it is drawn anew when others have decided, and says who."""
    request = open_desk.asked()
    asked = open_desk.http.get(f"/requests/{request['id']}/card").text
    assert "&#34;amount&#34;: 5" in asked
    open_desk.decide(request["id"], type="reject", reviewer=ANN)
    shown = open_desk.http.get(f"/requests/{request['id']}/card").text
    assert f"Rejected by {ANN}" in shown
    assert "<html" not in shown


def test_too_long_for_the_list(open_desk: Served):
    """Rule 9: what the list does not show in full is cut loudly, with the way to all of it."""
    request = open_desk.asked("poll", {"colour": 1})
    open_desk.world.portal.call(_odd_args, open_desk, request["id"], "x" * 5_000)
    assert "⟦CUT" in page(open_desk, "/").text
    assert "⟦CUT" not in page(open_desk, f"/requests/{request['id']}").text


def test_all_of_a_question_is_in_the_list(open_desk: Served):
    """Rule 9: whoever answers in the list reads the whole question, not its first line; one too long is cut, and approved elsewhere."""
    request = open_desk.asked("poll", {"colour": 1})
    asked = "Publish it?\nThe old one is deleted. <b>"
    plan = open_desk.world.only().plan.model_copy(update={"allowed_decisions": ("approve", "reject")})
    change = partial(_with, open_desk, request["id"], title="Publish it?", args=None, plan=plan)
    open_desk.world.portal.call(change, description=asked)
    for path in ("/", f"/requests/{request['id']}"):
        shown = open_desk.http.get(path).text
        assert "The old one is deleted. &lt;b&gt;" in shown
        assert 'value="approve"' in shown
    open_desk.world.portal.call(change, description=asked * 200)
    shown = open_desk.http.get("/").text
    assert "⟦CUT" in shown
    assert "it cannot be approved here" in shown
    assert 'value="approve"' not in shown
    assert 'value="approve"' in open_desk.http.get(f"/requests/{request['id']}").text


def test_many_who_may_decide(serve: Callable[..., Served]):
    """The list names some and counts the others, the request's page names all."""
    server = serve(approvers=[f"slack:U0{number}" for number in range(40)])
    request = server.asked()
    assert "slack:U04 and 35 more" in page(server, "/").text
    assert "slack:U039" in page(server, f"/requests/{request['id']}").text


def test_what_waits_in_pages(open_desk: Served):
    """More than fit lead on to the next page, which begins where the first ended."""
    for _ in range(AT_ONCE + 1):
        open_desk.asked()
    (older,) = [link for link in page(open_desk, "/").links if "cursor" in link]
    links = page(open_desk, older).links
    assert len({link for link in links if re.fullmatch(r"/requests/[0-9a-f-]{36}", link)}) == 1
    for cursor in ("nonsense", "1-nonsense", "a b", "\0"):
        assert open_desk.http.get("/", params={"cursor": cursor}).status_code == 422


def test_a_request(open_desk: Served):
    """The call as it will run, why it is asked, who decides; then who decided and what became of it."""
    request = open_desk.asked()
    for key in (request["id"], request["code"]):
        shown = page(open_desk, f"/requests/{key}").text
        assert "Waiting for a decision" in shown
        assert '"amount": 5' in shown
        assert f"whoever holds the API token, {ANN}" in shown
        assert request["digest"] in shown
    open_desk.decide(request["id"], type="approve", reviewer=ANN, message="go on")
    open_desk.world.step()
    shown = page(open_desk, f"/requests/{request['id']}").text
    assert f"Approved by {ANN} Executed" in shown
    assert "go on" in shown
    assert "paid 5" in shown
    assert "named by loopback" in shown


def test_an_unknown_outcome(open_desk: Served):
    """Rule 2: shown as such on the request's own page, with what to do."""

    def lose() -> None:
        raise OutcomeUnknown

    open_desk.effects.then = lose
    request = open_desk.asked()
    open_desk.decide(request["id"], type="approve")
    open_desk.world.step()
    shown = page(open_desk, f"/requests/{request['id']}")
    assert "Approved by api Unknown" in shown.text
    assert f"/actions/{request['action']['id']}/settle" in shown.links


def test_a_run(open_desk: Served):
    """Where it stands, what it asked; found by its id."""
    run = open_desk.started(requester=ANN)
    shown = page(open_desk, f"/runs/{run['id']}")
    assert "suspended" in shown.text
    assert ANN in shown.text
    (request,) = open_desk.http.get("/api/v1/requests?status=pending").json()["items"]
    assert f"/requests/{request['id']}" in shown.links


def test_a_run_that_failed(open_desk: Served):
    """Its error."""
    run = open_desk.started("poll", {"color": 1, "no such key": HOSTILE})
    open_desk.world.portal.call(_fail, open_desk, run["id"])
    assert "it broke" in page(open_desk, f"/runs/{run['id']}").text


async def _fail(server: Served, run_id: str) -> None:
    async with server.world.store.begin() as uow:
        await uow.set_run(run_id, "failed", error="it broke")


def test_whoever_sits_here_may_say_who_they_are(open_desk: Served):
    """P-01: while nothing is set up pages call them `api`; a link leads to where they sign in, and back."""
    request = open_desk.asked()
    assert f"/sign-in?next=/requests/{request['id']}" in page(open_desk, f"/requests/{request['id']}").links


def test_a_heading_of_blanks(serve: Callable[..., Served]):
    """A policy whose title is blank heads nothing: the tool's name does, so that there is something to read, and to press."""
    server = serve(title=" \n\t")
    request = server.asked()
    assert request["title"] == "pay"
    assert f'<a href="/requests/{request["id"]}"><bdi>pay</bdi></a>' in server.http.get("/inbox").text


def test_nothing_to_edit(serve: Callable[..., Served]):
    """Where no argument can be edited – here because nobody is shown it –, no form without fields is offered; approving is."""
    for redact, offered in (["amount"], False), ([], True):
        server = serve(redact=redact)
        shown = server.http.get(f"/requests/{server.asked()['id']}").text
        assert ('value="edit"' in shown) is offered
        assert 'value="approve"' in shown


@pytest.mark.parametrize("path", ["/requests/none", "/runs/none", "/none"])
def test_what_is_not_there(open_desk: Served, path: str):
    """404; to programs, as everywhere, a problem document."""
    answer = open_desk.http.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (404, PROBLEM)


@pytest.mark.parametrize(
    ("path", "status", "says"),
    [
        ("/requests/none", 404, "There is no request &#39;none&#39;."),
        ("/runs/none", 404, "There is no run &#39;none&#39;."),
        ("/none", 404, "There is nothing at /none."),
        ("/requests/none/decide", 405, "does not take GET"),
        (f"/audit?kind={'x' * 300}", 422, "kind: String should have at most 200 characters"),
    ],
)
def test_what_is_not_there_for_people(open_desk: Served, path: str, status: int, says: str):
    """E-04: whoever follows an old link in a browser reads a page with the same sentence, and a way on."""
    answer = open_desk.http.get(path, headers=BROWSER)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "text/html; charset=utf-8")
    assert says in answer.text
    assert '<a class="way" href="/inbox">To the inbox</a>' in answer.text
    assert open_desk.http.get(f"/api/v1{path}", headers=BROWSER).headers["content-type"] == PROBLEM


def test_a_form_about_what_is_not_there(open_desk: Served):
    """Sent without scripts, the "no" is a page that leads back to the form; htmx, which draws parts, gets the document."""
    headers = {**BROWSER, "Referer": f"{open_desk.url}/runs/7"}
    shown = open_desk.http.get(f"/requests/{open_desk.asked()['id']}").text
    found = re.search(r'name="csrf" value="([^"]+)"', shown)
    assert found
    form = {"csrf": found[1], "type": "approve"}
    answer = open_desk.http.post("/requests/none/decide", data=form, headers=headers)
    assert (answer.status_code, answer.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert '<a class="way" href="/runs/7">Back</a>' in answer.text
    answer = open_desk.http.post(
        "/requests/none/decide", data=form, headers={**headers, "HX-Request": "true"}
    )
    assert (answer.status_code, answer.headers["content-type"]) == (404, PROBLEM)


class TestWhatOthersWrote:
    """Rule 9: what a model or a user wrote stays data, and hides nothing."""

    @pytest.fixture
    def shown(self, serve: Callable[..., Served]) -> Elements:
        server = serve(title=HOSTILE)
        request = server.asked(thread_id="<b>thread</b>")
        server.decide(request["id"], type="reject", message=HOSTILE, reviewer=ANN)
        server.world.step()
        page(server, f"/runs/{request['run_id']}")
        return page(server, f"/requests/{request['id']}")

    def test_it_is_text(self, shown: Elements):
        """To the letter, braces and all."""
        assert "<script>alert(1)</script>" in shown.text
        assert "{{ 7*7 }}" in shown.text
        assert "<b>thread</b>" in shown.text

    def test_it_hides_nothing(self, shown: Elements):
        """Characters that draw nothing or turn the text around are written out."""
        assert not re.search("[\u202a-\u202e\u2066-\u2069\u200b-\u200f\x1b]", shown.text)
        for name in ("U+202E", "U+2066", "U+200B", "U+001B"):
            assert f"⟦{name}⟧" in shown.text

    def test_arguments(self, open_desk: Served):
        """The same for arguments, which are written out once."""
        request = open_desk.asked("poll", {"colour": 1})
        open_desk.world.portal.call(_odd_args, open_desk, request["id"])
        shown = page(open_desk, f"/requests/{request['id']}").text
        assert "⟦U+202E⟧" in shown
        assert "⇥" in shown
        assert "⇥⇥" not in shown
        assert "</pre><b>" in shown

    def test_too_long_to_show(self, open_desk: Served):
        """A loud cut."""
        request = open_desk.asked("poll", {"colour": 1})
        open_desk.world.portal.call(_odd_args, open_desk, request["id"], "x" * 200_000)
        assert "⟦CUT" in page(open_desk, f"/requests/{request['id']}").text


async def _odd_args(server: Served, request_id: str, text: str = "a\tb \u202e </pre><b>\nc\td") -> None:
    await _with(server, request_id, args={"text": text})


async def _with(server: Served, request_id: str, **changed: Any) -> None:
    async with server.world.store.begin() as uow:
        request = await uow.request(request_id, lock=True)
        assert request is not None
        await uow.save_request(replace(request, **changed))


@pytest.mark.parametrize(
    ("name", "kind"),
    [("style.css", "text/css"), ("hitl.js", "text/javascript"), ("htmx.min.js", "text/javascript")],
)
def test_what_pages_load_is_shipped(unchanged: Served, name: str, kind: str):
    """From this server, under an address that changes with what is in it; and itself loads nothing."""
    (address,) = {
        link for link in re.findall(r"/static/[^\"]+", unchanged.http.get("/").text) if f"/{name}?" in link
    }
    answer = unchanged.http.get(address)
    assert (answer.status_code, answer.headers["content-type"]) == (200, f"{kind}; charset=utf-8")
    assert "immutable" in answer.headers["cache-control"]
    assert not re.search(r"url\(|@import", answer.text)


def test_templates_say_no_more_than_they_must():
    """No template turns escaping off, or has a script, a style or an address of its own."""
    folder = Path(hitl_server.__file__).parent / "templates"
    found = {path.name: path.read_text(encoding="utf-8") for path in folder.glob("*.html")}
    assert found
    for name, text in found.items():
        assert not re.search(
            r"\|\s*safe|autoescape|<script(?! defer src=)|<style|style=|https?://| on\w+=", text
        ), name
