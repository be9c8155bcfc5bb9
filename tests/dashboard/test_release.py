"""A release as a person follows it: real Chromium, a real controller process, and a sandbox."""

import asyncio
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Page, expect

from tests.controller.harness import Stage, stage
from tests.dashboard.browser import PATIENCE, barriers, tab
from tests.dashboard.process import Controlled, controlled
from tests.dashboard.traffic import Customers, open_shop, reached, release, steps

pytestmark = pytest.mark.e2e

expect.set_options(timeout=PATIENCE)

SHOP = "/rollouts/shop/shop"
APPROVAL = {"until": [{"approval": {}}]}
AWAY = r"net::ERR_|status of 503"  # what a browser says in the console when nobody listens, or reads the cluster yet


@dataclass(frozen=True)
class Scene:
    """A stage with its controller process, and a tab on one of its pages."""

    made: Stage
    process: Controlled
    page: Page
    customers: Customers


@asynccontextmanager
async def scene(
    directory: Path, browser: Browser, *, path: str = SHOP, forgiven: str = "", **strategy: Any
) -> AsyncIterator[Scene]:
    """The shop serves v1, and somebody looks at `path`."""
    async with stage(directory) as made, controlled(made) as process:
        customers = Customers(made)
        customers.come()
        await open_shop(made, **strategy)
        await made.healthy("v1")
        async with tab(browser, process.url, forgiven=forgiven) as page:
            await page.goto(path)
            yield Scene(made, process, page, customers)


async def test_a_good_release_is_told_from_its_first_step_to_its_end(tmp_path: Path, browser: Browser) -> None:
    async with scene(tmp_path, browser, strategy=steps(10, 50, hold={"for": "3s"})) as on:
        await expect(on.page.locator("[data-sentence]")).to_contain_text("shop:v1")
        await release(on.made, "v2")
        await expect(on.page.locator("[data-desired]")).to_have_text("10 %")
        await expect(on.page.locator("[data-steps] > [data-state=now]")).to_contain_text("10 %")
        await expect(on.page.locator(".changed")).to_have_text("What changed: image shop:v1 → shop:v2.")
        await expect(on.page.locator("[data-runs] > li").first).to_contain_text("image shop:v1 → shop:v2.")
        errors = on.page.locator("[data-check=errors]")
        await expect(errors.locator("[data-side=stable]")).to_contain_text(re.compile(r"[\d.]+ %"))
        await expect(errors.locator("[data-side=canary]")).to_contain_text(re.compile(r"[\d.]+ %"))
        await expect(errors.locator("svg")).to_have_attribute("aria-label", re.compile("errors over the run"))
        await expect(errors.locator("svg .bar")).to_have_count(1)  # the page was open before the run began
        await expect(on.page.locator("[data-desired]")).to_have_text("50 %")
        await expect(on.page.locator("[data-steps] > [data-state=done]").first).to_contain_text("10 %")
        await expect(on.page.locator("[data-sentence]")).to_contain_text("shop:v2")
        await expect(on.page.locator("[data-runs] .ended")).to_have_text(["promoted", "promoted"])
        await expect(on.page.locator("[data-steps] > :not([data-state=done])")).to_have_count(0)


async def test_a_bad_release_is_seen_to_be_worse_and_to_be_taken_back(tmp_path: Path, browser: Browser) -> None:
    async with scene(tmp_path, browser, strategy=steps(10, 50, hold={"for": "1h"})) as on:
        on.customers.failing["shop-canary"] = 0.06
        await release(on.made, "v2")
        sentence = on.page.locator("[data-sentence]")
        await expect(sentence).to_have_attribute("data-phase", "Aborted")
        await expect(sentence).to_contain_text("shop:v2 was taken back")
        await expect(sentence).to_contain_text("errors")
        await expect(on.page.locator("[data-versions]")).to_contain_text("taken back")
        await expect(on.page.locator(".changed")).to_have_text("What changed: image shop:v1 → shop:v2.")
        await expect(on.page.locator("[data-steps] > [data-state=taken-back]")).to_contain_text("10 %")
        await expect(on.page.locator("[data-check=errors] [data-state=regress]")).to_have_text("worse")
        await expect(on.page.locator("[data-runs] .ended").first).to_have_text("aborted")
        await expect(on.page.locator("link[rel=icon]")).to_have_attribute("href", re.compile("needs.svg"))
        await expect(on.page).to_have_title(re.compile("aborted · shop"))
        await expect(on.page.locator(".actions > button[data-verb=abort]")).to_be_disabled()


