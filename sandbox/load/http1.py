"""An HTTP/1.1 client with a pool of keep-alive connections."""

import asyncio
from collections import deque
from collections.abc import Mapping
from contextlib import suppress

from sandbox.load.answers import Answer, Lost, Unprocessed

_Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Http1:
    """Sends each GET over an idle connection if there is one; `uses` is how many requests a connection is good for."""

    def __init__(self, host: str, port: int, *, authority: str, uses: int) -> None:
        self._host = host
        self._port = port
        self._authority = authority
        self._uses = uses
        self._idle: deque[tuple[_Connection, int]] = deque()

    async def get(self, path: str) -> Answer:
        """Return the answer; raises Lost."""
        connection, used = self._take()
        if connection is not None:
            # The server may close an idle connection just when it is used again. Every client repeats an idempotent
            # request once, on a new connection, if not a byte of an answer has come.
            with suppress(Unprocessed):
                return await self._exchange(connection, used, path)
        return await self._exchange(await self._opened(), 0, path)

    async def close(self) -> None:
        """Close the idle connections."""
        for (_, writer), _used in self._idle:
            await _closed(writer)
        self._idle.clear()

    def _take(self) -> tuple[_Connection | None, int]:
        while self._idle:
            (reader, writer), used = self._idle.popleft()
            if not reader.at_eof() and not writer.is_closing():
                return (reader, writer), used
            writer.close()
        return None, 0

    async def _opened(self) -> _Connection:
        try:
            return await asyncio.open_connection(self._host, self._port)
        except OSError as error:
            raise Lost(f"connect: {error.strerror or error}") from error

    async def _exchange(self, connection: _Connection, used: int, path: str) -> Answer:
        reader, writer = connection
        reusable = False
        try:
            request = f"GET {path} HTTP/1.1\r\nhost: {self._authority}\r\naccept: */*\r\n\r\n"
            writer.write(request.encode())
            answer = await _answer(reader)
            reusable = used + 1 < self._uses and answer.headers.get("connection", "").lower() != "close"
            return answer
        except (ConnectionError, asyncio.IncompleteReadError, ValueError) as error:
            raise Lost(f"cut: {error!r}") from error
        finally:
            if reusable:
                self._idle.append((connection, used + 1))
            else:
                writer.close()


async def _closed(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with suppress(ConnectionError):
        await writer.wait_closed()


async def _answer(reader: asyncio.StreamReader) -> Answer:
    first, *lines = (await _head(reader)).decode("latin-1").rstrip("\r\n").split("\r\n")
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    await _skip_body(reader, headers)
    return Answer(code=int(first.split(" ")[1]), headers=headers)


async def _head(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.readuntil(b"\r\n\r\n")
    except (asyncio.IncompleteReadError, ConnectionError) as error:
        if getattr(error, "partial", b""):
            raise
        raise Unprocessed("cut: the connection was closed before an answer") from error


async def _skip_body(reader: asyncio.StreamReader, headers: Mapping[str, str]) -> None:
    if headers.get("transfer-encoding", "").lower() != "chunked":
        await reader.readexactly(int(headers.get("content-length", "0")))
        return
    while size := int((await reader.readuntil(b"\r\n")).split(b";")[0], 16):
        await reader.readexactly(size + 2)
    while await reader.readuntil(b"\r\n") != b"\r\n":
        pass  # trailers
