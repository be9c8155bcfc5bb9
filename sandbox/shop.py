"""The demo application: one small HTTP/1.1 process per pod that says which version and which pod answered."""

import asyncio
import json
import os
import random
import signal
import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

# Upper bounds in seconds: dense around the default latency, with the usual objectives (0.1, 0.25, 0.5, 1) as edges.
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 10.0)
REASONS = {200: "OK", 500: "Internal Server Error"}
# The longest chain of requests a client may have in flight towards a pod that goes away without a preStop pause.
DRAIN_SECONDS = 1.0


class RequestError(Exception):
    """What arrived is not an HTTP/1.1 request."""


@dataclass(frozen=True, kw_only=True)
class Behaviour:
    """How this version answers: `latency` is the median in seconds, `error_rate` a share from 0 to 1."""

    version: str
    pod: str
    latency: float = 0.02
    error_rate: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Request:
    """The parts of a request that decide the answer; `keep_alive` is the client's wish."""

    method: str
    path: str
    seconds: float | None
    keep_alive: bool


@dataclass(frozen=True, kw_only=True)
class Answer:
    """A status code and a body of the given type."""

    code: int
    body: bytes
    content_type: str = "application/json"


@dataclass(kw_only=True)
class Metrics:
    """Requests of the application itself, in the shapes Prometheus expects; probes and scrapes are not counted."""

    requests: Counter[tuple[str, int]] = field(default_factory=Counter)
    buckets: list[int] = field(default_factory=lambda: [0] * len(BUCKETS))
    total_seconds: float = 0.0

    def observe(self, method: str, code: int, *, seconds: float) -> None:
        """Count one answered request."""
        self.requests[method, code] += 1
        self.total_seconds += seconds
        for index, bound in enumerate(BUCKETS):
            self.buckets[index] += seconds <= bound

    def text(self) -> str:
        """Return everything counted so far in the Prometheus text format."""
        count = sum(self.requests.values())
        lines = ["# TYPE requests_total counter"]
        lines += [f'requests_total{{method="{m}",code="{c}"}} {n}' for (m, c), n in sorted(self.requests.items())]
        lines.append("# TYPE request_duration_seconds histogram")
        lines += [
            f'request_duration_seconds_bucket{{le="{bound}"}} {n}'
            for bound, n in zip(BUCKETS, self.buckets, strict=True)
        ]
        lines.append(f'request_duration_seconds_bucket{{le="+Inf"}} {count}')
        lines.append(f"request_duration_seconds_sum {self.total_seconds:.6f}")
        lines.append(f"request_duration_seconds_count {count}")
        return "\n".join(lines) + "\n"


def behaviour(environment: Mapping[str, str]) -> Behaviour:
    """Return how to answer: LATENCY_MS and ERROR_RATE if given, otherwise what the image's tag stands for."""
    tag = environment.get("IMAGE_TAG", "dev")
    bad = tag == "v3" or tag.endswith("-bad")
    latency = 200.0 if tag.endswith("-slow") else 20.0
    return Behaviour(
        version=tag,
        pod=environment.get("POD_NAME", environment.get("HOSTNAME", "shop")),
        latency=float(environment.get("LATENCY_MS", latency)) / 1000,
        error_rate=float(environment.get("ERROR_RATE", 0.05 if bad else 0.0)),
    )


