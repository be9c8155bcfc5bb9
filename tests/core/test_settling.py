"""Acceptance is not effect: what a proxy may still use stays until it has had time to follow what it has accepted."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from analysis.checks import Split
from rollout.core.decide import decide
from rollout.core.subjects import subscription
from rollout.core.target import Decision
from rollout.core.world import World
from rollout.models.status import Stage
from tests.core.builders import (
    MINUTE,
    NEW,
    NOW,
    OLD,
    a_result,
    a_revision,
    a_run,
    a_spec,
    a_world,
    ago,
    judged,
)

GOOD = judged(a_result())
SETTLE = timedelta(seconds=15)
SMALLER = a_spec(strategy={"canary": {"steps": [{"weight": 50}, {"weight": 10, "hold": {"for": "5m"}}]}})
Make = Callable[..., World]


def taken_back(*, routed: timedelta | None, **changes: Any) -> World:
    """The canary's traffic was taken ten minutes ago; the routers accepted it that long ago."""
    return a_world(Stage.ABORTING, run=a_run(Stage.ABORTING, routed_at=since(routed)), **changes)


def baked(*, routed: timedelta | None, **changes: Any) -> World:
    """The routes were given back ten minutes ago."""
    return a_world(Stage.BAKING, run=a_run(Stage.BAKING, routed_at=since(routed)), **changes)


def smaller(*, routed: timedelta | None, **changes: Any) -> World:
    """A smaller step was entered a minute ago."""
    run = a_run(routed_at=since(routed))
    return a_world(**{"step": 1, "canary": a_revision(NEW, 2), "weight": 10, "spec": SMALLER, "run": run, **changes})


def since(routed: timedelta | None) -> str | None:
    return None if routed is None else ago(routed)


def keeps(decision: Decision) -> bool:
    """Whether everything that was used before the stage wrote stays."""
    before = 1 if decision.status.run is not None and decision.status.run.stage is Stage.ABORTING else 2
    return decision.target.replicas.get(OLD, 0) > 0 and decision.target.replicas[NEW] >= before


EACH = pytest.mark.parametrize("make", [taken_back, baked, smaller])


@EACH
def test_the_time_to_follow_counts_from_the_acceptance_however_late_that_came(make: Make) -> None:
    decision = decide(make(routed=None), GOOD)
    assert decision.status.run is not None
    assert decision.status.run.routed_at == ago(0 * MINUTE)
    assert keeps(decision)
    assert decision.after == SETTLE


@EACH
def test_nothing_goes_before_that_time_is_over(make: Make) -> None:
    almost = decide(make(routed=SETTLE - timedelta(seconds=1)), GOOD)
    assert keeps(almost)
    assert almost.after == timedelta(seconds=1) or make is taken_back
    assert not keeps(decide(make(routed=SETTLE), GOOD))


@EACH
def test_an_acceptance_counts_no_more_once_there_is_something_new_to_accept(make: Make) -> None:
    decision = decide(make(routed=10 * MINUTE, accepted=False), GOOD)
    assert decision.status.run is not None
    assert decision.status.run.routed_at is None
    assert keeps(decision)


@pytest.mark.parametrize(
    "world",
    [
        taken_back(routed=10 * MINUTE, weight=10),
        smaller(routed=10 * MINUTE, weight=50),
        taken_back(routed=10 * MINUTE, pinned=NEW),
    ],
    ids=["the route", "a smaller share of the route", "the Service"],
)
def test_while_the_canary_has_the_traffic_that_is_to_be_taken_no_time_counts(world: World) -> None:
    decision = decide(world, GOOD)
    assert decision.status.run is not None
    assert decision.status.run.routed_at is None
    assert keeps(decision)


def test_a_bake_that_begins_has_written_nothing_that_could_be_accepted() -> None:
    run = decide(a_world(Stage.SWITCHING, pinned=NEW), GOOD).status.run
    assert run is not None
    assert (run.stage, run.routed_at) == (Stage.BAKING, None)


def test_a_bake_says_whom_it_waits_for() -> None:
    decision = decide(baked(routed=None, accepted=False), GOOD)
    assert decision.status.message is not None
    assert "stays warm: HTTPRoute store/shop waits for Gateway store/edge" in decision.status.message


def test_no_request_is_expected_of_a_canary_before_the_proxies_had_time_to_follow() -> None:
    world = a_world(step=1, entered=MINUTE)
    asked = subscription(world, world.status)
    assert asked is not None
    assert asked.split == Split(weight=50, since=NOW - MINUTE + SETTLE, until=NOW + 4 * MINUTE)


def test_a_step_whose_time_is_over_says_whom_it_waits_for() -> None:
    decision = decide(a_world(entered=10 * MINUTE, accepted=False), GOOD)
    assert decision.status.message is not None
    assert decision.status.message.startswith("At 10 %: HTTPRoute store/shop waits for Gateway store/edge")
