"""The controller as a process of its own beside a stage, which can be stopped and started again on the same port."""

import asyncio
import json
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from sandbox.child import fetch
from tests.controller.harness import Stage

_START = 60.0  # seconds to listen in
_END = 15.0  # seconds to end in


@dataclass
class Controlled:
    """One controller of a stage; `url` is where its pages are, also after it was started again."""

    made: Stage
    interval: str = "200ms"  # between two looks at the stage's metrics
    port: int = 0
    running: Process | None = None
    starts: int = 0

    @property
    def url(self) -> str:
        """Where its pages are."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def _directory(self) -> Path:
        return self.made.cluster.settings.directory

    async def start(self) -> None:
        """Start it and wait until it answers, on the port it had before if it had one."""
        self.starts += 1
        log = self._directory / f"controller-{self.starts}.log"
        with log.open("wb") as said:
            self.running = await asyncio.create_subprocess_exec(*self._command(), stdout=said, stderr=said)
        self.port = await self._told(log)
        async with asyncio.timeout(_START):
            while await fetch(f"{self.url}/api/v1/rollouts") is None:  # noqa: ASYNC110 (another process)
                await asyncio.sleep(0.05)

    async def stop(self) -> None:
        """Tell it to end, and wait until it did."""
        assert self.running is not None, "it was started"
        if self.running.returncode is None:
            self.running.terminate()
        try:
            await asyncio.wait_for(self.running.wait(), _END)
        except TimeoutError:
            self.running.kill()
            await self.running.wait()

    def _command(self) -> tuple[str, ...]:
        sources = self._directory / "sources.yaml"
        scrape = f"{{urls: ['{self.made.metrics_url}'], interval: {self.interval}}}"
        sources.write_text(f"sources: [{{name: proxy, scrape: {scrape}}}]\n")
        return (
            *(sys.executable, "-m", "rollout", "controller", f"--kubeconfig={self.made.cluster.kubeconfig}"),
            *(f"--metric-sources={sources}", "--settle=100ms", "--annotation-commands=all"),
            *(f"--api-port={self.port}", "--health-port=0", "--health-host=127.0.0.1"),
        )

    async def _told(self, log: Path) -> int:
        assert self.running is not None, "it was started"
        async with asyncio.timeout(_START):
            while (port := _listening(log)) is None:
                assert self.running.returncode is None, f"the controller ended: {_words(log)[-2000:]}"
                await asyncio.sleep(0.05)
        return port


def _words(log: Path) -> str:
    return log.read_text()


def _listening(log: Path) -> int | None:
    """The port of the API, once the log tells it."""
    for line in _words(log).splitlines():
        said = json.loads(line) if line.startswith("{") else {}
        if (said.get("event"), said.get("name")) == ("listening", "api"):
            return int(said["port"])
    return None


@asynccontextmanager
async def controlled(made: Stage, *, interval: str = "200ms") -> AsyncIterator[Controlled]:
    """A controller beside the block, ended at its end whatever happened."""
    running = Controlled(made, interval)
    try:
        await running.start()
        yield running
    finally:
        await running.stop()
