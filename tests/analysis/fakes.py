"""A Prometheus and a metrics page over real HTTP, with the weather that real ones have."""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from analysis.queries import selector
from analysis.selectors import matches

Reply = Callable[[web.Request], Any]
RANGE = re.compile(r"(.*)\[(?:(\d+)ms|(\d+)s)\]", re.DOTALL)


@dataclass
class FakePrometheus:
    """Series by labels, each a list of (time, value); `numbers` are the answers to whole expressions."""

    series: dict[tuple[tuple[str, str], ...], list[tuple[float, float]]] = field(default_factory=dict)
    numbers: dict[str, Any] = field(default_factory=dict)
    weather: Reply | None = None
    clock: Callable[[], float] = time.time
    queries: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    url: str = ""
    after: Callable[[str], None] | None = None

    def scrape(self, at: float, value: float, **labels: str) -> None:
        """One scraped value of the series with these labels; `name` is the metric's name."""
        named = {"__name__": labels.pop("name"), **labels}
        self.series.setdefault(tuple(sorted(named.items())), []).append((at, value))

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.queries.append(request.query["query"])
        self.headers.append(dict(request.headers))
        if self.weather:
            reply = self.weather(request)
            return await reply if asyncio.iscoroutine(reply) else reply
        result = self._result(request.query["query"])
        if self.after:
            self.after(request.query["query"])
        return web.json_response({"status": "success", "data": {"resultType": "any", "result": result}})

    def _result(self, query: str) -> Any:
        if query in self.numbers:
            return self.numbers[query]
        found = RANGE.fullmatch(query)
        if not found:
            return []
        reach = float(found[2]) / 1000 if found[2] else float(found[3])
        (each,) = selector(found[1]).selectors
        now = self.clock()
        result = []
        for labels, points in self.series.items():
            named = dict(labels)
            inside = [[at, str(value)] for at, value in points if now - reach <= at <= now]
            if inside and (each.name is None or named["__name__"] == each.name) and matches(each.matchers, named):
                result.append({"metric": named, "values": inside})
        return result


@dataclass
class FakeMetrics:
    """A /metrics page; `pages` may hold other texts by path."""

    text: str = ""
    pages: dict[str, str] = field(default_factory=dict)
    weather: Reply | None = None
    fetches: list[str] = field(default_factory=list)
    url: str = ""
    port: int = 0

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.fetches.append(request.path)
        if self.weather:
            reply = self.weather(request)
            return await reply if asyncio.iscoroutine(reply) else reply
        return web.Response(text=self.pages.get(request.path, self.text))


@asynccontextmanager
async def serving(fake: FakePrometheus | FakeMetrics, host: str = "127.0.0.1") -> AsyncIterator[None]:
    """Serve the fake until the block ends; its `url` says where."""
    app = web.Application()
    app.router.add_route("GET", "/{path:.*}", fake.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, host, 0)
    await site.start()
    port = runner.addresses[0][1]
    fake.url = f"http://{host}:{port}"
    if isinstance(fake, FakeMetrics):
        fake.port = port
    try:
        yield
    finally:
        await runner.cleanup()


async def hanging(request: web.Request) -> web.Response:
    """Never answers."""
    await asyncio.sleep(3600)
    return web.Response()


async def trickling(request: web.Request) -> web.StreamResponse:
    """Answers a byte at a time, for ever."""
    response = web.StreamResponse()
    await response.prepare(request)
    while True:
        await response.write(b" ")
        await asyncio.sleep(0.02)


def refused_address() -> str:
    """An address at which nobody listens."""
    return "http://127.0.0.1:1"


async def eventually(condition: Callable[[], bool]) -> None:
    """Wait until the condition holds; the test's own time limit is what ends a wait for ever."""
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - the condition is somebody else's state
            await asyncio.sleep(0.005)
