"""What models and users write is text in a real browser, too: nothing runs, nothing is asked of anybody, nothing is drawn (rule 9)."""

from __future__ import annotations

from typing import Any

from playwright.async_api import Route, expect

from tests.browser.conftest import Visit
from tests.kit.browser import IN_A_BROWSER
from tests.kit.office import ANN, MAIL, Office

pytestmark = IN_A_BROWSER

EVIL = "http://evil.example"
PAYLOADS = (
    "<script>window.ran=1</script>",
    "</pre></script><script src=//evil.example/x.js></script>",
    '"><img src=x onerror=window.ran=1>',
    "'><svg onload=window.ran=1>",
    f"<img src={EVIL}/pixel.png>",
    f"<iframe src='javascript:window.ran=1'></iframe><object data={EVIL}></object>",
    f"<link rel=stylesheet href={EVIL}/a.css><style>@import '{EVIL}/b.css'</style>",
    f"<form action={EVIL}><button>Approve</button></form>",
    f"<base href={EVIL}/><meta http-equiv=refresh content='0;url={EVIL}'>",
    "<details open ontoggle=window.ran=1>",
    "</textarea><script>window.ran=1</script>",
    '" autofocus onfocus=window.ran=1 x="',
    "javascript:window.ran=1",
    "[click](javascript:window.ran=1) ![x](http://evil.example/i.png)",
    "{{7*7}} ${7*7} #{7*7} {% raw %}",
    "<b hx-get=/inbox hx-trigger=load>x</b><i hx-on:load=window.ran=1>",
    "&lt;script&gt;window.ran=1&lt;/script&gt;",
    "]]><!--",
)
SHAPE = """() => [...document.querySelectorAll("main :not(pre > .line)")].map((each) => [each.tagName,
  ...each.getAttributeNames().filter((name) => !["id", "for", "aria-describedby", "tabindex"].includes(name))].join(" "))"""


async def test_payloads_are_text(office: Office, visit: Visit):
    """On the list, on the request's page with its form open, decided with hostile words, and on the run's page.

    The page of a hostile call has the very elements and attributes that the page of a harmless one has, but for the lines of its text.
    """
    ann = await visit(ANN)
    reached: list[str] = []

    async def elsewhere(route: Route) -> None:
        reached.append(route.request.url)
        await route.abort()

    await ann.context.route(lambda url: not url.startswith(office.url), elsewhere)
    hostile = "\n".join(PAYLOADS)
    shapes: list[list[Any]] = []
    for words in ("calm\n" * len(PAYLOADS), hostile):
        request = office.asked(
            "send_email", requester=words[:200], **{**MAIL, "subject": words, "body": words}
        )
        shape: list[Any] = []
        await ann.open("/inbox")
        await ann.live()
        for path in ("/inbox", f"/requests/{request.id}"):
            await ann.open(path)
            await ann.live()
            await ann.page.locator("summary", has_text="Edit").click()
            shape.append(await ann.page.evaluate(SHAPE))
        if words is hostile:
            for payload in PAYLOADS[:3]:
                await expect(ann.page.locator("#call")).to_contain_text(payload)
            assert await ann.page.get_by_label("Subject").input_value() == hostile
        await ann.page.get_by_label("Words for the run").fill(words)
        await ann.page.get_by_role("button", name="Reject").click()
        await expect(ann.page.locator("#standing")).to_contain_text("Rejected by ann")
        shape.append(await ann.page.evaluate(SHAPE))
        office.world.step()
        await ann.open(f"/runs/{request.run_id}")
        await ann.live()
        shape.append(await ann.page.evaluate(SHAPE))
        shapes.append(shape)
        assert await ann.page.evaluate("window.ran") is None
    assert shapes[0] == shapes[1]
    assert reached == []
