"""Builders of what a gateway reads, and backends that answer as told."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from sandbox.gateway.statuses import CONTROLLER
from sandbox.storage import Object, Storage

NAMESPACE = "shop"
CREATED = "2026-11-01T00:00:00Z"


def a_class(name: str = "sandbox", controller: str = CONTROLLER) -> Object:
    return {"metadata": {"name": name}, "spec": {"controllerName": controller}}


def a_gateway(name: str = "public", *, namespace: str = NAMESPACE, **listener: Any) -> Object:
    return {
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "gatewayClassName": "sandbox",
            "listeners": [{"name": "http", "port": 80, "protocol": "HTTP", **listener}],
        },
    }


def a_service(name: str = "shop", *, namespace: str = NAMESPACE, ports: Any = None, **spec: Any) -> Object:
    return {
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"ports": ports or [{"name": "http", "port": 80}], "clusterIP": "None", **spec},
    }


def a_slice(
    service: str = "shop",
    address: str = "127.1.255.1",
    port: int = 8080,
    *,
    name: str = "",
    ready: bool | None = True,
    port_name: str = "http",
) -> Object:
    return {
        "metadata": {
            "name": name or f"{service}-{address}-{port}",
            "namespace": NAMESPACE,
            "labels": {"kubernetes.io/service-name": service},
        },
        "addressType": "IPv4",
        "ports": [{"name": port_name, "port": port, "protocol": "TCP"}],
        "endpoints": [{"addresses": [address], "conditions": {"ready": ready}}],
    }


def a_ref(name: str = "shop", weight: int | None = None, **fields: Any) -> Object:
    return {"name": name, "port": 80, **({} if weight is None else {"weight": weight}), **fields}


def a_path(value: str, kind: str = "PathPrefix") -> Object:
    return {"path": {"type": kind, "value": value}}


def a_rule(*refs: Object, matches: list[Object] | None = None, **fields: Any) -> Object:
    return {"backendRefs": list(refs), **({"matches": matches} if matches else {}), **fields}


def a_route(
    *rules: Object,
    name: str = "shop",
    kind: str = "HTTPRoute",
    hostnames: tuple[str, ...] = (),
    created: str = CREATED,
    namespace: str = NAMESPACE,
    **parent: Any,
) -> Object:
    return {
        "kind": kind,
        "metadata": {"name": name, "namespace": namespace, "creationTimestamp": created},
        "spec": {
            "parentRefs": [{"name": "public", **parent}],
            **({"hostnames": list(hostnames)} if hostnames else {}),
            "rules": list(rules) or [a_rule(a_ref())],
        },
    }


def filled(**objects: list[Object]) -> Storage:
    """A storage that holds these objects, by plural."""
    storage = Storage(seed=1)
    for plural, some in objects.items():
        for one in some:
            storage.create(plural, one)
    return storage


@dataclass
class Backend:
    """A server of fixed answers: `code`, and its name in x-version and the body; it keeps what it was sent.

    `hang_up`: reads a request and closes the connection instead of answering.
    """

    name: str
    code: int = 200
    hang_up: bool = False
    slow: float = 0.0
    app: bool = True
    address: str = ""
    port: int = 0
    requests: list[tuple[str, Mapping[str, str]]] = field(default_factory=list)

    def slice(self, service: str, *, ready: bool = True) -> Object:
        return a_slice(service, self.address, self.port, ready=ready)

    async def converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                first, *lines = head.strip().split("\r\n")
                headers = dict(line.split(": ", 1) for line in lines)
                self.requests.append((first, headers))
                if self.hang_up:
                    break
                await asyncio.sleep(self.slow)
                writer.write(self._answer())
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    def _answer(self) -> bytes:
        body = self.name.encode()
        origin = "x-from: app\r\n" if self.app else ""
        head = f"HTTP/1.1 {self.code} X\r\n{origin}x-version: {self.name}\r\ncontent-length: {len(body)}\r\n\r\n"
        return head.encode() + body


@asynccontextmanager
async def serving(*backends: Backend) -> AsyncIterator[None]:
    """Run backends, each at an address of its own."""
    servers = []
    for number, backend in enumerate(backends, start=1):
        server = await asyncio.start_server(backend.converse, f"127.1.255.{number}", 0)
        backend.address, backend.port = server.sockets[0].getsockname()
        servers.append(server)
    try:
        yield
    finally:
        for server in servers:
            server.close()
