"""`python -m bench.verdicts`: real releases through a real Envoy, judged on a real Prometheus; how soon, and how right.

A hundred requests a second, three pods a version, a tenth of the traffic to the canary, scrapes every five seconds. The
stable version fails 0.5 % of its requests, the canary as many or ten times as many. Needs Prometheus on the PATH.
"""

import asyncio
import json
import tempfile
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import asynccontextmanager, redirect_stdout
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import partial
from io import StringIO
from pathlib import Path
from statistics import median
from typing import Annotated, Any

import typer

from analysis.sources import PrometheusSource
from rollout.cli.showcase import manifests
from tests.controller.harness import RESOURCES, Stage, run_controller, stage
from tests.prometheus.arrangement import HOST
from tests.prometheus.traffic import Traffic

_RATE = 100.0
_SCRAPE = 5.0
_PODS = 3
_WEIGHT = 10
_STABLE = 0.005
_OF_PODS = 'requests_total{namespace="{{namespace}}",pod=~"{{pods}}"'
_MOST_RUNS = 200
app = typer.Typer(pretty_exceptions_enable=False, add_completion=False)


@dataclass(frozen=True)
class Release:
    """One release: seconds from the canary's first request to the decision, None where it was never taken back."""

    aborted_after: float | None
    requests: int
    failed: int
    lost: int
    sentence: str


@app.command()
def main(
    runs: Annotated[int, typer.Option(min=1, max=_MOST_RUNS)] = 20,
    at_once: Annotated[int, typer.Option(min=1, max=16, help="Releases beside each other; each has all parts.")] = 3,
    times: Annotated[float, typer.Option(help="How many times the stable's errors the canary has.")] = 10.0,
    seconds: Annotated[float, typer.Option(help="How long a release is watched.")] = 180.0,
) -> None:
    """Run the releases and print each, and what they come to."""
    with ProcessPoolExecutor(at_once) as pool:
        found = []
        for release in pool.map(partial(_run, times=times, seconds=seconds), range(runs)):
            found.append(release)
            print(json.dumps(asdict(release)), flush=True)
    print("\n".join(_told(found, seconds)))


def _told(found: list[Release], seconds: float) -> Iterator[str]:
    times = [each.aborted_after for each in found if each.aborted_after is not None]
    yield f"{len(times)} of {len(found)} taken back within {seconds:g} s"
    if times:
        yield f"after {min(times):.0f} / {median(times):.0f} / {max(times):.0f} s (shortest, median, longest)"
        yield f"{median(each.failed for each in found):g} of the canary's requests failed (median)"
    yield f"{sum(each.lost for each in found)} requests lost"


def _run(number: int, *, times: float, seconds: float) -> Release:
    with tempfile.TemporaryDirectory(prefix=f"rollout-verdict-{number}-") as directory, redirect_stdout(StringIO()):
        return asyncio.run(_release(Path(directory), number, times=times, seconds=seconds))


async def _release(directory: Path, number: int, *, times: float, seconds: float) -> Release:
    async with _serving(directory, number) as (made, traffic):
        await asyncio.sleep(4 * _SCRAPE)  # Prometheus knows the stable version
        patch = {"op": "replace", "path": "/spec/template", "value": _template("v2", _STABLE * times)}
        await made.person.json_patch(RESOURCES["Rollout"], manifests.NAMESPACE, "shop", [patch])
        ended = await _watched(made, traffic, seconds)
        sentence = "; ".join(each["message"] for each in made.status.get("analysis") or ())
        await asyncio.sleep(1)
        return _release_of(traffic, ended, sentence)


async def _watched(made: Stage, traffic: Traffic, seconds: float) -> float | None:
    """When it was taken back (Unix seconds); None where it was not, so many seconds after the first request."""
    async with asyncio.timeout(seconds + 120):
        while not traffic.of("v2"):  # noqa: ASYNC110 - the state is in the load's report
            await asyncio.sleep(0.5)
        first = min(each.begun for each in traffic.of("v2"))
        while _now() < first + seconds:
            if made.status["run"]["stage"] in ("Aborting", "Done"):
                return _now()
            await asyncio.sleep(0.1)
    return None


def _release_of(traffic: Traffic, ended: float | None, sentence: str) -> Release:
    canary = traffic.of("v2")
    first = min(each.begun for each in canary)
    return Release(
        aborted_after=None if ended is None else round(ended - first, 1),
        requests=len(canary),
        failed=sum(each.code >= 500 for each in canary),
        lost=sum(not each.version for each in traffic.requests),
        sentence=sentence,
    )


@asynccontextmanager
async def _serving(directory: Path, seed: int) -> AsyncIterator[tuple[Stage, Traffic]]:
    """The first version under load, with the controller beside the block."""
    parts = {"processes": True, "gateway": True, "prometheus": True, "scrape_interval": _SCRAPE, "seed": seed}
    async with stage(directory, **parts) as made, asyncio.TaskGroup() as group:
        assert made.cluster.prometheus_url is not None, "Prometheus has to be installed"
        assert made.cluster.gateway_url is not None, "a sandbox with a gateway has a URL for it"
        source = PrometheusSource(name="prometheus", url=made.cluster.prometheus_url, interval=_SCRAPE)
        made.running = group.create_task(run_controller(made, source))
        await made.create(_rollout())
        await made.healthy("v1")
        traffic, stop = Traffic(int(made.cluster.gateway_url.rpartition(":")[2]), HOST), asyncio.Event()
        group.create_task(traffic.send(100_000, rate=_RATE, stop=stop))
        try:
            yield made, traffic
        finally:
            stop.set()
            made.running.cancel()


def _rollout() -> dict[str, Any]:
    made = manifests.rollout("v1")
    ratio = {"bad": f'{_OF_PODS},code=~"5.."}}', "total": f"{_OF_PODS}}}"}
    steps = [{"weight": _WEIGHT, "replicas": _PODS, "hold": {"for": "1h"}}]
    made["spec"] |= {
        "replicas": _PODS,
        "template": _template("v1", _STABLE),
        "strategy": {"canary": {"steps": steps}},
        "analysis": {"checks": [{"name": "errors", "ratio": ratio, "ceiling": 1}]},
    }
    return made


def _template(version: str, errors: float) -> dict[str, Any]:
    template = manifests.pod_template(version)
    environment = [{"name": "ERROR_RATE", "value": f"{errors:g}"}, {"name": "LATENCY_MS", "value": "5"}]
    template["spec"]["containers"][0]["env"] = environment
    return template


def _now() -> float:
    return datetime.now(UTC).timestamp()


if __name__ == "__main__":
    app()
