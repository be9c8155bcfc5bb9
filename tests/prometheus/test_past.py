"""`rollout backtest` and `rollout lint --prometheus` on what a real Prometheus remembers."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from click.testing import Result
from typer.testing import CliRunner

from rollout.cli.app import app
from tests.prometheus.conftest import Scraped

pytestmark = pytest.mark.asyncio(loop_scope="module")
ROLLOUT = """
apiVersion: progressive.delivery/v1alpha1
kind: Rollout
metadata: {name: pod, namespace: store}
spec:
  replicas: 4
  template: {spec: {containers: [{name: shop, image: shop}]}}
  services: [{name: shop}]
  traffic: [{name: public, gatewayRoute: {kind: HTTPRoute, name: shop}}]
  strategy:
    canary:
      steps:
      - {name: five, weight: 5, hold: {for: 1m}}
      - {name: half, weight: 50, hold: {for: 10m}}
  analysis:
    checks:
    - name: errors
      ratio: {bad: 'past_total{pod=~"{{pods}}",code="500"}', total: 'past_total{pod=~"{{pods}}"}'}
      ceiling: 1
      exclude: 0s
"""
ROUNDS = 24


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def played(scraped: Scraped) -> AsyncIterator[tuple[Scraped, datetime]]:
    """Some seconds in which one in ten requests to `pod-a` fails, and one in a thousand to `pod-b`."""
    began = datetime.now(UTC)
    for number in range(ROUNDS):
        for pod, requests, bad in (("pod-a", 100, 10), ("pod-b", 1000, 1)):
            for code, each in (("200", requests - bad), ("500", bad)):
                scraped.exporter.shows(pod, f'past_total{{code="{code}"}}', number * each)
        await scraped.scrapes()
    yield scraped, began


async def called(*arguments: str) -> Result:
    """The command in a thread of its own: it runs an event loop as this test does."""
    return await asyncio.to_thread(CliRunner().invoke, app, list(arguments))


def a_file(directory: Path) -> str:
    file = directory / "rollout.yaml"
    file.write_text(ROLLOUT)
    return str(file)


async def backtested(scraped: Scraped, began: datetime, file: str, *more: str) -> str:
    end = began + timedelta(seconds=60)
    times = ("--from", began.isoformat(), "--to", end.isoformat(), "--every", "250ms")
    found = await called("backtest", file, "--prometheus", scraped.server.url, *times, *more)
    assert found.exit_code == 0, found.stderr
    return found.stdout


async def test_a_worse_version_would_have_been_taken_back(played: tuple[Scraped, datetime], tmp_path: Path) -> None:
    pods = ("--canary", "pod-a", "--stable", "pod-b")
    text = await backtested(*played, a_file(tmp_path), *pods)
    last = text.strip().splitlines()[-1]
    assert last.startswith("Taken back at ")
    assert "errors: canary 10 % bad (" in last
    found = json.loads(await backtested(*played, a_file(tmp_path), *pods, "-o", "json"))
    assert (found["takenBack"] is not None, found["letOn"]) == (True, None)
    assert found["moments"][-1]["checks"][0]["evidence"] >= 100


async def test_two_equal_sets_of_pods_are_not_told_apart(played: tuple[Scraped, datetime], tmp_path: Path) -> None:
    text = await backtested(*played, a_file(tmp_path), "--canary", "pod-b", "--stable", "pod-b")
    assert text.strip().splitlines()[-1].startswith("Not taken back. ")


async def test_what_a_step_can_find_at_the_present_traffic_is_said_before_a_release(
    played: tuple[Scraped, datetime], tmp_path: Path
) -> None:
    scraped, _ = played
    found = await called("lint", a_file(tmp_path), "--prometheus", scraped.server.url)
    assert (found.exit_code, found.stdout.splitlines()[0]) == (0, "No problems in 1 file.")
    steps = [line for line in found.stdout.splitlines() if "store/pod: errors: at " in line]
    assert [" step five (5 %, 1m) finds " in steps[0], " step half (50 %, 10m) finds " in steps[1]] == [True, True]


async def test_a_forecast_without_an_answer_is_a_failure(tmp_path: Path) -> None:
    found = await called("lint", a_file(tmp_path), "--prometheus", "http://127.0.0.1:1")
    assert (found.exit_code, found.stdout) == (1, "No problems in 1 file.\n")
    assert found.stderr == "rollout: the Prometheus cannot be asked: it cannot be reached\n"


async def test_what_cannot_be_looked_at_is_one_line_with_the_remedy(
    played: tuple[Scraped, datetime], tmp_path: Path
) -> None:
    scraped, began = played
    file = a_file(tmp_path)
    times = ["--from", began.isoformat(), "--to", (began + timedelta(minutes=1)).isoformat()]

    async def said(*arguments: str) -> str:
        found = await called("backtest", file, *arguments)
        assert found.exit_code == 1
        return found.stderr.strip()

    url = ("--prometheus", scraped.server.url)
    pods = ("--canary", "pod-a", "--stable", "pod-b")
    assert await said(*url, *times, "--canary", "nobody", "--stable", "pod-b") == (
        "rollout: no pod matches --canary 'nobody' in that time: correct the expression or the times"
    )
    assert (await said("--prometheus", "nowhere", *times, *pods)).startswith(
        "rollout: Invalid value for --prometheus: must be an address such as http://prometheus.monitoring:9090."
    )
    assert await said("--prometheus", "http://127.0.0.1:1", *times, *pods) == (
        "rollout: the Prometheus cannot be asked: it cannot be reached"
    )
    assert (await said(*url, "--from", "yesterday", "--to", "now", *pods)).startswith(
        "rollout: Invalid value for --from: 'yesterday' is not a time: write it like 2026-11-27T14:00:00Z."
    )
