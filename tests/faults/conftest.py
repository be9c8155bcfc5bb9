"""A client before a fault proxy, for every test of what the proxy does."""

from collections.abc import AsyncIterator

import pytest

from tests.faults.bench import Bench, benched


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    async with benched() as made:
        yield made
