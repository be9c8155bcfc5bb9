"""Without a router pins and numbers of ready pods decide who gets how much."""

from datetime import timedelta

import pytest

from rollout.core.decide import decide
from rollout.core.world import Revision
from rollout.models.status import Verb
from tests.core.builders import MINUTE, NEW, OLD, REPLICAS, STEPS, a_revision, a_spec, a_world
from tests.core.stages import GOOD, OVER, asked, place_of

WITHOUT_ROUTER = a_spec(traffic=None)


@pytest.mark.parametrize(("step", "pin"), [(0, None), (1, None), (2, NEW)])
def test_without_a_router_pods_decide_the_split_and_pins_the_ends(step: int, pin: str | None) -> None:
    steps = [*STEPS, {"weight": 100, "hold": {"for": "5m"}}]
    world = a_world(step=step, spec=a_spec(traffic=None, strategy={"canary": {"steps": steps}}), pinned=pin)
    assert decide(world, GOOD).target.pin == pin


def test_without_a_router_the_service_is_pinned_before_the_canary_starts() -> None:
    world = a_world(entered=None, spec=WITHOUT_ROUTER, canary=a_revision(NEW, 0), pinned=None)
    assert decide(world, GOOD).target.pin == OLD


def few(ready: int, of: int = REPLICAS) -> Revision:
    """The old version with some of its pods unready."""
    return a_revision(OLD, of, ready=ready, promoted=1)


def lacks(ready: int, share: str) -> str:
    """What the status says of it."""
    return f"the old version has {ready} of 4 pods ready, and without a route the new one would get {share}."


def test_without_a_router_the_service_is_not_opened_while_the_old_version_lacks_pods() -> None:
    world = a_world(entered=None, spec=WITHOUT_ROUTER, pinned=OLD, stable=few(3))
    decision = decide(world, GOOD)
    assert (decision.target.pin, place_of(decision)[:2]) == (OLD, (0, False))
    assert decision.status.message == f"Before 10 % to shop:new: {lacks(3, '25 %')}"


@pytest.mark.parametrize(("ready", "pin"), [(90, None), (89, OLD)])
def test_without_a_router_the_service_is_opened_when_the_new_version_gets_what_the_step_says(
    ready: int, pin: str | None
) -> None:
    """One of many pods may always be missing somewhere."""
    many = a_spec(traffic=None, replicas=100)
    world = a_world(entered=None, spec=many, pinned=OLD, stable=few(ready, 100), canary=a_revision(NEW, 10))
    assert decide(world, GOOD).target.pin == pin


@pytest.mark.parametrize("entered", [MINUTE, None])
def test_without_a_router_an_open_service_stays_open_when_the_old_version_loses_a_pod(
    entered: timedelta | None,
) -> None:
    world = a_world(step=1, entered=entered, spec=WITHOUT_ROUTER, pinned=None, stable=few(1))
    assert decide(world, GOOD).target.pin is None


def test_without_a_router_the_new_version_gets_no_more_pods_while_the_old_one_lacks_some() -> None:
    world = a_world(entered=OVER, spec=WITHOUT_ROUTER, pinned=None, stable=few(1))
    decision = decide(world, GOOD)
    assert (place_of(decision)[:2], decision.target.replicas[NEW], decision.target.pin) == ((0, True), 1, None)
    assert decision.status.message == f"At 10 %: {lacks(1, '66.7 %')}"
    assert place_of(decide(asked(world, Verb.PROMOTE), GOOD))[0] == 1


def test_without_a_router_a_pin_that_somebody_put_back_stays_while_the_old_version_lacks_pods() -> None:
    world = a_world(entered=OVER, spec=WITHOUT_ROUTER, pinned=OLD, stable=few(2))
    decision = decide(world, GOOD)
    assert (decision.target.pin, place_of(decision)[:2], decision.reason) == (OLD, (0, True), "WaitingForPods")
    assert decision.status.message == f"At 0 %: {lacks(2, '33.3 %')}"


def test_without_a_router_a_step_without_its_traffic_is_not_left_for_one_that_could_be_opened() -> None:
    world = a_world(entered=OVER, spec=WITHOUT_ROUTER, pinned=OLD, stable=few(3))
    assert place_of(decide(world, GOOD))[:2] == (0, True)


@pytest.mark.parametrize("replicas", [0, 1])
def test_without_a_router_an_old_version_that_should_have_no_pods_lacks_none(replicas: int) -> None:
    spec = a_spec(traffic=None, replicas=replicas)
    world = a_world(entered=None, spec=spec, pinned=OLD, stable=few(replicas, replicas), canary=a_revision(NEW, 1))
    assert decide(world, GOOD).target.pin is None


def test_without_a_router_a_person_may_give_everything_to_the_new_version_while_the_old_one_lacks_pods() -> None:
    world = a_world(step=1, entered=None, spec=WITHOUT_ROUTER, pinned=OLD, stable=few(3), canary=a_revision(NEW))
    assert decide(asked(world, Verb.PROMOTE, to="end"), GOOD).target.pin == NEW


def test_without_a_router_an_abort_does_not_wait_for_the_old_version_to_be_complete() -> None:
    world = a_world(step=1, spec=WITHOUT_ROUTER, pinned=None, stable=few(1))
    decision = decide(asked(world, Verb.ABORT), GOOD)
    assert (decision.target.pin, decision.urgent) == (OLD, True)
