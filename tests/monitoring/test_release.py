"""What the controller shows of a good and a bad release, to a real Prometheus that scrapes the real process."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from shutil import which
from typing import Any

import aiohttp
import pytest

from bench.process import controlling
from rollout.monitoring.panels import ROWS
from rollout.readings import PREFIX
from tests import missing
from tests.backends import Ground
from tests.controller.harness import ERRORS, Stage, a_rollout, stage
from tests.monitoring.test_rules import filled

PROMETHEUS = which("prometheus")
STEPS = {"canary": {"steps": [{"weight": 10, "hold": {"for": "1s"}}, {"weight": 50, "hold": {"for": "1s"}}]}}

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(PROMETHEUS is None, reason=missing.PROMETHEUS),
]


@asynccontextmanager
async def scraping(directory: Path, port: int) -> AsyncIterator[str]:
    """A Prometheus that scrapes this port once a second; its URL."""
    assert PROMETHEUS is not None
    with socket.create_server(("127.0.0.1", 0)) as free:
        own = free.getsockname()[1]
    target = {"job_name": "controller", "scrape_interval": "1s", "static_configs": [{"targets": [f"127.0.0.1:{port}"]}]}
    (directory / "prometheus.yaml").write_text(json.dumps({"scrape_configs": [target]}))
    with (directory / "prometheus.log").open("wb") as log:
        running = await asyncio.create_subprocess_exec(
            PROMETHEUS,
            f"--config.file={directory / 'prometheus.yaml'}",
            f"--storage.tsdb.path={directory / 'data'}",
            f"--web.listen-address=127.0.0.1:{own}",
            stdout=log,
            stderr=log,
        )
    try:
        yield f"http://127.0.0.1:{own}"
    finally:
        running.terminate()
        await running.wait()


async def asked(url: str, expr: str) -> list[dict[str, Any]]:
    async with aiohttp.ClientSession() as session:
        try:
            async with session.get(f"{url}/api/v1/query", params={"query": expr}) as answer:
                body = await answer.json()
        except aiohttp.ClientConnectionError:
            return []
    assert body["status"] == "success", body
    return list(body["data"]["result"])


async def eventually(url: str, expr: str) -> list[dict[str, Any]]:
    """The answer, as soon as there is one."""
    async with asyncio.timeout(30):
        while not (found := await asked(url, expr)):  # noqa: ASYNC110 - the state is in another process
            await asyncio.sleep(0.2)
    return found


async def released(made: Stage) -> None:
    """The first version, a good one, and one that fails."""
    await made.create(a_rollout(strategy=STEPS, analysis={"checks": [ERRORS]}))
    await made.healthy("v1")
    await made.release("v2")
    await made.healthy("v2")
    await made.release("v3")
    await made.until(lambda: made.weights.get("shop-canary") == 10, "10 %")
    made.weather.error_share["shop-canary"] = 0.5
    await made.phase("Aborted")


async def test_a_good_and_a_bad_release_are_on_the_dashboard(tmp_path: Path) -> None:
    async with (
        stage(Ground(tmp_path)) as made,
        controlling(made, tmp_path, interval="200ms") as controller,
        scraping(tmp_path, await controller.port("health")) as url,
    ):
        await released(made)
        await eventually(url, f'{PREFIX}_releases_total{{outcome="aborted"}} == 1')
        # The first version is brought up without steps, and is a release as well.
        await eventually(url, f'{PREFIX}_releases_total{{outcome="promoted"}} == 2')
        await eventually(url, f"{PREFIX}_abort_reaction_seconds_count == 1")
        await eventually(url, f"{PREFIX}_step_duration_seconds_count >= 2")
        await eventually(url, f'{PREFIX}_rollouts{{phase="Aborted"}} == 1')
        await eventually(url, f'{PREFIX}_rollouts_unready{{reason="Aborted"}} == 1')
        await eventually(url, f'{PREFIX}_metric_source_up{{source="proxy"}} == 1')
        await eventually(url, f"sum({PREFIX}_leader) == 1")
        own = [query.expr for row in ROWS for panel in row.panels for query in panel.queries if PREFIX in query.expr]
        for expr in own:
            await eventually(url, filled(expr))
