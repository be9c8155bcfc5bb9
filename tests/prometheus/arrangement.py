"""The demo's arrangement, its traffic moved by hand: a real Envoy before real pods, and a Prometheus that scrapes both.

Three moments of one release are recorded: before there is a canary, during the shift, and after it was taken back.
"""

import asyncio
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from analysis.checks import Side, Subject
from analysis.history import Counts
from analysis.results import CheckResult, State
from analysis.sources import Number, PrometheusSource
from analysis.sources.opening import opened
from rollout.cli.showcase import manifests
from tests.controller.harness import RESOURCES, Stage, a_service, stage
from tests.prometheus.catalogue import COUNTING, FROM_THE_DEMO
from tests.prometheus.traffic import Request, Traffic
from tests.prometheus.watching import PATIENCE, Watch, watching

NAMESPACE = manifests.NAMESPACE
HOST = "shop.example"
VERSIONS = MappingProxyType({"stable": "v1", "canary": "v2"})
REVISION = "progressive.delivery/revision"
BEHAVIOUR: dict[str, dict[str, str]] = {"v1": {}, "v2": {"ERROR_RATE": "0.2", "LATENCY_MS": "1200"}}
WARM_UP = 20
COUNTED = (
    "requests_total",
    "envoy_cluster_upstream_rq_xx",
    "envoy_cluster_upstream_rq",
    "envoy_cluster_upstream_rq_time_count",
)
QUICK: dict[str, Any] = {"processes": True, "gateway": True, "prometheus": True}


@dataclass(frozen=True)
class Moment:
    """What the checks said at one moment, what was counted of each side, and the requests that had ended."""

    results: dict[str, CheckResult]
    counts: dict[tuple[str, Side], Counts | None]
    requests: tuple[Request, ...]

    def of(self, side: Side) -> tuple[Request, ...]:
        """The requests that a side answered."""
        return tuple(each for each in self.requests if each.version == VERSIONS[side])


@dataclass
class Record:
    """The moments, and every look at the counters while requests ran."""

    before: Moment
    during: Moment
    after: Moment
    looks: list[dict[tuple[str, Side], Counts | None]] = field(default_factory=list)


async def record(directory: Path) -> Record:
    """Play the release once."""
    async with stage(directory, **QUICK) as made, _measured(made) as watch:
        assert made.cluster.gateway_url is not None
        port = int(made.cluster.gateway_url.rpartition(":")[2])
        traffic = Traffic(port, HOST)
        looks: list[dict[tuple[str, Side], Counts | None]] = []
        await _deploy(made, "v1", service="shop")
        # Envoy shows a backend after its first request only. What was before the comparison does not count in it.
        await Traffic(port, HOST).send(WARM_UP, rate=75)
        await _answered(made, *(f"sum({each}) == {WARM_UP}" for each in COUNTED))
        watch.subscribe(*FROM_THE_DEMO, subjects=await _subjects(made))
        for each in COUNTING:
            await watch.scrapes(each.name, "stable", 1)
        await _send(watch, traffic, 150, looks)
        before = await _settled(watch, traffic, since=3)

        await _deploy(made, "v2", service="shop-canary")
        await _route(made, stable=60, canary=40)
        watch.subscribe(*FROM_THE_DEMO, subjects=await _subjects(made))
        # The histograms are there before a request is: by them the pods are known, whose other series come later.
        await watch.scrapes("canary-gateway.yaml: latency", "canary", 3)
        await _send(watch, traffic, 240, looks)
        during = await _settled(watch, traffic, since=2)

        await _route(made, stable=100, canary=0)
        await made.patch("Deployment", {"spec": {"replicas": 0}}, name="shop-v2")
        await _send(watch, traffic, 150, looks)
        await made.until(lambda: not made.pods("v2"), "no pod of the canary")
        await watch.until(lambda: watch.result("pods: by revision").state is State.NO_DATA, "no data of pods that left")
        return Record(before, during, await _settled(watch, traffic, since=2), looks)


@asynccontextmanager
async def _measured(made: Stage) -> AsyncIterator[Watch]:
    assert made.cluster.prometheus_url is not None
    source = PrometheusSource(name="prometheus", url=made.cluster.prometheus_url, interval=1)
    async with watching(source) as watch:
        yield watch


