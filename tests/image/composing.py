"""`docker compose up` without an engine: services start when those before them are there, and are looked at."""

import asyncio
import os
import signal
import socket
from asyncio.subprocess import STDOUT, Process
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from pathlib import Path

from tests.image.composition import Service
from tests.image.places import Place

VARIABLES = (
    "SANDBOX_API_PORT",
    "SANDBOX_GATEWAY_PORT",
    "SANDBOX_PROXY_METRICS_PORT",
    "PROMETHEUS_PORT",
    "ROLLOUT_API_PORT",
    "ROLLOUT_HEALTH_PORT",
)
# How they end when they are asked to; the story has nothing to clean up and lets SIGTERM end it.
IN_ORDER = {"sandbox": 0, "load": 0, "prometheus": 0, "controller": 0, "story": -signal.SIGTERM}
_HEALTHY = 90.0  # seconds until a service that does not become healthy has failed
_GRACE = 15.0  # seconds from SIGTERM to SIGKILL


def free_ports() -> dict[str, str]:
    """A free port for each variable of docker-compose.yml."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in VARIABLES]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return {name: str(each.getsockname()[1]) for name, each in zip(VARIABLES, sockets, strict=True)}


@asynccontextmanager
async def up(services: Mapping[str, Service], place: Place, logs: Path) -> AsyncIterator[dict[str, Process]]:
    """Everything beside the block, from the moment all services run and are healthy; all are ended after it."""
    running: dict[str, Process] = {}
    async with AsyncExitStack() as stack:
        for name in ordered(services):
            for other, condition in services[name].after.items():
                if condition == "service_healthy":
                    await healthy(services[other], place, running[other], logs)
            running[name] = await stack.enter_async_context(_running(services[name], place, logs))
        for name, process in running.items():
            await healthy(services[name], place, process, logs)
        yield running


def ordered(services: Mapping[str, Service]) -> list[str]:
    """The services, each after those it depends on."""
    found: list[str] = []
    while len(found) < len(services):
        ready = [name for name, each in services.items() if name not in found and each.after.keys() <= set(found)]
        assert ready, "the services wait for each other"
        found += ready
    return found


@asynccontextmanager
async def _running(service: Service, place: Place, logs: Path) -> AsyncIterator[Process]:
    with (logs / f"{service.name}.log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            *place.whole(service),
            env=place.environment(service),
            cwd="/",
            stdout=log,
            stderr=STDOUT,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        await _end(process)


async def _end(process: Process) -> None:
    if process.returncode is None:
        process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(_GRACE):
                await process.wait()
        except TimeoutError:
            os.killpg(process.pid, signal.SIGKILL)
            await process.wait()


async def healthy(service: Service, place: Place, process: Process, logs: Path) -> None:
    """Wait for the service's own healthcheck; fails with the end of its log."""
    async with asyncio.timeout(_HEALTHY):
        while not await _looks_well(service, place):
            said = (logs / f"{service.name}.log").read_text()[-2000:]
            assert process.returncode is None, f"{service.name} ended with {process.returncode}: {said}"
            await asyncio.sleep(0.5)


async def _looks_well(service: Service, place: Place) -> bool:
    if not service.look:
        return True
    look = await asyncio.create_subprocess_exec(
        *place.command(service, service.look),
        env=place.environment(service),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    return await look.wait() == 0
