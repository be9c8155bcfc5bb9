"""Whether a container can take requests: its readiness probe, asked as a kubelet asks it."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

from sandbox.images import first_port
from sandbox.storage import Object

# Until the first success a probe is asked this often, whatever its period: nobody watches a demo for ten seconds.
IMPATIENCE_SECONDS = 0.1


@dataclass(frozen=True, kw_only=True)
class Probe:
    """One question: `path` over HTTP, or just a connection if there is none; no `port` is always answered with yes."""

    port: int | None
    path: str | None = None
    delay: float = 0.0
    period: float = 10.0
    timeout: float = 1.0
    failures: int = 3
    successes: int = 1


def probe_of(container: Object) -> Probe:
    """Return a container's readiness probe; without one it is ready when something listens on its first port."""
    probe = container.get("readinessProbe") or {}
    action = probe.get("httpGet") or probe.get("tcpSocket")
    if not action:
        return Probe(port=first_port(container), period=1.0)
    return Probe(
        port=_number(container, action["port"]),
        path=action.get("path", "/") if "httpGet" in probe else None,
        delay=probe.get("initialDelaySeconds", 0),
        period=probe.get("periodSeconds", 10),
        timeout=probe.get("timeoutSeconds", 1),
        failures=probe.get("failureThreshold", 3),
        successes=probe.get("successThreshold", 1),
    )


async def readiness(probe: Probe, ip: str) -> AsyncIterator[bool]:
    """Yield ready or not after every answer, without end."""
    await asyncio.sleep(probe.delay)
    ready, streak, began = False, 0, False
    while True:
        good = await answered(probe, ip)
        streak = streak + 1 if good != ready else 0
        if streak >= (probe.successes if good else probe.failures):
            ready, streak, began = good, 0, True
        yield ready
        await asyncio.sleep(probe.period if began else min(probe.period, IMPATIENCE_SECONDS))


async def answered(probe: Probe, ip: str) -> bool:
    """Ask once; whether the answer came in time and was a success."""
    if probe.port is None:
        return True
    try:
        async with asyncio.timeout(probe.timeout):
            return await _ask(ip, probe.port, probe.path)
    except (OSError, TimeoutError, ValueError, IndexError):
        return False


async def _ask(ip: str, port: int, path: str | None) -> bool:
    reader, writer = await asyncio.open_connection(ip, port)
    try:
        if path is None:
            return True
        writer.write(
            f"GET {path} HTTP/1.1\r\nhost: {ip}:{port}\r\nuser-agent: kube-probe\r\nconnection: close\r\n\r\n".encode()
        )
        status_line = await reader.readline()
        return 200 <= int(status_line.split(b" ")[1]) < 400
    finally:
        writer.close()


def _number(container: Object, port: int | str) -> int:
    if isinstance(port, int):
        return port
    ports = container.get("ports") or ()
    return next((p["containerPort"] for p in ports if p.get("name") == port), 0)
