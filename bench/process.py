"""The controller as people run it: a process of its own, beside a stage."""

import asyncio
import json
import re
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from tests.controller.harness import Stage

_GRACE = 15.0  # seconds to end in
_START = 30.0  # seconds to listen in


@dataclass(frozen=True)
class Controller:
    """A controller that runs; its log is what it says of itself."""

    pid: int
    log: Path

    def memory(self) -> float:
        """What it holds in memory now, in MB."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        found = re.search(r"VmRSS:\s+(\d+) kB", status)
        assert found is not None, "a process that runs has memory"
        return round(int(found[1]) / 1024, 1)

    async def port(self, name: str) -> int:
        """The port of `api` or `health`, as soon as it listens there."""
        async with asyncio.timeout(_START):
            while True:
                for line in self.log.read_text().splitlines():
                    said = json.loads(line) if line.startswith("{") else {}
                    if (said.get("event"), said.get("name")) == ("listening", name):
                        return int(said["port"])
                await asyncio.sleep(0.1)


@asynccontextmanager
async def controlling(
    made: Stage, directory: Path, *, interval: str, metrics_url: str | None = None
) -> AsyncIterator[Controller]:
    """Run the controller for the stage's namespace beside the block, which is cancelled if the controller ends.

    It reads metrics every `interval`, the stage's own unless another address is given. Raises an ExceptionGroup with
    what went wrong.
    """
    sources = directory / "sources.yaml"
    url = metrics_url or made.metrics_url
    sources.write_text(f"sources: [{{name: proxy, scrape: {{urls: ['{url}'], interval: {interval}}}}}]\n")
    log = directory / "controller.log"
    with log.open("wb") as said:
        running = await asyncio.create_subprocess_exec(*_command(made, sources), stdout=said, stderr=said)
    try:
        async with asyncio.TaskGroup() as group:
            guard = group.create_task(_stays(running, log))
            yield Controller(running.pid, log)
            guard.cancel()
    finally:
        await _end(running)


async def _stays(running: Process, log: Path) -> NoReturn:
    code = await running.wait()
    raise RuntimeError(f"the controller ended with {code}: {_last_words(log)}")


def _last_words(log: Path) -> str:
    return log.read_text()[-2000:]


def _command(made: Stage, sources: Path) -> tuple[str, ...]:
    lease_namespace = "progressive-delivery" if made.backend.control_plane else made.namespace
    return (
        *(sys.executable, "-m", "rollout", "controller"),
        f"--kubeconfig={made.backend.kubeconfig('controller')}",
        f"--namespace={made.namespace}",
        f"--lease-namespace={lease_namespace}",
        f"--metric-sources={sources}",
        "--settle=1s",
        "--annotation-commands=all",
        *("--api-port=0", "--health-port=0", "--health-host=127.0.0.1"),
    )


async def _end(running: Process) -> None:
    if running.returncode is None:
        running.terminate()
    try:
        await asyncio.wait_for(running.wait(), _GRACE)
    except TimeoutError:
        running.kill()
        await running.wait()
