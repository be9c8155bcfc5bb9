"""The demo application answers, counts, fails and ends as its environment says."""

import asyncio
import json
import os
import random
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from sandbox.pod_process import ask_to_end
from sandbox.pod_process import running as process
from sandbox.shop import Behaviour, Metrics, Shop, behaviour
from tests.sandbox.workloads import eventually


class Client:
    """One HTTP/1.1 connection, as literal as possible."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def ask(self, request: str) -> tuple[int, dict[str, str], bytes]:
        """Send literal text; return code, headers and body of the answer."""
        self.writer.write(request.encode())
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = dict(line.split(": ", 1) for line in head[1:] if line)
        body = await self.reader.readexactly(int(headers["content-length"]))
        return int(head[0].split(" ")[1]), headers, body

    async def get(self, path: str) -> tuple[int, dict[str, str], bytes]:
        return await self.ask(f"GET {path} HTTP/1.1\r\nhost: shop\r\n\r\n")

    async def is_closed(self) -> bool:
        return await self.reader.read(1) == b""


@asynccontextmanager
async def connection(port: int) -> AsyncIterator[Client]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield Client(reader, writer)
    finally:
        writer.close()
        await writer.wait_closed()


@asynccontextmanager
async def a_shop(**changes: Any) -> AsyncIterator[tuple[Shop, asyncio.Server, int]]:
    values: dict[str, Any] = {"version": "v1", "pod": "shop-0", "latency": 0.0, **changes}
    shop = Shop(Behaviour(**values), chance=random.Random(1))
    server = await asyncio.start_server(shop.converse, "127.0.0.1", 0)
    try:
        yield shop, server, server.sockets[0].getsockname()[1]
    finally:
        await shop.drain(server, after=0)


async def test_an_answer_says_version_and_pod() -> None:
    async with a_shop() as (_, _, port), connection(port) as client:
        code, headers, body = await client.get("/")
    assert (code, json.loads(body)) == (200, {"version": "v1", "pod": "shop-0"})
    assert (headers["x-from"], headers["x-version"], headers["x-pod"]) == ("app", "v1", "shop-0")


async def test_a_connection_is_kept_for_the_next_request_whatever_the_body() -> None:
    async with a_shop() as (_, _, port), connection(port) as client:
        requests = [
            "POST / HTTP/1.1\r\nhost: shop\r\ncontent-length: 5\r\n\r\nhello",
            "POST / HTTP/1.1\r\nhost: shop\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
            "GET / HTTP/1.1\r\nhost: shop\r\n\r\n",
        ]
        assert [(await client.ask(request))[0] for request in requests] == [200, 200, 200]


async def test_a_client_may_close() -> None:
    async with a_shop() as (_, _, port), connection(port) as client:
        _, headers, _ = await client.ask("GET / HTTP/1.1\r\nhost: shop\r\nconnection: close\r\n\r\n")
        assert headers["connection"] == "close"
        assert await client.is_closed()


async def test_what_is_no_request_ends_the_connection_and_nothing_else() -> None:
    async with a_shop() as (_, _, port):
        for nonsense in (
            "hello\r\n\r\n",
            "GET /?seconds=x HTTP/1.1\r\n\r\n",
            "POST / HTTP/1.1\r\ncontent-length: x\r\n\r\n",
        ):
            async with connection(port) as client:
                client.writer.write(nonsense.encode())
                assert await client.is_closed()
        async with connection(port) as client:
            assert (await client.get("/"))[0] == 200


async def test_errors_come_at_the_given_rate_from_the_application() -> None:
    async with a_shop(error_rate=0.5) as (_, _, port), connection(port) as client:
        answers = [await client.get("/") for _ in range(200)]
    errors = [headers["x-from"] for code, headers, _ in answers if code == 500]
    assert set(errors) == {"app"}
    assert 60 < len(errors) < 140


async def test_metrics_count_requests_but_neither_probes_nor_scrapes() -> None:
    async with a_shop() as (_, _, port), connection(port) as client:
        for path in ("/", "/?seconds=0.06", "/healthz", "/metrics"):
            await client.get(path)
        _, headers, body = await client.get("/metrics")
    lines = body.decode().splitlines()
    assert headers["content-type"] == "text/plain; version=0.0.4"
    assert 'requests_total{method="GET",code="200"} 2' in lines
    assert 'request_duration_seconds_bucket{le="0.05"} 1' in lines
    assert 'request_duration_seconds_bucket{le="+Inf"} 2' in lines
    assert "request_duration_seconds_count 2" in lines


def test_buckets_are_cumulative_and_include_their_bound() -> None:
    metrics = Metrics()
    for seconds in (0.5, 0.6, 20.0):
        metrics.observe("GET", 200, seconds=seconds)
    lines = metrics.text().splitlines()
    found = [
        line.partition(" ")[2] for line in lines if any(f'le="{b}"' in line for b in ("0.25", "0.5", "10.0", "+Inf"))
    ]
    assert found == ["0", "1", "2", "3"]


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"IMAGE_TAG": "v1", "POD_NAME": "p"}, Behaviour(version="v1", pod="p")),
        ({"IMAGE_TAG": "v3", "POD_NAME": "p"}, Behaviour(version="v3", pod="p", error_rate=0.05)),
        ({"IMAGE_TAG": "v9-bad", "POD_NAME": "p"}, Behaviour(version="v9-bad", pod="p", error_rate=0.05)),
        ({"IMAGE_TAG": "v9-slow", "POD_NAME": "p"}, Behaviour(version="v9-slow", pod="p", latency=0.2)),
        (
            {"IMAGE_TAG": "v3", "POD_NAME": "p", "ERROR_RATE": "0", "LATENCY_MS": "5"},
            Behaviour(version="v3", pod="p", latency=0.005),
        ),
    ],
)
def test_the_tag_decides_what_the_environment_leaves_open(environment: dict[str, str], expected: Behaviour) -> None:
    assert behaviour(environment) == expected


async def test_while_it_drains_it_answers_and_asks_to_reconnect_elsewhere() -> None:
    async with a_shop() as (shop, server, port), connection(port) as kept, connection(port) as busy:
        await kept.get("/")
        slow = asyncio.ensure_future(busy.get("/?seconds=0.4"))
        await asyncio.sleep(0.1)
        async with asyncio.TaskGroup() as group:
            group.create_task(shop.drain(server, after=0.1))
            await asyncio.sleep(0)
            async with connection(port) as late:
                code, headers, _ = await late.get("/")
            assert (code, headers["connection"]) == (200, "close")
            code, headers, _ = await slow
            assert (code, headers["connection"]) == (200, "close")
            assert await kept.is_closed()
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", port)


@asynccontextmanager
async def a_process(log: Path, **env: str) -> AsyncIterator[tuple[Process, int]]:
    variables = {"PATH": os.environ["PATH"], "PYTHONPATH": os.getcwd(), "PORT": "0", **env}
    async with process([sys.executable, "-m", "sandbox.shop"], env=variables, log=log) as shop:
        await eventually(lambda: "serves on" in log.read_text())
        yield shop, port_in(log)


def port_in(log: Path) -> int:
    return int(log.read_text().rpartition(":")[2])


async def test_as_a_process_it_finishes_what_is_in_flight_and_ends_well(tmp_path: Path) -> None:
    async with a_process(tmp_path / "log", IMAGE_TAG="v2", POD_NAME="p") as (shop, port), connection(port) as client:
        answer = asyncio.ensure_future(client.get("/?seconds=1.5"))
        await asyncio.sleep(0.1)
        ask_to_end(shop)
        code, _, body = await answer
        assert (code, json.loads(body)) == (200, {"version": "v2", "pod": "p"})
        assert await shop.wait() == 0
