"""A browser for each test, or one line that says why there is none."""

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser

from tests.dashboard.browser import CHROMIUM, MISSING, chromium


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    """Debian's Chromium without a window."""
    if CHROMIUM is None:
        pytest.skip(MISSING)
    async with chromium() as running:
        yield running
