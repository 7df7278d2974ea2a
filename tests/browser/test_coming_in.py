"""Coming in and going, in a real browser; and what becomes of words when a session ends under them (issue 6, item 2; P-01)."""

from __future__ import annotations

from urllib.parse import quote

from playwright.async_api import Route, expect

from hitl_server.serve import one_time_link

from tests.browser.conftest import Visit
from tests.kit.browser import IN_A_BROWSER, Visitor
from tests.kit.office import ANN, BOB, MAIL, Office

pytestmark = IN_A_BROWSER

WORDS = "She is right about <all> of it."


async def by_github(office: Office, visitor: Visitor, login: str) -> None:
    """Sign in with GitHub: there, somebody allows it."""

    async def allowed(route: Route) -> None:
        # The fake has no page of GitHub's to press a button on: where that would lead to, the browser is sent at once.
        sent = await route.fetch(max_redirects=0)
        back = office.github.allow(login, sent.headers["location"])
        await route.fulfill(response=sent, headers={**sent.headers, "location": back})

    await visitor.page.route("**/sign-in/github?**", allowed)
    await visitor.page.get_by_role("link", name="Sign in with GitHub").click()


async def test_in_and_out(office: Office, visit: Visit):
    """Whoever asks for a request is led to the sign-in, by GitHub back to that request, and out: then nothing is shown any more."""
    request = office.asked("send_email", **MAIL)
    ann = await visit()
    await ann.open(f"/requests/{request.id}")
    await expect(ann.page).to_have_title("Sign in – hitl")
    assert "Write to a customer" not in await ann.page.content()
    await by_github(office, ann, "ann")
    await expect(ann.page).to_have_url(f"{office.url}/requests/{request.id}")
    await expect(ann.page.get_by_role("button", name="Approve a")).to_be_visible()
    (cookie,) = [each for each in await ann.context.cookies() if each["name"] == "hitl_session"]
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Lax")
    await ann.page.get_by_role("button", name="Sign out").click()
    await expect(ann.page).to_have_title("Sign in – hitl")
    await ann.page.go_back()
    await expect(ann.page).to_have_title("Sign in – hitl")
    await ann.open("/inbox")
    await expect(ann.page).to_have_title("Sign in – hitl")


async def test_a_one_time_link(office: Office, visit: Visit):
    """Opened, it asks before it is used; used, it is used up."""
    me = await visit()
    link = one_time_link(office.world, "local:ann")
    await me.open(link)
    await me.page.get_by_role("button", name="Sign in").click()
    await expect(me.page).to_have_url(f"{office.url}/inbox")
    await expect(me.page.locator(".me")).to_have_text("local:ann")
    other = await visit()
    await other.open(link)
    await other.page.get_by_role("button", name="Sign in").click()
    await expect(other.page.locator("main")).to_contain_text("This link was used")


async def test_a_session_ends_under_ones_words(office: Office, visit: Visit):
    """Sent, nothing is decided: one signs in again, is back at the same request, and finds what one had typed. Sent, it is kept no more."""
    request = office.asked("send_email", **MAIL)
    ann = await visit(ANN)
    await ann.open(f"/requests/{request.id}")
    await ann.page.get_by_label("Words for the run").fill(WORDS)
    await ann.page.locator("summary", has_text="Edit").click()
    await ann.page.get_by_label("Subject").fill("Half of")
    office.signed_out(str(ann.secret))
    await ann.page.get_by_role("button", name="Reject").click()
    await expect(ann.page).to_have_url(f"{office.url}/sign-in?next={quote(f'/requests/{request.id}')}")
    assert office.now(request).status == "pending"
    await by_github(office, ann, "ann")
    await expect(ann.page.get_by_label("Words for the run")).to_have_value(WORDS)
    await expect(ann.page.get_by_label("Subject")).to_have_value("Half of")
    await ann.page.get_by_role("button", name="Reject").click()
    await expect(ann.page.locator("#standing")).to_contain_text("Rejected by ann")
    decided = office.now(request).decision
    assert decided is not None
    assert decided.message == WORDS
    assert WORDS not in await ann.page.evaluate("JSON.stringify(sessionStorage)")


async def test_words_of_one_are_not_shown_to_another(office: Office, visit: Visit):
    """Kept for whoever typed them, on the list and on the page of the request; gone when they sign out."""
    request = office.asked("send_email", **MAIL)
    visitor = await visit(ANN)
    await visitor.open("/inbox")
    await visitor.page.get_by_label("Words for the run").fill(WORDS)
    await visitor.open(f"/requests/{request.id}")
    await expect(visitor.page.get_by_label("Words for the run")).to_have_value(WORDS)
    await visitor.sign_in(office.signed_in(BOB))
    await visitor.open(f"/requests/{request.id}")
    await expect(visitor.page.get_by_label("Words for the run")).to_have_value("")
    await visitor.page.get_by_role("button", name="Sign out").click()
    await expect(visitor.page).to_have_title("Sign in – hitl")
    assert WORDS not in await visitor.page.evaluate("JSON.stringify(sessionStorage)")


async def test_words_for_a_call_that_changed(office: Office, visit: Visit):
    """What was typed about other arguments than those that are shown now is not put beside them."""
    request = office.asked("send_email", **MAIL)
    ann = await visit(ANN)
    await ann.open(f"/requests/{request.id}")
    await ann.page.get_by_label("Words for the run").fill(WORDS)
    await ann.page.evaluate("""() => {
      for (const [key, kept] of Object.entries(sessionStorage))
        sessionStorage.setItem(key, kept.replace(/"digest":"[0-9a-f]+"/, '"digest":"0"'));
    }""")
    await ann.page.reload()
    await ann.live()
    await expect(ann.page.get_by_label("Words for the run")).to_have_value("")


async def test_a_session_that_ends_while_one_looks(office: Office, visit: Visit):
    """The page says so as soon as it hears of something new, and goes on showing what it showed."""
    request = office.asked("send_email", **MAIL)
    ann = await visit(ANN)
    await ann.open("/inbox")
    await ann.live()
    office.signed_out(str(ann.secret))
    office.asked("send_email", **MAIL)
    await expect(ann.page.get_by_role("status")).to_have_text("Signed out – reload the page to go on")
    await expect(ann.page.locator(f"#r-{request.id}")).to_be_visible()
