"""Browsers: the distribution's Chromium, driven by Playwright. One for all tests; each visitor has cookies and storage of their own.

A visitor's browser must not fail on the way: no script of ours throws, nothing breaks the page's own policy, and nothing is asked of
anybody but the server.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Request,
    ViewportSize,
    async_playwright,
    expect,
)

IN_A_BROWSER = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.xdist_group("browser")]
"""Of every module here: all of them on one loop, which is the browser's, and in one process of several that test."""

NO_BROWSER = "There is no Chromium here. Install the distribution's: apt-get install -y --no-install-recommends chromium"

ARTIFACTS = Path(__file__).parents[1] / "artifacts"
"""Pictures for people to look at."""

DESK: ViewportSize = {"width": 1100, "height": 800}
PHONE: ViewportSize = {"width": 360, "height": 740}
LOOKS: dict[str, tuple[Literal["light", "dark"], ViewportSize]] = {
    "light": ("light", DESK),
    "dark": ("dark", DESK),
    "phone": ("light", PHONE),
}
AXE = {
    "resultTypes": ["violations"],
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
}
COLOURS = {"resultTypes": ["violations"], "runOnly": {"type": "rule", "values": ["color-contrast"]}}
"""What of it can be otherwise in the dark."""

WORST = {"serious", "critical"}
WIDER = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
"""How much of a page lies beside the screen."""

_ANSWERED = "Failed to load resource: the server responded with a status of"
"""What Chromium says of every refusal; whether it was one is for the test to say."""


@dataclass
class Visitor:
    """Somebody with a browser of their own. ``secret``: of the session that they have; ``asked``: every address that was asked for."""

    page: Page
    context: BrowserContext
    url: str
    secret: str | None = None
    asked: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    async def open(self, path: str) -> None:
        """Go to a page of the server, and wait until it is told what changes."""
        await self.page.goto(f"{self.url}{path}")

    async def live(self) -> None:
        """Until what others do is heard."""
        await expect(self.page.locator("#connection")).to_have_text("Live")

    async def sign_in(self, secret: str) -> None:
        """From now on this browser has that session."""
        self.secret = secret
        await self.context.add_cookies([{"name": "hitl_session", "value": secret, "url": self.url}])

    async def picture(self, name: str) -> None:
        """The whole page, for people to look at."""
        ARTIFACTS.mkdir(exist_ok=True)
        await self.page.screenshot(path=ARTIFACTS / f"{name}.png", full_page=True, animations="disabled")

    async def looked_at(self, name: str) -> None:
        """The page light, dark and on a phone: a picture each, nothing beside the screen, and nothing that axe-core calls serious."""
        for look, (scheme, size) in LOOKS.items():
            await self.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            await self.page.set_viewport_size(size)
            await self.page.evaluate("scrollTo(0, 0)")
            await self.picture(f"{name}-{look}")
            assert await self.page.evaluate(WIDER) <= 0, (name, look)
            if look == "phone":
                break
            found = await Axe().run(self.page, options=AXE if look == "light" else COLOURS)
            wrong = [
                (each["impact"], each["id"], [node["target"] for node in each["nodes"]])
                for each in found.response["violations"]
            ]
            assert [each for each in wrong if each[0] in WORST] == [], (name, look)

    def listen(self) -> None:
        """Note what goes wrong, and what is asked of whom."""

        def said(message: ConsoleMessage) -> None:
            if message.type in {"error", "warning"} and not message.text.startswith(_ANSWERED):
                self.wrong.append(message.text)

        def asked(request: Request) -> None:
            self.asked.append(request.url)

        self.page.on("console", said)
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.context.on("request", asked)

    def checked(self) -> None:
        """Nothing went wrong."""
        assert self.wrong == []
        assert [url for url in self.asked if not url.startswith(f"{self.url}/")] == []


@asynccontextmanager
async def chromium_here() -> AsyncIterator[Browser]:
    """Chromium, started. Where there is none the test is skipped, and fails in CI."""
    path = shutil.which("chromium")
    if path is None:
        if "CI" in os.environ:
            pytest.fail(NO_BROWSER)
        pytest.skip(NO_BROWSER)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=["--disable-gpu"])
        try:
            yield browser
        finally:
            await browser.close()


@asynccontextmanager
async def visiting(
    browser: Browser,
    url: str,
    secret: str | None = None,
    *,
    phone: bool = False,
    **options: Any,
) -> AsyncIterator[Visitor]:
    """A new browser, in which the person of the session ``secret`` is signed in; ``None``: nobody."""
    seen: dict[str, Any] = {"viewport": DESK}
    if phone:
        seen = {"viewport": PHONE, "is_mobile": True, "has_touch": True, "device_scale_factor": 2}
    context = await browser.new_context(reduced_motion="reduce", **{**seen, **options})
    context.set_default_timeout(15_000)
    try:
        visitor = Visitor(await context.new_page(), context, url)
        visitor.listen()
        if secret is not None:
            await visitor.sign_in(secret)
        yield visitor
    finally:
        await context.close()
