"""What axe-core says of every page in every state, in light and dark, on a desk and on a phone."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from playwright.async_api import Browser, Page, expect

from rollout.models.kinds import Manifest
from tests.api.cluster import a_record, aborted, moving, quiet
from tests.dashboard.browser import DESK, PHONE, barriers, tab
from tests.dashboard.pages import judged, new, pages, taken_back, waiting_for_approval

SHOP = "/rollouts/store/shop"
FLEET = (moving(), waiting_for_approval("mail"), aborted(), quiet())
LOOKS = [pytest.param(scheme, width, id=f"{scheme}-{width}") for scheme in ("light", "dark") for width in (DESK, PHONE)]


async def as_it_is(page: Page) -> None:
    await expect(page.locator("main")).to_be_visible()


async def with_all_rows(page: Page) -> None:
    await page.locator("[data-band=quiet] summary").click()
    await expect(page.locator("[data-rollout]")).to_have_count(len(FLEET))


async def with_nothing_found(page: Page) -> None:
    await page.locator("#q").fill("no such thing")
    await expect(page.locator("[data-summary]")).to_contain_text("Nothing matches")


async def with_the_keys_open(page: Page) -> None:
    await page.keyboard.press("?")
    await expect(page.locator("#help")).to_be_visible()


async def with_the_dialog_open(page: Page) -> None:
    await page.keyboard.press("p")
    await expect(page.locator("#ask")).to_be_visible()


async def with_the_menu_open(page: Page) -> None:
    await page.locator("[data-more] summary").click()
    await expect(page.locator("[data-menu] button").first).to_be_visible()


async def with_a_run_open(page: Page) -> None:
    await page.locator("[data-runs] summary").first.click()


STATES: tuple[tuple[str, tuple[Manifest, ...], str, Callable[[Page], Awaitable[None]]], ...] = (
    ("the fleet", FLEET, "/", with_all_rows),
    ("an empty fleet", (), "/", as_it_is),
    ("a search in vain", FLEET, "/", with_nothing_found),
    ("the keys", FLEET, "/", with_the_keys_open),
    ("a new one", (new(),), SHOP, as_it_is),
    ("a release that moves", (moving(analysis=[judged()]), a_record(3), a_record(4)), SHOP, with_a_run_open),
    ("an approval", (waiting_for_approval(),), SHOP, as_it_is),
    ("a dialog", (waiting_for_approval(),), SHOP, with_the_dialog_open),
    ("a menu", (waiting_for_approval(),), SHOP, with_the_menu_open),
    ("a bad one", (taken_back(), a_record(4, outcome="aborted")), SHOP, with_a_run_open),
    ("one at rest", (quiet("shop"),), SHOP, as_it_is),
    ("one that is not there", (), SHOP, as_it_is),
)


@pytest.mark.parametrize(("scheme", "width"), LOOKS)
async def test_axe_finds_nothing_on_any_page_in_any_state(browser: Browser, scheme: Any, width: int) -> None:
    found = {}
    for name, manifests, path, act in STATES:
        # A browser tells of an answer 404 in the console, and there is one.
        options = {"color_scheme": scheme, "width": width, "forgiven": "404"}
        async with pages(*manifests) as served, tab(browser, served.url, **options) as page:
            await page.goto(path)
            await act(page)
            found[name] = await barriers(page)
    assert found == {name: [] for name, *_ in STATES}


async def test_axe_finds_nothing_while_the_connection_is_lost(browser: Browser) -> None:
    for scheme in ("light", "dark"):
        async with tab(browser, "http://127.0.0.1", forgiven="net::ERR_", color_scheme=scheme) as page:
            async with pages(*FLEET) as served:
                await page.goto(served.url)
                await expect(page.locator("[data-rollout]").first).to_be_visible()
            await expect(page.locator("[data-connection]")).to_be_visible()
            assert await barriers(page) == []


async def test_axe_finds_what_is_wrong(browser: Browser) -> None:
    async with pages(moving()) as served, tab(browser, served.url) as page:
        await page.goto(SHOP)
        await page.evaluate("document.documentElement.removeAttribute('lang')")
        assert [each.split(" ")[0] for each in await barriers(page)] == ["html-has-lang"]


async def test_nothing_is_wider_than_a_phone(browser: Browser) -> None:
    for name, manifests, path, act in STATES:
        async with pages(*manifests) as served, tab(browser, served.url, width=PHONE, forgiven="404") as page:
            await page.goto(path)
            await act(page)
            wide = await page.evaluate("document.documentElement.scrollWidth")
            assert (name, wide) == (name, PHONE)
