"""``/preview/github``: what the fake GitHub holds, drawn, and commented on – through the real app, with genuinely signed webhooks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest
from fastapi import APIRouter

from hitl_middleware.testing.channel_contract import HOSTILE
from hitl_middleware.testing.fake_github import FakeGitHub
from hitl_server.preview import GitHubSeen, preview_router

from tests.kit.browsing import Browser, Page
from tests.kit.issue_stage import SHOP, GitHubStage, github_stage
from tests.kit.plain import NO_TLS
from tests.kit.world import World

NOTES = {"ann": "write – may decide", "bob": "read – reported it"}
HTML = (
    "<script>alert(1)</script> <img src=https://evil.example/x.png onerror=alert(1)> "
    "<details open ontoggle=alert(1)><summary>fold</summary>in it</details>"
)


@dataclass
class Preview:
    """The stage, and a browser on it."""

    stage: GitHubStage
    http: httpx.Client

    @property
    def browser(self) -> Browser:
        return Browser(self.http)

    def at(self, login: str, number: int = 1) -> Page:
        """An issue as somebody has it."""
        return self.browser.look(f"/preview/github/{login}/{number}")

    def comments(self, login: str, body: str, number: int = 1) -> Page:
        """Somebody writes it into the box, and the world moves."""
        page = self.browser.send(self.at(login, number), "Comment", body=body)
        self.stage.world.step()
        return page


@pytest.fixture
def preview(quick: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[Preview]:
    """An issue that a workflow asks on, and its simulator."""

    def router(fake: FakeGitHub) -> list[APIRouter]:
        return [preview_router(github=GitHubSeen(fake=fake, repository=SHOP, people=NOTES))]

    with (
        github_stage(quick, monkeypatch, routers=router) as stage,
        httpx.Client(base_url=stage.url, timeout=30, verify=NO_TLS) as http,
    ):
        yield Preview(stage, http)


def test_a_comment_decides(preview: Preview):
    """E-02, G-05, G-06: /approve in the box is a signed webhook; the step is done once; the card and a confirmation say by whom."""
    stage = preview.stage
    stage.opened()
    page = preview.browser.look("/preview/github")
    assert page.address == "/preview/github/ann/1", "the newest issue, as the first whom the demo names"
    assert "Waiting for a decision" in page.text
    assert "Comment as ann" in page.text

    after = preview.comments("ann", "/approve")

    reply = [each for each in stage.fake.replies if each.delivery.payload["sender"]["login"] == "ann"][-1]
    assert (reply.delivery.event, reply.status) == ("issue_comment", 202)
    assert dict(reply.delivery.headers)["X-Hub-Signature-256"][:15] in after.text
    assert stage.state()["done"].startswith("Mend")
    shown = preview.at("bob").text
    assert "Approved by @ann" in shown
    assert "Resumed" in shown
    assert "👀 1" in shown
    assert "🚀 1" in shown


def test_the_wrong_person(preview: Preview):
    """G-08: Bob reported it and may read; his comment is as genuine, is refused in a sentence, and decides nothing."""
    stage = preview.stage
    stage.opened()
    preview.comments("bob", "/approve")
    shown = preview.at("bob").text
    assert "not yours to decide" in shown
    assert "👎 1" in shown
    assert "Waiting for a decision" in shown
    assert "done" not in stage.state()


def test_feedback_brings_another_round(preview: Preview):
    """G-06: the rest of the comment goes along, line for line; the next round is a comment of its own."""
    stage = preview.stage
    stage.opened()
    preview.comments("ann", "/feedback Mind the empty cart,\r\nand the *full* one.")
    shown = preview.at("ann").text
    assert "Revision requested" in shown
    assert "plan-review, round 2" in shown
    assert "Mind the empty cart, and the *full* one." in shown


def test_hostile_text_is_text(preview: Preview):
    """DESIGN rule 9: what people and models wrote shows as text, is folded at most, loads nothing and runs nothing."""
    stage = preview.stage
    stage.opened(title=HTML, body=f"{HTML}\n\n{HOSTILE}\n\n[x](javascript:alert(1)) see #1, @ann")
    preview.comments("ann", f"/reject {HTML} {HOSTILE}")
    page = preview.at("ann")  # no script, no image, no handler, every element closed: so says the browser
    assert page.text.count("<script>alert(1)</script>") >= 2, (
        "title and words stand in our card and on the page"
    )
    assert "details" in page.tags
    assert not [link for link in page.links if "javascript" in link]
    assert "/preview/github/ann/1" in page.links
    assert "\u202e" not in page.source


def test_a_pull_request_is_reviewed(preview: Preview):
    """G-13: the page of a pull request has its commit, and a review that is sent as GitHub sends it."""
    stage, fake = preview.stage, preview.stage.fake
    stage.opened()
    fake.repository(SHOP, files={"a.py": "1\n"})
    fake.branch(SHOP, "ann", "fix")
    fake.push(SHOP, "ann", "fix", {"a.py": "2\n"}, "Mend it")
    pull = fake.open_pull(SHOP, "ann", "fix", "Mend it", "Closes #1")
    assert f"pull request #{pull.number}" in preview.at("meg").text
    page = preview.at("meg", pull.number)
    assert f"fix → main, at {pull.head_sha[:7]}" in page.text
    assert not preview.at("meg").offers("Approve"), "an issue is not reviewed"
    preview.browser.send(page, "Request changes", body="Not yet.")
    reviewed = preview.browser.send(preview.at("meg", pull.number), "Approve", body="")
    assert "meg approved these changes" in reviewed.text
    assert "meg requested changes" in reviewed.text
    events = [(each.event, each.action) for each in fake.deliveries][-2:]
    assert events == [("pull_request_review", "submitted")] * 2
    own = preview.browser.send(preview.at("ann", pull.number), "Approve", body="mine")
    assert own.status == 409
    assert own.fields["body"], "and what was typed stands there still"
    assert ">\nmine</textarea>" in own.source


def test_the_list_and_what_is_not_there(preview: Preview):
    """All issues; 404 for people and issues that are not there; no change without the page's token, none by GET."""
    assert preview.browser.look("/preview/github").address == "/preview/github/ann"
    issue = preview.stage.opened(title="It <b>breaks</b>")
    listed = preview.browser.look("/preview/github/eve")
    assert f"It <b>breaks</b> #{issue.number}" in listed.text
    assert f"/preview/github/eve/{issue.number}" in listed.links
    for path in ("nobody", "nobody/1", "ann/99", "ann/99/events", "nobody/events", "ann/0", "-"):
        assert preview.http.get(f"/preview/github/{path}").status_code in {404, 422}, path
    before = len(preview.stage.fake.deliveries)
    assert preview.http.post("/preview/github/ann/1/comment", data={"body": "/approve"}).status_code == 403
    assert preview.http.get("/preview/github/ann/1/comment").status_code in {404, 405}
    empty = preview.browser.send(preview.at("ann"), "Comment", body=" ")
    assert (empty.status, "blank" in empty.text) == (409, True)
    assert len(preview.stage.fake.deliveries) == before


@pytest.mark.parametrize("path", ["ann", "ann/1"])
def test_it_changes_while_it_is_looked_at(preview: Preview, path: str):
    """An event for each change that can be seen, as the pages' script awaits it."""
    preview.stage.fake.open_issue(SHOP, "bob", "One")
    with preview.http.stream("GET", f"/preview/github/{path}/events") as stream:
        lines = stream.iter_lines()
        assert next(line for line in lines if line.startswith("event")) == "event: listening"
        preview.stage.fake.comment(SHOP, 1, "bob", "a remark")
        preview.stage.fake.open_issue(SHOP, "bob", "Two")
        assert next(line for line in lines if line.startswith("event")) == "event: change"
