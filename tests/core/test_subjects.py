"""What is asked of the analysis: which checks, of whom, and since when."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from analysis import checks as asked
from analysis.checks import Split, Subject, Subscription
from rollout.core.subjects import subscription
from rollout.core.world import World
from rollout.models.run import RolloutRunStatus
from rollout.models.status import Stage
from tests.core.builders import ERRORS, MINUTE, NEW, NOW, OLD, a_revision, a_spec, a_world, at_rest, some_pods

SETTLE = timedelta(seconds=15)


def of(world: World) -> Subscription:
    found = subscription(world, world.status)
    assert found is not None, "a release is measured"
    return found


def in_step(hold: dict[str, Any] | None) -> World:
    """A release in its first step, since a minute."""
    step = {"weight": 10} if hold is None else {"weight": 10, "hold": hold}
    return a_world(spec=a_spec(strategy={"canary": {"steps": [step], "bake": {"for": "5m"}}}))


def test_both_sides_are_asked_with_their_pods_and_how_often_those_were_restarted() -> None:
    pods = [
        replace(pod, address=address, restarts=restarts)
        for pod, address, restarts in zip(some_pods(NEW, 3), ("10.0.0.1", "10.0.0.2", None), (0, 2, 5), strict=True)
    ]
    stable = a_revision(OLD, [replace(some_pods(OLD, 1)[0], address="10.0.0.9", restarts=1)], promoted=1)
    assert of(a_world(canary=a_revision(NEW, pods), stable=stable)) == Subscription(
        checks=(asked.Ratio(name="errors", bad="bad_total", total="all_total", rule=asked.Comparison(ceiling=0.01)),),
        subjects=(
            Subject(
                side="canary",
                revision=NEW,
                namespace="store",
                service="shop-canary",
                beside=True,
                pods=("shop-new-0", "shop-new-1"),  # one without an address cannot be told apart from others yet
                addresses=("10.0.0.1", "10.0.0.2"),
                restarts=(0, 2),
            ),
            Subject(
                side="stable",
                revision=OLD,
                namespace="store",
                service="shop",
                pods=("shop-old-0",),
                addresses=("10.0.0.9",),
                restarts=(1,),
            ),
        ),
        split=Split(weight=10, since=NOW - MINUTE + SETTLE, routed=True, until=NOW + 4 * MINUTE),
        since=NOW - 20 * MINUTE,
        run=2,
    )


def test_at_rest_nothing_is_asked() -> None:
    world = at_rest()
    assert subscription(world, world.status) is None


def test_restarts_that_are_compared_are_asked_although_no_source_is() -> None:
    world = a_world(spec=a_spec(analysis={"checks": [{"name": "restarts", "restarts": {}}]}))
    assert of(world).checks == (asked.Restarts(name="restarts"),)
    limited = a_world(spec=a_spec(analysis={"checks": [{"name": "restarts", "restarts": {"max": 0}}]}))
    assert subscription(limited, limited.status) is None


def test_the_chances_are_those_that_were_copied_into_the_run() -> None:
    declared = {"checks": [ERRORS], "falseAborts": "0.5", "falseAdvances": 10}
    world = a_world(spec=a_spec(analysis=declared))
    edited = replace(world, spec=a_spec(analysis={**declared, "falseAborts": 7}))
    assert [(each.false_aborts, each.false_advances) for each in (of(world), of(edited))] == [(0.005, 0.1)] * 2
    lost = replace(edited, runs=edited.runs[:1])
    assert (of(lost).false_aborts, of(a_world()).false_aborts, of(a_world()).false_advances) == (0.07, 0.01, 0.05)


def test_without_routes_the_split_is_only_rough() -> None:
    split = of(a_world(spec=a_spec(traffic=None))).split
    assert split is not None
    assert not split.routed


@pytest.mark.parametrize(
    ("world", "until"),
    [
        (in_step({"for": "5m"}), 4 * MINUTE),
        (in_step({"for": "2m", "until": [{"evidence": {}}], "atMost": "30m"}), 29 * MINUTE),
        (in_step({"for": "2m", "until": [{"evidence": {}}]}), MINUTE),
        (in_step({"until": [{"approval": {}}]}), None),
        (in_step(None), None),
    ],
    ids=["a time", "evidence", "evidence without a limit", "an approval", "nothing"],
)
def test_a_step_is_measured_until_its_time_or_the_wait_for_evidence_is_over(
    world: World, until: timedelta | None
) -> None:
    split = of(world).split
    assert split is not None
    assert split.until == (None if until is None else NOW + until)


def test_while_the_old_version_is_kept_warm_only_the_new_one_is_asked_until_that_is_over() -> None:
    world = a_world(Stage.BAKING)
    step = a_world(step=2).status.step
    found = of(replace(world, status=world.status.model_copy(update={"step": step})))
    assert [each.side for each in found.subjects] == ["canary"]
    assert found.split is not None
    assert (found.split.weight, found.split.until) == (100, NOW - 5 * MINUTE)


def test_what_an_earlier_controller_remembered_comes_from_the_record() -> None:
    world = a_world()
    known = replace(world.runs[-1], status=RolloutRunStatus(checkpoint="{}"))
    assert (of(world).checkpoint, of(replace(world, runs=(*world.runs[:-1], known))).checkpoint) == (None, "{}")


@pytest.mark.parametrize(
    ("world", "divided"),
    [
        (a_world(), True),
        (a_world(step=0, weight=0, spec=a_spec(strategy={"canary": {"steps": [{"weight": 0}]}})), False),
        (a_world(Stage.BAKING), True),
        (a_world(spec=a_spec(traffic=None, services=None)), True),
    ],
    ids=["in a step", "without traffic", "in the bake", "workers without Services"],
)
def test_nothing_is_compared_before_the_canary_has_a_share_of_the_traffic(world: World, divided: bool) -> None:
    assert of(world).divided is divided
