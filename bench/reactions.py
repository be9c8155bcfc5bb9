"""How long the controller takes: from a changed template, a breach or an abort to what it writes about it."""

import asyncio
import socket
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from bench import budgets
from bench.budgets import Time
from bench.journal import PERSON, Journal, is_write, journal
from bench.process import controlling
from bench.shops import reached
from controlplane.audit import Asked
from rollout.models.rollout import parse_time
from tests.backends import Ground
from tests.controller.harness import ERRORS, Stage, a_rollout, stage

_STEPS = {"canary": {"steps": [{"weight": 10, "hold": {"for": "1h"}}]}}
_SCRAPE = "200ms"
_LOGGED = 0.5  # seconds by which the audit log may be behind


_FIRST = "template changed -> first write"
_SCALED = "template changed -> canary Deployment scaled up"
_EMPTIED = "sample that proves a breach -> route at 0 %"
_OURS = "... of it the controller's own"
_ABORTED = "abort asked while the metric source hangs -> route at 0 %"
_BUDGETS = {
    _FIRST: budgets.FIRST_WRITE,
    _SCALED: budgets.SCALED,
    _EMPTIED: budgets.EMPTIED,
    _OURS: budgets.OURS,
    _ABORTED: budgets.ABORTED,
}


async def reactions(ground: Ground, *, runs: int) -> tuple[Time, ...]:
    """Each figure of that many runs, each on a stage and with a controller process of its own."""
    seen: dict[str, list[float]] = {name: [] for name in _BUDGETS}
    for _ in range(runs):
        for scenario in (_breach, _abort):
            for name, seconds in (await _run(ground, scenario)).items():
                seen[name].append(seconds)
    return tuple(Time(name=name, seconds=tuple(seen[name]), budget=budget) for name, budget in _BUDGETS.items())


async def _run(
    ground: Ground, scenario: Callable[[Stage, Journal, Path], Awaitable[dict[str, float]]]
) -> dict[str, float]:
    with tempfile.TemporaryDirectory(dir=ground.directory) as name:
        directory = Path(name)
        async with stage(Ground(directory, ground.control_plane)) as made:
            asked = journal(made.backend)
            return await scenario(made, asked, directory)


async def _breach(made: Stage, asked: Journal, directory: Path) -> dict[str, float]:
    """A release, and a canary that begins to fail in its first step."""
    async with controlling(made, directory, interval=_SCRAPE):
        await _released(made)
        made.weather.error_share["shop-canary"] = 0.05
        await reached(lambda: made.status.get("phase") == "Aborted", "the abort")
        await asyncio.sleep(_LOGGED)
    changed = [each for each in asked.of(PERSON) if (each.verb, each.resource) == ("patch", "rollouts")][-1].received
    text = next(each["provedAt"] for each in made.status["analysis"] if each.get("provedAt"))
    proved = parse_time(text).timestamp()
    emptied = _written(asked, proved, "httproutes")
    return {
        _FIRST: _written(asked, changed).answered - changed,
        _SCALED: _written(asked, changed, "deployments").answered - changed,
        _EMPTIED: emptied.answered - proved,
        _OURS: emptied.received - proved,
    }


async def _abort(made: Stage, asked: Journal, directory: Path) -> dict[str, float]:
    """A person's abort, while the metric source takes questions and answers none."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/metrics"
        async with controlling(made, directory, interval=_SCRAPE, metrics_url=url):
            await _released(made)
            wanted = time.time()
            await made.command("abort")
            await reached(lambda: made.weights.get("shop-canary") != 10, "0 %")
            await asyncio.sleep(_LOGGED)
    return {_ABORTED: _written(asked, wanted, "httproutes").answered - wanted}


async def _released(made: Stage) -> None:
    """Bring the first version up, and the second to its first step."""
    await made.create(a_rollout(strategy=_STEPS, analysis={"checks": [ERRORS]}))
    await reached(lambda: made.status.get("phase") == "Healthy", "the first version")
    await asyncio.sleep(1.0)
    await made.release("v2")
    await reached(lambda: made.weights.get("shop-canary") == 10, "10 %")
    await reached(lambda: bool((made.status.get("step") or {}).get("enteredAt")), "the step entered")
    await asyncio.sleep(1.0)


def _written(asked: Journal, since: float, resource: str | None = None) -> Asked:
    """The first write since a moment, to a kind if one is named; dry runs change nothing."""
    written = (each for each in asked.controller(since=since) if is_write(each) and not each.dry_run)
    return next(each for each in written if resource in (None, each.resource))
