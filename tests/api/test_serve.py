import asyncio
import errno
import signal
import socket

import httpx2
import pytest

from api.health import create_health_app
from api.serve import require_loopback, serve
from rollout.metrics import Metrics
from tests.api.cluster import a_cluster, an_app, eventually, moving, served


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.1", "::1", "localhost"])
def test_loopback_addresses_are_accepted(host: str) -> None:
    require_loopback(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "example.com", "localhost.example.com", ""])
def test_any_other_address_is_refused_with_the_remedy(host: str) -> None:
    expected = "the API has no access control yet, so it listens on loopback only: use 127.0.0.1 or ::1 and not "
    with pytest.raises(ValueError, match="no access control") as error:
        require_loopback(host)
    assert str(error.value) == f"{expected}{host!r}"


async def test_cancelling_ends_it_even_with_open_streams_and_idle_connections() -> None:
    async with a_cluster() as server, an_app(server, moving()) as app, httpx2.AsyncClient() as client:
        async with asyncio.timeout(5), served(app) as url:
            await client.get(f"{url}/api/v1/rollouts")
            response = await client.send(client.build_request("GET", f"{url}/api/v1/events"), stream=True)
            lines = response.aiter_lines()
            assert await anext(lines) == "retry: 2000"
        rest = [line async for line in lines]
        assert "event: synced" in rest
        with pytest.raises(httpx2.ConnectError):
            await client.get(f"{url}/api/v1/rollouts")


async def test_cancelling_ends_it_even_when_a_listener_does_not_read() -> None:
    async with a_cluster() as server, an_app(server, *(moving(f"r{n}") for n in range(4000))) as app:
        with socket.socket() as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            listener.setblocking(False)
            async with asyncio.timeout(10), served(app) as url:
                loop = asyncio.get_running_loop()
                await loop.sock_connect(listener, ("127.0.0.1", int(url.rpartition(":")[2])))
                await loop.sock_sendall(listener, b"GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
                await eventually(lambda: app.state.streams.listeners == 1)
                await asyncio.sleep(0.5)  # by then every buffer on the way is full
        await eventually(lambda: app.state.streams.listeners == 0)


async def test_signals_stay_with_the_caller() -> None:
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    async with a_cluster() as server, an_app(server) as app, served(app):
        assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before


async def test_a_port_that_is_taken_is_named_with_the_remedy() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        async with a_cluster() as server, an_app(server) as app:
            with pytest.raises(OSError, match="cannot listen on") as error:
                await serve(app, host="127.0.0.1", port=port)
    assert (error.value.errno, error.value.strerror) == (
        errno.EADDRINUSE,
        f"cannot listen on 127.0.0.1 port {port} (Address already in use): choose another",
    )


async def test_health_says_why_not_and_metrics_are_prometheus_text() -> None:
    reasons: dict[str, str | None] = {"live": None, "ready": "the cache of pods is not filled yet"}
    app = create_health_app(live=lambda: reasons["live"], ready=lambda: reasons["ready"], metrics=Metrics())
    async with served(app) as url, httpx2.AsyncClient(base_url=url) as client:
        answers = [await client.get(path) for path in ("/healthz", "/readyz", "/metrics")]
        reasons.update(live="the loop has not turned for 40 s", ready=None)
        later = [await client.get(path) for path in ("/healthz", "/readyz")]
    assert [(answer.status_code, answer.text) for answer in answers[:2]] == [
        (200, "ok"),
        (503, "the cache of pods is not filled yet"),
    ]
    assert answers[2].headers["content-type"].startswith("text/plain; version=0.0.4")
    assert "# TYPE progressive_delivery_reconciles_total counter" in answers[2].text
    assert [(answer.status_code, answer.text) for answer in later] == [
        (503, "the loop has not turned for 40 s"),
        (200, "ok"),
    ]
