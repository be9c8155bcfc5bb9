"""An API server and the real client of Kubernetes in front of it."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from kubernetes.aio.client import ApiClient, Configuration

from sandbox.apiserver import ApiServer
from sandbox.settings import Settings
from sandbox.storage import Storage

MERGE = "application/merge-patch+json"


class Http:
    """Plain requests, for what the client of Kubernetes hides."""

    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        self.url = url
        self.session = session

    async def __call__(self, method: str, path: str, body: Any = None, **options: Any) -> tuple[int, Any]:
        """Return the status and the decoded answer."""
        headers = {"Content-Type": options.get("content_type", "application/json"), **options.get("headers", {})}
        data = body if isinstance(body, bytes) else json.dumps(body).encode() if body is not None else None
        async with self.session.request(method, self.url + path, data=data, headers=headers) as answer:
            return answer.status, json.loads(await answer.read() or b"null")

    async def merge(self, path: str, body: Any) -> tuple[int, Any]:
        """Send a merge patch."""
        return await self("PATCH", path, body, content_type=MERGE)


@pytest.fixture
def storage() -> Storage:
    return Storage(seed=1)


@pytest.fixture
async def server(storage: Storage, tmp_path: Path) -> AsyncIterator[ApiServer]:
    settings = Settings(directory=tmp_path, bookmark_interval=0.05)
    async with ApiServer(storage, settings) as server:
        yield server


@pytest.fixture
async def http(server: ApiServer) -> AsyncIterator[Http]:
    async with aiohttp.ClientSession(headers={"User-Agent": "tester/1"}) as session:
        yield Http(server.url, session)


@pytest.fixture
async def client(server: ApiServer) -> AsyncIterator[ApiClient]:
    configuration = Configuration(host=server.url)
    async with ApiClient(configuration) as client:
        client.user_agent = "rollout/1"
        yield client
