"""The API of either back end, for one who may do everything."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.backends import Backend, Ground
from tests.cluster.api import Api
from tests.cluster.differences import ONLY_ON_KUBERNETES

# Quick, since every test has a sandbox of its own; the real one is as slow as it is.
QUICK: dict[str, Any] = {
    "start_delay": (0.0, 0.02),
    "endpoints_lag": (0.0, 0.02),
    "proxy_lag": (0.0, 0.02),
    "bookmark_interval": 0.05,
}


@pytest.fixture
async def backend(ground: Ground) -> AsyncIterator[Backend]:
    """Each of the two clusters in turn."""
    async with ground.open(**QUICK) as opened:
        yield opened


@pytest.fixture
async def api(backend: Backend, request: pytest.FixtureRequest) -> AsyncIterator[Api]:
    reason = ONLY_ON_KUBERNETES.get(request.node.originalname)
    if reason and backend.name == "sandbox":
        request.applymarker(pytest.mark.xfail(reason=reason, strict=True))
    async with backend.session() as session:
        yield Api(backend.url, backend.namespace, session)
    await asyncio.sleep(0.01)  # in the turns after this the transports of TLS are closed, too
