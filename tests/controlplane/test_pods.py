"""Pods that are processes: none outlives its pod, however that went."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from controlplane import pods
from controlplane.api import Api
from rollout.models.kinds import PODS
from tests.kube.fake_api import FakeApi, serving, status

LIMIT = 10.0  # seconds until what should come counts as never
SCRIPT = """
trap 'echo ended > "$0"; exit' TERM
echo began > "$0"
while :; do sleep 0.02; done
"""


def a_pod(diary: Path) -> dict[str, Any]:
    """A pod that writes down that it began, and that it was asked to end."""
    container = {"name": "web", "image": "web:1", "command": ["sh", "-c", SCRIPT, str(diary)]}
    return {"metadata": {"namespace": "shop", "name": "a", "uid": "1"}, "spec": {"containers": [container]}}


async def _bound(_: web.Request) -> web.StreamResponse:
    return status(201, "", "")


@pytest.fixture
async def fake(tmp_path: Path) -> AsyncIterator[FakeApi]:
    """A server whose pods are run, with one pod that was bound."""
    async with serving(PODS) as fake, aiohttp.ClientSession(fake.url) as session, asyncio.TaskGroup() as group:
        fake.next("post", _bound, _bound)  # the node, and the pod to it
        fake.put(PODS, a_pod(tmp_path / "diary"))
        playing = group.create_task(pods.run(Api(session, pause=0.01), logs=tmp_path))
        yield fake
        playing.cancel()


async def eventually(so: Callable[[], bool]) -> None:
    async with asyncio.timeout(LIMIT):
        while not so():  # noqa: ASYNC110 - a process tells nobody
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("watched", [True, False])
async def test_the_process_of_a_pod_that_was_deleted_by_force_is_asked_to_end(
    fake: FakeApi, tmp_path: Path, watched: bool
) -> None:
    diary = tmp_path / "diary"
    await eventually(lambda: diary.exists() and diary.read_text() == "began\n" and fake.watching == 1)
    fake.mute = not watched
    fake.remove(PODS, "shop", "a")
    if not watched:
        fake.compact()
        fake.end_watches()
    await eventually(lambda: diary.read_text() == "ended\n")
    await eventually(lambda: fake.count("delete") == 1)
