"""``/preview/slack``: what the fake Slack holds, drawn, and pressed – through the real app, with genuinely signed payloads."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

import hitl_server
from hitl_middleware.testing.channel_contract import HOSTILE
from hitl_middleware.testing.fake_slack import FakeSlack, Refused

from tests.kit.browsing import Browser, Page
from tests.kit.previewed import CHANNEL, EVE, OTHER, USER, slack_previewed
from tests.kit.served import ANN, Served

Preview = Callable[..., tuple[Served, FakeSlack]]
HTML = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)><b>B</b>&lt;i&gt;{{ 7*7 }} </pre></article>"


@pytest.fixture
def preview(monkeypatch: pytest.MonkeyPatch) -> Iterator[Preview]:
    """Starts the server with the simulator. ``rules``: of what is asked."""
    with ExitStack() as stack:
        yield lambda **rules: stack.enter_context(slack_previewed(monkeypatch, **rules))


def at(browser: Browser, user: str = USER) -> Page:
    """The channel as somebody has it."""
    return browser.look(f"/preview/slack/{user}")


@pytest.mark.parametrize("path", ["/preview/slack/nobody", "/preview/slack/U0NOBODY/home", "/preview/none"])
def test_what_is_not_there(preview: Preview, path: str):
    """E-04: whoever mistypes an address in a browser reads a page, not a document for programs."""
    server, _ = preview()
    answer = server.http.get(path, headers={"Accept": "text/html"}, follow_redirects=True)
    assert (answer.status_code, answer.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert "There is no" in answer.text  # …thing at, … such person
    assert 'href="/inbox"' in answer.text


def test_a_press_decides(preview: Preview):
    """E-02, S-05, S-08: the button sends a signed click to /slack/events; the act happens once; the page tells what the card tells."""
    server, slack = preview()
    request, browser = server.asked(), Browser(server.http)
    page = browser.look("/preview/slack")
    assert page.address == f"/preview/slack/{USER}/{CHANNEL}", "the first whom the demo names"
    assert "Waiting for a decision" in page.text
    assert f"/requests/{request['id']}" in " ".join(page.links)

    after = browser.send(page, "Approve")

    (delivery,) = slack.deliveries
    assert (delivery.kind, delivery.url) == ("block_actions", f"{server.url}/slack/events")
    assert {"X-Slack-Signature", "X-Slack-Request-Timestamp"} <= dict(delivery.headers).keys()
    assert "block_actions signed v0=" in after.text
    assert "HTTP 200" in after.text
    now = server.request(request["id"])
    assert (now["status"], now["decided_by"], now["action"]["status"]) == ("approved", ANN, "succeeded")
    assert server.effects.done == [5]
    server.world.step()
    shown = at(browser, OTHER)
    assert "Approved by @ann" in shown.text
    assert "Executed" in shown.text
    assert not shown.offers("Approve")


def test_an_old_page_is_told_who_decided(preview: Preview):
    """S-10: decided in a terminal or anywhere else; who presses on a page that has not caught up sees by whom, and nothing changes."""
    server, _ = preview()
    request, browser = server.asked(), Browser(server.http)
    old = at(browser, OTHER)
    server.decide(request["id"], type="reject", message="no")
    server.world.step()

    browser.send(old, "Approve")
    server.world.step()

    shown = at(browser, OTHER).text
    assert "Only visible to you" in shown
    assert "already rejected by api" in shown
    assert "Only visible to you" not in at(browser).text
    assert server.effects.done == []


def test_the_wrong_person(preview: Preview):
    """DESIGN rule 7: Eve's click is as genuine as Ann's and does not count; she alone sees who may decide."""
    server, _ = preview()
    request, browser = server.asked(), Browser(server.http)
    browser.send(at(browser, EVE), "Approve")
    server.world.step()

    assert server.request(request["id"])["status"] == "pending"
    shown = at(browser, EVE)
    assert "Only visible to you" in shown.text
    assert "not yours to decide: it is for api, @ann or @bob" in shown.text
    assert "not yours" not in at(browser).text


def test_a_form_with_an_error_and_then_right(preview: Preview):
    """S-11: the modal that the server opened; its error stands at its field with what was typed; then it counts."""
    server, slack = preview()
    request, browser = server.asked(), Browser(server.http)

    form = browser.send(at(browser), "Feedback")
    assert form.offers("Send back")
    assert not at(browser, OTHER).offers("Send back"), "only who opened it has it before them"
    wrong = browser.send(form, "Send back", words="  ")
    (field,) = [each for each in wrong.fields.values() if "aria-invalid" in each]
    assert f'<p class="error" id="{field["aria-describedby"].split()[0]}">' in wrong.source
    assert "needs words" in wrong.text
    assert server.request(request["id"])["status"] == "pending"

    browser.send(wrong, "Send back", words="Ask me tomorrow.")
    now = server.request(request["id"])
    assert (now["status"], now["decision"]["message"], now["decided_by"]) == (
        "revised",
        "Ask me tomorrow.",
        ANN,
    )
    kinds = [reply.delivery.kind for reply in slack.replies]
    assert kinds == ["block_actions", "view_submission", "view_submission"]
    assert not at(browser).offers("Send back")


def test_an_edit(preview: Preview):
    """S-11: the form of the tool's arguments, filled as they stand; what is sent is what runs."""
    server, _ = preview()
    request, browser = server.asked(), Browser(server.http)
    form = browser.send(at(browser), "Edit")
    assert [each["value"] for each in form.fields.values() if each.get("type") == "number"] == ["5"]
    browser.send(form, "Approve as edited", field_0="3")
    assert server.request(request["id"])["decision"]["type"] == "edit"
    assert server.effects.done == [3]


