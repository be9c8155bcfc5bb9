"""Latencies of native histograms, scraped and remembered by a real Prometheus."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import web

from analysis.checks import Comparison, Latency, Subject
from analysis.results import State
from analysis.sources import PrometheusSource
from tests.prometheus.protobuf import CONTENT_TYPE, page
from tests.prometheus.server import INTERVAL, Server
from tests.prometheus.watching import Watch, watching

FAST, SLOW = -16, -4  # the buckets that end at a quarter of a second, and above 0.7 s
CANARY = Subject(side="canary", revision="v2", namespace="n", pods=("new",))
STABLE = Subject(side="stable", revision="v1", namespace="n", pods=("old",))
OF_PODS = 'd_seconds{pod=~"{{pods}}"}'
ALWAYS = Comparison(exclude=0.0)
CHECKS = (
    Latency(name="below", histogram=OF_PODS, below=0.5, rule=ALWAYS),
    Latency(name="tail", histogram=OF_PODS, rule=ALWAYS),
)


@dataclass
class Pods:
    """Two pods, and so many fast and slow requests of each so far."""

    counts: dict[str, dict[int, int]] = field(
        default_factory=lambda: {"old": {FAST: 5000, SLOW: 50}, "new": {FAST: 0, SLOW: 0}}
    )
    scrapes: int = 0

    async def answer(self, request: web.Request) -> web.Response:
        counts = self.counts[request.match_info["pod"]]
        self.scrapes += 1
        return web.Response(body=page("d_seconds", counts), headers={"Content-Type": CONTENT_TYPE})


@asynccontextmanager
async def scraped(directory: Path) -> AsyncIterator[tuple[Pods, PrometheusSource]]:
    pods = Pods()
    app = web.Application()
    app.router.add_get("/{pod}", pods.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    targets = [f"127.0.0.1:{runner.addresses[0][1]}"]
    jobs = [
        {"job_name": pod, "metrics_path": f"/{pod}", "static_configs": [{"targets": targets, "labels": {"pod": pod}}]}
        for pod in pods.counts
    ]
    server = Server(directory, jobs=jobs, options=("--enable-feature=native-histograms",))
    try:
        async with server.running():
            yield pods, PrometheusSource(name="prometheus", url=server.url, interval=INTERVAL)
    finally:
        await runner.cleanup()


async def go_on(pods: Pods, *, slow: int) -> None:
    """One scrape of each pod, with a hundred requests more to the canary, and so many of them slow."""
    pods.counts = {
        "old": {FAST: pods.counts["old"][FAST] + 990, SLOW: pods.counts["old"][SLOW] + 10},
        "new": {FAST: pods.counts["new"][FAST] + 100 - slow, SLOW: pods.counts["new"][SLOW] + slow},
    }
    seen = pods.scrapes
    async with asyncio.timeout(20):
        while pods.scrapes < seen + 2:  # noqa: ASYNC110 - the scrapes are Prometheus' own
            await asyncio.sleep(0.02)


async def until(watch: Watch, pods: Pods, state: State, *, slow: int) -> None:
    """Scrapes of such requests, until both checks are in this state."""
    for _ in range(100):
        if all(watch.result(check.name).state is state for check in CHECKS):
            return
        await go_on(pods, slow=slow)
    raise AssertionError([watch.result(check.name).sentence for check in CHECKS])


async def test_a_slower_version_is_told_from_an_equal_one(tmp_path: Path) -> None:
    async with scraped(tmp_path) as (pods, source), watching(source) as watch:
        watch.subscribe(*CHECKS, subjects=(CANARY, STABLE))
        await watch.until(lambda: watch.counts("below", "stable") is not None, "the first scrapes")
        await until(watch, pods, State.PASS, slow=1)
        await until(watch, pods, State.REGRESS, slow=30)
        sentences = {check.name: watch.result(check.name).sentence for check in CHECKS}
    assert "slower than 500 ms (" in sentences["below"]
    assert all(sentence.endswith(" by chance") for sentence in sentences.values()), sentences
