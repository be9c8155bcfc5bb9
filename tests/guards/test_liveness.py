import asyncio
from pathlib import Path

import pytest

from rollout.cli import controller
from rollout.cli.controller import Heart
from rollout.kube.backoff import Backoff
from rollout.kube.client import Client
from rollout.kube.reflector import Pace, Reflector
from rollout.kube.store import Store
from rollout.models.kinds import DEPLOYMENTS
from tests.kube import fake_time
from tests.kube.builders import eventually
from tests.kube.fake_api import FakeApi, Trouble, connected, hang, refuse, serving

MINUTES = 60.0


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_loop_that_stood_still_is_not_alive() -> None:
    async def main() -> tuple[str | None, str | None]:
        heart = Heart(())
        beating = asyncio.get_running_loop().create_task(heart.run())
        await asyncio.sleep(100)
        turning = heart.problem()
        beating.cancel()
        await asyncio.wait([beating])
        await asyncio.sleep(10)  # after 99 s it beat last
        return turning, heart.problem()

    assert fake_time.run(main()) == (None, "the loop has not turned for 11 s")


async def follow(api: FakeApi, client: Client, clock: Clock, pace: Pace) -> tuple[asyncio.Task[None], Reflector]:
    reflector = Reflector(client, DEPLOYMENTS, Store({DEPLOYMENTS: {}}), clock=clock, pace=pace)
    return asyncio.get_running_loop().create_task(reflector.run()), reflector


async def alive(reflector: Reflector) -> str | None:
    """What a heart says that has beaten just now."""
    heart = Heart((reflector,))
    beating = asyncio.get_running_loop().create_task(heart.run())
    await asyncio.sleep(0)
    beating.cancel()
    await asyncio.wait([beating])
    return heart.problem()


async def test_a_watch_that_neither_hears_nor_tries_anything_is_not_alive(tmp_path: Path) -> None:
    clock = Clock()
    async with serving(DEPLOYMENTS) as api, await connected(api, tmp_path) as client:
        task, reflector = await follow(api, client, clock, Pace())
        await eventually(lambda: api.watching == 1)
        clock.now = 4 * MINUTES
        assert await alive(reflector) is None
        clock.now = 6 * MINUTES
        assert await alive(reflector) == "watches that stopped more than 300 s ago: deployments"
        api.bookmark(DEPLOYMENTS)
        await eventually(lambda: reflector.stuck == 0.0)
        assert await alive(reflector) is None
        task.cancel()
        await asyncio.wait([task])


@pytest.mark.parametrize("trouble", [refuse(503), refuse(403, "Forbidden"), hang], ids=["503", "403", "hang"])
async def test_a_server_in_trouble_is_no_reason_for_a_restart_however_long(tmp_path: Path, trouble: Trouble) -> None:
    clock, pace = Clock(), Pace(backoff=Backoff(first=0.01, cap=0.02))
    async with serving(DEPLOYMENTS) as api, await connected(api, tmp_path, timeout_seconds=0.05) as client:
        api.next("list", *[trouble] * 1000)
        task, reflector = await follow(api, client, clock, pace)
        clock.now = 60 * MINUTES
        tried = api.count("list")
        await eventually(lambda: api.count("list") >= tried + 2)
        assert await alive(reflector) is None
        assert reflector.age == 60 * MINUTES
        task.cancel()
        await asyncio.wait([task])


def test_a_silent_watch_is_given_up_long_before_that_makes_the_process_unhealthy() -> None:
    pace, call = Pace(), 10.0
    assert max(pace.idle + call, pace.absent, pace.backoff.cap) < controller._STUCK / 1.5


def test_a_server_that_asks_to_be_left_alone_for_a_day_does_not_make_the_process_unhealthy(tmp_path: Path) -> None:
    """In leaping time, by the reflector's ordinary patience."""

    async def main() -> set[str | None]:
        loop, said = asyncio.get_running_loop(), set()
        async with serving(DEPLOYMENTS) as api, await connected(api, tmp_path) as client:
            api.next("list", *[refuse(429, "TooManyRequests", **{"Retry-After": "86400"})] * 1000)
            reflector = Reflector(client, DEPLOYMENTS, Store({DEPLOYMENTS: {}}), clock=loop.time)
            task = loop.create_task(reflector.run())
            while loop.time() < 3 * controller._STUCK:
                await asyncio.sleep(30)
                said.add(await alive(reflector))
            task.cancel()
            await asyncio.wait([task])
        return said

    assert fake_time.run(main()) == {None}