def test_what_slack_itself_would_not_send(preview: Preview):
    """A required field left empty: Slack's client does not submit; the page says so, keeps what was typed, and the server hears nothing."""
    server, slack = preview()
    request, browser = server.asked(), Browser(server.http)
    form = browser.send(at(browser), "Feedback")
    sent = len(slack.deliveries)

    still = browser.send(form, "Send back", words="")
    assert (still.status, "is required" in still.text) == (409, True)
    assert len(slack.deliveries) == sent

    browser.send(still, "Back")
    assert not at(browser).offers("Send back")
    again = browser.send(at(browser), "Feedback")
    browser.send(again, "Send back", words="first line\r\n<b> & more")
    assert server.request(request["id"])["decision"]["message"] == "first line\n<b> & more"


def test_hostile_text_is_text(preview: Preview):
    """DESIGN rule 9: markup of HTML and of Slack in title, reason, words and messages shows as what was written, and does nothing."""
    server, slack = preview(title=HTML, risk=HOSTILE)
    request, browser = server.asked(), Browser(server.http)
    slack.say(EVE, CHANNEL, f"{HTML} *bold* <https://ok.example|a label> <javascript:alert(1)|no> <@{USER}>")
    slack.say(EVE, CHANNEL, "an answer", thread_ts=slack.messages[0].ts)
    server.decide(request["id"], type="reject", message=f"{HTML}{HOSTILE}", reviewer=ANN)
    server.world.step()

    page = at(browser)  # no script, no image, no handler, every element closed: so says the browser
    assert page.text.count("<script>alert(1)</script>") == 2
    assert "<img src=x onerror=alert(1)>" in page.text
    assert "{{ 7*7 }}" in page.text
    assert "EVIL <!channel> <@U0EVIL> @everyone *b*" in page.text
    assert "\u202e" not in page.source
    assert "https://ok.example" in page.links
    assert not [link for link in page.links if "javascript" in link or "evil" in link.lower()]
    assert "1 reply" in page.text


def test_words_reactions_and_the_home_tab(preview: Preview):
    """E-02: what people write, react with and open goes to the app as Slack sends it; what they write is drawn as they wrote it."""
    server, slack = preview()
    request, browser = server.asked(), Browser(server.http)
    said = browser.send(at(browser), "Send", text="What is <this> & *that*?")
    assert "What is <this> & that?" in said.text
    browser.send(said, "👍")
    (card, _) = slack.messages
    assert card.reactions == (("+1", USER),)
    browser.send(at(browser), "👍 1")
    home = browser.send(at(browser), "▣ hitl – home")
    assert home.address.endswith("/home")
    server.world.step()
    told = browser.look(f"/preview/slack/{USER}/home").text
    assert "1 request waits for you" in told
    assert request["code"] in told
    kinds = [each.payload["event"]["type"] for each in slack.deliveries]
    assert kinds == ["message", "reaction_added", "reaction_removed", "app_home_opened"]


