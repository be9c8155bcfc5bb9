"""An HTTP/2 client without TLS that knows beforehand that the server speaks it: many requests per connection."""

import asyncio
from collections.abc import Iterator
from contextlib import suppress

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import DataReceived, Event, ResponseReceived, StreamEnded, StreamReset
from h2.exceptions import FrameTooLargeError, ProtocolError

from sandbox.load.answers import Answer, Lost, Unprocessed

_FRAME_HEAD = 9
_GOAWAY = 7


class Http2:
    """Sends GETs over `connections` connections, and opens another when one is going away."""

    def __init__(self, host: str, port: int, *, authority: str, connections: int) -> None:
        self._host = host
        self._port = port
        self._authority = authority
        self._most = connections
        self._open: list[Connection] = []
        self._next = 0
        self._opening = asyncio.Lock()

    async def get(self, path: str) -> Answer:
        """Return the answer; raises Lost."""
        # A server that goes away says which requests it has not begun: clients repeat those on a new connection.
        with suppress(Unprocessed):
            return await (await self._connection()).get(path)
        return await (await self._connection()).get(path)

    async def close(self) -> None:
        """Close all connections."""
        for connection in self._open:
            connection.close()
        self._open.clear()

    async def _connection(self) -> "Connection":
        async with self._opening:
            self._open = [one for one in self._open if one.usable]
            if len(self._open) < self._most:
                self._open.append(await self._opened())
            self._next += 1
            return self._open[self._next % len(self._open)]

    async def _opened(self) -> "Connection":
        loop = asyncio.get_running_loop()
        try:
            _, connection = await loop.create_connection(lambda: Connection(self._authority), self._host, self._port)
        except OSError as error:
            raise Lost(f"connect: {error.strerror or error}") from error
        return connection


class Connection(asyncio.Protocol):
    """One connection: any number of requests at once, until the server says that it is going away."""

    def __init__(self, authority: str) -> None:
        self._authority = authority
        self._http = H2Connection(H2Configuration(client_side=True, header_encoding="utf-8"))
        self._transport: asyncio.Transport | None = None
        self._received = bytearray()
        self._going = False
        self._heads: dict[int, Answer] = {}
        self._waiting: dict[int, asyncio.Future[Answer]] = {}

    @property
    def usable(self) -> bool:
        """Whether a further request may be sent on it."""
        room = self._http.open_outbound_streams < self._http.remote_settings.max_concurrent_streams
        return room and not self._going and self._transport is not None and not self._transport.is_closing()

    async def get(self, path: str) -> Answer:
        """Return the answer; raises Lost."""
        if not self.usable:
            raise Unprocessed("goaway: the connection ended before the request")
        stream = self._http.get_next_available_stream_id()
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting[stream] = answer
        target = [(":method", "GET"), (":scheme", "http"), (":authority", self._authority), (":path", path)]
        self._http.send_headers(stream, target, end_stream=True)
        self._flush()
        try:
            return await answer
        finally:
            self._waiting.pop(stream, None)
            self._heads.pop(stream, None)
            self._close_if_done()

    def close(self) -> None:
        """Close it now."""
        if self._transport is not None:
            self._transport.close()

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Say hello."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._http.initiate_connection()
        self._flush()

    def data_received(self, data: bytes) -> None:
        """Take what has arrived."""
        self._received += data
        try:
            for kind, frame in self._frames():
                if kind == _GOAWAY:
                    self._go(int.from_bytes(frame[_FRAME_HEAD : _FRAME_HEAD + 4], "big"))
                    continue
                for event in self._http.receive_data(frame):
                    self._take(event)
        except ProtocolError as error:
            self._fail(Lost(f"protocol: {error}"), above=0)
            self.close()
        self._flush()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell everybody who still waits."""
        self._fail(Lost(f"cut: the connection was closed before an answer ({exc})"), above=0)

    # Frames and events

    def _frames(self) -> Iterator[tuple[int, bytes]]:
        """Yield type and bytes of each complete frame.

        The h2 package refuses every frame after a GOAWAY, but the answers to earlier requests still come then; so
        this one frame is kept from it.
        """
        while len(self._received) >= _FRAME_HEAD:
            size = _FRAME_HEAD + int.from_bytes(self._received[:3], "big")
            if size > _FRAME_HEAD + self._http.max_inbound_frame_size:
                raise FrameTooLargeError("a frame of more than the size agreed on, or no HTTP/2 at all")
            if len(self._received) < size:
                return
            frame = bytes(self._received[:size])
            del self._received[:size]
            yield frame[3], frame

    def _take(self, event: Event) -> None:
        match event:
            case ResponseReceived(stream_id=int(stream), headers=list(headers)):
                fields = {str(name): str(value) for name, value in headers}
                self._heads[stream] = Answer(code=int(fields.pop(":status")), headers=fields)
            case DataReceived(stream_id=int(stream), flow_controlled_length=int(size)) if size:
                self._http.acknowledge_received_data(size, stream)
            case StreamEnded(stream_id=int(stream)) if self._awaited(stream):
                self._waiting[stream].set_result(self._heads[stream])
            case StreamReset(stream_id=int(stream)) if self._awaited(stream):
                refused = event.error_code == ErrorCodes.REFUSED_STREAM
                kind = Unprocessed if refused else Lost
                self._waiting[stream].set_exception(kind(f"reset: {event.error_code}"))

    def _awaited(self, stream: int) -> bool:
        """Whether somebody still waits for the answer: a request that timed out has been given up."""
        return stream in self._waiting and not self._waiting[stream].done()

    def _go(self, last: int) -> None:
        """Send no more; requests above stream `last` were not begun."""
        self._going = True
        self._fail(Unprocessed("goaway: the request was not begun"), above=last & 0x7FFFFFFF)
        self._close_if_done()

    def _fail(self, why: Lost, *, above: int) -> None:
        for stream, answer in self._waiting.items():
            if stream > above and not answer.done():
                answer.set_exception(why)

    def _close_if_done(self) -> None:
        if self._going and not self._waiting:
            self.close()

    def _flush(self) -> None:
        data = self._http.data_to_send()
        if data and self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)
