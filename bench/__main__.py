"""Measures the controller on a sandbox with virtual pods and prints each figure beside its budget.

Times include the sandbox's own API server, which shares the process and so the processor with the controller.
"""

import asyncio
import logging
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import structlog
from rich.console import Console
from rich.table import Table

from rollout.models.rollout import parse_time
from sandbox.apiserver import Fault, RequestRecord
from tests.controller.harness import ERRORS, Stage, a_rollout, controlling, stage

RUNS = 10
STEPS = {"canary": {"steps": [{"weight": 10, "hold": {"for": "1h"}}]}}


@dataclass
class Figure:
    """One thing that is measured, several times."""

    name: str
    budget: float  # seconds
    seconds: list[float] = field(default_factory=list)


@dataclass
class Clock:
    """When the API server executed what."""

    seen: list[tuple[float, RequestRecord]] = field(default_factory=list)

    async def note(self, record: RequestRecord) -> Fault | None:
        """Remember one request that was executed."""
        self.seen.append((time.perf_counter(), record))
        return None

    def first(self, since: float, plural: str | None = None) -> float:
        """Seconds from `since` to the first write, to a kind if one is named; dry runs do not count."""
        return next(at for at, record in self.seen if at >= since and _counts(record, plural)) - since


def _counts(record: RequestRecord, plural: str | None) -> bool:
    return record.write and plural in (None, record.plural) and not record.query.get("dryRun")


async def release_start(made: Stage, clock: Clock, first: Figure, scaled: Figure) -> None:
    """From a changed template to the first write, and to the canary's Deployment."""
    await made.create(a_rollout(strategy=STEPS))
    await made.healthy("v1")
    await asyncio.sleep(0.3)
    await made.release("v2")
    changed = clock.seen[-1][0]
    await made.until(lambda: made.weights.get("shop-canary") == 10, "10 %")
    own = clock.seen.index(next(entry for entry in clock.seen if entry[0] == changed))
    clock.seen = clock.seen[own + 1 :]
    first.seconds.append(clock.first(changed))
    scaled.seconds.append(clock.first(changed, "deployments"))


async def breach(made: Stage, clock: Clock, zero: Figure) -> None:
    """From the sample that proves a breach to the route at 0 %."""
    await made.create(a_rollout(strategy=STEPS, analysis={"checks": [ERRORS]}))
    await made.healthy("v1")
    await made.release("v2")
    await made.until(lambda: made.weights.get("shop-canary") == 10, "10 %")
    await asyncio.sleep(0.5)
    made.weather.error_share["shop-canary"] = 0.05
    offset = time.time() - time.perf_counter()
    await made.phase("Aborted")
    proved = next(each["provedAt"] for each in made.status["analysis"] if each.get("provedAt"))
    since = _unix(proved) - offset
    zero.seconds.append(clock.first(since, "httproutes"))


async def abort(made: Stage, clock: Clock, zero: Figure) -> None:
    """From a person's abort to the route at 0 %, while the metric source takes questions and answers none."""
    await made.create(a_rollout(strategy=STEPS, analysis={"checks": [ERRORS]}))
    await made.healthy("v1")
    await made.stop_metrics(hang=True)
    await made.release("v2")
    await made.until(lambda: made.weights.get("shop-canary") == 10, "10 %")
    await asyncio.sleep(0.5)
    asked = time.perf_counter()
    await made.command("abort")
    await made.until(lambda: made.weights.get("shop-canary") != 10, "0 %")
    zero.seconds.append(clock.first(asked, "httproutes"))


def _unix(text: str) -> float:
    return parse_time(text).timestamp()


async def measured(scenario: Callable[[Stage, Clock], Awaitable[None]]) -> None:
    """One run of a scenario on a sandbox of its own."""
    clock = Clock()
    with tempfile.TemporaryDirectory(prefix="rollout-bench-") as name:
        async with stage(Path(name)) as made, controlling(made):
            made.cluster.api.after = clock.note
            await scenario(made, clock)


def _table(figures: list[Figure]) -> Table:
    table = Table("", "median", "worst", "budget", title=f"{RUNS} runs each, sandbox in the same process")
    for figure in figures:
        median, worst = statistics.median(figure.seconds), max(figure.seconds)
        table.add_row(
            figure.name, f"{median * 1000:.0f} ms", f"{worst * 1000:.0f} ms", f"{figure.budget * 1000:.0f} ms"
        )
    return table


async def main() -> None:
    """Measure everything and print it."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    first = Figure("template changed -> first write", 0.1)
    scaled = Figure("template changed -> canary Deployment created", 1.0)
    zero = Figure("sample that proves a breach -> route at 0 %", 0.5)
    taken = Figure("abort asked while the metric source hangs -> route at 0 %", 1.0)
    for _ in range(RUNS):
        await measured(lambda made, clock: abort(made, clock, taken))
        await measured(lambda made, clock: release_start(made, clock, first, scaled))
        await measured(lambda made, clock: breach(made, clock, zero))
    Console().print(_table([first, scaled, zero, taken]))


if __name__ == "__main__":
    asyncio.run(main())
