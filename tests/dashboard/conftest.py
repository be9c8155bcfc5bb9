"""A browser for each test, or one line that says why there is none."""

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser

from tests.dashboard.browser import CHROMIUM, MISSING, Call, caller, chromium, tab
from tests.dashboard.pages import pages


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    """Debian's Chromium without a window."""
    if CHROMIUM is None:
        pytest.skip(MISSING)
    async with chromium() as running:
        yield running


@pytest.fixture
async def call(browser: Browser) -> AsyncIterator[Call]:
    """Calls the functions that the pages are made of."""
    async with pages() as served, tab(browser, served.url) as page:
        await page.goto("/")
        yield caller(page)