def _deployment(version: str) -> dict[str, Any]:
    template = manifests.pod_template(version)
    template["metadata"]["labels"][REVISION] = version
    template["spec"]["containers"][0]["env"] = [{"name": n, "value": v} for n, v in BEHAVIOUR[version].items()]
    labels = {"app": "shop", REVISION: version}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": f"shop-{version}", "namespace": NAMESPACE},
        "spec": {"replicas": 2, "selector": {"matchLabels": labels}, "template": template},
    }


async def _deploy(made: Stage, version: str, *, service: str) -> None:
    """Bring a version up behind a Service of its own, until Prometheus has scraped its pods."""
    selector = {"app": "shop", REVISION: version}
    if made.get("services", service) is None:
        pinned = a_service(service)
        pinned["spec"]["selector"] = selector
        await made.create(pinned)
    else:
        await made.patch("Service", {"spec": {"selector": selector}}, name=service)
    await made.create(_deployment(version))
    image = {f"shop:{version}"}
    ready = f"{version} behind {service}"
    await made.until(lambda: made.images_behind(service) == image, ready)
    pods = f'up{{job="pods",progressive_delivery_revision="{version}"}}'
    await _answered(made, f"count({pods} == 1) == 2", 'up{job="proxy"} == 1')


async def _answered(made: Stage, *conditions: str) -> None:
    """Wait until Prometheus says that all of these are so."""
    url = made.cluster.prometheus_url
    assert url is not None
    source = PrometheusSource(name="prometheus", url=url, interval=1)
    async with opened((source,)) as (prometheus,), asyncio.timeout(PATIENCE):
        for each in conditions:
            while not isinstance(await prometheus.value(each, fresh=math.inf), Number):  # noqa: ASYNC110 - a server's
                await asyncio.sleep(0.1)


async def _route(made: Stage, **weights: int) -> None:
    names = {"stable": "shop", "canary": "shop-canary"}
    refs = [{"name": names[side], "port": 80, "weight": weight} for side, weight in weights.items()]
    ops = [{"op": "replace", "path": "/spec/rules/0/backendRefs", "value": refs}]
    await made.person.json_patch(RESOURCES["HTTPRoute"], NAMESPACE, "shop", ops)
    # The sandbox's proxy follows within its lag, 20 ms here; who asks earlier finds the split of before.
    await asyncio.sleep(0.5)


async def _subjects(made: Stage) -> tuple[Subject, Subject]:
    pods = {side: tuple(sorted(made.pods(version))) for side, version in VERSIONS.items()}
    return (
        Subject(side="canary", revision="v2", namespace=NAMESPACE, service="shop-canary", pods=pods["canary"]),
        Subject(side="stable", revision="v1", namespace=NAMESPACE, service="shop", pods=pods["stable"]),
    )


async def _send(
    watch: Watch, traffic: Traffic, number: int, looks: list[dict[tuple[str, Side], Counts | None]]
) -> None:
    """Send requests, and look at the counters as they grow."""
    stop = asyncio.Event()

    async def look() -> None:
        while not stop.is_set():
            looks.append(_counts(watch))
            await asyncio.sleep(0.2)

    async with asyncio.TaskGroup() as group:
        group.create_task(look())
        await traffic.send(number, rate=75)
        stop.set()


async def _settled(watch: Watch, traffic: Traffic, *, since: float) -> Moment:
    """The moment at which the scrapes are so many seconds newer than the last request: a histogram may be one late."""
    end = max(each.ended for each in traffic.requests) + since
    names = [each.name for each in COUNTING]

    def so() -> bool:
        return all((at := watch.history(name, "stable").at) and at.timestamp() > end for name in names)

    await watch.until(so, "scrapes of all that was sent")
    results = {each.name: watch.result(each.name) for each in FROM_THE_DEMO}
    return Moment(results, _counts(watch), traffic.requests)


def _counts(watch: Watch) -> dict[tuple[str, Side], Counts | None]:
    sides: tuple[Side, Side] = ("canary", "stable")
    return {(each.name, side): watch.counts(each.name, side) for each in COUNTING for side in sides}
