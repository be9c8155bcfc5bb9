"""The few calls of the Kubernetes API that the node makes: follow a kind, patch, bind, delete."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp

Object = dict[str, Any]
_MERGE_PATCH = "application/merge-patch+json"
_WATCH_SECONDS = 300
_ATTEMPTS = 10


@dataclass(frozen=True)
class Api:
    """A session with an API server."""

    session: aiohttp.ClientSession

    async def follow(self, path: str) -> AsyncIterator[tuple[Object, bool]]:
        """Yield every object of a kind and whether it is gone, first those there are; until cancelled."""
        while True:
            version = None
            try:
                version, present = await self._list(path)
                for each in present:
                    yield each, False
                async for kind, each in self._watch(path, version):
                    yield each, kind == "DELETED"
            except (aiohttp.ClientError, TimeoutError):
                await asyncio.sleep(0.2)

    async def merge(self, path: str, patch: Object) -> None:
        """Merge a patch into an object; one that has gone meanwhile is no failure."""
        await self._send("PATCH", path, patch, content_type=_MERGE_PATCH)

    async def create(self, path: str, body: Object) -> None:
        """Create an object; one that is there already, or whose namespace ends, is no failure."""
        await self._send("POST", path, body)

    async def delete_now(self, path: str, uid: str) -> None:
        """Delete an object without a grace period, as a kubelet does when the containers have ended."""
        body = {"gracePeriodSeconds": 0, "preconditions": {"uid": uid}}
        for _ in range(_ATTEMPTS):
            if await self._send("DELETE", path, body) != 409:
                return

    async def _send(self, method: str, path: str, body: Object, content_type: str = "application/json") -> int:
        headers = {"Content-Type": content_type}
        async with self.session.request(method, path, data=json.dumps(body), headers=headers) as answer:
            if answer.status not in (200, 201, 202, 403, 404, 409):
                raise aiohttp.ClientError(f"{method} {path}: {answer.status} {await answer.text()}")
            return answer.status

    async def _list(self, path: str) -> tuple[str, list[Object]]:
        async with self.session.get(path, raise_for_status=True) as answer:
            page = await answer.json()
        return page["metadata"]["resourceVersion"], page["items"]

    async def _watch(self, path: str, version: str) -> AsyncIterator[tuple[str, Object]]:
        asked = {"watch": "true", "resourceVersion": version, "timeoutSeconds": str(_WATCH_SECONDS)}
        async with self.session.get(path, params=asked, raise_for_status=True) as answer:
            async for line in answer.content:
                event = json.loads(line)
                if event["type"] == "ERROR":
                    return
                yield event["type"], event["object"]


@asynccontextmanager
async def connected(config: Object) -> AsyncIterator[Api]:
    """A session for the first cluster and user of a kubeconfig's content."""
    cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
    tls = ssl.create_default_context(cafile=cluster["certificate-authority"])
    async with aiohttp.ClientSession(
        base_url=cluster["server"],
        headers={"Authorization": f"Bearer {user['token']}", "User-Agent": "node"},
        connector=aiohttp.TCPConnector(ssl=tls, limit=64),
        timeout=aiohttp.ClientTimeout(total=None, sock_read=_WATCH_SECONDS + 30),
        read_bufsize=2**22,
    ) as session:
        yield Api(session)
