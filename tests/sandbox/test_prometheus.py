import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from sandbox import prometheus
from sandbox.child import fetch
from sandbox.cluster import cluster
from sandbox.settings import Settings
from sandbox.storage import Object, Storage
from tests import missing
from tests.sandbox.workloads import quick

METRICS = b"# TYPE requests_total counter\nrequests_total 7\n"
ROLLOUT, REVISION = "progressive.delivery/rollout", "progressive.delivery/revision"


def a_pod(name: str = "shop-0", ip: str = "127.1.255.1", *, phase: str = "Running", **annotations: str) -> Object:
    chosen = annotations or {"scrape": "true"}
    return {
        "metadata": {
            "name": name,
            "namespace": "demo",
            "labels": {ROLLOUT: "shop", REVISION: "abc"},
            "annotations": {f"prometheus.io/{key}": value for key, value in chosen.items()},
        },
        "spec": {"containers": []},
        "status": {"phase": phase, "podIP": ip},
    }


def labels(**others: str) -> dict[str, str]:
    return {
        "namespace": "demo",
        "pod": "shop-0",
        "progressive_delivery_rollout": "shop",
        "progressive_delivery_revision": "abc",
        "__metrics_path__": "/metrics",
        **others,
    }


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return quick(tmp_path)


def test_a_pod_is_scraped_where_its_annotations_say_under_its_rollout_and_revision() -> None:
    found = prometheus.targets([a_pod(), a_pod(scrape="true", port="9000", path="/stats")])
    assert found == [
        {"targets": ["127.1.255.1:8080"], "labels": labels()},
        {"targets": ["127.1.255.1:9000"], "labels": labels(__metrics_path__="/stats")},
    ]


def test_pods_that_do_not_ask_for_it_or_do_not_run_are_not_scraped() -> None:
    pods = [a_pod(scrape="false"), a_pod(port="80"), a_pod(phase="Pending"), a_pod(phase="Failed"), a_pod(ip="")]
    assert prometheus.targets(pods) == []


def test_the_proxy_is_scraped_where_its_metrics_are(tmp_path: Path) -> None:
    jobs = prometheus.configuration(tmp_path / "pods", "http://127.0.0.1:9/stats/prometheus", interval=1)[
        "scrape_configs"
    ]
    assert jobs[1] == {
        "job_name": "proxy",
        "metrics_path": "/stats/prometheus",
        "static_configs": [{"targets": ["127.0.0.1:9"]}],
    }
    assert [
        job["job_name"] for job in prometheus.configuration(tmp_path / "pods", None, interval=1)["scrape_configs"]
    ] == ["pods"]


async def test_a_prometheus_that_does_not_start_says_so(settings: Settings) -> None:
    with pytest.raises(prometheus.PrometheusFailed, match=r"did not start \(code 1\)"):
        await prometheus.run(Storage(seed=1), settings, program=Path("/bin/false"), proxy=None, ready=print)


@asynccontextmanager
async def metrics() -> AsyncIterator[tuple[str, int]]:
    """A server that has the same metrics whatever it is asked."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        head = f"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-type: text/plain\r\ncontent-length: {len(METRICS)}"
        writer.write(head.encode() + b"\r\n\r\n" + METRICS)
        writer.close()

    async with await asyncio.start_server(talk, "127.1.255.20", 0) as server:
        yield server.sockets[0].getsockname()


async def series(url: str, query: str) -> list[tuple[dict[str, str], str]]:
    text = await fetch(f"{url}/api/v1/query?query={quote(query)}")
    result: list[Any] = json.loads(text or "{}")["data"]["result"]
    return [(one["metric"], one["value"][1]) for one in result]


async def until_scraped(url: str, query: str) -> list[tuple[dict[str, str], str]]:
    for _ in range(300):
        if found := await series(url, query):
            return found
        await asyncio.sleep(0.1)
    return []


@pytest.mark.e2e
@pytest.mark.skipif(prometheus.installed() is None, reason=missing.PROMETHEUS)
async def test_prometheus_has_the_series_of_pods_that_come_later_and_of_the_proxy(settings: Settings) -> None:
    storage = Storage(seed=1)
    program = prometheus.installed()
    assert program
    ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    async with metrics() as (host, port), asyncio.TaskGroup() as group:
        proxy = f"http://{host}:{port}/stats/prometheus"
        run = prometheus.run(storage, settings, program=program, proxy=proxy, ready=ready.set_result)
        task = group.create_task(run)
        url = await ready
        storage.create("pods", a_pod(ip=host, scrape="true", port=str(port)))
        found = await until_scraped(url, 'requests_total{job="pods"}')
        of_proxy = await until_scraped(url, 'requests_total{job="proxy"}')
        task.cancel()
    common = {"__name__": "requests_total", "instance": f"{host}:{port}"}
    expected = {key: value for key, value in labels().items() if not key.startswith("__")}
    assert found == [({**common, "job": "pods", **expected}, "7")]
    assert of_proxy == [({**common, "job": "proxy"}, "7")]


def test_a_prometheus_elsewhere_is_told_of_proxy_and_pods_as_long_as_the_sandbox_runs(settings: Settings) -> None:
    storage, proxy = Storage(seed=1), "http://127.0.0.1:9/stats/prometheus"
    with prometheus.described(storage, settings, proxy=proxy) as directory:
        pods = directory / "pods.json"
        written = json.loads((directory / "prometheus.json").read_text())
        assert written == prometheus.configuration(pods, proxy, interval=settings.scrape_interval)
        assert json.loads(pods.read_text()) == []
        storage.create("pods", a_pod())
        listed = prometheus.targets([a_pod()])
        assert json.loads(pods.read_text()) == listed
    storage.create("pods", a_pod("shop-1"))
    assert json.loads(pods.read_text()) == listed


async def test_a_sandbox_that_describes_a_prometheus_starts_none(settings: Settings) -> None:
    async with cluster(replace(settings, gateway=False, prometheus_files=True)) as running:
        assert running.prometheus_url is None
        assert sorted(path.name for path in (settings.directory / "prometheus").iterdir()) == [
            "pods.json",
            "prometheus.json",
        ]
