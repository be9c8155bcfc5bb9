"""Receivers over real HTTP and SMTP on loopback, each with a mood that a test changes."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web

Mood = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True)
class Got:
    """One request as it came."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Receiver:
    """Takes everything, unless its mood is another one."""

    url: str = ""
    port: int = 0
    mood: Mood | None = None
    got: list[Got] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.got.append(Got(request.path, headers, await request.read()))
        return web.Response() if self.mood is None else await self.mood(request)

    async def gets(self, count: int) -> None:
        """Wait until so many requests came."""
        async with asyncio.timeout(20):
            while len(self.got) < count:  # noqa: ASYNC110 - a server changes it
                await asyncio.sleep(0.01)


def says(status: int, text: str = "", **headers: str) -> Mood:
    async def answer(_request: web.Request) -> web.Response:
        return web.Response(
            status=status, text=text, headers={name.replace("_", "-"): value for name, value in headers.items()}
        )

    return answer


async def hangs(_request: web.Request) -> web.StreamResponse:
    await asyncio.Event().wait()
    raise AssertionError("never")


async def cuts(request: web.Request) -> web.StreamResponse:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


@asynccontextmanager
async def receiving(*, tls: ssl.SSLContext | None = None) -> AsyncIterator[Receiver]:
    receiver = Receiver()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", receiver.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
    receiver.port = runner.addresses[0][1]
    receiver.url = f"{'https' if tls else 'http'}://127.0.0.1:{receiver.port}"
    try:
        yield receiver
    finally:
        await runner.cleanup()


@dataclass
class Post:
    """The mail that came, whole."""

    port: int = 0
    mails: list[str] = field(default_factory=list)


@asynccontextmanager
async def post_office() -> AsyncIterator[Post]:
    """As much of an SMTP server as a mail needs."""
    post = Post()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            await _talk(reader, writer, post)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    post.port = server.sockets[0].getsockname()[1]
    try:
        yield post
    finally:
        server.close()
        await server.wait_closed()


async def _talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, post: Post) -> None:
    writer.write(b"220 loopback\r\n")
    while line := await reader.readline():
        word = line.split()[0].upper() if line.split() else b""
        if word == b"DATA":
            writer.write(b"354 go on\r\n")
            post.mails.append((await reader.readuntil(b"\r\n.\r\n")).decode())
        writer.write(b"221 bye\r\n" if word == b"QUIT" else b"250 ok\r\n")
        await writer.drain()
        if word == b"QUIT":
            return
