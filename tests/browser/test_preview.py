"""The simulators in a real browser: what people press there is drawn without a reload, for them and for the others (issue 6, item 4)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any, cast

import pytest
import pytest_asyncio
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, expect

from tests.browser.test_phone import WIDER
from tests.browser.test_pictures import AXE, WORST
from tests.kit.browser import IN_A_BROWSER, PHONE, Visitor, visiting
from tests.kit.office import Office
from tests.kit.previewed import CHANNEL, EVE, OTHER, USER, slack_previewed

pytestmark = IN_A_BROWSER


@pytest_asyncio.fixture(loop_scope="session")
async def people(chromium: Browser, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Any]:
    """The server at which a payment waits, and a browser for each of the people asked for."""
    async with AsyncExitStack() as stack:
        server, slack = stack.enter_context(slack_previewed(monkeypatch))
        server.asked()
        made: list[Visitor] = []
        for user in (USER, OTHER, EVE):
            visitor = await stack.enter_async_context(visiting(chromium, cast("Office", server), None))
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
    found = await Axe().run(ann.page, options=AXE)
    assert [each["id"] for each in found.response["violations"] if each["impact"] in WORST] == []
    await ann.picture("preview-slack-form")
    await words.fill("Ask me tomorrow.")
    await form.get_by_role("button", name="Send back").click()
    await expect(form).to_have_count(0)

    server.world.step()
    await expect(bob.page.get_by_text("Feedback sent by")).to_be_visible()
    await expect(bob.page.get_by_role("button", name="Approve", exact=True)).to_have_count(0)
    await expect(bob.page.get_by_label("Message")).to_have_value("half typed")
    await bob.page.set_viewport_size(PHONE)
    assert await bob.page.evaluate(WIDER) <= 0
    await bob.picture("preview-slack-phone")