class Shop:
    """One running application: it answers connections until `drain` has let the last request finish."""

    def __init__(self, behaviour: Behaviour, *, chance: random.Random) -> None:
        self.behaviour = behaviour
        self.metrics = Metrics()
        self._chance = chance
        self._draining = False
        self._idle: set[asyncio.StreamWriter] = set()
        self._connections: set[asyncio.Task[None]] = set()

    async def converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection one after another, until either side wants to close it."""
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            while await self._exchange(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, RequestError):
            pass  # The client went away or talks nonsense: closing is the answer.
        finally:
            self._idle.discard(writer)
            self._connections.discard(task)
            writer.close()

    async def drain(self, server: asyncio.Server, *, after: float) -> None:
        """Ask clients to reconnect elsewhere for `after` seconds, then stop accepting and finish what is in flight."""
        self._draining = True
        await asyncio.sleep(after)
        server.close()
        for writer in self._idle:
            writer.close()
        if self._connections:
            await asyncio.wait(self._connections)

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        self._idle.add(writer)
        request = await read_request(reader)
        self._idle.discard(writer)
        if request is None:
            return False
        answer = await self._answer(request)
        close = self._draining or not request.keep_alive
        writer.write(self._encode(request, answer, close=close))
        await writer.drain()
        return not close

    async def _answer(self, request: Request) -> Answer:
        if request.path == "/healthz":
            return Answer(code=200, body=b"ok\n", content_type="text/plain")
        if request.path == "/metrics":
            return Answer(code=200, body=self.metrics.text().encode(), content_type="text/plain; version=0.0.4")
        return await self._serve(request)

    async def _serve(self, request: Request) -> Answer:
        began = asyncio.get_running_loop().time()
        await asyncio.sleep(self._duration(request))
        code = 500 if self._chance.random() < self.behaviour.error_rate else 200
        self.metrics.observe(request.method, code, seconds=asyncio.get_running_loop().time() - began)
        body = {"version": self.behaviour.version, "pod": self.behaviour.pod}
        return Answer(code=code, body=json.dumps(body).encode() + b"\n")

    def _duration(self, request: Request) -> float:
        if request.seconds is not None:
            return request.seconds
        if request.path == "/slow":
            return 1.0
        # Real latencies have a tail: the 99th percentile is about twice the median.
        return self.behaviour.latency * self._chance.lognormvariate(0.0, 0.3)

    def _encode(self, request: Request, answer: Answer, *, close: bool) -> bytes:
        head = (
            f"HTTP/1.1 {answer.code} {REASONS[answer.code]}\r\n"
            f"content-type: {answer.content_type}\r\n"
            f"content-length: {len(answer.body)}\r\n"
            f"x-from: app\r\nx-version: {self.behaviour.version}\r\nx-pod: {self.behaviour.pod}\r\n"
            f"connection: {'close' if close else 'keep-alive'}\r\n\r\n"
        )
        return head.encode() + (b"" if request.method == "HEAD" else answer.body)


async def read_request(reader: asyncio.StreamReader) -> Request | None:
    """Return the next request with its body read and dropped, None at the end; raise RequestError for anything else."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as end:
        if end.partial:
            raise
        return None
    first, *lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    request = parse_request(first, headers)
    await skip_body(reader, headers)
    return request


def parse_request(first: str, headers: Mapping[str, str]) -> Request:
    """Return the request of a start line and its headers (names in lower case); raise RequestError."""
    try:
        method, target, protocol = first.split(" ")
        url = urlsplit(target)
        seconds = parse_qs(url.query).get("seconds")
        return Request(
            method=method,
            path=url.path,
            seconds=float(seconds[0]) if seconds else None,
            keep_alive=protocol == "HTTP/1.1" and headers.get("connection", "").lower() != "close",
        )
    except ValueError as error:
        raise RequestError(first) from error


async def skip_body(reader: asyncio.StreamReader, headers: Mapping[str, str]) -> None:
    """Read a request's body, of a stated length or in chunks, so that the next request can follow."""
    if headers.get("transfer-encoding", "").lower() != "chunked":
        await reader.readexactly(_size(headers.get("content-length", "0"), base=10))
        return
    while size := _size((await reader.readuntil(b"\r\n")).split(b";")[0], base=16):
        await reader.readexactly(size + 2)
    while await reader.readuntil(b"\r\n") != b"\r\n":
        pass  # Trailers.


def _size(digits: str | bytes, *, base: int) -> int:
    try:
        return int(digits, base)
    except ValueError as error:
        raise RequestError(f"no length: {digits!r}") from error


async def run(environment: Mapping[str, str]) -> None:
    """Serve on POD_IP and PORT until SIGTERM, then drain."""
    asked_to_stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, asked_to_stop.set)
    current = behaviour(environment)
    shop = Shop(current, chance=random.Random(current.pod))  # noqa: S311 - a demo, not a secret
    host, port = environment.get("POD_IP", "127.0.0.1"), int(environment.get("PORT", "8080"))
    server = await asyncio.start_server(shop.converse, host, port, backlog=1024)
    sys.stdout.write(f"shop {current.version} serves on {host}:{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await asked_to_stop.wait()
    await shop.drain(server, after=DRAIN_SECONDS)


if __name__ == "__main__":
    asyncio.run(run(os.environ))