def test_what_our_own_cards_do_not_use(preview: Preview):
    """E-02: other blocks are drawn, or it is said that they are not; links; a button that asks first."""
    server, slack = preview()
    text = {"type": "plain_text", "text": "a &lt;b&gt;"}
    sure = {
        "title": text,
        "text": {"type": "mrkdwn", "text": "*Sure?*"},
        "confirm": text,
        "deny": {**text, "text": "No"},
    }
    option = {"text": text, "value": "1"}
    blocks = [
        {"type": "divider"},
        {"type": "markdown", "text": "**as it is** <i>"},
        {"type": "image", "alt_text": "a picture", "image_url": "https://evil.example/x.png"},
        {
            "type": "context",
            "elements": [
                {"type": "image", "alt_text": "a face", "image_url": "https://evil.example/y.png"},
                text,
            ],
        },
        {
            "type": "section",
            "text": {"type": "mrkdwn", "text": "*Look*"},
            "accessory": {
                "type": "button",
                "text": {**text, "text": "Docs"},
                "url": "https://ok.example",
                "action_id": "l",
            },
        },
        {
            "type": "actions",
            "elements": [
                {
                    "type": "button",
                    "text": {**text, "text": "Delete"},
                    "style": "danger",
                    "confirm": sure,
                    "action_id": "d",
                },
                {"type": "static_select", "options": [option], "action_id": "s"},
            ],
        },
        {"type": "input", "label": text, "element": {"type": "plain_text_input", "action_id": "i"}},
    ]
    body = {"channel": CHANNEL, "text": "x", "blocks": blocks}
    told = httpx.post(
        f"{slack.url}chat.postMessage", json=body, headers={"Authorization": f"Bearer {slack.bot_token}"}
    )
    assert told.json()["ok"], told.json()
    browser = Browser(server.http)
    page = at(browser)
    for words in (
        "**as it is** <i>",
        "🖼 a picture",
        "🖼 a face",
        "a <b>",
        "[static_select: not drawn here]",
        "[input: not drawn here]",
        "Sure?",
    ):
        assert words in page.text
    assert "https://ok.example" in page.links
    assert "popover" in page.attributes
    browser.send(page, "a <b>")  # the button of the question
    (delivery,) = slack.deliveries
    assert delivery.payload["actions"][0]["action_id"] == "d"


def test_an_app_in_trouble_is_told_as_slack_tells_it(preview: Preview):
    """Where Slack refuses the app's form, the person is told by the app; a card that went away is no error of the page."""
    server, slack = preview()
    server.asked()
    browser = Browser(server.http)
    slack.fail("views.open", Refused("internal_error"))
    page = at(browser)
    browser.send(page, "Reject")
    server.world.step()
    assert "did not open the form" in at(browser).text
    slack.remove(slack.messages[0])
    gone = browser.send(page, "Approve")
    assert (gone.status, "There is no message" in gone.text) == (409, True)
    assert "There is:" not in gone.text


def test_it_changes_while_it_is_looked_at(preview: Preview):
    """An event for each change that can be seen, as the pages' script awaits it."""
    server, _ = preview()
    with server.http.stream("GET", f"/preview/slack/{USER}/{CHANNEL}/events") as stream:
        lines = stream.iter_lines()
        assert next(line for line in lines if line.startswith("event")) == "event: listening"
        server.asked()
        assert next(line for line in lines if line.startswith("event")) == "event: change"


def test_nothing_is_sent_without_the_pages_token(preview: Preview):
    """Changes come by POST, with the token of a page of this server; nobody and nowhere that is not there."""
    server, slack = preview()
    request = server.asked()
    base = f"/preview/slack/{USER}/{CHANNEL}"
    assert server.http.post(f"{base}/press", data={"button": "x"}).status_code == 403
    assert server.http.get(f"{base}/press").status_code in {404, 405}
    for path in ("U0NOBODY00", f"{USER}/C0NOWHERE1", f"{USER}/C0NOWHERE1/events", "..%2f"):
        assert server.http.get(f"/preview/slack/{path}").status_code in {404, 422}
    page = at(Browser(server.http))
    token = dict(page.form("Approve").held)["csrf"]
    for data in ({}, {"channel": CHANNEL, "ts": "1"}, {"view": "V1", "button": "x"}, {"version": "9" * 99}):
        assert server.http.post(f"{base}/press", data={**data, "csrf": token}).status_code == 409
    for path in ("react", "views/V1/submit", "views/V1/close"):
        assert server.http.post(f"{base}/{path}", data={"csrf": token}).status_code == 409
    assert server.http.post(f"{base}/press", json={}, headers={"X-CSRF-Token": token}).status_code == 415
    assert slack.deliveries == []
    assert server.request(request["id"])["status"] == "pending"


def test_templates_say_no_more_than_they_must():
    """No template turns escaping off, or has a script, a style or an address of its own."""
    folder = Path(hitl_server.__file__).parent / "preview"
    found = {path.name: path.read_text(encoding="utf-8") for path in folder.glob("templates/*.html")}
    assert found
    for name, text in found.items():
        assert not re.search(
            r"\|\s*safe|autoescape|<script(?! defer src=)|<style|style=|https?://| on\w+=", text
        ), name
    assert not re.search(r"url\(|@import", (folder / "preview.css").read_text(encoding="utf-8"))


def test_there_is_none_outside_of_a_demo(open_server: Served):
    """A server that nobody gave a fake has no such routes, and says nothing of them in its document."""
    for path in (
        "/preview/slack",
        "/preview/github",
        "/preview/style.css",
        f"/preview/slack/{USER}/{CHANNEL}",
    ):
        assert open_server.http.get(path).status_code == 404
    assert "/preview" not in open_server.http.get("/openapi.json").text
