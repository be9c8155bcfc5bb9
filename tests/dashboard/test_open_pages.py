"""What open pages cost the controller, and what they do when nothing is heard or nobody looks."""

import asyncio
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from pathlib import Path

import pytest
from aiohttp import ClientSession, TCPConnector
from playwright.async_api import Browser, Page, expect

from tests.api.cluster import moving
from tests.controller.harness import Stage, stage
from tests.dashboard.browser import tab
from tests.dashboard.pages import pages, waiting_for_approval
from tests.dashboard.process import controlled
from tests.dashboard.traffic import Customers, open_shop, release, steps

TABS = 50
SHOP = "/rollouts/store/shop"
HIDE = """(hidden) => {
    Object.defineProperty(document, "hidden", {value: hidden, configurable: true});
    document.dispatchEvent(new Event("visibilitychange"));
}"""


@asynccontextmanager
async def listening(url: str) -> AsyncIterator[None]:
    """So many open pages of the shop beside the block, each of which reads whatever it is told."""

    async def one() -> None:
        async with session.get("/api/v1/namespaces/shop/rollouts/shop/events") as answer:
            assert answer.status == 200
            opened.release()
            async for _ in answer.content.iter_any():
                pass

    opened = asyncio.Semaphore(0)
    async with ClientSession(url, connector=TCPConnector(limit=0)) as session, asyncio.TaskGroup() as group:
        tasks = [group.create_task(one()) for _ in range(TABS)]
        for _ in tasks:
            await opened.acquire()
        yield
        for task in tasks:
            task.cancel()


async def released(made: Stage, version: str) -> float:
    """Release a version; how many seconds that took."""
    began = time.monotonic()
    await release(made, version)
    await made.healthy(version)
    return time.monotonic() - began


def memory(pid: int) -> float:
    """What a process holds in memory, in MB."""
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found is not None
    return int(found[1]) / 1024


@pytest.mark.e2e
async def test_fifty_open_pages_neither_slow_a_release_down_nor_cost_50_mb(tmp_path: Path) -> None:
    async with stage(tmp_path) as made, controlled(made) as process:
        Customers(made).come()
        await open_shop(made, strategy=steps(10, 30, 50, hold={"for": "2s"}))
        await made.healthy("v1")
        assert process.running is not None
        alone = await released(made, "v2")
        before = memory(process.running.pid)
        async with listening(process.url):
            watched = await released(made, "v3")
            grown = memory(process.running.pid) - before
    assert grown < 50
    assert watched < 1.25 * alone + 1, (alone, watched)  # other programs run on this machine, too


async def test_a_tab_that_nobody_looks_at_gives_its_connection_back_and_follows_again_when_it_is_seen(
    browser: Browser,
) -> None:
    async with pages(moving()) as served, tab(browser, served.url) as page:
        await page.clock.install()
        await page.goto(SHOP)
        await expect(page.locator("[data-desired]")).to_have_text("5 %")
        await page.evaluate(HIDE, True)
        await page.clock.fast_forward(21_000)
        served.put(waiting_for_approval(version=2))
        await page.clock.fast_forward(16_000)
        await expect(page.locator("[data-desired]")).to_have_text("25 %")
        await expect(page.locator("[data-connection]")).to_be_hidden()
        await page.evaluate(HIDE, False)
        served.put(moving(version=3))
        await expect(page.locator("[data-desired]")).to_have_text("5 %")


async def test_a_connection_on_which_nothing_is_heard_is_taken_for_lost(browser: Browser) -> None:
    async with pages(moving(), keep_alive_seconds=3600) as served, tab(browser, served.url) as page:
        await page.clock.install()
        await page.goto(SHOP)
        await expect(page.locator("[data-desired]")).to_have_text("5 %")
        await page.clock.fast_forward(41_000)
        await expect(page.locator("[data-connection]")).to_contain_text("The controller says nothing.")
        await page.clock.fast_forward(5_000)
        await expect(page.locator("[data-connection]")).to_be_hidden()


FULL = """Promise.all([0, 1, 2].map((slot) => new Promise((held) =>
    navigator.locks.request(`stream ${slot}`, () => (held(), new Promise(() => {}))))))"""


@asynccontextmanager
async def crowded(page: Page, url: str) -> AsyncIterator[None]:
    """Three other pages of this browser follow already, so that this one has to look now and then."""
    others = await page.context.new_page()
    await others.goto(f"{url}/openapi.json")
    async with asyncio.timeout(10):
        await others.evaluate(f"{FULL}.then(() => null)")
    yield
    await others.close()


@pytest.mark.parametrize("path", ["/", SHOP])
async def test_a_page_that_only_looks_now_and_then_says_for_how_long_the_cluster_is_silent(
    browser: Browser, path: str
) -> None:
    silent = 0.0
    async with pages(moving(), silent=lambda: silent) as served, tab(browser, served.url) as page:
        banner = page.locator("[data-connection]")
        async with crowded(page, served.url):
            await page.goto(path)
            await expect(page.locator("main")).to_contain_text("At 5 % until 13:46")
            await expect(banner).to_be_hidden()
            silent = 60.0
            await expect(banner).to_contain_text("The controller has heard nothing from the cluster for 6")
            silent = 0.0
            await expect(banner).to_be_hidden()


async def test_what_a_stream_said_of_a_silent_cluster_is_taken_back_by_a_look(browser: Browser) -> None:
    silent = 60.0
    async with pages(moving(), silent=lambda: silent) as served, tab(browser, served.url) as page:
        await page.clock.install()
        await page.goto(SHOP)
        await expect(page.locator("[data-connection]")).to_contain_text("The controller has heard nothing")
        await page.evaluate(HIDE, True)
        await page.clock.fast_forward(21_000)
        silent = 0.0
        await page.clock.fast_forward(16_000)
        await expect(page.locator("[data-connection]")).to_be_hidden()


@pytest.mark.parametrize("looks", [False, True], ids=["follows", "looks"])
async def test_a_mistake_in_drawing_is_told_as_such_and_not_taken_for_a_lost_connection(
    browser: Browser, looks: bool
) -> None:
    mistakes: list[str] = []
    async with pages(moving()) as served, tab(browser, served.url, forgiven="textContent") as page:
        page.on("pageerror", lambda error: mistakes.append(str(error)))
        async with crowded(page, served.url) if looks else nullcontext():
            await page.goto(SHOP)
            await expect(page.locator("[data-runs] .empty")).to_be_visible()  # all that is read once was read
            await page.evaluate("(window.kept = document.querySelector('[data-sentence]')).remove()")
            served.put(waiting_for_approval(version=2))
            async with asyncio.timeout(10):
                while not mistakes:
                    await page.wait_for_timeout(50)
            await page.evaluate("document.querySelector('main').append(kept)")
            served.put(waiting_for_approval(version=3))
            await expect(page.locator("[data-desired]")).to_have_text("25 %")
            assert await page.locator("[data-connection]").text_content() == ""
    assert mistakes