async def test_the_page_says_how_old_it_is_while_the_controller_is_away_and_goes_on_when_it_is_back(
    tmp_path: Path, browser: Browser
) -> None:
    async with scene(tmp_path, browser, forgiven=AWAY, strategy=steps(10, hold={"for": "1h"})) as on:
        banner, sentence = on.page.locator("[data-connection]"), on.page.locator("[data-sentence]")
        await expect(sentence).to_contain_text("shop:v1")
        await on.process.stop()
        await expect(banner).to_contain_text(re.compile(r"What you see is from \d\d:\d\d:\d\d, \d+ s old"))
        await expect(sentence).to_contain_text("shop:v1")
        await release(on.made, "v2")
        await on.process.start()
        await expect(banner).to_be_hidden()
        await expect(on.page.locator("[data-desired]")).to_have_text("10 %")
        await expect(sentence).to_contain_text("At 10 %")
        await expect(on.page.locator("[data-check=errors] [data-side=canary]")).to_contain_text("%")


async def test_a_rollout_that_was_deleted_leaves_the_fleet(tmp_path: Path, browser: Browser) -> None:
    async with scene(tmp_path, browser, path="/", forgiven=AWAY) as on:
        row = on.page.locator("[data-rollout='shop/shop']")
        await expect(row).to_be_visible()
        await on.process.stop()
        await on.made.delete("Rollout")
        await expect(row).to_be_visible()
        await on.process.start()
        await expect(row).to_have_count(0)
        await expect(on.page.locator("[data-summary]")).to_contain_text("There is no Rollout yet")


async def asked(page: Page, verb: str, *, label: str, reason: str = "") -> None:
    """Ask for something with the mouse, and wait until the page says that it is done."""
    await page.locator(f".actions > button[data-verb={verb}]").click()
    dialog = page.locator("#ask")
    await expect(dialog.locator("#ask-title")).to_have_text(f"{label}?")
    await dialog.locator("textarea[name=reason]").fill(reason)
    await dialog.locator("[data-confirm]").click()
    await expect(page.locator("[data-outcome]")).to_have_text(re.compile(rf"Done: {label}, after [\d.]+ s\."))


async def test_an_approval_is_given_in_a_dialog_that_says_what_happens_and_takes_a_reason(
    tmp_path: Path, browser: Browser
) -> None:
    async with scene(tmp_path, browser, strategy=steps(10, 50, hold=APPROVAL)) as on:
        await release(on.made, "v2")
        await expect(on.page.locator("[data-sentence]")).to_have_attribute("data-band", "needs you")
        await on.page.locator(".actions > button[data-verb=promote]").click()
        await expect(on.page.locator("#ask-text")).to_contain_text("50 % of the traffic goes to shop:v2")
        await expect(on.page.locator("[data-subject]")).to_contain_text("stable shop:v1")
        await on.page.locator("[data-cancel]").click()
        await asked(on.page, "promote", label="Send 50 % to shop:v2", reason="checked with billing")
        await expect(on.page.locator("[data-desired]")).to_have_text("50 %")
        await on.made.until(lambda: "checked with billing" in str(on.made.list("events")), "an Event with the reason")


async def test_what_a_reason_was_is_remembered_for_the_next_time(tmp_path: Path, browser: Browser) -> None:
    async with scene(tmp_path, browser, strategy=steps(10, 50, hold=APPROVAL)) as on:
        await release(on.made, "v2")
        await reached(on.made, "shop", reason="WaitingForApproval")
        await asked(on.page, "promote", label="Send 50 % to shop:v2", reason="checked with billing")
        await expect(on.page.locator("[data-desired]")).to_have_text("50 %")
        await on.page.locator(".actions > button[data-verb=promote]").click()
        await expect(on.page.locator("textarea[name=reason]")).to_have_value("checked with billing")


async def test_a_release_is_paused_and_goes_on_by_mouse(tmp_path: Path, browser: Browser) -> None:
    async with scene(tmp_path, browser, strategy=steps(10, 50, hold={"for": "1h"})) as on:
        await release(on.made, "v2")
        await expect(on.page.locator("[data-desired]")).to_have_text("10 %")
        await asked(on.page, "pause", label="Stay at 10 %")
        await expect(on.page.locator("[data-sentence]")).to_have_attribute("data-phase", "Paused")
        await asked(on.page, "resume", label="Go on")
        await expect(on.page.locator("[data-sentence]")).to_have_attribute("data-phase", "Progressing")


