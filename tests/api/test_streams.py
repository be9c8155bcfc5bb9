import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest

from api.lookup import look_up
from api.streams import Streams
from rollout.kube.store import Store
from rollout.models.kinds import DEPLOYMENTS, ROLLOUTS, Key, Manifest
from tests.api.cluster import SHOP, a_cluster, a_store, an_app, eventually, moving, quiet, served


def put(store: Store, manifest: Manifest) -> None:
    store.put(ROLLOUTS, json.dumps(manifest).encode())


def told(frame: bytes) -> tuple[str, Any]:
    """Event and data of a frame; a comment's event is empty."""
    fields = dict(line.split(": ", 1) for line in frame.decode().strip().splitlines())
    return fields.get("event", ""), json.loads(fields.get("data", "null"))


async def first(streams: Streams, frames: int, **only: str) -> list[tuple[str, Any]]:
    found = []
    listening = streams.listen(**only)
    async for frame in listening:
        found.append(told(frame))
        if len(found) == frames:
            break
    await listening.aclose()
    return found


@asynccontextmanager
async def listening(streams: Streams, **only: str) -> AsyncIterator[AsyncIterator[bytes]]:
    """A listener that has been told the present state."""
    frames = streams.listen(**only)
    async for frame in frames:
        if told(frame)[0] == "synced":
            break
    yield frames
    await frames.aclose()


async def test_the_full_state_comes_first_and_then_its_end_is_marked() -> None:
    frames = await first(Streams(a_store(moving(), quiet("cart"))), 4)
    assert [(event, (data or {}).get("name")) for event, data in frames] == [
        ("", None),
        ("rollout", "cart"),
        ("rollout", "shop"),
        ("synced", None),
    ]


async def test_each_change_is_told_with_the_view() -> None:
    store = a_store(moving())
    async with listening(Streams(store)) as frames:
        put(store, moving(version=2, message="At 25 %."))
        event, view = told(await anext(frames))
        store.remove(ROLLOUTS, SHOP)
        assert (event, view["message"]) == ("rollout", "At 25 %.")
        assert told(await anext(frames)) == ("deleted", {"namespace": "store", "name": "shop"})


async def test_a_slow_listener_gets_the_newest_state_of_each_and_not_every_one() -> None:
    store = a_store(moving(), quiet("cart"))
    async with listening(Streams(store, keep_alive_seconds=0.01)) as frames:
        for version in range(2, 500):
            put(store, moving(version=version, message=f"version {version}"))
        store.remove(ROLLOUTS, Key("store", "cart"))
        together = (await anext(frames)).removesuffix(b"\n\n").split(b"\n\n")
        found = [told(frame) for frame in (*together, await anext(frames))]
    assert [(event, (data or {}).get("message")) for event, data in found] == [
        ("rollout", "version 499"),
        ("deleted", None),
        ("", None),
    ]


async def test_a_change_is_rendered_once_for_all_who_are_told_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    store = a_store(moving())
    streams, rendered = Streams(store), []

    def counted(*arguments: Any) -> Any:
        rendered.append(arguments)
        return look_up(*arguments)

    async with listening(streams) as one, listening(streams) as other:
        monkeypatch.setattr("api.streams.look_up", counted)
        put(store, moving(version=2, message="At 25 %."))
        said = [told(await anext(frames)) for frames in (one, other)]
    assert said[0] == said[1]
    assert said[0][1]["message"] == "At 25 %."
    assert len(rendered) == 1


async def test_of_very_many_changes_each_is_told_some_at_a_time() -> None:
    names = [f"shop-{number}" for number in range(50)]
    store = a_store(*(moving(name) for name in names))
    async with listening(Streams(store)) as frames:
        for name in names:
            store.remove(ROLLOUTS, Key("store", name))
        found = [(await anext(frames)).decode() for _ in range(3)]
    assert [text.count("event: deleted") for text in found] == [20, 20, 10]


async def test_one_rollout_can_be_followed_alone() -> None:
    store = a_store(moving(), quiet("cart"), quiet("shop", namespace="web"))
    streams = Streams(store, keep_alive_seconds=0.01)
    frames = await first(streams, 3, namespace="store", name="shop")
    assert [event for event, _ in frames] == ["", "rollout", "synced"]
    async with listening(streams, namespace="store", name="shop") as changes:
        store.remove(ROLLOUTS, Key("store", "cart"))
        store.remove(ROLLOUTS, Key("web", "shop"))
        assert await anext(changes) == b": keep-alive\n\n"


async def test_other_kinds_are_not_told_of() -> None:
    store = a_store()
    async with listening(Streams(store, keep_alive_seconds=0.01)) as frames:
        deployment = {"metadata": {"name": "shop", "namespace": "store", "resourceVersion": "1"}}
        store.put(DEPLOYMENTS, json.dumps(deployment).encode())
        assert await anext(frames) == b": keep-alive\n\n"


async def test_closing_ends_every_stream_and_leaves_the_store() -> None:
    store = a_store(moving())
    streams = Streams(store)
    async with listening(streams) as frames:
        async with asyncio.TaskGroup() as group:
            rest = group.create_task(_all(frames))
            await asyncio.sleep(0)
            streams.close()
            streams.close()
            put(store, moving(version=2))
        assert (rest.result(), streams.listeners) == ([], 0)
    assert [frame async for frame in streams.listen()] == []


async def _all(frames: AsyncIterator[bytes]) -> list[bytes]:
    return [frame async for frame in frames]


async def test_a_thousand_rollouts_leave_the_loop_to_others_meanwhile() -> None:
    store = a_store(*(quiet(f"r{number}") for number in range(1000)))
    turns = 0

    async def other_work() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async with asyncio.TaskGroup() as group:
        other = group.create_task(other_work())
        await first(Streams(store), 1001)
        other.cancel()
    assert turns >= 900


@pytest.mark.parametrize("path", ["/api/v1/events", "/api/v1/namespaces/store/rollouts/shop/events"])
async def test_a_listener_that_hangs_up_is_forgotten_and_a_silent_one_kept_alive(path: str) -> None:
    async with (
        a_cluster() as server,
        an_app(server, moving()) as app,
        served(app) as url,
        httpx2.AsyncClient() as client,
    ):
        async with client.stream("GET", f"{url}{path}") as response:
            assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
            lines = response.aiter_lines()
            found = [line async for line, _ in _until(lines, ": keep-alive")]
            assert [line for line in found if line.startswith("event")] == ["event: rollout", "event: synced"]
            assert app.state.streams.listeners == 1
        await eventually(lambda: app.state.streams.listeners == 0)


async def _until(lines: AsyncIterator[str], last: str) -> AsyncIterator[tuple[str, None]]:
    async for line in lines:
        yield line, None
        if line == last:
            return


async def test_a_cluster_that_has_been_silent_for_long_is_told_of_instead_of_a_mere_sign_of_life() -> None:
    silent = [1.0, 12.4, 0.0]
    streams = Streams(a_store(), keep_alive_seconds=0.01, silent=lambda: silent.pop(0))
    async with listening(streams) as frames:
        signs = [await anext(frames) for _ in range(3)]
    assert signs == [b": keep-alive\n\n", b'event: silent\ndata: {"seconds": 12}\n\n', b": keep-alive\n\n"]
