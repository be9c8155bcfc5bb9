"""The node's calls of an API server that has a bad day."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import aiohttp
import pytest

from controlplane.api import Api
from rollout.models.kinds import PODS
from tests.kube.fake_api import FakeApi, hang_up, refuse, serving

PATH = PODS.path("shop", "a")
LIMIT = 10.0  # seconds until what should come counts as never


def a_pod(name: str, uid: str) -> dict[str, Any]:
    return {"metadata": {"namespace": "shop", "name": name, "uid": uid}, "spec": {}}


@pytest.fixture
async def fake() -> AsyncIterator[FakeApi]:
    async with serving(PODS) as fake:
        yield fake


@pytest.fixture
async def api(fake: FakeApi) -> AsyncIterator[Api]:
    async with aiohttp.ClientSession(fake.url) as session:
        yield Api(session, pause=0.001)


async def test_what_went_between_a_watch_and_the_next_list_is_gone_before_what_is_there_then(
    fake: FakeApi, api: Api
) -> None:
    fake.put(PODS, a_pod("a", "1"))
    fake.put(PODS, a_pod("b", "2"))
    async with aclosing(api.follow(PODS.path())) as following, asyncio.timeout(LIMIT):
        seen = [await anext(following) for _ in range(2)]
        fake.remove(PODS, "shop", "b")
        seen.append(await anext(following))
        fake.mute = True  # what comes now reaches no watch
        fake.remove(PODS, "shop", "a")
        fake.put(PODS, a_pod("a", "3"))
        fake.end_watches()
        seen += [await anext(following) for _ in range(2)]
    assert [(each["metadata"]["uid"], gone) for each, gone in seen] == [
        ("1", False),
        ("2", False),
        ("2", True),
        ("1", True),
        ("3", False),
    ]


async def test_a_watch_that_ends_with_an_error_at_once_is_not_asked_again_without_a_pause(fake: FakeApi) -> None:
    fake.compacted = fake.version + 1  # every watch is too old
    async with aiohttp.ClientSession(fake.url) as session, asyncio.TaskGroup() as group, asyncio.timeout(LIMIT):
        following = Api(session, pause=3600.0).follow(PODS.path())
        waiting = group.create_task(_exhaust(following))
        while not fake.count("watch"):  # noqa: ASYNC110 - the server tells nobody
            await asyncio.sleep(0.001)
        await asyncio.sleep(0.1)
        waiting.cancel()
    assert (fake.count("list"), fake.count("watch")) == (1, 1)


async def _exhaust(following: AsyncIterator[Any]) -> None:
    async for _ in following:
        pass


async def test_what_may_pass_is_tried_again(fake: FakeApi, api: Api) -> None:
    fake.put(PODS, a_pod("a", "1"))
    for sort in ("post", "patch", "delete"):
        fake.next(sort, refuse(429, "TooManyRequests", Retry_After="1"), refuse(500), refuse(503), hang_up)
    await api.create(PODS.path("shop"), a_pod("b", "2"))
    await api.merge(f"{PATH}/status", {"status": {"phase": "Running"}})
    assert [each.get("status") for each in fake.objects.values()] == [{"phase": "Running"}, None]
    await api.delete_now(PATH, "1")
    assert list(fake.objects) == [PODS.path("shop", "b")]


@pytest.mark.parametrize("code", [429, 500])
async def test_what_does_not_pass_is_raised_with_the_words_of_the_server(fake: FakeApi, api: Api, code: int) -> None:
    fake.next("patch", *[refuse(code)] * 100)
    with pytest.raises(aiohttp.ClientError, match="trouble was asked for"):
        await api.merge(f"{PATH}/status", {"status": {}})
    assert fake.count("patch") < 100


@pytest.mark.parametrize("code", [400, 422])
async def test_what_the_server_refuses_is_raised_at_once(fake: FakeApi, api: Api, code: int) -> None:
    fake.put(PODS, a_pod("a", "1"))
    fake.next("patch", refuse(code))
    with pytest.raises(aiohttp.ClientError, match="trouble was asked for"):
        await api.merge(f"{PATH}/status", {"metadata": {"uid": "1"}, "status": {}})
    assert fake.count("patch") == 1


@pytest.mark.parametrize("there", [(), (a_pod("a", "2"),)])
async def test_a_status_that_is_invalid_because_its_object_changed_is_no_failure(
    fake: FakeApi, api: Api, there: tuple[dict[str, Any], ...]
) -> None:
    for pod in there:
        fake.put(PODS, pod)
    fake.next("patch", refuse(422, "Invalid"))
    await api.merge(f"{PATH}/status", {"metadata": {"uid": "1"}, "status": {}})
    assert fake.count("patch") == 1


async def test_a_deletion_in_conflict_is_tried_again_until_the_conflict_has_passed(fake: FakeApi, api: Api) -> None:
    fake.put(PODS, a_pod("a", "1"))
    fake.next("delete", refuse(409), refuse(409))
    await api.delete_now(PATH, "1")
    assert fake.objects == {}


async def test_a_deletion_whose_conflict_does_not_pass_is_a_failure(fake: FakeApi, api: Api) -> None:
    fake.put(PODS, a_pod("a", "1"))
    fake.next("delete", *[refuse(409)] * 100)
    with pytest.raises(aiohttp.ClientError, match=f"DELETE {PATH}: still in conflict"):
        await api.delete_now(PATH, "1")


async def test_another_object_of_the_same_name_is_not_deleted(fake: FakeApi, api: Api) -> None:
    fake.put(PODS, a_pod("a", "2"))
    await api.delete_now(PATH, "1")
    assert (list(fake.objects), fake.count("delete")) == ([PATH], 1)
