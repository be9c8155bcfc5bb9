"""Debian's Chromium under Playwright, and tabs that remember everything the page complained of."""

import asyncio
import os
import re
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, ConsoleMessage, Page, async_playwright

Call = Callable[..., Awaitable[Any]]

CHROMIUM = shutil.which("chromium")
MISSING = "Chromium is not installed: apt-get install chromium"
PHONE = 360
DESK = 1280
PATIENCE = 20_000  # ms until something that should appear counts as never
# What the policy keeps from happening is written to the console too, but not with what it was.
_TELL_VIOLATIONS = """document.addEventListener("securitypolicyviolation",
    (event) => console.error(`policy: ${event.violatedDirective} ${event.blockedURI}`))"""
_CALL = """async ([file, name, values]) => {
    const folder = document.querySelector("link[rel=stylesheet]").href.replace(/[^/]+$/, "");
    return (await import(folder + file))[name](...values);
}"""


@dataclass(kw_only=True)
class Tab:
    """A page, and what it complained of: errors in the console, exceptions, and what its policy forbade."""

    page: Page
    forgiven: str  # a pattern of the complaints that belong to what is tested
    complaints: list[str] = field(default_factory=list)

    def heard(self, message: ConsoleMessage) -> None:
        """Note an error or a warning of the console."""
        if message.type in {"error", "warning"}:
            self.complain(message.text)

    def complain(self, text: str) -> None:
        """Note a complaint, unless it is one of those that are forgiven."""
        if not (self.forgiven and re.search(self.forgiven, text)):
            self.complaints.append(text)


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """A browser beside the block."""
    assert CHROMIUM is not None, MISSING
    options = ["--no-sandbox"] if os.geteuid() == 0 else []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=options)
        try:
            yield browser
        finally:
            await browser.close()


@asynccontextmanager
async def tab(
    browser: Browser, url: str, *, forgiven: str = "", width: int = DESK, **looks: Any
) -> AsyncIterator[Page]:
    """A page in a tab of its own, in UTC; fails when the block is over and the page complained of anything.

    `looks` are options of the browser's context, such as `color_scheme` and `reduced_motion`.
    """
    options = {"timezone_id": "UTC", "locale": "en-GB", "viewport": {"width": width, "height": 900}, **looks}
    context = await browser.new_context(base_url=url, **options)
    context.set_default_timeout(PATIENCE)
    await context.add_init_script(_TELL_VIOLATIONS)
    opened = Tab(page=await context.new_page(), forgiven=forgiven)
    opened.page.on("console", opened.heard)
    opened.page.on("pageerror", lambda error: opened.complain(str(error)))
    try:
        yield opened.page
        assert not opened.complaints, opened.complaints
    finally:
        await context.close()


def caller(page: Page) -> Call:
    """Calls a function of one of the page's modules: `call("text.js", "span", 1000)`."""
    return lambda file, name, *values: page.evaluate(_CALL, [file, name, values])


async def barriers(page: Page) -> Sequence[str]:
    """What axe-core finds wrong with the page as it is now, each rule with the elements."""
    await page.evaluate("Promise.all(document.getAnimations().map((each) => each.finished.catch(() => {})))")
    async with asyncio.timeout(60):
        found = await Axe().run(page, options={"resultTypes": ["violations"]})
    return [
        f"{each['id']} ({each['help']}): {node['target']} {node['html'][:120]} {node.get('failureSummary', '')}"
        for each in found.response["violations"]
        for node in each["nodes"]
    ]
