"""How bytes reach the API server: separate connection pools, a time-out on everything, failures as `ApiError`."""

import asyncio
import copy
import socket
from collections.abc import AsyncGenerator, AsyncIterator, Generator, Mapping
from contextlib import contextmanager
from enum import StrEnum
from importlib.metadata import version
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
from kubernetes.aio.client import Configuration
from kubernetes.aio.client.rest import RESTClientObject

from rollout.kube.errors import Unavailable, error_of
from rollout.kube.request import Request

USER_AGENT = f"progressive-delivery/{version('progressive-delivery')}"


class Lane(StrEnum):
    """A connection pool of its own, so that what is urgent never waits behind what is not."""

    WATCH = "watch"
    WRITE = "write"
    URGENT = "urgent"
    LEASE = "lease"


POOL_SIZES: Mapping[Lane, int] = {Lane.WATCH: 64, Lane.WRITE: 32, Lane.URGENT: 8, Lane.LEASE: 2}


class Transport:
    """Sends requests and opens streams; create it inside a running loop and close it there."""

    def __init__(self, configuration: Configuration, *, timeout_seconds: float) -> None:
        self._configuration = configuration
        self._timeout_seconds = timeout_seconds
        base = _base(configuration)
        self._pools = {lane: _pool(base, size) for lane, size in POOL_SIZES.items()}

    async def close(self) -> None:
        """Close every pool; requests under way fail as `Unavailable`."""
        for pool in self._pools.values():
            await pool.close()

    async def send(self, request: Request, lane: Lane) -> bytes:
        """The body of a successful answer; raises an `ApiError` for any other, and for none within the time-out."""
        with _as_unavailable():
            async with asyncio.timeout(self._timeout_seconds):
                return await _body(await self._open(request, lane))

    async def stream(self, request: Request, *, idle_seconds: float) -> AsyncGenerator[bytes, None]:
        """The lines of a long answer, without their ends; raises `Unavailable` when it is cut or falls silent.

        Silence is `idle_seconds` without a byte. A last line without an end was cut, and is left out.
        """
        with _as_unavailable():
            async with asyncio.timeout(self._timeout_seconds):
                response = await self._open(request, Lane.WATCH, idle_seconds=idle_seconds)
                if response.status >= 300:
                    await _body(response)
            async with response:
                async for line in split_lines(response.content.iter_any()):
                    yield line

    async def _open(self, request: Request, lane: Lane, *, idle_seconds: float | None = None) -> aiohttp.ClientResponse:
        headers = {"Accept": "application/json", "Content-Type": request.content_type, "User-Agent": USER_AGENT}
        credential = await self._configuration.get_api_key_with_prefix("BearerToken", alias="authorization")
        if credential:
            headers["Authorization"] = credential.strip()
        answer = await self._pools[lane].request(
            request.method,
            self._configuration.host + request.target,
            headers=headers,
            body=request.body,
            _request_timeout=aiohttp.ClientTimeout(total=None, sock_read=idle_seconds),
        )
        response: aiohttp.ClientResponse = answer.response
        return response


async def split_lines(chunks: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
    """Lines of any length out of chunks cut anywhere; blank lines and a last line without an end are left out."""
    rest = bytearray()
    async for chunk in chunks:
        head, *others = chunk.split(b"\n")
        rest += head
        if not others:
            continue
        complete = [bytes(rest), *others[:-1]]
        rest = bytearray(others[-1])
        for line in complete:
            if line.strip():
                yield line


async def _body(response: aiohttp.ClientResponse) -> bytes:
    body = await response.read()
    if response.status >= 300:
        raise error_of(response.status, body, headers=response.headers)
    return body


@contextmanager
def _as_unavailable() -> Generator[None, None, None]:
    """Transport failures as `Unavailable`; without their cause, whose fields may hold the request's headers."""
    try:
        yield
    except TimeoutError as error:
        raise Unavailable(0, "Timeout", str(error) or "no answer in time") from None
    except (aiohttp.ClientError, OSError) as error:
        raise Unavailable(0, type(error).__name__, str(error)) from None


def _base(configuration: Configuration) -> RESTClientObject:
    """What all pools share: the TLS context, and the proxy of the kubeconfig or else of the environment."""
    own = copy.copy(configuration)
    own.proxy = configuration.proxy or _environment_proxy(configuration.host)
    return RESTClientObject(own)


def _pool(base: RESTClientObject, size: int) -> RESTClientObject:
    """A pool of at most `size` connections.

    The session does not consult the environment (`trust_env`): it would do so for every request, in the loop's default
    thread pool, where a slow metric source could hold up an abort.
    """
    pool = copy.copy(base)
    pool.pool_manager = aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=size, ssl=base.ssl_context, socket_factory=_socket),
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=False,
        read_bufsize=2**18,
    )
    return pool


def _environment_proxy(host: str) -> str | None:
    url = urlsplit(host)
    return None if proxy_bypass(url.hostname or "") else getproxies().get(url.scheme)


def _socket(address: tuple[Any, ...]) -> socket.socket:
    """A socket that notices a dead peer within half a minute, even while nobody writes."""
    family, kind, protocol, _, _ = address
    made = socket.socket(family, kind, protocol)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in (("TCP_KEEPIDLE", 15), ("TCP_KEEPINTVL", 5), ("TCP_KEEPCNT", 3)):
        if hasattr(socket, option):  # macOS names the first one differently
            made.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)
    return made
