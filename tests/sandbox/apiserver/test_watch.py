"""watch, as a reflector depends on it."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import aiohttp
import pytest
from kubernetes.aio import watch
from kubernetes.aio.client import ApiClient, CoreV1Api

from sandbox.apiserver import ApiServer
from sandbox.storage import Storage

MAPS = "/api/v1/namespaces/default/configmaps"


def a_map(name: str, **labels: str) -> dict[str, Any]:
    return {"metadata": {"name": name, "labels": labels}}


class Stream:
    """One watch, line by line."""

    def __init__(self, answer: aiohttp.ClientResponse) -> None:
        self.answer = answer

    async def next(self) -> Any:
        async with asyncio.timeout(5):
            return json.loads(await self.answer.content.readline())

    async def brief(self, count: int) -> list[tuple[str, str]]:
        """The types and names of the next events."""
        events = [await self.next() for _ in range(count)]
        return [(event["type"], event["object"]["metadata"].get("name", "")) for event in events]


@asynccontextmanager
async def a_watch(http: Any, path: str, query: str = "") -> AsyncIterator[Stream]:
    async with http.session.get(f"{http.url}{path}?watch=1&{query}") as answer:
        yield Stream(answer)


async def test_the_real_client_sees_every_change(client: ApiClient, storage: Storage) -> None:
    seen = []
    storage.create("pods", {"metadata": {"name": "a"}})
    async with watch.Watch() as stream:
        async for event in stream.stream(CoreV1Api(client).list_namespaced_pod, "default"):
            seen.append((event["type"], event["object"].metadata.name))
            if len(seen) == 1:
                storage.create("pods", {"metadata": {"name": "b"}})
                storage.remove("pods", "default", "a")
            if len(seen) == 3:
                break
    assert seen == [("ADDED", "a"), ("ADDED", "b"), ("DELETED", "a")]


async def test_bookmarks_tell_the_version_while_nothing_happens(http: Any, storage: Storage) -> None:
    async with a_watch(http, MAPS, "resourceVersion=1&allowWatchBookmarks=true") as stream:
        storage.create("pods", {"metadata": {"name": "elsewhere"}})
        bookmark = await stream.next()
    assert (bookmark["type"], bookmark["object"]["kind"]) == ("BOOKMARK", "ConfigMap")
    assert bookmark["object"]["metadata"]["resourceVersion"] == str(storage.version)


async def test_or_as_a_status_where_that_is_set(http: Any, server: ApiServer, storage: Storage) -> None:
    server.settings = replace(server.settings, gone_as_event=False)
    version = storage.version
    storage.create("configmaps", a_map("a"))
    server.compact()
    status, answer = await http("GET", f"{MAPS}?watch=1&resourceVersion={version}")
    assert (status, answer["reason"]) == (410, "Expired")


async def test_an_open_watch_can_be_expired_or_cut(http: Any, server: ApiServer, storage: Storage) -> None:
    async with a_watch(http, MAPS, "resourceVersion=1") as stream:
        server.expire_watches()
        assert (await stream.next())["object"]["code"] == 410
    async with a_watch(http, MAPS, f"resourceVersion={storage.version}") as stream:
        server.cut_watches()
        with pytest.raises((aiohttp.ClientPayloadError, aiohttp.ServerDisconnectedError, json.JSONDecodeError)):
            await stream.next()


async def test_a_client_that_goes_leaves_nothing_behind(http: Any, storage: Storage) -> None:
    async with a_watch(http, MAPS, "resourceVersion=1"):
        assert len(storage._feeds["configmaps"]) == 1
    async with asyncio.timeout(5):
        while storage._feeds["configmaps"]:  # noqa: ASYNC110 - nothing tells when the server has noticed
            await asyncio.sleep(0.01)


async def test_an_overflowing_history_expires_the_watches_that_start_before_it(http: Any, storage: Storage) -> None:
    for number in range(10_001):
        storage.mutate(
            "namespaces", None, "default", lambda obj, n=number: obj["metadata"].update(labels={"n": str(n)})
        )
    async with a_watch(http, MAPS, "resourceVersion=1") as stream:
        assert (await stream.next())["type"] == "ERROR"
