"""The pages in a browser: what they show of a cache, how they follow it, and what keys and search do."""

import asyncio
import re

import pytest
from playwright.async_api import Browser, Page, expect

from rollout.models.kinds import Key
from tests.api.cluster import a_record, aborted, moving, quiet
from tests.dashboard.browser import tab
from tests.dashboard.pages import pages, taken_back, waiting_for_approval

SHOP = "/rollouts/store/shop"
HOSTILE = "<img src=x onerror=alert(1)><b>bold</b>"


async def names(page: Page, band: str) -> list[str]:
    """The rows of a band, in their order."""
    rows = await page.locator(f"[data-band='{band}'] [data-rollout]").all()
    return [str(await row.get_attribute("data-rollout")) for row in rows]


async def test_what_needs_somebody_comes_first_and_what_is_quiet_is_counted(browser: Browser) -> None:
    fleet = (moving(), waiting_for_approval("mail"), aborted(), quiet(), quiet("docs"))
    async with pages(*fleet) as served, tab(browser, served.url) as page:
        await page.goto("/")
        await expect(page.locator("[data-rollout]")).to_have_count(3)
        assert await names(page, "needs you") == ["store/pay", "store/mail"]
        assert await names(page, "moving") == ["store/shop"]
        await expect(page.locator("[data-band=quiet] [data-count]")).to_have_text("2")
        await expect(page).to_have_title("2 need you · Rollouts")


async def test_a_row_leads_to_the_page_of_its_rollout(browser: Browser) -> None:
    async with pages(moving()) as served, tab(browser, served.url) as page:
        await page.goto("/")
        await page.locator("[data-rollout='store/shop'] a").click()
        await expect(page).to_have_url(f"{served.url}{SHOP}")
        await expect(page.locator("[data-sentence]")).to_contain_text("At 5 % until 13:46")


async def test_what_a_run_of_another_day_ended_with_is_told_with_its_day(browser: Browser) -> None:
    message, told = "Taken back at 13:45:00 UTC: errors.", "Taken back at 1 May 13:45:00: errors."
    record = a_record(4, outcome="aborted")
    record["status"] |= {"message": message, "endedAt": "2026-05-01T13:45:00.000Z"}
    async with pages(taken_back(message=message), record) as served, tab(browser, served.url) as page:
        await page.goto("/")
        await expect(page.locator("[data-rollout] .words")).to_have_text(told)
        await page.goto(SHOP)
        await expect(page.locator("[data-sentence]")).to_have_text(told)
        await expect(page.locator("[data-runs] p").first).to_have_text(told)


async def test_what_was_searched_for_is_in_the_address_and_found_again(browser: Browser) -> None:
    fleet = (moving(), moving("mail"), quiet("docs", namespace="other"))
    async with pages(*fleet) as served, tab(browser, served.url) as page:
        await page.goto("/")
        await expect(page.locator("[data-rollout]")).to_have_count(2)
        await page.keyboard.press("/")
        await page.keyboard.type("mail")
        await expect(page.locator("[data-rollout]")).to_have_count(1)
        await expect(page).to_have_url(f"{served.url}/?q=mail")
        await page.reload()
        await expect(page.locator("[data-rollout='store/mail']")).to_be_visible()
        await expect(page.locator("[data-rollout]")).to_have_count(1)
        await page.goto("/?namespace=other")
        await expect(page.locator("[data-summary]")).to_have_text("0 need you · 0 moving · 1 quiet")


async def test_what_changes_and_what_is_gone_is_followed_without_a_look(browser: Browser) -> None:
    async with pages(moving()) as served, tab(browser, served.url) as page:
        await page.goto("/")
        await expect(page.locator("[data-band=moving] [data-rollout]")).to_have_count(1)
        served.put(waiting_for_approval(version=2))
        await expect(page.locator("[data-band='needs you'] [data-rollout]")).to_have_count(1)
        await expect(page).to_have_title("1 needs you · Rollouts")
        served.put(moving("mail"))
        await expect(page.locator("[data-band=moving] [data-rollout='store/mail']")).to_be_visible()
        served.delete(Key("store", "shop"))
        await expect(page.locator("[data-rollout='store/shop']")).to_have_count(0)


