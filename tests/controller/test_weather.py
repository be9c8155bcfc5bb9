"""A metric source on a bad day: the release holds and says so, and an abort is carried out all the same."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from tests.backends import Ground
from tests.controller.harness import ERRORS, Stage, a_rollout, controlling, stage
from tests.controller.test_commands import holding, waiting

STEPS = {"canary": {"steps": [{"weight": 10, "hold": {"for": "100ms"}}]}}


@asynccontextmanager
async def in_the_first_step(ground: Ground, **analysis: object) -> AsyncIterator[Stage]:
    """A release that is held in its first step by weather, from the moment it is there."""
    async with stage(ground) as made, controlling(made):
        await made.create(a_rollout(strategy=STEPS, analysis={"checks": [ERRORS], **analysis}))
        await made.healthy("v1")
        yield made


def garbage() -> web.Response:
    return web.Response(text="<html>not metrics {{{")


def nothing() -> web.Response:
    return web.Response(text="")


def error() -> web.Response:
    return web.Response(status=500, text="broken")


def not_a_number() -> web.Response:
    lines = [
        f'requests_total{{service="{name}",code="{code}"}} NaN'
        for name in ("shop", "shop-canary")
        for code in (200, 500)
    ]
    return web.Response(text="\n".join(lines) + "\n")


@pytest.mark.parametrize(
    ("answer", "reason"),
    [(garbage, "ProviderDown"), (error, "ProviderDown"), (nothing, "NoData"), (not_a_number, "NoData")],
)
async def test_a_source_that_answers_nonsense_holds_the_release_until_it_is_well(
    ground: Ground, answer: Callable[[], web.Response], reason: str
) -> None:
    async with in_the_first_step(ground) as made:
        made.weather.answer = answer
        await made.release("v2")
        await holding(made, 10)
        await waiting(made, reason)
        await asyncio.sleep(0.5)
        assert made.weights == {"shop": 90, "shop-canary": 10}
        made.weather.answer = None
        await made.healthy("v2")


@pytest.mark.parametrize("way", ["refuse", "hang"])
async def test_a_source_that_is_not_there_holds_the_release_and_an_abort_is_carried_out(
    ground: Ground, way: str
) -> None:
    async with in_the_first_step(ground) as made:
        await made.stop_metrics(hang=way == "hang")
        await made.release("v2")
        await holding(made, 10)
        if way == "refuse":
            await waiting(made, "ProviderDown")
        await asyncio.sleep(0.5)
        assert made.weights == {"shop": 90, "shop-canary": 10}
        await made.command("abort")
        await made.until(lambda: made.weights.get("shop-canary", 0) == 0, "the canary empty")
        await made.phase("Aborted")


async def test_a_canary_that_falls_silent_while_the_stable_has_traffic_is_emptied_and_held(ground: Ground) -> None:
    async with in_the_first_step(ground) as made:
        made.weather.silent.add("shop-canary")
        await made.release("v2")
        await waiting(made, "CanarySilent")
        assert made.weights == {"shop": 100, "shop-canary": 0}
        assert made.pods("v2") != []
        made.weather.silent.clear()
        await made.command("resume")
        await made.healthy("v2")


async def test_a_silent_canary_is_taken_back_when_the_policy_says_so(ground: Ground) -> None:
    async with in_the_first_step(ground, onNoData={"after": "200ms", "then": "abort"}) as made:
        made.weather.silent.add("shop-canary")
        await made.release("v2")
        await made.phase("Aborted")
        assert made.weights == {"shop": 1}


async def test_a_policy_lets_a_release_advance_without_its_metrics(ground: Ground) -> None:
    async with in_the_first_step(ground, onProviderDown={"after": "100ms", "then": "advance"}) as made:
        made.weather.answer = error
        await made.release("v2")
        await made.healthy("v2")


async def test_a_policy_takes_a_release_back_when_its_metrics_stay_away(ground: Ground) -> None:
    async with in_the_first_step(ground, onProviderDown={"after": "100ms", "then": "abort"}) as made:
        made.weather.answer = error
        await made.release("v2")
        await made.phase("Aborted")


async def test_too_few_requests_for_a_verdict_hold_the_release(ground: Ground) -> None:
    async with in_the_first_step(ground) as made:
        made.weather.rate = 1
        await made.release("v2")
        await waiting(made, "NotEnoughData")
        made.weather.rate = 200
        await made.healthy("v2")
