"""One person decides with the mouse: forms, their errors, and what is not theirs (issue 6; O-05)."""

from __future__ import annotations

from playwright.async_api import expect

from tests.browser.conftest import Visit
from tests.kit.browser import IN_A_BROWSER
from tests.kit.office import ANN, BOB, MAIL, SAM, VERA, Office

pytestmark = IN_A_BROWSER


async def test_an_edit_with_an_error_at_its_field(office: Office, visit: Visit):
    """S-11: the sentence stands at the field, which has the focus and is told to be wrong; nothing typed is lost; mended, it runs so."""
    request = office.asked("send_email", **MAIL)
    ann = await visit(ANN)
    await ann.open("/inbox")
    card = ann.page.locator(f"#r-{request.id}")
    await card.locator("summary", has_text="Edit").click()
    await card.get_by_label("To", exact=True).fill("ann@example.com")
    await card.get_by_label("Copies").fill("two")
    await card.get_by_role("button", name="Approve as edited").click()
    copies = card.get_by_label("Copies")
    await expect(copies).to_be_focused()
    await expect(copies).to_have_attribute("aria-invalid", "true")
    await expect(copies).to_have_accessible_description("A whole number, for example 12000. Left empty: 0.")
    await expect(copies).to_have_value("two")
    await expect(card.get_by_label("To", exact=True)).to_have_value("ann@example.com")
    await copies.fill("2")
    await card.get_by_role("button", name="Approve as edited").click()
    await expect(card).to_contain_text("Approved by ann")
    office.world.step()
    assert office.done == [("send_email", "ann@example.com")]


async def test_text_from_right_to_left(office: Office, visit: Visit):
    """What is edited, and what is answered, is written in its own direction; what a program reads stays as it is."""
    request = office.asked("send_email", **{**MAIL, "body": "هل وصل الطلب؟\nوصل", "subject": "هل وصل الطلب؟"})
    ann = await visit(ANN)
    await ann.open(f"/requests/{request.id}")
    await ann.page.locator("summary", has_text="Edit").click()
    await ann.page.get_by_label("Words for the run").fill("لا")
    for label, direction in (
        ("Body", "rtl"),
        ("Subject", "rtl"),
        ("Words for the run", "rtl"),
        ("To", "ltr"),
        ("Copies", "ltr"),
    ):
        await expect(ann.page.get_by_label(label).first).to_have_css("direction", direction)


async def test_a_form_of_a_step(office: Office, visit: Visit):
    """Who approves a step fills in its form: dates, numbers, several of a list; each error at its field."""
    request = office.planned("1. Draw it\n2. Build it")
    ann = await visit(ANN)
    await ann.open(f"/requests/{request.id}")
    await ann.page.get_by_text("Fill in and approve").click()
    form = ann.page.locator("form[data-keep=approve]")
    await form.get_by_label("People").fill("40")
    await form.get_by_label("Design").check()
    await form.get_by_role("button", name="Approve").click()
    await expect(form.get_by_label("People")).to_have_attribute("aria-invalid", "true")
    await expect(form.get_by_label("Start")).to_have_attribute("aria-invalid", "true")
    await expect(form.get_by_label("Design")).to_be_checked()
    await form.get_by_label("People").fill("4")
    await form.get_by_label("Start").fill("2026-12-01")
    await form.get_by_role("button", name="Approve").click()
    await expect(ann.page.locator("#standing")).to_contain_text("Approved by ann")
    decided = office.now(request).decision
    assert decided is not None
    assert decided.answer == {"start": "2026-12-01", "people": 4, "teams": ["Design"]}


async def test_somebody_was_first(office: Office, visit: Visit):
    """The page is older than the decision: it says who and when, and shows the truth."""
    request = office.asked("send_email", **MAIL)
    bob = await visit(BOB, java_script_enabled=False)  # or it would know by itself
    await bob.open(f"/requests/{request.id}")
    office.world.decide(request, "reject", by=ANN)
    await bob.page.get_by_label("Words for the run").fill("It is <late>")
    await bob.page.get_by_role("button", name="Send feedback").click()
    await expect(bob.page.get_by_role("alert")).to_contain_text("already rejected by ann (github:ann) at 20")
    await expect(bob.page.locator("#standing")).to_contain_text("Rejected by ann")
    await expect(bob.page.locator("main")).to_contain_text("It is <late>")
    await expect(bob.page.get_by_role("button", name="Reject")).to_have_count(0)


async def test_buttons_for_those_who_may(office: Office, visit: Visit):
    """Rule 7: whoever may not decide it is told who may, and offered nothing; nor is whoever only looks on, or asked for it themselves."""
    request = office.asked("send_email", requester=BOB, **MAIL)
    told = {
        SAM: f"This is not for you to decide: it is for {ANN} or {BOB} to decide.",
        BOB: "This is not for you to decide: whoever asked for it does not decide it.",
    }
    for who in (ANN, BOB, SAM, VERA):
        visitor = await visit(who)
        for path in ("/inbox", f"/requests/{request.id}"):
            await visitor.open(path)
            await expect(visitor.page.get_by_role("button", name="Approve a")).to_have_count(int(who == ANN))
            if who in told:
                await expect(visitor.page.locator("main")).to_contain_text(told[who])


async def test_an_unknown_outcome_is_settled(office: Office, visit: Visit):
    """Rule 2: on the run's page, in words that the run is told."""
    request = office.asked("refund", order_id="A-1", amount_cents=900, reason="the line breaks")
    office.world.decide(request, by=ANN)
    office.world.step()
    ann = await visit(ANN)
    await ann.open(f"/runs/{request.run_id}")
    await ann.page.get_by_label("What you found").fill("It is on the statement")
    await ann.page.get_by_role("button", name="It happened").click()
    await expect(ann.page.locator("#story")).to_contain_text("succeeded")
    await expect(ann.page.get_by_role("button", name="It happened")).to_have_count(0)
