"""The controller is killed at every write of a release, before and after it takes effect: the release ends the same."""

import asyncio
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from sandbox.apiserver import CUT, Fault, RequestRecord
from tests.controller.harness import BY_INGRESS, ERRORS, Stage, a_rollout, an_ingress, controlling, stage
from tests.controller.watching import Watch, watching

STEPS = {"canary": {"steps": [{"weight": 10, "hold": {"for": "150ms"}}, {"weight": 50, "hold": {"for": "50ms"}}]}}
Traffic: TypeAlias = list[dict[str, Any]]
BY_ROUTE: Traffic = [{"name": "public", "gatewayRoute": {"kind": "HTTPRoute", "name": "shop"}}]
_AT_ONCE = 6  # stages that run side by side


def _kill_at(made: Stage, number: int, *, after: bool) -> asyncio.Event:
    """Cut the connection of the n-th write from now on, before or after its effect, and all that follow."""
    killed, seen = asyncio.Event(), 0

    async def seam(record: RequestRecord) -> Fault | None:
        nonlocal seen
        if not record.write or record.plural == "events":
            return None
        seen += 1
        if seen < number:
            return None
        killed.set()
        return CUT

    async def dead(record: RequestRecord) -> Fault | None:
        return CUT if killed.is_set() and record.write else None

    if after:
        made.cluster.api.after, made.cluster.api.intercept = seam, dead
    else:
        made.cluster.api.intercept = seam
    return killed


async def _release(path: Path, number: int, *, after: bool, bad: bool, traffic: Traffic) -> bool:
    """One release with one death; False when it ended before the n-th write."""
    async with stage(path) as made, watching(made) as watch:
        async with controlling(made):
            await made.create(an_ingress(), a_rollout(strategy=STEPS, analysis={"checks": [ERRORS]}, traffic=traffic))
            await made.healthy("v1")
            if bad:
                made.weather.error_share["shop-canary"] = 0.05
            await made.release("v2")
            killed = _kill_at(made, number, after=after)
            ended = asyncio.get_running_loop().create_task(_end(made, bad=bad))
            waits = asyncio.get_running_loop().create_task(killed.wait())
            await asyncio.wait([ended, waits], return_when=asyncio.FIRST_COMPLETED)
            waits.cancel()
            ended.cancel()
            await asyncio.wait([ended, waits])
            if not killed.is_set():
                return False
        made.cluster.api.intercept = made.cluster.api.after = None
        async with controlling(made):
            await _end(made, bad=bad)
        _check(made, watch, bad=bad)
    return True


async def _end(made: Stage, *, bad: bool) -> None:
    if bad:
        await made.phase("Aborted")
    else:
        await made.healthy("v2")


def _check(made: Stage, watch: Watch, *, bad: bool) -> None:
    service = made.get("services")
    assert service is not None
    assert watch.wrongs == []
    assert made.weights == {"shop": 1}
    assert service["spec"]["selector"] == {"app": "shop"}
    assert made.get("services", "shop-canary") is None
    assert [each["metadata"]["name"] for each in made.list("ingresses")] == ["shop"]
    assert len(made.pods("v1")) == (3 if bad else 0)
    assert len(made.pods("v2")) == (0 if bad else 3)


@pytest.mark.parametrize("traffic", [BY_ROUTE, BY_INGRESS], ids=["route", "ingress"])
@pytest.mark.parametrize("bad", [False, True], ids=["good", "bad"])
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
async def test_a_controller_that_dies_at_any_write_is_carried_on_from_by_the_next(
    tmp_path: Path, *, after: bool, bad: bool, traffic: Traffic
) -> None:
    number, died = 1, [True]
    while all(died):
        numbers = range(number, number + _AT_ONCE)
        died = await asyncio.gather(
            *(_release(tmp_path / str(each), each, after=after, bad=bad, traffic=traffic) for each in numbers)
        )
        number += _AT_ONCE
    assert sum(died) + number > 2 * _AT_ONCE, "a release has more writes than one batch"
