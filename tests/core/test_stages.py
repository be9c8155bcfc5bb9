"""A run that goes forward: reaching a step, holding it, leaving it, switching, baking, finishing."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from analysis.results import Assessment, State
from rollout.core.decide import decide
from rollout.core.target import Target
from rollout.core.world import World
from rollout.models.rollout import PROMOTED, format_time
from rollout.models.spec import RolloutSpec
from rollout.models.status import Outcome, Phase, RolloutStatus, Stage, TrafficStatus, Verb
from rollout.traffic.service import pin
from tests.core.builders import (
    ERRORS,
    MINUTE,
    NEW,
    OLD,
    REPLICAS,
    STEPS,
    a_policy,
    a_result,
    a_revision,
    a_run,
    a_spec,
    a_world,
    ago,
    judged,
    some_pods,
    the_first_run,
    with_service,
)
from tests.core.stages import GOOD, OVER, asked, paused, place_of, stage_of


def weight_lost(step: int, *, entered: timedelta | None, ready: int, pods: int) -> World:
    """A canary that was taken off the traffic because no pod was ready, and has some again."""
    canary = a_revision(NEW, pods, ready=ready)
    status = {"traffic": TrafficStatus(desired=0)}
    return a_world(step=step, entered=entered, canary=canary, weight=0, status=status)


REACHING: dict[str, tuple[World, tuple[int, bool, float | None]]] = {
    "no Deployment yet": (a_world(entered=None, canary=a_revision(NEW, 0, replicas=1)), (0, False, 0)),
    "its pod is not ready": (a_world(entered=None, canary=a_revision(NEW, 1, ready=0)), (0, False, 0)),
    "its pod goes away": (
        a_world(entered=None, canary=a_revision(NEW, [replace(some_pods(NEW, 1)[0], terminating=True)])),
        (0, False, 0),
    ),
    "its pod is not behind the Service yet": (
        with_service(a_world(entered=None), canary_targets=frozenset()),
        (0, False, 0),
    ),
    "another pod is behind the Service": (
        with_service(a_world(entered=None), canary_targets=frozenset({"shop-new-0", "shop-old-0"})),
        (0, False, 0),
    ),
    "the route is not accepted at weight 0": (a_world(entered=None, accepted=False), (0, False, 0)),
    "the route does not name the canary's Service yet": (a_world(entered=None, weight=None), (0, False, 0)),
    "it is paused": (paused(a_world(entered=None)), (0, False, 0)),
    "everything is there": (a_world(entered=None), (0, True, 10)),
    "half of the second step's pods are there": (
        a_world(step=1, entered=None, canary=a_revision(NEW, 2, ready=1)),
        (1, False, 10),
    ),
    "the second step's pods are there": (a_world(step=1, entered=None), (1, True, 50)),
}


@pytest.mark.parametrize(("world", "place"), REACHING.values(), ids=REACHING)
def test_a_weight_is_given_only_once_the_steps_pods_are_ready_and_the_route_prepared(
    world: World, place: tuple[int, bool, float | None]
) -> None:
    assert place_of(decide(world, GOOD)) == place


def test_a_route_that_cannot_be_written_is_what_the_sentence_names() -> None:
    told = decide(a_world(entered=None, weight=None), GOOD).status.message
    assert told == "Before 10 % to shop:new: HTTPRoute store/shop has to be written before it can give traffic."


PASSED_OVER: dict[str, tuple[World, tuple[int, bool, float | None]]] = {
    "the first step, paused before it": (asked(paused(a_world(entered=None)), Verb.PROMOTE), (1, False, 0)),
    "the first step, no pod yet": (
        asked(a_world(entered=None, canary=a_revision(NEW, 1, ready=0)), Verb.PROMOTE),
        (1, False, 0),
    ),
    "the second step": (asked(a_world(step=1, entered=None), Verb.PROMOTE), (2, False, 10)),
    "all steps": (asked(a_world(step=0), Verb.PROMOTE, to="end"), (2, False, 10)),
}


@pytest.mark.parametrize("passed", ["the first step, paused before it", "the second step"])
def test_a_step_that_was_passed_over_never_gets_its_weight(passed: str) -> None:
    world, place = PASSED_OVER[passed]
    assert place_of(decide(world, GOOD)) == place


@pytest.mark.parametrize("passed", ["the first step, no pod yet", "all steps"])
def test_a_canary_that_is_too_small_gets_no_weight_by_passing_over_a_step(passed: str) -> None:
    world, place = PASSED_OVER[passed]
    assert place_of(decide(world, GOOD)) == place


def test_a_step_is_reached_with_both_versions_side_by_side_and_the_services_on_the_stable_one() -> None:
    decision = decide(a_world(step=1, entered=None, canary=a_revision(NEW, 1)), GOOD)
    assert replace(decision.target, templates={}) == Target(
        replicas={OLD: REPLICAS, NEW: 2}, pin=OLD, weight=10, canary=NEW
    )
    assert (decision.status.phase, decision.reason, decision.urgent) == (Phase.PROGRESSING, "ReachingStep", False)


def test_while_a_smaller_step_is_reached_the_canary_keeps_the_pods_its_weight_needs() -> None:
    spec = a_spec(strategy={"canary": {"steps": [{"weight": 50}, {"weight": 10, "hold": {"for": "5m"}}]}})
    reaching = a_world(step=1, entered=None, canary=a_revision(NEW, 2, ready=1), spec=spec)
    reaching = with_service(reaching, canary_targets=frozenset())
    assert decide(reaching, GOOD).target.replicas[NEW] == 2
    run = a_run(routed_at=ago(MINUTE))
    reached = a_world(step=1, canary=a_revision(NEW, 2), weight=10, spec=spec, run=run)
    assert decide(reached, GOOD).target.replicas[NEW] == 1


def test_the_stable_version_never_shrinks_during_a_run() -> None:
    world = a_world(stable=a_revision(OLD, 7, promoted=1))
    assert decide(world, GOOD).target.replicas[OLD] == 7


def test_a_canary_without_ready_pods_is_taken_off_the_traffic_at_once() -> None:
    decision = decide(a_world(step=1, canary=a_revision(NEW, 2, ready=0)), GOOD)
    assert (decision.target.weight, decision.urgent, decision.reason) == (0, True, "CanaryUnready")


@pytest.mark.parametrize(
    "world",
    [
        weight_lost(1, entered=MINUTE, ready=1, pods=2),
        with_service(weight_lost(1, entered=MINUTE, ready=2, pods=2), canary_targets=frozenset()),
        weight_lost(2, entered=None, ready=1, pods=4),
    ],
    ids=["held, half its pods", "held, not behind its Service", "reached, a quarter of its pods"],
)
def test_a_canary_gets_its_weight_back_only_when_all_the_steps_pods_are_ready(world: World) -> None:
    assert decide(world, GOOD).target.weight == 0


def test_a_hold_that_is_over_begins_anew_where_the_traffic_had_stopped() -> None:
    world = a_world(entered=OVER, weight=0, status={"traffic": TrafficStatus(desired=0)})
    decision = decide(world, GOOD)
    step = decision.status.step
    assert step is not None
    assert (step.index, step.entered_at, decision.target.weight) == (0, format_time(world.now), 10)


@pytest.mark.parametrize(("ready", "pin"), [(0, NEW), (REPLICAS, OLD)])
def test_a_pin_that_somebody_took_is_put_back_only_on_a_stable_version_that_can_answer(ready: int, pin: str) -> None:
    world = a_world(step=1, stable=a_revision(OLD, ready=ready, promoted=1), pinned=None)
    assert decide(world, GOOD).target.pin == pin


def test_a_canary_that_lost_its_weight_gets_it_back_when_it_is_ready() -> None:
    assert decide(weight_lost(1, entered=MINUTE, ready=2, pods=2), GOOD).target.weight == 50


APPROVAL = a_spec(strategy={"canary": {"steps": [{"weight": 10, "hold": {"until": [{"approval": {}}]}}]}})
QUIET_CHECK = {"name": "extra", "ratio": {"bad": "b", "total": "t"}, "ceiling": 1}
NAMED = a_spec(
    strategy={"canary": {"steps": [{"weight": 10, "checks": ["errors"]}]}},
    analysis={"checks": [ERRORS, QUIET_CHECK]},
)
HELD: dict[str, tuple[World, State | None, str]] = {
    "its time is not over": (a_world(), State.PASS, "Holding"),
    "it waits for an approval": (a_world(spec=APPROVAL, entered=99 * MINUTE), State.PASS, "WaitingForApproval"),
    "it is paused": (paused(a_world(entered=OVER)), State.PASS, "Paused"),
    "there is no result yet": (a_world(entered=OVER), None, "NotEnoughData"),
    "there is too little data": (a_world(entered=OVER), State.NOT_ENOUGH_DATA, "NotEnoughData"),
    "there is no data": (a_world(entered=OVER), State.NO_DATA, "NoData"),
    "the source is down": (a_world(entered=OVER), State.PROVIDER_DOWN, "ProviderDown"),
    "a pod is missing": (
        a_world(step=1, entered=OVER, canary=a_revision(NEW, 2, ready=1)),
        State.PASS,
        "WaitingForPods",
    ),
    "the route is not accepted": (a_world(entered=OVER, accepted=False), State.PASS, "Holding"),
}


@pytest.mark.parametrize(("world", "state", "reason"), HELD.values(), ids=HELD)
def test_a_step_is_held_as_it_is_while_something_is_missing(world: World, state: State | None, reason: str) -> None:
    decision = decide(world, judged(*([a_result(state)] if state else [])))
    step = world.status.step
    assert step is not None
    assert place_of(decision) == (step.index, True, (10, 50)[step.index])
    assert decision.reason == reason


def test_a_hold_looks_again_when_its_time_is_over() -> None:
    assert decide(a_world(entered=MINUTE), GOOD).after == 4 * MINUTE


POLICIES: dict[str, tuple[str, State]] = {
    "onNoData": ("onNoData", State.NO_DATA),
    "onProviderDown": ("onProviderDown", State.PROVIDER_DOWN),
    "onInconclusive": ("onInconclusive", State.NOT_ENOUGH_DATA),
}


@pytest.mark.parametrize(("policy", "state"), POLICIES.values(), ids=POLICIES)
@pytest.mark.parametrize(
    ("then", "lasting", "stage"),
    [
        ("hold", 9 * MINUTE, (0, True)),
        ("advance", MINUTE, (0, True)),
        ("advance", 3 * MINUTE, (1, False)),
        ("abort", MINUTE, (0, True)),
        ("abort", 3 * MINUTE, None),
    ],
)
def test_each_policy_does_what_it_says_once_its_state_has_lasted(
    policy: str, state: State, then: str, lasting: timedelta, stage: tuple[int, bool] | None
) -> None:
    decision = decide(a_world(entered=OVER, spec=a_policy(policy, then)), judged(a_result(state, since=lasting)))
    aborted = decision.status.phase is Phase.ABORTING
    assert (None if aborted else place_of(decision)[:2]) == stage


@pytest.mark.parametrize("other", sorted(POLICIES))
def test_a_policy_says_nothing_about_the_states_of_the_others(other: str) -> None:
    for policy, (_, state) in POLICIES.items():
        world = a_world(entered=OVER, spec=a_policy(other, "abort"))
        decision = decide(world, judged(a_result(state, since=9 * MINUTE)))
        assert (decision.status.phase is Phase.ABORTING) == (policy == other)


LEAVING: dict[str, tuple[World, Assessment]] = {
    "its checks pass": (a_world(entered=OVER), judged(a_result())),
    "a check outside the step lacks data": (
        a_world(entered=OVER, spec=NAMED),
        judged(a_result(), a_result(State.NO_DATA, name="extra")),
    ),
    "one that is not critical lacks data": (a_world(entered=OVER), judged(a_result(State.NO_DATA, critical=False))),
    "one that only warns regresses": (a_world(entered=OVER), judged(a_result(State.REGRESS, warn_only=True))),
    "a person promotes it early": (asked(a_world(), Verb.PROMOTE), judged(a_result(State.NO_DATA))),
    "a person approves": (asked(a_world(spec=APPROVAL), Verb.PROMOTE), judged(a_result())),
    "a person promotes it while it is paused": (asked(paused(a_world()), Verb.PROMOTE), judged(a_result())),
}


@pytest.mark.parametrize(("world", "assessment"), LEAVING.values(), ids=LEAVING)
def test_a_step_is_left_with_its_weight_for_the_next_one(world: World, assessment: Assessment) -> None:
    assert place_of(decide(world, assessment)) == (1, False, 10)


def test_a_check_that_the_step_names_holds_it() -> None:
    assessment = judged(a_result(State.NO_DATA), a_result(name="extra"))
    assert place_of(decide(a_world(entered=OVER, spec=NAMED), assessment)) == (0, True, 10)


def test_a_step_promoted_past_while_its_pods_are_missing_keeps_its_weight_and_no_more() -> None:
    world = asked(a_world(step=1, canary=a_revision(NEW, 2, ready=1)), Verb.PROMOTE)
    assert place_of(decide(world, GOOD)) == (2, False, 50)


def test_the_last_step_is_not_promoted_past_while_its_pods_are_missing() -> None:
    world = asked(a_world(step=2, canary=a_revision(NEW, REPLICAS, ready=3)), Verb.PROMOTE)
    assert place_of(decide(world, GOOD)) == (2, True, 100)


def test_a_promotion_to_the_end_brings_up_the_last_steps_pods() -> None:
    decision = decide(asked(a_world(step=0), Verb.PROMOTE, to="end"), judged(a_result(State.NO_DATA)))
    assert place_of(decision)[:2] == (2, False)
    assert decision.target.replicas[NEW] == REPLICAS


@pytest.mark.parametrize("state", [State.NO_DATA, State.PROVIDER_DOWN])
def test_the_weight_does_not_rise_while_the_data_that_opened_the_step_is_gone(state: State) -> None:
    result = a_result(state)
    decision = decide(a_world(step=1, entered=None), judged(result))
    assert (decision.target.weight, place_of(decision)[:2]) == (10, (1, False))
    assert decision.status.message == f"Before 50 % to shop:new: {result.sentence}."


SILENT = judged(a_result(State.NO_DATA, silent=True))


def test_a_silent_canary_is_emptied_at_once_and_stays_so() -> None:
    emptied = decide(a_world(), SILENT)
    assert emptied.status.run is not None
    assert (emptied.target.weight, emptied.urgent, emptied.reason) == (0, True, "CanarySilent")
    assert emptied.status.run.emptied_at == ago(timedelta())
    later = a_world(
        weight=0, entered=OVER, run=a_run(emptied_at=ago(MINUTE)), status={"traffic": TrafficStatus(desired=0)}
    )
    assert (decide(later, GOOD).target.weight, place_of(decide(later, GOOD))[0]) == (0, 0)


@pytest.mark.parametrize("verb", [Verb.RESUME, Verb.PROMOTE])
def test_a_person_puts_an_emptied_canary_back_on_the_traffic_and_its_hold_begins_anew(verb: Verb) -> None:
    run, status = a_run(emptied_at=ago(MINUTE)), {"traffic": TrafficStatus(desired=0)}
    decision = decide(asked(a_world(weight=0, entered=OVER, run=run, status=status), verb), GOOD)
    assert place_of(decision) == (0, True, 10)
    assert decision.status.step is not None
    assert decision.status.step.entered_at == ago(timedelta())
    assert decision.status.run is not None
    assert decision.status.run.emptied_at is None


def test_a_silent_canary_is_emptied_while_the_next_step_is_reached_too() -> None:
    decision = decide(a_world(step=1, entered=None, canary=a_revision(NEW, 1)), SILENT)
    assert (decision.target.weight, decision.urgent) == (0, True)


LAST = {"step": 2, "entered": MINUTE}


def test_after_the_last_step_the_services_are_moved_while_the_routes_stay_at_100() -> None:
    decision = decide(a_world(**LAST), GOOD)
    assert stage_of(decision) == (Stage.SWITCHING, 100, NEW)
    assert (decision.status.phase, decision.target.replicas) == (Phase.PROMOTING, {OLD: REPLICAS, NEW: REPLICAS})


SWITCHING: dict[str, tuple[World, Stage]] = {
    "the Services still lead to the old version": (a_world(Stage.SWITCHING), Stage.SWITCHING),
    "they are pinned, but EndpointSlices lag": (
        with_service(a_world(Stage.SWITCHING, pinned=NEW), targets=frozenset({"shop-old-0"})),
        Stage.SWITCHING,
    ),
    "they lead to the canary without a pin": (
        with_service(a_world(Stage.SWITCHING), targets=a_revision(NEW).ready),
        Stage.SWITCHING,
    ),
    "it is paused": (paused(a_world(Stage.SWITCHING, pinned=NEW)), Stage.SWITCHING),
    "they lead to the canary": (a_world(Stage.SWITCHING, pinned=NEW), Stage.BAKING),
}


@pytest.mark.parametrize(("world", "stage"), SWITCHING.values(), ids=SWITCHING)
def test_the_routes_are_given_back_once_the_services_lead_to_the_canary(world: World, stage: Stage) -> None:
    assert stage_of(decide(world, GOOD)) == (stage, 100 if stage is Stage.SWITCHING else None, NEW)


def test_a_canary_that_has_all_traffic_loses_no_pods_while_everything_switches_to_it() -> None:
    decision = decide(a_world(Stage.SWITCHING, spec=a_spec(replicas=REPLICAS - 2)), GOOD)
    assert decision.target.replicas == {OLD: REPLICAS, NEW: REPLICAS}


def test_a_weight_that_somebody_took_is_given_back_in_switching_only_to_a_ready_canary() -> None:
    canary = a_revision(NEW, REPLICAS, ready=1)
    decision = decide(
        a_world(Stage.SWITCHING, canary=canary, weight=10, status={"traffic": TrafficStatus(desired=100)}), GOOD
    )
    assert decision.target.weight is not None
    assert decision.target.weight <= 10


def baking(for_: timedelta, **changes: Any) -> World:
    return a_world(Stage.BAKING, run=a_run(Stage.BAKING, since=for_), **changes)


BAKING: dict[str, tuple[World, State]] = {
    "its time is not over": (baking(MINUTE), State.PASS),
    "it is paused": (paused(baking(OVER)), State.PASS),
    "there is no data": (baking(OVER), State.NO_DATA),
    "the route as declared is not accepted": (baking(OVER, accepted=False), State.PASS),
    "proxies may not follow yet": (
        baking(timedelta(seconds=10), spec=a_spec(strategy={"canary": {"steps": list(STEPS)}})),
        State.PASS,
    ),
}


@pytest.mark.parametrize(("world", "state"), BAKING.values(), ids=BAKING)
def test_the_old_version_stays_warm_during_the_bake(world: World, state: State) -> None:
    decision = decide(world, judged(a_result(state)))
    assert stage_of(decision) == (Stage.BAKING, None, NEW)
    assert decision.target.replicas == {OLD: REPLICAS, NEW: REPLICAS}


def test_a_bake_without_a_time_lasts_until_the_proxies_have_followed() -> None:
    spec = a_spec(strategy={"canary": {"steps": list(STEPS)}})
    assert stage_of(decide(baking(timedelta(seconds=16), spec=spec), GOOD))[0] is Stage.FINISHING


@pytest.mark.parametrize(
    "world", [baking(OVER), asked(baking(MINUTE), Verb.PROMOTE)], ids=["its time is over", "a person promotes"]
)
def test_after_the_bake_the_new_version_is_marked_and_the_old_one_goes(world: World) -> None:
    decision = decide(world, GOOD)
    assert stage_of(decision)[0] is Stage.FINISHING
    assert decision.target == Target(replicas={OLD: 0, NEW: REPLICAS}, pin=NEW, promoted={NEW: 2})


def test_a_bake_does_not_end_while_somebody_has_taken_a_pin_away_nor_before_proxies_followed_its_return() -> None:
    world = baking(timedelta(seconds=16), spec=a_spec(strategy={"canary": {"steps": list(STEPS)}}))
    assert world.services[0].manifest is not None
    loose = with_service(world, manifest=pin(world.services[0].manifest, None))
    decision = decide(loose, GOOD)
    assert stage_of(decision)[0] is Stage.BAKING
    put_back = decide(replace(world, status=decision.status), GOOD)
    assert stage_of(put_back)[0] is Stage.BAKING


@pytest.mark.parametrize(
    "world",
    [
        baking(OVER, canary=a_revision(NEW, ready=1)),
        a_world(Stage.FINISHING, canary=a_revision(NEW, ready=0, promoted=2)),
    ],
    ids=["baked", "finishing"],
)
def test_the_old_version_keeps_its_pods_until_the_new_one_is_at_full_size(world: World) -> None:
    assert decide(world, GOOD).target.replicas[OLD] == REPLICAS


def test_the_services_stay_pinned_until_the_last_old_pod_is_gone() -> None:
    leaving = a_revision(OLD, 1, replicas=0, promoted=1)
    decision = decide(a_world(Stage.FINISHING, stable=leaving), GOOD)
    assert (stage_of(decision)[0], decision.target.pin, decision.status.phase) == (
        Stage.FINISHING,
        NEW,
        Phase.PROMOTING,
    )


def test_a_run_ends_with_everything_as_declared_and_one_deployment() -> None:
    gone = a_revision(OLD, 0, promoted=1)
    decision = decide(a_world(Stage.FINISHING, stable=gone), GOOD)
    assert decision.target == Target(replicas={NEW: REPLICAS}, promoted={NEW: 2})
    run = decision.status.run
    assert run is not None
    assert (run.stage, run.outcome, run.reason) == (Stage.DONE, Outcome.PROMOTED, None)
    assert decision.status.phase is Phase.HEALTHY


def test_workers_without_services_walk_the_steps_by_their_pods() -> None:
    world = a_world(step=1, entered=None, spec=a_spec(traffic=None, services=None))
    decision = decide(world, GOOD)
    assert place_of(decision)[:2] == (1, True)
    assert decision.target.replicas == {OLD: REPLICAS, NEW: 2}


def test_blue_green_starts_at_full_size_without_traffic_and_switches_at_once() -> None:
    spec: RolloutSpec = a_spec(strategy={"blueGreen": {"preview": {"for": "5m"}}})
    preview = a_world(step=0, spec=spec)
    assert (decide(preview, GOOD).target.replicas[NEW], decide(preview, GOOD).target.weight) == (REPLICAS, 0)
    assert place_of(decide(a_world(step=0, entered=OVER, spec=spec), GOOD)) == (1, True, 100)


def test_a_write_somebody_undid_is_counted_and_put_right_at_once() -> None:
    world = a_world(weight=50, status={"traffic": TrafficStatus(desired=10)})
    decision = decide(world, GOOD)
    run = decision.status.run
    assert run is not None
    assert (run.reverts, decision.target.weight, decision.urgent, decision.reason) == (1, 10, True, "Reverted")


def test_a_revert_does_not_hide_that_a_person_is_asked() -> None:
    told = a_run(reverts=1, reason="kubectl changed HTTPRoute store/shop, put right again")
    asking = [{"weight": 10, "hold": {"until": [{"approval": {}}]}}, {"weight": 50}]
    spec: RolloutSpec = a_spec(strategy={"canary": {"steps": asking}})
    decision = decide(a_world(entered=OVER, run=told, spec=spec), GOOD)
    assert (decision.reason, decision.status.message) == (
        "WaitingForApproval",
        "At 10 %: waiting for approval; promote to go on to 50 %."
        " Meanwhile, kubectl changed HTTPRoute store/shop, put right again; seen once in this step.",
    )


def test_a_revert_is_told_beside_what_is_waited_for_and_hides_no_source_that_is_down() -> None:
    told = a_run(reverts=1, reason="kubectl changed HTTPRoute store/shop, put right again")
    also = " Meanwhile, kubectl changed HTTPRoute store/shop, put right again; seen once in this step."
    down = judged(a_result(State.PROVIDER_DOWN))
    for world, findings, reason in ((a_world(run=told), GOOD, "Reverted"), (a_world(run=told), down, "ProviderDown")):
        plain = decide(replace(world, status=a_world().status), findings)
        decision = decide(world, findings)
        assert (decision.reason, decision.status.message) == (reason, f"{plain.status.message}{also}")


def test_reverts_are_counted_anew_in_the_next_step() -> None:
    run = decide(a_world(entered=OVER, run=a_run(reverts=2)), GOOD).status.run
    assert run is not None
    assert run.reverts == 0


def test_a_canary_deployment_that_vanished_is_made_again_and_has_no_traffic_meanwhile() -> None:
    world = a_world(step=1)
    world = with_service(replace(world, revisions={OLD: world.revisions[OLD]}), canary_targets=frozenset())
    decision = decide(world, GOOD)
    assert (decision.target.weight, decision.target.replicas[NEW], decision.urgent) == (0, 2, True)
    assert decision.target.templates[NEW] == world.runs[1].spec.template


def test_with_a_lost_status_a_release_walks_its_steps_from_the_first() -> None:
    decision = decide(replace(a_world(step=1), status=RolloutStatus()), GOOD)
    assert stage_of(decision) == (Stage.STEPPING, 10, OLD)
    assert place_of(decision)[:2] == (0, True)


def test_with_a_lost_status_a_bake_is_not_given_to_a_stable_version_without_ready_pods() -> None:
    world = replace(a_world(Stage.BAKING, stable=a_revision(OLD, ready=0, promoted=1)), status=RolloutStatus())
    assert decide(world, GOOD).target.pin != OLD


def test_a_stable_version_that_nobody_remembers_does_not_stop_the_decisions() -> None:
    world = a_world()
    world = replace(world, revisions={NEW: world.revisions[NEW]}, runs=world.runs[1:])
    assert decide(world, GOOD).status.phase is Phase.STALLED


def test_a_deleted_stable_deployment_is_built_again_from_its_record() -> None:
    world = a_world()
    decision = decide(replace(world, revisions={NEW: world.revisions[NEW]}), GOOD)
    assert (decision.reason, decision.target.replicas[OLD], decision.urgent) == ("StableLost", REPLICAS, True)
    assert decision.target.templates[OLD] == world.runs[0].spec.template
    assert PROMOTED not in decision.target.templates[OLD]["metadata"]["labels"]


def test_a_run_that_the_status_does_not_tell_of_yet_can_be_aborted() -> None:
    """Its record and its pods are there, and a write that came before the status was refused."""
    begun = asked(a_world(entered=None, weight=None), Verb.ABORT)
    before = begun.status.model_copy(update={"run": the_first_run(), "step": None, "phase": Phase.HEALTHY})
    decision = decide(replace(begun, status=before), GOOD)
    assert decision.status.phase is Phase.ABORTING
    assert [each.reason for each in decision.events if each.reason == "CommandRefused"] == []


def test_a_service_that_somebody_let_go_leads_to_the_canary_while_the_stable_version_cannot_answer() -> None:
    deaf = a_world(pinned=None, stable=a_revision(OLD, ready=0, promoted=1))
    assert decide(deaf, judged(a_result())).target.pin == NEW
    well = a_world(pinned=None)
    assert decide(well, judged(a_result())).target.pin == OLD
