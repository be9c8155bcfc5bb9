"""The controller as a process of its own: killed by force in the middle of a release, told to end, started wrongly."""

import asyncio
import json
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.controller.harness import ERRORS, Stage, a_rollout, stage
from tests.controller.test_commands import holding
from tests.controller.watching import watching

pytestmark = pytest.mark.e2e

STEPS = {"canary": {"steps": [{"weight": 10, "hold": {"for": "1s"}}, {"weight": 50, "hold": {"for": "1s"}}]}}


async def start(*arguments: str) -> Process:
    command = [sys.executable, "-m", "rollout", "controller", *arguments, "--health-host", "127.0.0.1"]
    return await asyncio.create_subprocess_exec(*command, stderr=PIPE)


@asynccontextmanager
async def process(made: Stage, *more: str) -> AsyncIterator[Process]:
    """The controller beside the block, killed at its end whatever happened."""
    sources = made.cluster.settings.directory / "sources.yaml"
    sources.write_text(f"sources: [{{name: proxy, scrape: {{urls: ['{made.metrics_url}'], interval: 200ms}}}}]\n")
    options = ["--kubeconfig", str(made.cluster.kubeconfig), "--metric-sources", str(sources), "--settle", "100ms"]
    running = await start(*options, *more, "--api-port", "0", "--health-port", "0")
    draining = asyncio.get_running_loop().create_task(running.stderr.read() if running.stderr else asyncio.sleep(0))
    try:
        yield running
    finally:
        if running.returncode is None:
            running.kill()
        await running.wait()
        await draining


async def test_a_controller_killed_by_force_midway_is_carried_on_from_by_the_next(tmp_path: Path) -> None:
    async with stage(tmp_path) as made, watching(made) as watch:
        async with process(made) as first:
            await made.create(a_rollout(strategy=STEPS, analysis={"checks": [ERRORS]}))
            await made.healthy("v1")
            await made.release("v2")
            await holding(made, 10)
            first.kill()
        async with process(made):
            await made.healthy("v2")
        assert watch.wrongs == []


async def test_told_to_end_it_ends_well(tmp_path: Path) -> None:
    async with stage(tmp_path) as made, process(made) as running:
        await made.create(a_rollout())
        await made.healthy("v1")
        running.send_signal(signal.SIGTERM)
        assert await running.wait() == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--api-host", "0.0.0.0"], ("no access control", "127.0.0.1")),
        (["--settle", "soon"], ("--settle", "15s")),
        (["--metric-sources", "/nowhere.yaml"], ("/nowhere.yaml",)),
        (["--notifications", "/nowhere.yaml"], ("/nowhere.yaml", "cannot be read")),
        (["--kubeconfig", "/nowhere"], ("/nowhere",)),
        (["--annotation-commands", "some"], ("safe", "all")),
        (["--namespace", "Bad Name"], ("--namespace", "lower-case")),
        (["--health-port", "99999"], ("--health-port", "65535")),
    ],
)
async def test_started_wrongly_it_says_in_one_line_what_is_wrong(arguments: list[str], words: tuple[str, ...]) -> None:
    running = await start(*arguments)
    _out, said = await running.communicate()
    assert running.returncode == 1
    assert said.count(b"\n") == 1
    assert [word for word in words if word not in said.decode()] == []


async def test_a_file_of_a_metric_source_that_is_not_there_is_said_and_is_no_reason_not_to_start(
    tmp_path: Path,
) -> None:
    sources = tmp_path / "secured.yaml"
    sources.write_text("sources: [{name: main, prometheus: {url: 'http://127.0.0.1:9', tokenFile: /nowhere}}]\n")
    async with stage(tmp_path) as made:
        ports = ("--api-port", "0", "--health-host", "127.0.0.1", "--health-port", "0")
        running = await start("--kubeconfig", str(made.cluster.kubeconfig), "--metric-sources", str(sources), *ports)
        assert running.stderr is not None
        first = json.loads(await running.stderr.readline())
        assert (first["level"], first["source"], first["field"], first["file"]) == (
            "warning",
            "main",
            "tokenFile",
            "/nowhere",
        )
        async with asyncio.timeout(20):
            while b"acting" not in await running.stderr.readline():
                pass
        running.terminate()
        await running.communicate()


def holder(made: Stage) -> str:
    """The identity of the replica that acts."""
    lease = made.cluster.storage.get("leases", "default", "progressive-delivery")
    assert lease is not None
    return str(lease["spec"]["holderIdentity"])


async def test_of_two_replicas_one_acts_and_the_other_takes_over_when_it_is_killed(tmp_path: Path) -> None:
    async with stage(tmp_path) as made, process(made) as first:
        await made.create(a_rollout(strategy=STEPS, analysis={"checks": [ERRORS]}))
        await made.healthy("v1")
        async with process(made):
            await made.release("v2")
            await holding(made, 10)
            before = holder(made)
            first.kill()
            await made.healthy("v2")
            assert holder(made) != before
