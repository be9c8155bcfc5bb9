"""A fake API server that knows every kind, and the parts of a controller on it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from rollout import controller
from rollout.kube.indexes import INDEXES
from rollout.models.kinds import EVENTS, LEASES
from tests.controller.test_loop import parts_on
from tests.kube.fake_api import FakeApi, connected, serving


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[FakeApi]:
    """A server that knows every kind, and beside it `kubeconfig`."""
    async with serving(*INDEXES, LEASES, EVENTS) as api, await connected(api, tmp_path):
        yield api


@pytest.fixture
async def parts(api: FakeApi, tmp_path: Path) -> AsyncIterator[controller.Parts]:
    async with parts_on(api, tmp_path) as parts:
        yield parts
