"""A reverse proxy that does harm by rule: it stands before an API server or a metrics endpoint, http or https."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from random import Random

import aiohttp
from aiohttp import web

from tests.faults.access import Certificate
from tests.faults.asked import Asked
from tests.faults.delivery import Delivery, cut, forwarded, status_of
from tests.faults.effects import AnswerEffect, CutBefore, Delay, Effect, HalfOpen, Hold, Refuse, WatchEffect
from tests.faults.rules import Rule, Schedule

_LONGEST_LINE = 2**22  # a watch event: etcd takes objects of up to 1.5 MiB


class NewConnections(StrEnum):
    """What becomes of a connection made during a partition."""

    HANG = "hang"  # taken, and then as silent as the others
    REFUSED = "refused"


@dataclass(kw_only=True)
class Exchange:
    """A request and what came of it; `status` is the upstream's answer, None as long as (or if) there is none.

    `at` is when it came, by the loop's clock.
    """

    asked: Asked
    at: float
    effect: Effect | None
    status: int | None = None


class FaultProxy:
    """Forwards what it is asked as it is, save what `rules` and `partitioned` say.

    All time is the running loop's, all chance that of the `Random` given. A fault hits a request when it arrives: one
    under way keeps it when the rules change.
    """

    def __init__(self, upstream: str, session: aiohttp.ClientSession, group: asyncio.TaskGroup, random: Random) -> None:
        self.url = ""
        self.exchanges: list[Exchange] = []
        self.new_connections = NewConnections.HANG
        self._upstream = upstream.rstrip("/")
        self._session = session
        self._group = group
        self._random = random
        self._schedule = Schedule(random)
        self._through = asyncio.Event()
        self._through.set()
        self._server = web.Server(self._serve, handler_cancellation=True, access_log=None)
        self._held_back: set[asyncio.Task[tuple[aiohttp.ClientResponse | None, bytes]]] = set()
        self._tls: ssl.SSLContext | None = None

    @property
    def rules(self) -> tuple[Rule, ...]:
        """The faults in force, to be set at any moment; the first that fits a request is the one it suffers."""
        return self._schedule.rules

    @rules.setter
    def rules(self, rules: Sequence[Rule]) -> None:
        self._schedule.rules = tuple(rules)

    @property
    def partitioned(self) -> bool:
        """Whether nothing passes, in either direction.

        Connections stay open and silent, and go on where they were when it is over. What a client asked and gave up
        meanwhile is lost; a request that a Hold keeps is past the partition.
        """
        return not self._through.is_set()

    @partitioned.setter
    def partitioned(self, partitioned: bool) -> None:
        if partitioned:
            self._through.clear()
        else:
            self._through.set()

    def disconnect(self) -> None:
        """Cut every connection there is."""
        for connection in self._server.connections:
            if connection.transport is not None:
                connection.transport.abort()

    def present(self, certificate: Certificate) -> None:
        """Show another certificate to new connections; ValueError for a proxy over http."""
        if self._tls is None:
            raise ValueError("a proxy over http shows no certificate")
        self._tls.load_cert_chain(certificate.pem)

    def asked(self, verb: str, plural: str = "") -> list[Exchange]:
        """What was asked so far with this verb, and of this kind if given; without what a partition keeps."""
        return [each for each in self.exchanges if each.asked.verb == verb and plural in {"", each.asked.plural}]

    @asynccontextmanager
    async def listening(self, certificate: Certificate | None) -> AsyncIterator[None]:
        """Serve on a port of the loopback interface beside the block; every connection is cut at its end."""
        if certificate is not None:
            self._tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            self.present(certificate)
        server = await asyncio.get_running_loop().create_server(self._connection, "127.0.0.1", 0, ssl=self._tls)
        port = server.sockets[0].getsockname()[1]
        self.url = f"{'https' if self._tls else 'http'}://127.0.0.1:{port}"
        try:
            yield
        finally:
            server.close()
            self.disconnect()
            for task in tuple(self._held_back):
                task.cancel()
            await self._server.shutdown(0.1)

    def _connection(self) -> asyncio.Protocol:
        refused = self.partitioned and self.new_connections is NewConnections.REFUSED
        return _Refused() if refused else self._server()

    async def _serve(self, request: web.BaseRequest) -> web.StreamResponse:
        asked = await Asked.of(request)
        await self._through.wait()
        exchange = Exchange(asked=asked, at=asyncio.get_running_loop().time(), effect=self._schedule.effect_on(asked))
        self.exchanges.append(exchange)
        try:
            return await self._suffer(request, exchange)
        except (aiohttp.ClientError, OSError):  # the way to the upstream, or back to the client, is gone
            return cut(request)

    async def _suffer(self, request: web.BaseRequest, exchange: Exchange) -> web.StreamResponse:
        match exchange.effect:
            case Refuse() as refusal:
                return status_of(refusal)
            case CutBefore():
                return cut(request)
            case HalfOpen():
                return await _never()
            case Hold() as hold:
                return await self._held(request, exchange, hold)
            case Delay(seconds):
                await asyncio.sleep(seconds)
                return await self._forward(request, exchange, None)
            case effect:
                return await self._forward(request, exchange, effect)

    async def _forward(
        self, request: web.BaseRequest, exchange: Exchange, effect: AnswerEffect | WatchEffect | None
    ) -> web.StreamResponse:
        delivery = Delivery(request, self._through)
        async with forwarded(self._session, self._upstream, exchange.asked) as answer:
            exchange.status = answer.status
            if exchange.asked.verb == "watch":
                return await delivery.stream(answer, effect, random=self._random)
            return await delivery.whole(answer, await answer.read(), effect)

    async def _held(self, request: web.BaseRequest, exchange: Exchange, hold: Hold) -> web.StreamResponse:
        task = self._group.create_task(self._later(exchange, hold))
        self._held_back.add(task)
        task.add_done_callback(self._held_back.discard)
        try:
            answer, body = await asyncio.shield(task)
        except asyncio.CancelledError:
            if not hold.outlives_client:
                task.cancel()
            raise
        return cut(request) if answer is None else await Delivery(request, self._through).whole(answer, body, None)

    async def _later(self, exchange: Exchange, hold: Hold) -> tuple[aiohttp.ClientResponse | None, bytes]:
        """The answer to a held request, None if the upstream gives none."""
        hold.arrived.set()
        try:
            await hold.released.wait()
            async with forwarded(self._session, self._upstream, exchange.asked) as answer:
                exchange.status = answer.status
                return answer, await answer.read()
        except (aiohttp.ClientError, OSError):
            return None, b""
        finally:
            hold.told(exchange.status)


async def _never() -> web.StreamResponse:
    await asyncio.Event().wait()
    raise AssertionError("nobody sets it")


class _Refused(asyncio.Protocol):
    """A connection that is reset as soon as it is made."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.abort()


@asynccontextmanager
async def fault_proxy(
    upstream: str, upstream_ca: Path | None = None, certificate: Certificate | None = None, *, seed: int = 0
) -> AsyncIterator[FaultProxy]:
    """A proxy before `upstream`, which serves TLS if it is given a certificate; a held request is lost at the end.

    `upstream_ca` is for an upstream over https. `seed` is that of its chances. What the block raises is raised as it
    is.
    """
    # A context of our own takes 30 ms, in which the machine's authorities are read.
    tls = ssl.create_default_context(cafile=upstream_ca) if upstream_ca else True
    session = aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, ssl=tls),
        timeout=aiohttp.ClientTimeout(total=None),
        auto_decompress=False,
        read_bufsize=_LONGEST_LINE,
        cookie_jar=aiohttp.DummyCookieJar(),
        skip_auto_headers=("User-Agent", "Content-Type", "Accept"),
    )
    failure: BaseException | None = None
    async with session, asyncio.TaskGroup() as group:
        proxy = FaultProxy(upstream, session, group, Random(seed))
        try:
            async with proxy.listening(certificate):
                yield proxy
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # noqa: BLE001 - raised again below, outside of the group that would wrap it
            failure = error
    if failure is not None:
        raise failure
