"""On a phone: everything is there, nothing lies beside the screen, and what is pressed is as large as a finger (issue 6, item 1)."""

from __future__ import annotations

from playwright.async_api import expect

from tests.browser.conftest import Visit
from tests.kit.browser import IN_A_BROWSER, PHONE, WIDER
from tests.kit.office import ANN, LONG, MAIL, Office

pytestmark = IN_A_BROWSER


async def test_on_a_phone(office: Office, visit: Visit):
    """No page is wider than the screen, however long a word is; and it is decided with a thumb."""
    request = office.asked("send_email", **{**MAIL, "subject": LONG})
    ann = await visit(ANN, phone=True)
    for path in ("/inbox", f"/requests/{request.id}", f"/runs/{request.run_id}"):
        await ann.open(path)
        assert await ann.page.evaluate(WIDER) <= 0, path
    await ann.open("/inbox")
    card = ann.page.locator(f"#r-{request.id}")
    await card.locator("summary", has_text="Edit").tap()
    assert await ann.page.evaluate(WIDER) <= 0
    buttons = await card.get_by_role("button").all()
    assert len(buttons) == 4
    for button in buttons:
        await button.scroll_into_view_if_needed()
        box = await button.bounding_box()
        assert box is not None
        assert box["height"] >= 40
        assert 0 <= box["x"] < box["x"] + box["width"] <= PHONE["width"]
    await card.get_by_role("button", name="Approve", exact=True).tap()
    await expect(card).to_contain_text("Approved by ann")