@pytest.mark.parametrize("way", ["pointer", "focus"])
async def test_a_row_stays_where_it_is_while_somebody_is_at_it(browser: Browser, way: str) -> None:
    async with pages(moving(), moving("mail")) as served, tab(browser, served.url) as page:
        await page.goto("/")
        row = page.locator("[data-rollout='store/shop']")
        await (row.hover() if way == "pointer" else row.locator("a").focus())
        served.put(waiting_for_approval(version=2))
        await expect(row.locator(".words")).to_have_text("Waiting for approval at 25 %.")
        assert await names(page, "moving") == ["store/mail", "store/shop"]
        await (page.mouse.move(5, 890) if way == "pointer" else page.locator("#q").focus())
        await expect(page.locator("[data-band='needs you'] [data-rollout='store/shop']")).to_be_visible()


async def test_text_from_the_cluster_is_text(browser: Browser) -> None:
    manifest = moving(
        message=HOSTILE, revisions={"stable": {"name": "s", "images": [HOSTILE], "replicas": 1, "ready": 1}}
    )
    async with pages(manifest) as served, tab(browser, served.url) as page:
        for path, place in (("/", "[data-rollout] .words"), (SHOP, "[data-sentence]")):
            await page.goto(path)
            await expect(page.locator(place)).to_have_text(HOSTILE)
            await expect(page.locator("main img, main .words b, main .sentence b")).to_have_count(0)


async def looked_at(browser: Browser, script: str) -> None:
    """Somebody looks at a page in which this script runs."""
    async with pages(moving()) as served, tab(browser, served.url) as page:
        await page.goto(SHOP)
        await page.evaluate(script)
        await page.wait_for_timeout(200)


async def test_a_page_that_breaks_its_policy_is_noticed(browser: Browser) -> None:
    markup = "<p style=color:red>x</p>"
    with pytest.raises(ExceptionGroup) as caught:
        await looked_at(browser, f"document.body.insertAdjacentHTML('beforeend', '{markup}')")
    assert caught.group_contains(AssertionError, match="policy: style-src-attr inline")


async def test_a_page_that_throws_is_noticed(browser: Browser) -> None:
    with pytest.raises(ExceptionGroup) as caught:
        await looked_at(browser, "void setTimeout(() => { throw new Error('thrown here'); })")
    assert caught.group_contains(AssertionError, match="thrown here")


async def test_keys_work_where_nobody_types_and_no_dialog_is_open(browser: Browser) -> None:
    async with pages(waiting_for_approval()) as served, tab(browser, served.url) as page:
        await page.goto(SHOP)
        await page.keyboard.press("?")
        await expect(page.locator("#help")).to_be_visible()
        await page.keyboard.press("a")
        await page.keyboard.press("Escape")
        await expect(page.locator("#help")).to_be_hidden()
        await expect(page.locator("#ask")).to_be_hidden()
        await page.keyboard.press("p")
        await page.locator("textarea[name=reason]").fill("")
        await page.keyboard.type("pa?/")
        await expect(page.locator("textarea[name=reason]")).to_have_value("pa?/")
        await expect(page.locator("#ask-title")).to_have_text("Send 100 % to shop:v2?")
        await page.keyboard.press("Escape")
        await expect(page.locator("#ask")).to_be_hidden()


async def test_what_is_typed_into_the_search_is_no_key(browser: Browser) -> None:
    async with pages(moving()) as served, tab(browser, served.url) as page:
        await page.goto("/")
        await page.keyboard.press("/")
        await page.keyboard.type("a?p/")
        await expect(page.locator("#q")).to_have_value("a?p/")
        await expect(page.locator("#help")).to_be_hidden()


async def test_a_key_for_what_makes_no_sense_now_does_nothing(browser: Browser) -> None:
    async with pages(taken_back()) as served, tab(browser, served.url) as page:
        await page.goto(SHOP)
        await expect(page.locator(".actions > [data-verb=abort]")).to_be_disabled()
        await page.keyboard.press("a")
        await page.keyboard.press("p")
        await expect(page.locator("dialog[open]")).to_have_count(0)


