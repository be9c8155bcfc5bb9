"""The processes of the demo: sandbox, controller and load, each ended by its own id when the demo ends."""

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

_READY = 60.0  # seconds until a process that said nothing counts as failed
_LOOK = 0.1  # seconds between two looks at its log


class Failed(Exception):  # noqa: N818 (it is what happened to a process)
    """A process of the demo did not start or ended early; the message names it and its log."""


@dataclass(frozen=True, kw_only=True)
class Cast:
    """Where everything is."""

    directory: Path
    cluster: dict[str, Any]  # what the sandbox says of itself
    server: str  # the controller's API
    source: str  # how the metrics get to the controller, in one line

    @property
    def audit(self) -> Path:
        """One JSON line for each request to the API server."""
        return self.directory / "audit.jsonl"

    @property
    def access(self) -> Path:
        """One JSON line for each request the proxy answered."""
        return Path(self.cluster["access_log"])


@asynccontextmanager
async def sandbox(directory: Path, *, prometheus: bool) -> AsyncIterator[dict[str, Any]]:
    """The cluster beside the block, from the moment it answers; gives what it says of itself. Raises Failed."""
    arguments = ["-m", "sandbox", "--directory", str(directory), "--audit", str(directory / "audit.jsonl")]
    arguments += ["--parent", str(os.getpid()), *([] if prometheus else ["--no-prometheus"])]
    async with AsyncExitStack() as stack:
        process = await _start(stack, directory, "sandbox", arguments, stdout=PIPE)
        yield json.loads(await _first_line(process.stdout, directory, "sandbox"))


@asynccontextmanager
async def controller(directory: Path, cluster: dict[str, Any]) -> AsyncIterator[Cast]:
    """The controller beside the block, from the moment its API answers. Raises Failed."""
    async with AsyncExitStack() as stack:
        sources, told = _metrics(directory, cluster)
        server = await _controller(stack, directory, cluster["kubeconfig"], sources)
        yield Cast(directory=directory, cluster=cluster, server=server, source=told)


def _metrics(directory: Path, cluster: dict[str, Any]) -> tuple[Path, str]:
    """The controller's metric source: Prometheus where it runs, otherwise the proxy's own metrics."""
    if cluster["prometheus_url"]:
        source = {"name": "prometheus", "prometheus": {"url": cluster["prometheus_url"], "interval": "1s"}}
        told = "Prometheus is on the PATH: it scrapes the proxy every second, the controller asks it."
    else:
        source = {"name": "proxy", "scrape": {"urls": [cluster["proxy_metrics_url"]], "interval": "1s"}}
        told = "No Prometheus on the PATH: the controller scrapes the proxy itself, every second."
    path = directory / "metric-sources.yaml"
    path.write_text(yaml.safe_dump({"sources": [source]}))
    return path, told


async def _controller(stack: AsyncExitStack, directory: Path, kubeconfig: str, sources: Path) -> str:
    arguments = ["-m", "rollout", "controller", "--kubeconfig", kubeconfig, "--metric-sources", str(sources)]
    arguments += ["--settle", "2s", "--api-port", "0", "--health-host", "127.0.0.1", "--health-port", "0"]
    arguments += ["--annotation-commands", "all"]
    process = await _start(stack, directory, "controller", arguments)
    return f"http://127.0.0.1:{await _port(process, directory / 'controller.log')}"


async def _port(process: Process, log: Path) -> int:
    """The port the API says it listens on, read from the controller's log."""
    for _ in range(round(_READY / _LOOK)):
        port = _told_port(log)
        if port is not None:
            return port
        if process.returncode is not None:
            break
        await asyncio.sleep(_LOOK)
    raise Failed(f"the controller did not start; its log is {log}")


def _told_port(log: Path) -> int | None:
    entries = (_json(line) for line in log.read_text().splitlines())
    said = (each for each in entries if each.get("event") == "listening" and each.get("name") == "api")
    return next((int(each["port"]) for each in said), None)


def _json(line: str) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


@asynccontextmanager
async def load(cast: Cast, service_url: str, *, rate: float) -> AsyncIterator[Path]:
    """Traffic from outside and inside the cluster beside the block; gives the file with a line for each request."""
    report = cast.directory / "requests.jsonl"
    arguments = ["-m", "sandbox.load", "--url", cast.cluster["gateway_url"], "--service-url", service_url]
    arguments += ["--rate", str(rate), "--report", str(report)]
    async with AsyncExitStack() as stack:
        await _start(stack, cast.directory, "load", arguments)
        yield report


async def _start(
    stack: AsyncExitStack, directory: Path, name: str, arguments: Sequence[str], **streams: Any
) -> Process:
    log = stack.enter_context((directory / f"{name}.log").open("ab"))
    # The tether lets it die with the demo, however that ends.
    tied = [sys.executable, "-m", "sandbox.tether", str(os.getpid()), sys.executable]
    process = await asyncio.create_subprocess_exec(
        *tied, *arguments, **{"stdout": log, "stderr": log, **streams}, start_new_session=True
    )
    stack.push_async_callback(_end, process)
    return process


async def _end(process: Process) -> None:
    """End one process by its id: asked first, killed when it does not listen."""
    if process.returncode is not None:
        return
    process.send_signal(signal.SIGTERM)
    try:
        async with asyncio.timeout(10):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


async def _first_line(stream: asyncio.StreamReader | None, directory: Path, name: str) -> bytes:
    assert stream is not None, "its standard output is read here"
    try:
        async with asyncio.timeout(_READY):
            line = await stream.readline()
    except TimeoutError:
        line = b""
    if not line:
        raise Failed(f"the {name} did not start; its log is {directory / f'{name}.log'}")
    return line
