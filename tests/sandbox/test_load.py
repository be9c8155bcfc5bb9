import argparse
import asyncio
import io
import json
import random
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import RequestReceived
from hyperframe.frame import GoAwayFrame

from sandbox.load.__main__ import arguments, loopback
from sandbox.load.answers import Answer, Lost, Result, Verdict
from sandbox.load.generator import Client, Plan, generate
from sandbox.load.http1 import Http1
from sandbox.load.http2 import Http2
from sandbox.load.report import Report
from sandbox.shop import Behaviour, Shop
from sandbox.storage import Object
from tests.sandbox.test_envoy import gateway_of
from tests.sandbox.traffic import (
    NAMESPACE,
    Backend,
    a_gateway,
    a_ref,
    a_route,
    a_rule,
    a_service,
    a_slice,
    filled,
    serving,
)
from tests.sandbox.workloads import quick

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
HELLO = b"HTTP/1.1 200 OK\r\nx-from: app\r\nx-version: v1\r\ncontent-length: 2\r\n\r\nhi"


def an_answer(code: int = 200, version: str = "v1", *, app: bool = True) -> Answer:
    return Answer(code=code, headers={"x-version": version, **({"x-from": "app"} if app else {})})


def a_result(answer: Answer | None, *, client: str = "http1", why: str = "") -> Result:
    return Result(at=1700000000.5, seconds=0.25, client=client, answer=answer, why=why)


# What counts as what


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        (an_answer(200), Verdict.OK),
        (an_answer(200, app=False), Verdict.OK),
        (an_answer(404), Verdict.OK),
        (an_answer(404, app=False), Verdict.LOST),
        (an_answer(500), Verdict.FAILED),
        (an_answer(503), Verdict.FAILED),
        (an_answer(503, app=False), Verdict.LOST),
        (an_answer(500, app=False), Verdict.LOST),
        (None, Verdict.LOST),
    ],
)
def test_only_the_applications_own_bad_answers_are_its_failures(answer: Answer | None, verdict: Verdict) -> None:
    assert a_result(answer).verdict is verdict


def test_the_report_has_a_line_per_request_and_sums_by_version_and_client() -> None:
    lines = io.StringIO()
    report = Report(lines)
    for client in ("http1", "http1", "http2", "http2"):
        report.sent(client)
    report.ended(a_result(an_answer(200)))
    report.ended(a_result(an_answer(500, "v2")))
    report.ended(a_result(None, client="http2", why="cut: x"))
    assert [json.loads(line) for line in lines.getvalue().splitlines()] == [
        {"at": 1700000000.5, "ms": 250, "client": "http1", "class": "ok", "code": 200, "version": "v1"},
        {"at": 1700000000.5, "ms": 250, "client": "http1", "class": "failed", "code": 500, "version": "v2"},
        {"at": 1700000000.5, "ms": 250, "client": "http2", "class": "lost", "code": 0, "version": "", "why": "cut: x"},
    ]
    assert report.summary(1700000001) == {
        "at": 1700000001,
        "sent": 4,
        "ok": 1,
        "failed": {"v2": 1},
        "lost": 1,
        "answered": {"v1": 1, "v2": 1},
        "by_client": {
            "http1": {"sent": 2, "ok": 1, "failed": 1, "lost": 0},
            "http2": {"sent": 2, "ok": 0, "failed": 0, "lost": 1},
        },
    }


@pytest.mark.parametrize("url", ["http://10.0.0.1", "http://example.com:80", "https://127.0.0.1", "127.0.0.1:80"])
def test_load_is_sent_to_loopback_only(url: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="nowhere else"):
        loopback(url)
    with pytest.raises(SystemExit):
        arguments(["--url", url])


def test_loopback_addresses_are_taken_with_their_port() -> None:
    urls = ["http://127.2.0.1", "http://127.0.0.1:8080", "http://localhost:1"]
    assert [loopback(url) for url in urls] == [("127.2.0.1", 80), ("127.0.0.1", 8080), ("127.0.0.1", 1)]


# HTTP/1.1


