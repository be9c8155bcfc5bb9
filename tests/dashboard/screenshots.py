"""Pictures of the dashboard for README and docs, of a real controller over a sandbox: `make screenshots`."""

import asyncio
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, Page, expect

from tests.controller.harness import Stage, stage
from tests.dashboard.browser import PATIENCE, PHONE, chromium, tab
from tests.dashboard.process import controlled
from tests.dashboard.traffic import Customers, open_shop, reached, release, steps

IMAGES = Path(__file__).parents[2] / "docs" / "images"
GOOD, LONG, APPROVED = "search", "mail", "cart"
BAD = "checkout"
WIDTH = 1120
AT_REST = ("docs", "login", "profile", "reports")
CALM = 20.0  # seconds in which both versions are alike, so that a chart shows what changed
HOLD: dict[str, Any] = {"for": "6s"}
STEPS: dict[str, Sequence[dict[str, Any]]] = {
    GOOD: (
        {"weight": 5, "hold": HOLD},
        {"weight": 25, "hold": {"for": "20m"}},
        {"weight": 50, "hold": {"until": [{"approval": {}}]}},
    ),
    BAD: ({"weight": 10, "hold": HOLD}, {"weight": 25, "hold": {"for": "20m"}}, {"weight": 50}),
    APPROVED: ({"weight": 10, "hold": HOLD}, {"weight": 50, "hold": {"until": [{"approval": {}}]}}),
    LONG: ({"weight": 5, "hold": {"for": "2h"}}, {"weight": 50, "hold": {"for": "2h"}}),
}


async def fleet(made: Stage, customers: Customers) -> None:
    """Eight shops: one taken back, one waiting for approval, two in their steps, four at rest."""
    for name in AT_REST:
        await open_shop(made, name, strategy=steps(10, 50, hold=HOLD))
    for name, fields in STEPS.items():
        strategy = {"canary": {"steps": list(fields), "bake": {"for": "10m"}}}
        await open_shop(made, name, replicas=4, strategy=strategy)
    for name in (*STEPS, *AT_REST):
        await reached(made, name, phase="Healthy", outcome="promoted")
    for name in STEPS:
        await release(made, "v2", name)
    for name, weight in ((GOOD, 25), (BAD, 25), (APPROVED, 50), (LONG, 5)):
        await reached(made, name, desired=weight, entered=True)
    await asyncio.sleep(CALM)
    customers.failing[f"{BAD}-canary"] = 0.06
    await reached(made, BAD, phase="Aborted")
    await reached(made, APPROVED, reason="WaitingForApproval")


async def drawn(page: Page, name: str) -> None:
    """Look at one of them until its charts are there."""
    await page.goto(f"/rollouts/shop/{name}")
    await expect(page.locator("[data-check=errors] svg")).to_be_visible()
    await page.wait_for_timeout(1500)


async def take(browser: Browser, url: str) -> None:
    """Take all pictures."""
    expect.set_options(timeout=PATIENCE)
    async with tab(browser, url, width=WIDTH) as page:
        await page.set_viewport_size({"width": WIDTH, "height": 700})
        await page.goto("/")
        await expect(page.locator("[data-rollout]")).to_have_count(len(STEPS))
        await picture(page, "fleet")
        await page.set_viewport_size({"width": WIDTH, "height": 900})
        await drawn(page, GOOD)
        await picture(page, "holding")
        await drawn(page, BAD)
        await picture(page, "taken-back")
        await drawn(page, APPROVED)
        await page.keyboard.press("p")
        await picture(page, "approval")
    async with tab(browser, url, width=WIDTH, color_scheme="dark") as page:
        await drawn(page, GOOD)
        await picture(page, "dark")
    async with tab(browser, url, width=PHONE) as page:
        await drawn(page, BAD)
        await picture(page, "phone")


async def picture(page: Page, name: str) -> None:
    """Write a picture of what can be seen of the page now."""
    await page.mouse.move(0, 0)
    await page.screenshot(path=IMAGES / f"dashboard-{name}.png", animations="disabled")


async def main() -> None:
    """Write `docs/images/dashboard-*.png` anew; takes about a minute."""
    with tempfile.TemporaryDirectory() as directory:
        async with stage(Path(directory)) as made, controlled(made, interval="1s") as process, chromium() as browser:
            customers = Customers(made, rate=1500)
            customers.come()
            await fleet(made, customers)
            await take(browser, process.url)


if __name__ == "__main__":
    asyncio.run(main())
