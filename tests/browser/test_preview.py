"""The simulators in a real browser: what people press there is drawn without a reload, for them and for the others (issue 6, item 4)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from typing import Any

import pytest
import pytest_asyncio
from fastapi import APIRouter
from playwright.async_api import Browser, Route, expect

from hitl_middleware.testing.fake_github import FakeGitHub
from hitl_server.preview import GitHubSeen, preview_router

from tests.kit.browser import IN_A_BROWSER, PHONE, WIDER, Visitor, visiting
from tests.kit.issue_stage import SHOP, GitHubStage, github_stage
from tests.kit.previewed import CHANNEL, EVE, OTHER, USER, slack_previewed
from tests.kit.world import World

pytestmark = IN_A_BROWSER


@pytest_asyncio.fixture(loop_scope="session")
async def people(chromium: Browser, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Any]:
    """The server at which a payment waits, and a browser for each of the people asked for."""
    async with AsyncExitStack() as stack:
        server, slack = stack.enter_context(slack_previewed(monkeypatch))
        server.asked()
        made: list[Visitor] = []
        for user in (USER, OTHER, EVE):
            visitor = await stack.enter_async_context(visiting(chromium, server.url))
            await visitor.open(f"/preview/slack/{user}/{CHANNEL}")
            made.append(visitor)
        yield server, slack, made
        for visitor in made:
            visitor.checked()


async def test_a_form_an_error_and_what_the_others_see(people: Any):
    """E-02, S-11: keys and focus go into the form that the server opened and to its error; nobody loses what they type.

    Nothing is asked of anybody but the server, no policy is broken, and nothing serious is wrong for those who see or hear otherwise.
    """
    server, slack, (ann, bob, eve) = people
    await ann.looked_at("preview-slack")
    await bob.live()
    await bob.page.get_by_label("Message").fill("half typed")

    await eve.page.get_by_role("button", name="Approve", exact=True).click()
    await slack.await_for(lambda: slack.replies)
    server.world.step()
    await expect(eve.page.get_by_text("Only visible to you")).to_be_visible()
    await expect(eve.page.get_by_text("not yours to decide")).to_be_visible()

    await ann.page.get_by_role("button", name="Feedback").click()
    form = ann.page.get_by_role("dialog", name="Feedback")
    words = form.get_by_label("What should be different?")
    await expect(words).to_be_focused()
    await words.fill("   ")
    await form.get_by_role("button", name="Send back").click()
    await expect(form.get_by_text("needs words")).to_be_visible()
    await expect(words).to_be_focused()
    await ann.looked_at("preview-slack-form")
    await words.fill("Ask me tomorrow.")
    await form.get_by_role("button", name="Send back").click()
    await expect(form).to_have_count(0)

    server.world.step()
    await expect(bob.page.get_by_text("Feedback sent by")).to_be_visible()
    await expect(bob.page.get_by_role("button", name="Approve", exact=True)).to_have_count(0)
    await expect(bob.page.get_by_label("Message")).to_have_value("half typed")
    await bob.page.set_viewport_size(PHONE)
    assert await bob.page.evaluate(WIDER) <= 0


@pytest.fixture
def issue(monkeypatch: pytest.MonkeyPatch) -> Iterator[GitHubStage]:
    """An issue that a workflow asks on, and its simulator."""

    def router(fake: FakeGitHub) -> list[APIRouter]:
        return [preview_router(github=GitHubSeen(fake=fake, repository=SHOP, people={"ann": "may decide"}))]

    with github_stage(World(), monkeypatch, routers=router) as stage:
        yield stage
        stage.world.stop()


async def test_several_comments_at_once(chromium: Browser, issue: GitHubStage):
    """E-02: what came while the page was being drawn anew stands on it in the order in which it came."""
    issue.opened()
    async with visiting(chromium, issue.url) as ann:
        await ann.open("/preview/github")
        await ann.live()
        written = asyncio.Event()

        async def wait(route: Route) -> None:
            await written.wait()
            await route.continue_()

        await ann.page.route("**/preview/github/ann/1", wait)
        words = [f"remark {number}" for number in (1, 2, 3)]
        for each in words:
            await issue.fake.acomment(SHOP, 1, "bob", each)
        written.set()
        await expect(ann.page.get_by_text("remark")).to_have_text(words)
    ann.checked()


async def test_a_command_on_github(chromium: Browser, issue: GitHubStage):
    """E-02, G-05: what is written into the box is a comment, and what comes of it is on the page without a reload."""
    issue.opened()
    async with visiting(chromium, issue.url) as ann:
        await ann.open("/preview/github")
        await ann.looked_at("preview-github")
        await ann.page.get_by_role("textbox", name="Comment as ann").fill("/approve")
        await ann.page.get_by_role("button", name="Comment", exact=True).click()
        await expect(ann.page.locator("main")).to_contain_text("ann commented")
        issue.world.step()
        await expect(ann.page.locator("main")).to_contain_text("Approved by @ann")
    ann.checked()
