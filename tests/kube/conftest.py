from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from rollout.kube.client import Client
from rollout.models.kinds import CLUSTER_ANALYSIS_TEMPLATES, DEPLOYMENTS, EVENTS, LEASES, ROLLOUTS, SERVICES
from tests.kube.fake_api import FakeApi, connected, serving


@pytest.fixture
async def api() -> AsyncIterator[FakeApi]:
    async with serving(DEPLOYMENTS, SERVICES, ROLLOUTS, EVENTS, LEASES, CLUSTER_ANALYSIS_TEMPLATES) as api:
        yield api


@pytest.fixture
async def client(api: FakeApi, tmp_path: Path) -> AsyncIterator[Client]:
    async with await connected(api, tmp_path) as client:
        yield client
