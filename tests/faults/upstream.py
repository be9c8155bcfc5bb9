"""A small upstream over real HTTP which notes what reached it: objects to patch, a list, and a watch that is fed."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web

from tests.faults.access import Certificate

ROUTE = "/apis/gateway.networking.k8s.io/v1/namespaces/shop/httproutes/shop"
ROUTES = "/apis/gateway.networking.k8s.io/v1/namespaces/shop/httproutes"


@dataclass
class Upstream:
    """`done` are the methods and paths that took effect; lines put into `events` go to the watch, None ends it."""

    url: str = ""
    done: list[tuple[str, str]] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    events: asyncio.Queue[bytes | None] = field(default_factory=asyncio.Queue)
    answer: bytes = b'{"items": []}'

    async def serve(self, request: web.BaseRequest) -> web.StreamResponse:
        self.done.append((request.method, request.raw_path))
        self.bodies.append(await request.read())
        self.headers.append(dict(request.headers))
        if "watch" not in request.query:
            return web.Response(body=self.answer, content_type="application/json", headers={"X-Kept": "yes"})
        response = web.StreamResponse()
        await response.prepare(request)
        while (line := await self.events.get()) is not None:
            await response.write(line)
        return response


@asynccontextmanager
async def upstream(certificate: Certificate | None = None) -> AsyncIterator[Upstream]:
    """Serve beside the block."""
    made = Upstream()
    tls = None
    if certificate is not None:
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(certificate.pem)
    runner = web.ServerRunner(web.Server(made.serve, handler_cancellation=True, access_log=None), shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
    made.url = f"{'https' if tls else 'http'}://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield made
    finally:
        await runner.cleanup()