@asynccontextmanager
async def talking(talk: Talk) -> AsyncIterator[int]:
    """A server whose connections are `talk`; yields its port."""
    connections: set[asyncio.Task[None]] = set()

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        connections.add(task)
        try:
            await talk(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            connections.discard(task)
            writer.close()

    server = await asyncio.start_server(converse, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in tuple(connections):
            task.cancel()
        await asyncio.gather(*connections, return_exceptions=True)


@asynccontextmanager
async def http1(port: int, uses: int = 100) -> AsyncIterator[Http1]:
    client = Http1("127.0.0.1", port, authority="shop", uses=uses)
    try:
        yield client
    finally:
        await client.close()


async def test_a_connection_is_kept_for_so_many_requests() -> None:
    served: list[int] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        served.append(0)
        number = len(served) - 1
        while True:
            await reader.readuntil(b"\r\n\r\n")
            served[number] += 1
            writer.write(HELLO)

    async with talking(talk) as port, http1(port, uses=2) as client:
        for _ in range(5):
            assert (await client.get("/")).version == "v1"
    assert served == [2, 2, 1]


async def test_a_request_on_an_idle_connection_that_was_just_closed_is_repeated_once() -> None:
    connections = 0

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await reader.readuntil(b"\r\n\r\n")
        writer.write(HELLO)
        await reader.readuntil(b"\r\n\r\n")  # and closed without a word

    async with talking(talk) as port, http1(port) as client:
        assert (await client.get("/")).code == 200
        assert (await client.get("/")).code == 200
    assert connections == 2


@pytest.mark.parametrize("sent", [b"", HELLO[:20], HELLO[:-1]], ids=["nothing", "half a head", "half a body"])
async def test_an_answer_that_ends_too_early_on_a_new_connection_is_lost(sent: bytes) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(sent)

    async with talking(talk) as port, http1(port) as client:
        with pytest.raises(Lost, match="cut"):
            await client.get("/")


async def test_half_an_answer_is_lost_even_on_an_old_connection() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(HELLO)
        await reader.readuntil(b"\r\n\r\n")
        writer.write(HELLO[:20])

    async with talking(talk) as port, http1(port) as client:
        await client.get("/")
        with pytest.raises(Lost, match="cut"):
            await client.get("/")


async def test_chunked_answers_are_read_to_their_end() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n")

    async with talking(talk) as port, http1(port) as client:
        assert [(await client.get("/")).code for _ in range(2)] == [200, 200]


@pytest.mark.parametrize("kind", [Http1, Http2])
async def test_a_refused_connection_is_a_lost_request(kind: Any) -> None:
    options = {"uses": 1} if kind is Http1 else {"connections": 1}
    client = kind("127.0.0.1", 1, authority="shop", **options)
    with pytest.raises(Lost, match="connect: Connect"):
        await client.get("/")


# HTTP/2


@dataclass
class H2Server:
    """An HTTP/2 server that answers every request, until `farewell` requests have come on a connection.

    Then it says that it goes away, and has begun only the first `begun` of them.
    """

    farewell: int = 1000
    begun: int = 0
    answered: int = 0
    connections: int = 0

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        http = H2Connection(H2Configuration(client_side=False, header_encoding="utf-8"))
        http.initiate_connection()
        streams: list[int] = []
        leaving = False
        while True:
            writer.write(http.data_to_send())
            data = await reader.read(65536)
            if not data:
                return
            streams += [e.stream_id for e in http.receive_data(data) if isinstance(e, RequestReceived)]
            if self.connections == 1 and self.farewell < 1000:
                if len(streams) < self.farewell or leaving:
                    continue
                leaving = True
                writer.write(GoAwayFrame(last_stream_id=2 * self.begun - 1).serialize())
                streams = streams[: self.begun]
            self._answer(http, streams)

    def _answer(self, http: H2Connection, streams: list[int]) -> None:
        for stream in streams:
            http.send_headers(stream, [(":status", "200"), ("x-from", "app"), ("x-version", "v1")])
            http.send_data(stream, b"hi", end_stream=True)
            self.answered += 1
        streams.clear()


@asynccontextmanager
async def http2(port: int, connections: int = 1) -> AsyncIterator[Http2]:
    client = Http2("127.0.0.1", port, authority="shop", connections=connections)
    try:
        yield client
    finally:
        await client.close()


async def test_many_requests_share_few_connections() -> None:
    server = H2Server()
    async with talking(server.talk) as port, http2(port, connections=2) as client:
        answers = await asyncio.gather(*(client.get("/") for _ in range(20)))
    assert {(answer.code, answer.version) for answer in answers} == {(200, "v1")}
    assert (server.connections, server.answered) == (2, 20)


async def test_a_server_that_goes_away_finishes_what_it_has_begun_and_the_rest_is_repeated_elsewhere() -> None:
    server = H2Server(farewell=4, begun=2)
    async with talking(server.talk) as port, http2(port) as client:
        answers = await asyncio.gather(*(client.get("/") for _ in range(4)))
        assert [answer.code for answer in answers] == [200] * 4
        assert (await client.get("/")).code == 200
    assert (server.connections, server.answered) == (2, 5)


async def test_a_connection_cut_without_a_word_loses_its_requests() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(10)

    async with talking(talk) as port, http2(port) as client:
        with pytest.raises(Lost, match="cut"):
            await client.get("/")


async def test_a_server_that_does_not_speak_http2_loses_the_request_at_once() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(10)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await reader.read()

    async with talking(talk) as port, http2(port) as client:
        with pytest.raises(Lost, match="protocol"):
            await client.get("/")


# The whole


async def test_a_generator_sends_its_rate_and_ends_with_everything_answered() -> None:
    backend = Backend("v1", slow=0.05)
    lines = io.StringIO()
    async with serving(backend):
        client = Http1(backend.address, backend.port, authority="shop", uses=100)
        report = Report(lines)
        plan = Plan(rate=200, slow_share=0.1, shares={"http1": 1}, seconds=0.5)
        await generate(plan, {"http1": client}, report, asyncio.Event())
    assert report.summary(0)["by_client"] == {"http1": {"sent": 100, "ok": 100, "failed": 0, "lost": 0}}
    slow = sum(first.startswith("GET /slow?seconds=1 ") for first, _ in backend.requests)
    assert 1 <= slow <= 30
    assert len(lines.getvalue().splitlines()) == 100


async def test_the_program_finishes_what_is_in_flight_when_it_is_asked_to_stop(tmp_path: Path) -> None:
    backend = Backend("v1", slow=0.3)
    report = tmp_path / "report"
    async with serving(backend):
        url = f"http://{backend.address}:{backend.port}"
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "sandbox.load", "--rate", "50", "--url", url, "--report", str(report)),
            stdout=asyncio.subprocess.PIPE,
        )
        assert process.stdout
        first = json.loads(await process.stdout.readline())
        process.send_signal(signal.SIGTERM)
        rest = [json.loads(line) for line in (await process.stdout.read()).splitlines()]
        assert await process.wait() == 0
    last = rest[-1]["by_client"]["http1"]
    assert first["by_client"]["http1"]["ok"] < first["by_client"]["http1"]["sent"] <= last["sent"]
    assert last == {"sent": last["sent"], "ok": last["sent"], "failed": 0, "lost": 0}
    assert len(report.read_text().splitlines()) == rest[-1]["sent"]


