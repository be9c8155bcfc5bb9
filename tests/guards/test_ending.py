"""How the process ends when it is told to: nothing left running, and the lease free for the next at once."""

import asyncio
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from rollout.kube.indexes import INDEXES
from rollout.models.kinds import LEASES, ROLLOUTS
from tests.guards.test_process import A_ROLLOUT, SHOP
from tests.guards.test_secrets import SECRET
from tests.kube.builders import eventually
from tests.kube.fake_api import FakeApi, hang, status

pytestmark = pytest.mark.e2e
STARTING = 60  # seconds, on a machine that is busy with other things
GRACE = 30  # Kubernetes' terminationGracePeriodSeconds where none is given
LEASE = LEASES.path("prod", "progressive-delivery")


@asynccontextmanager
async def leading(api: FakeApi, folder: Path) -> AsyncIterator[tuple[Process, asyncio.Task[bytes]]]:
    """A controller of its own that holds the lease, and all that it says; killed at the end whatever happened."""
    options = ["--kubeconfig", str(folder / "kubeconfig"), "--lease-namespace", "prod", "--api-port", "0"]
    options += ["--health-port", "0", "--health-host", "127.0.0.1"]
    command = [sys.executable, "-m", "rollout", "controller", *options]
    process = await asyncio.create_subprocess_exec(*command, stdout=DEVNULL, stderr=PIPE)
    assert process.stderr is not None
    said = asyncio.get_running_loop().create_task(process.stderr.read())
    try:
        async with asyncio.timeout(STARTING):
            while not (holder(api) and api.watching == len(INDEXES)):  # noqa: ASYNC110 - another process
                await asyncio.sleep(0.01)
        yield process, said
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        await said


def holder(api: FakeApi) -> str:
    return str(api.objects.get(LEASE, {"spec": {}})["spec"].get("holderIdentity", ""))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_told_to_end_it_gives_the_lease_back_and_ends_well(
    number: signal.Signals, api: FakeApi, tmp_path: Path
) -> None:
    async with leading(api, tmp_path) as (process, _):
        process.send_signal(number)
        async with asyncio.timeout(GRACE):
            assert await process.wait() == 0
    assert holder(api) == ""


async def test_it_ends_within_the_grace_of_a_pod_though_the_api_server_answers_nothing_any_more(
    api: FakeApi, tmp_path: Path
) -> None:
    async with leading(api, tmp_path) as (process, _):
        api.next("patch", *[hang] * 100)
        api.put(ROLLOUTS, A_ROLLOUT)
        await eventually(lambda: any(each.path.startswith(ROLLOUTS.path(*SHOP)) for each in api.seen))
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(GRACE):
            assert await process.wait() == 0


async def test_what_a_proxy_echoes_of_our_credentials_does_not_reach_the_log(api: FakeApi, tmp_path: Path) -> None:
    async def echo(_request: web.Request) -> web.Response:
        return status(403, "Forbidden", f"not with Authorization: Bearer {SECRET}")

    api.next("list", echo, echo)
    async with leading(api, tmp_path) as (process, said):
        process.send_signal(signal.SIGTERM)
        log = (await said).decode()
    assert (log.count("not with Authorization: Bearer [redacted]"), log.count(SECRET)) == (2, 0)