async def test_a_step_is_promoted_and_the_release_taken_back_with_the_keyboard_alone(
    tmp_path: Path, browser: Browser
) -> None:
    async with scene(tmp_path, browser, strategy=steps(10, 50, hold=APPROVAL)) as on:
        await release(on.made, "v2")
        await reached(on.made, "shop", reason="WaitingForApproval")
        await expect(on.page.locator(".actions > button[data-verb=promote]")).to_be_enabled()
        await on.page.keyboard.press("p")
        await expect(on.page.locator("[data-confirm]")).to_be_focused()
        await on.page.keyboard.press("Enter")
        await expect(on.page.locator("[data-desired]")).to_have_text("50 %")
        await on.page.keyboard.press("a")
        await expect(on.page.locator("[data-confirm]")).to_have_text("Take shop:v2 back")
        await on.page.keyboard.press("Enter")
        await expect(on.page.locator("[data-outcome]")).to_contain_text("Done: Take shop:v2 back")
        await reached(on.made, "shop", phase="Aborted")
        assert on.made.weights == {"shop": 1}


async def test_a_dialog_that_no_longer_says_what_would_happen_cannot_be_confirmed(
    tmp_path: Path, browser: Browser
) -> None:
    async with scene(tmp_path, browser, strategy=steps(10, 50, hold=APPROVAL)) as on:
        await release(on.made, "v2")
        await reached(on.made, "shop", reason="WaitingForApproval")
        await expect(on.page.locator("[data-sentence]")).to_have_attribute("data-band", "needs you")
        await on.page.keyboard.press("p")
        await expect(on.page.locator("[data-confirm]")).to_be_enabled()
        await on.made.command("promote")  # somebody else is faster
        await expect(on.page.locator("#ask-text")).to_contain_text("The release has moved on meanwhile")
        await expect(on.page.locator("[data-confirm]")).to_be_disabled()
        await on.page.keyboard.press("Escape")
        await expect(on.page.locator("[data-desired]")).to_have_text("50 %")
        await on.page.keyboard.press("p")
        await expect(on.page.locator("[data-confirm]")).to_be_enabled()
        assert on.made.weights == {"shop": 50, "shop-canary": 50}


WATCH = """() => {
    const sentence = document.querySelector("[data-sentence]");
    window.shown = [];
    new MutationObserver(() => shown.push([sentence.textContent, Date.now()])).observe(sentence, {childList: true});
}"""


async def test_a_change_in_the_cluster_is_on_the_page_within_300_ms(tmp_path: Path, browser: Browser) -> None:
    written: dict[str, float] = {}  # sentence as the page tells it, and when it was in the cluster first, in ms
    async with scene(tmp_path, browser, strategy=steps(10, 30, 50, hold={"for": "2s"})) as on:
        await expect(on.page.locator("[data-sentence]")).to_contain_text("shop:v1")
        await on.page.evaluate(WATCH)

        def note(rollout: dict[str, Any]) -> None:
            told = str((rollout.get("status") or {}).get("message", "")).replace(" UTC", "")
            written.setdefault(told, time.time() * 1000)

        on.made.objects.listen("rollouts", lambda change: note(change.object))
        await release(on.made, "v2")
        await on.made.healthy("v2")
        await asyncio.sleep(1)
        shown = await on.page.evaluate("shown")
    took = {text: at - written[text] for text, at in shown if text in written}
    assert len(took) >= 6, (shown, written)
    assert {text: ms for text, ms in took.items() if ms > 300} == {}


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_axe_finds_nothing_in_a_release_with_charts(tmp_path: Path, browser: Browser, scheme: Any) -> None:
    async with (
        scene(tmp_path, browser, strategy=steps(10, 50, hold={"for": "1h"})) as on,
        tab(browser, on.process.url, color_scheme=scheme, width=360) as phone,
    ):
        on.customers.failing["shop-canary"] = 0.06
        await release(on.made, "v2")
        await phone.goto(SHOP)
        for page in (on.page, phone):
            await expect(page.locator("[data-sentence]")).to_have_attribute("data-phase", "Aborted")
            await expect(page.locator("[data-check=errors] svg")).to_be_visible()
            await page.locator("[data-runs] summary").first.click()
            assert await barriers(page) == []
            assert await page.evaluate("document.documentElement.scrollWidth - innerWidth") == 0
