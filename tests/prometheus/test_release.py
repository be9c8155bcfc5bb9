"""The controller with Prometheus as its metric source: a good version is promoted, a bad one taken back, on real data.

Envoy, pods, Prometheus and load are real, and the checks are the demo's own.
"""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from analysis.sources import PrometheusSource
from rollout.cli.showcase import manifests
from rollout.models.kinds import Manifest
from tests.controller.harness import RESOURCES, Stage, run_controller, stage
from tests.prometheus.arrangement import HOST, QUICK
from tests.prometheus.traffic import Traffic

pytestmark = pytest.mark.e2e
STEPS = [{"weight": 40, "replicas": 2, "hold": {"for": "1s"}}, {"weight": 70, "replicas": 2, "hold": {"for": "1s"}}]
RATE = 90


def a_rollout() -> dict[str, Any]:
    """The demo's Rollout, smaller and faster."""
    made = manifests.rollout("v1")
    canary = {"steps": STEPS, "bake": {"for": "1s"}}
    made["spec"] |= {"replicas": 2, "strategy": {"canary": canary}}
    return made


def _utc() -> datetime:
    return datetime.now(UTC)


@asynccontextmanager
async def released(
    directory: Path, rollout: Manifest | None = None, *beside: Manifest
) -> AsyncIterator[tuple[Stage, Traffic]]:
    """The first version, of that Rollout if one is given, with load and the controller beside the block."""
    async with stage(directory, **QUICK) as made, asyncio.TaskGroup() as group:
        assert made.cluster.prometheus_url is not None
        source = PrometheusSource(name="prometheus", url=made.cluster.prometheus_url, interval=1)
        if beside:  # an Ingress, which says nothing of when a proxy has it: only time does
            await made.delete("HTTPRoute")  # of the same host, and read before an Ingress
            made.settings = replace(made.settings, settle=timedelta(seconds=2))
        made.running = group.create_task(run_controller(made, source))
        await made.create(*beside, rollout or a_rollout())
        await made.healthy("v1")
        assert made.cluster.gateway_url is not None
        await _answered(made.cluster.gateway_url)
        traffic, stop = Traffic(int(made.cluster.gateway_url.rpartition(":")[2]), HOST), asyncio.Event()
        group.create_task(traffic.send(100_000, rate=RATE, stop=stop))
        try:
            yield made, traffic
        finally:
            stop.set()
            made.running.cancel()


async def _answered(url: str) -> None:
    """Wait until the proxy knows the first version's pods: customers come later than that."""
    async with aiohttp.ClientSession(headers={"Host": HOST}) as session, asyncio.timeout(20):
        while (await session.get(url)).status != 200:  # noqa: ASYNC110 - the proxy tells nobody
            await asyncio.sleep(0.05)


async def release(made: Stage, version: str) -> None:
    ops = [{"op": "replace", "path": "/spec/template", "value": manifests.pod_template(version)}]
    await made.person.json_patch(RESOURCES["Rollout"], manifests.NAMESPACE, "shop", ops)


def states(made: Stage) -> dict[str, str]:
    return {each["name"]: each["state"] for each in made.status.get("analysis") or ()}


async def test_a_good_version_is_promoted_and_a_bad_one_taken_back_on_what_prometheus_says(tmp_path: Path) -> None:
    async with released(tmp_path) as (made, traffic):
        await release(made, "v2")
        passed = {"errors": "pass", "latency": "pass", "restarts": "pass"}
        await made.until(lambda: states(made) == passed, "every check of v2 passed")
        assert {each["name"]: each.get("canary") for each in made.status["analysis"]}["errors"] == 0
        await made.healthy("v2")
        assert made.status["run"]["outcome"] == "promoted"
        await release(made, "v3")  # answers 5 % of its requests with an error
        await made.phase("Aborted")
        reason = made.status["run"]["reason"]
        assert made.weights == {"shop": 1}
    found = re.search(r"errors: canary \S+ % bad \((\d+) of (\d+) requests\), stable 0 %: 1 in \S+ by chance", reason)
    assert found is not None, reason
    bad = traffic.of("v3")
    errors = sum(each.code >= 500 for each in bad)
    assert 2 <= int(found[1]) <= errors
    assert int(found[1]) <= int(found[2]) <= len(bad)
    assert {each.version for each in traffic.requests} == {"v1", "v2", "v3"}  # and none without an answer
    assert [each.code for each in traffic.requests if each.version != "v3" and each.code != 200] == []