async def test_abort_is_in_reach_wherever_the_page_is_scrolled_to(browser: Browser) -> None:
    async with pages(moving()) as served, tab(browser, served.url, width=360) as page:
        await page.goto(SHOP)
        button = page.locator(".actions > [data-verb=abort]")
        before = await button.bounding_box()
        assert await page.evaluate("(scrollTo(0, document.body.scrollHeight), scrollY)") > 100
        await expect(button).to_be_in_viewport()
        assert await button.bounding_box() == before


async def test_dark_and_light_are_the_systems_until_somebody_chooses(browser: Browser) -> None:
    async with pages(moving()) as served, tab(browser, served.url, color_scheme="dark") as page:
        ground = "getComputedStyle(document.body).backgroundColor"
        await page.goto("/")
        dark = await page.evaluate(ground)
        await page.locator("[data-theme-switch]").click()
        light = await page.evaluate(ground)
        assert dark != light
        await page.goto(SHOP)
        assert await page.evaluate(ground) == light


async def test_nothing_moves_for_who_asks_for_that(browser: Browser) -> None:
    async with pages(moving()) as served, tab(browser, served.url, reduced_motion="reduce") as page:
        await page.goto("/")
        await expect(page.locator("[data-rollout]")).to_be_visible()
        assert await page.evaluate("document.getAnimations().length") == 0


async def test_a_rollout_that_is_deleted_is_said_so_and_nothing_can_be_asked_of_it(browser: Browser) -> None:
    async with pages(moving()) as served, tab(browser, served.url) as page:
        await page.goto(SHOP)
        await expect(page.locator(".actions > [data-verb=abort]")).to_be_enabled()
        await expect(page.locator("[data-runs] .empty")).to_be_visible()  # all that is read once was read
        served.delete(Key("store", "shop"))
        await expect(page.locator("[data-sentence]")).to_have_text(re.compile("This Rollout was deleted"))
        await expect(page.locator("[data-verb]:enabled")).to_have_count(0)
        for key in ("a", "p"):
            await page.keyboard.press(key)
            await expect(page.locator("dialog[open]")).to_have_count(0)


async def test_a_thousand_rollouts_are_searched_and_followed(browser: Browser) -> None:
    fleet = [moving(f"shop-{number:04}") for number in range(500)]
    fleet += [quiet(f"cart-{number:04}") for number in range(500)]
    async with pages(*fleet) as served, tab(browser, served.url) as page:
        await page.goto("/")
        await expect(page.locator("[data-summary]")).to_have_text("0 need you · 500 moving · 500 quiet")
        served.put(waiting_for_approval("shop-0042", version=2))
        await expect(page.locator("[data-band='needs you'] [data-rollout='store/shop-0042']")).to_be_visible()
        await page.keyboard.press("/")
        await page.keyboard.type("cart-0123")
        await page.locator("[data-band=quiet] summary").click()
        await expect(page.locator("[data-rollout]")).to_have_count(1)
        await expect(page.locator("[data-rollout='store/cart-0123']")).to_be_visible()


LONG_TASKS = """() => {
    window.kept = [];
    new PerformanceObserver((list) => kept.push(...list.getEntries().map((each) => each.duration)))
        .observe({entryTypes: ["longtask"]});
}"""


@pytest.mark.e2e
async def test_a_page_of_a_thousand_that_move_answers_while_they_change(browser: Browser) -> None:
    fleet = [moving(f"shop-{number:04}") for number in range(1000)]
    async with pages(*fleet) as served, tab(browser, served.url) as page:
        await page.goto("/")
        await expect(page.locator("[data-rollout]")).to_have_count(1000)
        await page.evaluate(LONG_TASKS)
        for number in range(60):
            served.put(moving(f"shop-{number:04}", version=2, message=f"At {number} %."))
            await asyncio.sleep(0.05)
        await expect(page.locator("[data-rollout='store/shop-0059'] .words")).to_have_text("At 59 %.")
        kept = await page.evaluate("kept")
    assert [milliseconds for milliseconds in kept if milliseconds > 200] == []
