"""Without a mouse: the keys of the inbox, and the way of the Tab key (issue 6, item 1)."""

from __future__ import annotations

from typing import Any

from playwright.async_api import expect

from tests.browser.conftest import Visit
from tests.kit.browser import IN_A_BROWSER
from tests.kit.office import ANN, MAIL, Office

pytestmark = IN_A_BROWSER

FOCUSED = """() => {
  const at = document.activeElement, drawn = getComputedStyle(at), box = at.getBoundingClientRect();
  return {
    name: (at.getAttribute("aria-label") ?? at.labels?.[0]?.textContent ?? at.textContent).trim().replace(/\\s+/g, " "),
    seen: drawn.outlineStyle !== "none" && parseFloat(drawn.outlineWidth) >= 2 && box.width > 0 && box.height > 0,
  };
}"""


async def test_keys_alone(office: Office, visit: Visit):
    """`j` and `k` move, `f` asks for words and then sends them, `r` rejects, `e` opens the form, `a` approves; keys in a field are text."""
    requests = [office.asked("send_email", **{**MAIL, "subject": f"Order {number}"}) for number in range(4)]
    ann = await visit(ANN)
    await ann.open("/inbox")
    keys, cards = ann.page.keyboard, [ann.page.locator(f"#r-{each.id}") for each in requests]
    for key, at in (("j", 0), ("j", 1), ("j", 2), ("k", 1), ("k", 0)):
        await keys.press(key)
        await expect(cards[at]).to_be_focused()
        await expect(cards[at]).to_have_attribute("aria-current", "true")
        assert await cards[at].evaluate("card => getComputedStyle(card).boxShadow") != "none"

    await keys.press("f")
    await expect(cards[0].get_by_label("Words for the run")).to_be_focused()
    await keys.type("far jerk")
    assert office.now(requests[0]).status == "pending"
    await keys.press("Escape")
    await expect(cards[0]).to_be_focused()
    await keys.press("f")
    await expect(cards[0]).to_contain_text("Feedback sent by ann")

    await keys.press("j")
    await keys.press("r")
    await expect(cards[1]).to_contain_text("Rejected by ann")

    await keys.press("j")
    await keys.press("e")
    await expect(cards[2].get_by_label("To", exact=True)).to_be_focused()
    await keys.press("Control+A")
    await keys.type("ann@example.com")
    send = cards[2].get_by_role("button", name="Approve as edited")
    while not await send.evaluate("button => button === document.activeElement"):
        await keys.press("Tab")
    await keys.press("Enter")
    await expect(cards[2]).to_contain_text("Approved by ann")

    await keys.press("j")
    await keys.press("a")
    await expect(cards[3]).to_contain_text("Approved by ann")
    assert [office.now(each).status for each in requests] == ["revised", "rejected", "approved", "approved"]
    decided = office.now(requests[0]).decision
    assert decided is not None
    assert decided.message == "far jerk"
    office.world.step()
    assert office.done == [("send_email", "ann@example.com"), ("send_email", MAIL["to"])]


async def test_a_key_held_down_decides_once(office: Office, visit: Visit):
    """A key that repeats moves on through the list, and decides nothing more than one."""
    requests = [office.asked("send_email", **MAIL) for _ in range(2)]
    ann = await visit(ANN)
    await ann.open("/inbox")
    await ann.page.keyboard.press("j")
    await ann.page.keyboard.down("r")
    for _ in range(3):
        await ann.page.keyboard.down("r")
    await ann.page.keyboard.up("r")
    await expect(ann.page.locator(f"#r-{requests[0].id}")).to_contain_text("Rejected by ann")
    assert office.now(requests[1]).status == "pending"


async def test_the_way_of_tab(office: Office, visit: Visit):
    """In the order in which it is read, beginning with a way past the frame; wherever the focus is, it is seen."""
    office.asked("send_email", **MAIL)
    ann = await visit(ANN)
    await ann.open("/inbox")
    way: list[str] = []
    for _ in range(10):
        await ann.page.keyboard.press("Tab")
        at: dict[str, Any] = await ann.page.evaluate(FOCUSED)
        assert at["seen"], at
        way.append(at["name"])
    assert way == [
        "To the content", "Inbox", "Sign out", "Write to a customer", "Words for the run – a reason, or what should be different",
        "Approve a", "Reject r", "Send feedback f", "Edit e", "Answer d",
    ]  # fmt: skip
