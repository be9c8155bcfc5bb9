"""A client before a fault proxy before an upstream that tells what reached it."""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest

from tests.faults.access import Certificate
from tests.faults.effects import Effect
from tests.faults.proxy import FaultProxy, fault_proxy
from tests.faults.rules import Match, Rule
from tests.faults.upstream import ROUTE, ROUTES, Upstream, upstream

LINES = [b'{"type":"ADDED"}\n', b'{"type":"MODIFIED"}\n', b'{"type":"BOOKMARK"}\n']


class Bench:
    """A client, a proxy and what is behind it."""

    def __init__(self, behind: Upstream, proxy: FaultProxy, http: aiohttp.ClientSession) -> None:
        self.behind = behind
        self.proxy = proxy
        self.http = http

    def suffer(self, effect: Effect, match: Match | None = None) -> None:
        self.proxy.rules = (Rule(match or Match(), effect),)

    async def patch(self) -> tuple[int, bytes]:
        async with self.http.patch(self.proxy.url + ROUTE, data=b"[1]") as answer:
            return answer.status, await answer.read()

    async def lost(self) -> str:
        """The error that a patch ends in."""
        with pytest.raises((aiohttp.ClientError, TimeoutError)) as caught:
            await self.patch()
        return type(caught.value).__name__

    @asynccontextmanager
    async def watch(self) -> AsyncIterator[aiohttp.StreamReader]:
        async with self.http.get(f"{self.proxy.url}{ROUTES}?watch=true") as answer:
            yield answer.content


@asynccontextmanager
async def benched(certificate: Certificate | None = None, **options: Any) -> AsyncIterator[Bench]:
    tls = ssl.create_default_context(cafile=certificate.ca) if certificate else True
    async with (
        upstream() as behind,
        fault_proxy(behind.url, certificate=certificate, **options) as proxy,
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=tls)) as http,
    ):
        yield Bench(behind, proxy, http)