@asynccontextmanager
async def a_pod(version: str, address: str) -> AsyncIterator[tuple[Shop, asyncio.Server]]:
    """A shop in this process, at a pod's address."""
    shop = Shop(Behaviour(version=version, pod=address, latency=0.01), chance=random.Random(1))
    server = await asyncio.start_server(shop.converse, address, 0)
    try:
        yield shop, server
    finally:
        if server.is_serving():
            await shop.drain(server, after=0)


def a_pods_slice(service: str, server: asyncio.Server) -> Object:
    return a_slice(service, *server.sockets[0].getsockname(), name=f"{service}-0")


async def test_what_the_proxy_answers_for_a_backend_that_is_not_there_is_lost(tmp_path: Path) -> None:
    route = a_route(a_rule(a_ref("empty"), a_ref("missing")))
    storage = filled(gateways=[a_gateway()], httproutes=[route], services=[a_service("empty")])
    async with gateway_of(storage, quick(tmp_path)) as running:
        host, port = loopback(running.url)
        client, report = Http2(host, port, authority="shop", connections=1), Report(io.StringIO())
        plan = Plan(rate=200, slow_share=0, shares={"http2": 1}, seconds=0.2)
        await generate(plan, {"http2": client}, report, asyncio.Event())
    assert report.summary(0)["by_client"] == {"http2": {"sent": 40, "ok": 0, "failed": 0, "lost": 40}}


@pytest.mark.e2e
async def test_no_request_is_lost_while_weights_move_endpoints_are_exchanged_and_pods_leave(tmp_path: Path) -> None:
    cluster_ip = "127.2.255.2"
    service = a_service(clusterIP=cluster_ip, ports=[{"name": "http", "port": 28080}])
    ref, canary_ref = a_ref("shop", port=28080), a_ref("canary")
    async with a_pod("v1", "127.1.255.10") as (old, old_server), a_pod("v2", "127.1.255.11") as (_, new_server):
        storage = filled(
            gateways=[a_gateway()],
            httproutes=[a_route(a_rule(ref))],
            services=[service, a_service("canary")],
            endpointslices=[a_pods_slice("shop", old_server), a_pods_slice("canary", new_server)],
        )

        def weigh(*rules: Object) -> None:
            storage.mutate("httproutes", NAMESPACE, "shop", lambda route: route["spec"].update(rules=list(rules)))

        async with gateway_of(storage, quick(tmp_path, proxy_lag=(0.05, 0.4))) as running:
            host, port = loopback(running.url)
            clients: dict[str, Client] = {
                "http1": Http1(host, port, authority="shop", uses=1000),
                "http2": Http2(host, port, authority="shop", connections=2),
                "service": Http1(cluster_ip, 28080, authority="shop", uses=5),
            }
            report, stop = Report(io.StringIO()), asyncio.Event()
            plan = Plan(rate=80, slow_share=0.1, shares={"http1": 2, "http2": 2, "service": 1})
            async with asyncio.TaskGroup() as group:
                group.create_task(generate(plan, clients, report, stop))
                for weight in (10, 50, 100):
                    weigh(a_rule({**ref, "weight": 100 - weight}, {**canary_ref, "weight": weight}))
                    await asyncio.sleep(0.6)
                storage.update("endpointslices", a_pods_slice("shop", new_server))
                await asyncio.sleep(0.6)
                weigh(a_rule(ref))
                await old.drain(old_server, after=1.0)
                storage.delete("services", NAMESPACE, "canary")
                storage.remove("endpointslices", NAMESPACE, "canary-0")
                await asyncio.sleep(1.0)
                stop.set()
            summary = report.summary(0)
    assert (summary["failed"], summary["lost"], summary["ok"]) == ({}, 0, summary["sent"])
    answered: Any = summary["answered"]
    assert set(answered) == {"v1", "v2"}
