"""Every page as people see it: pictures of each in ``tests/artifacts/`` – light, dark, on a phone –, and what axe-core finds wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import pytest

from hitl_middleware.records import ReviewRequest

from tests.browser.conftest import Visit
from tests.kit.browser import IN_A_BROWSER
from tests.kit.office import ANN, BOB, MAIL, OLGA, Office

pytestmark = IN_A_BROWSER

BODY = """Hello Kim,

your parcel left our warehouse this morning and should be with you by Thursday. If it is not there by Friday, write to us.

Best wishes
Ann"""


def inbox(office: Office) -> str:
    """Several kinds of what waits."""
    office.asked("send_email", requester=BOB, **{**MAIL, "body": BODY})
    office.asked("refund", order_id="A-1001", amount_cents=12_900, reason="The glass arrived broken")
    request = office.asked("deploy", service="shop", version="2026.11.4")
    office.world.decide(request, by=ANN)
    office.planned("1. Draw the new label\n2. Print it\n3. Tell the warehouse")
    office.world.time.advance(25 * 60)
    return "/inbox"


def request(office: Office) -> str:
    """One that waits."""
    asked = office.asked(
        "refund", requester=BOB, order_id="A-1001", amount_cents=12_900, reason="The glass arrived broken"
    )
    office.world.time.advance(140)
    return f"/requests/{asked.id}"


def form(office: Office) -> str:
    """A step with a form."""
    return f"/requests/{office.planned('1. Draw the new label').id}"


def decided(office: Office) -> str:
    """One that was edited and done."""
    asked = office.asked("send_email", **MAIL)
    office.world.time.advance(260)
    office.world.decide(
        asked,
        "edit",
        by=ANN,
        edit={**MAIL, "subject": "Your order is on its way", "urgency": "high"},
        message="Say more",
    )
    office.world.step()
    office.world.trail()
    return f"/requests/{asked.id}"


def run(office: Office) -> str:
    """One whose act has an outcome that nobody knows."""
    asked = office.asked(
        "refund", requester=BOB, order_id="A-1001", amount_cents=12_900, reason="the line breaks"
    )
    office.world.time.advance(300)
    office.world.decide(asked, by=ANN)
    office.world.step()
    return f"/runs/{asked.run_id}"


Kind = Literal["approve", "reject", "feedback"]


def looking_back(office: Office) -> list[ReviewRequest]:
    """Some days of asking: decided at once and late, by several people, for several reasons."""
    decided: list[tuple[str, Kind, str | None]] = [
        (ANN, "approve", None),
        (BOB, "reject", "Too much"),
        (ANN, "approve", None),
        (BOB, "reject", "Too much"),
        (ANN, "feedback", "Say why"),
    ]
    asked: list[ReviewRequest] = []
    for number, (who, kind, words) in enumerate(decided):
        asked.append(office.asked("send_email", **MAIL))
        office.world.time.advance(3 + 70 * number)
        office.world.decide(asked[-1], kind, by=who, message=words)
        office.world.step()
        office.world.time.advance(20_000)
    office.world.trail()
    return asked


def analytics(office: Office) -> str:
    """How asking people goes."""
    looking_back(office)
    return "/analytics?days=7"


def audit(office: Office) -> str:
    """The audit, searched for what it knows of one request."""
    return f"/audit?about={looking_back(office)[-1].id}"


def sign_in(office: Office) -> str:
    """The ways in."""
    return "/sign-in"


def empty(office: Office) -> str:
    """Nothing waits."""
    return "/inbox"


PAGES: dict[str, tuple[Callable[[Office], str], str | None]] = {
    "inbox": (inbox, ANN),
    "request": (request, ANN),
    "request-form": (form, ANN),
    "request-decided": (decided, OLGA),
    "run": (run, OLGA),
    "analytics": (analytics, OLGA),
    "audit": (audit, OLGA),
    "audit-verified": (lambda _: "/audit/verify", OLGA),
    "sign-in": (sign_in, None),
    "inbox-empty": (empty, ANN),
}


@pytest.mark.parametrize("name", PAGES)
async def test_a_page(office: Office, visit: Visit, name: str):
    """Nothing serious or critical is wrong with it for those who see, hear or move otherwise; light, dark, and on a phone."""
    make, who = PAGES[name]
    path = make(office)
    visitor = await visit(who)
    await visitor.open(path)
    if await visitor.page.locator("body[data-live]").count():
        await visitor.live()
    for details in await visitor.page.locator("summary").all():
        await details.click()
    await visitor.looked_at(name)
