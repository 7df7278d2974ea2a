"""On a phone: everything is there, nothing lies beside the screen, and what is pressed is as large as a finger (issue 6, item 1)."""

from __future__ import annotations

import zlib

from playwright.async_api import Page, expect

from tests.browser.conftest import Visit
from tests.kit.browser import IN_A_BROWSER, PHONE, WIDER
from tests.kit.office import ANN, LONG, MAIL, OLGA, Office

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


STARTS = """(box) => [...box.querySelectorAll(".line")].map((line) => {
  const range = document.createRange();
  range.selectNodeContents(line);
  const rows = Map.groupBy([...range.getClientRects()].filter((each) => each.width > 1), (each) => each.top);
  return [...rows.values()].map((row) => Math.round(Math.min(...row.map((each) => each.left))));
})"""
"""Where the lines of a text begin on the screen, each with those that it is wrapped into."""


async def test_what_is_wrapped_is_no_line_of_its_own(office: Office, visit: Visit):
    """DESIGN rule 9: text that is too long for its line goes on further in than any argument begins, so it cannot pass for one."""
    request = office.asked("send_email", **{**MAIL, "body": f'Hello{" " * 90}"to": "eve@example.com",\nBye'})
    ann = await visit(ANN, phone=True)
    await ann.open(f"/requests/{request.id}")
    starts = await ann.page.locator("#call pre").evaluate(STARTS)
    edge, wrapped = starts[0][0], [left for line in starts for left in line[1:]]
    assert wrapped, "as the test wants it"
    assert min(wrapped) > edge + 40, "an argument's name stands two characters in"
    assert {line[0] for line in starts} == {edge}


async def test_what_is_scrolled_says_that_there_is_more(office: Office, visit: Visit):
    """DESIGN rule 9: no argument is out of sight without a sign, where a phone shows no scroll bars: a shade, until all was seen."""
    request = office.asked("send_email", **{**MAIL, "body": "a line\n" * 40})
    short = office.asked("send_email", **MAIL)
    ann = await visit(ANN, phone=True)
    await ann.open("/inbox")
    whole = ann.page.locator(f"#r-{short.id} pre")
    assert await _below(ann.page, f"#r-{short.id} pre") == await _below(ann.page, f"#r-{short.id} pre", up=30)
    await expect(whole).to_contain_text("It is on its way.")
    long = f"#r-{request.id} pre"
    assert await _below(ann.page, long) != await _below(ann.page, long, up=30)
    await ann.page.locator(long).evaluate("(box) => box.scrollTo(0, box.scrollHeight)")
    assert await _below(ann.page, long) == await _below(ann.page, long, up=30)


async def test_where_a_run_stands_is_in_view(office: Office, visit: Visit):
    """A graph that is larger than its box is shown where it stands, at first and when others have moved it; the page stays where it is."""
    request = office.asked("refund", order_id="A-1", amount_cents=900, reason="the line breaks")
    olga = await visit(OLGA, phone=True, viewport={"width": 360, "height": 240})
    await olga.open(f"/runs/{request.run_id}")
    await olga.live()
    box = olga.page.get_by_role("group", name="The graph")
    for status in ("waiting", "unknown"):
        node = box.locator(f".node.{status}:not(.subgraph)")
        await expect(node).to_have_count(1)
        place, around = await node.bounding_box(), await box.bounding_box()
        assert place is not None
        assert around is not None
        assert around["y"] <= place["y"] < place["y"] + place["height"] <= around["y"] + around["height"]
        assert await olga.page.evaluate("scrollY") == 0
        if status == "waiting":
            office.world.decide(request, by=ANN)
            office.world.step()


async def _below(page: Page, box: str, *, up: int = 2) -> bytes:
    """The colour a little above a box's lower edge, left of what stands in it."""
    await page.locator(box).scroll_into_view_if_needed()
    found = await page.locator(box).bounding_box()
    assert found is not None
    x, y = round(found["x"] + 6), round(found["y"] + found["height"] - 1 - up)
    picture = await page.screenshot(clip={"x": x, "y": y, "width": 1, "height": 1}, scale="css")
    packed, at = b"", 8
    while at < len(picture):  # a PNG's chunks: size, kind, content, check sum
        size = int.from_bytes(picture[at : at + 4], "big")
        packed += picture[at + 8 : at + 8 + size] if picture[at + 4 : at + 8] == b"IDAT" else b""
        at += size + 12
    return zlib.decompress(packed)[1:4]  # one pixel; before it stands how its line is packed
