"""A real Prometheus of a test's own: it can be stopped, and started again at the same address with what it knew."""

import asyncio
import json
import socket
import ssl
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from shutil import which
from typing import Any

import aiohttp

from sandbox.child import child, tail

INTERVAL = 0.25
"""Seconds between two scrapes."""

PROGRAM = which("prometheus")
_START_SECONDS = 30.0


@dataclass
class Server:
    """A Prometheus over `jobs` (its `scrape_configs`); `web` is its web configuration: TLS, and who may ask."""

    directory: Path
    jobs: list[dict[str, Any]] = field(default_factory=list)
    web: dict[str, Any] = field(default_factory=dict)
    options: tuple[str, ...] = ()
    port: int = 0

    def __post_init__(self) -> None:
        """Take a port: it has to be the same each time the server runs."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"{'https' if 'tls_server_config' in self.web else 'http'}://127.0.0.1:{self.port}"

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run it beside the block, from the moment it answers; what it stored is there when it runs again.

        As in every Prometheus, it takes 5 s until a target is scraped for the first time.
        """
        self.directory.mkdir(parents=True, exist_ok=True)
        log = self.directory / "prometheus.log"
        async with child(self._command(), log=log) as process:
            await self._ready(process, log)
            yield

    def _command(self) -> tuple[str, ...]:
        assert PROGRAM is not None, "tests in this folder are skipped where there is none"
        return (
            PROGRAM,
            f"--config.file={self._file('prometheus', _configuration(self.jobs))}",
            f"--web.config.file={self._file('web', self.web)}",
            f"--storage.tsdb.path={self.directory / 'data'}",
            f"--web.listen-address=127.0.0.1:{self.port}",
            "--log.level=warn",
            *self.options,
        )

    def _file(self, name: str, content: dict[str, Any]) -> Path:
        path = self.directory / f"{name}.json"
        path.write_text(json.dumps(content))
        return path

    async def _ready(self, process: Process, log: Path) -> None:
        try:
            async with asyncio.timeout(_START_SECONDS):
                while process.returncode is None:
                    if await _answers(f"{self.url}/-/ready"):
                        return
                    await asyncio.sleep(0.05)
        except TimeoutError:
            pass
        raise AssertionError(f"Prometheus did not start:\n{tail(log)}")


def _configuration(jobs: list[dict[str, Any]]) -> dict[str, Any]:
    every = f"{round(INTERVAL * 1000)}ms"
    return {"global": {"scrape_interval": every, "scrape_timeout": every}, "scrape_configs": jobs}


async def _answers(url: str) -> bool:
    """Whether it is ready; one that asks for a password even here is."""
    unchecked = ssl.create_default_context()
    unchecked.check_hostname, unchecked.verify_mode = False, ssl.CERT_NONE
    try:
        async with aiohttp.ClientSession() as session, session.get(url, ssl=unchecked) as answer:
            return answer.status in (200, 401)
    except aiohttp.ClientError:
        return False
