"""A run that is taken back: for which reasons, in which order, and what is left of it."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from analysis.results import State
from rollout.core.decide import decide
from rollout.core.plan import plan
from rollout.core.target import Target
from rollout.core.world import World
from rollout.models.status import Outcome, Phase, RolloutStatus, Stage, TrafficStatus, Verb
from tests.core.builders import (
    MINUTE,
    NEW,
    OLD,
    REPLICAS,
    THIRD,
    a_command,
    a_manifest,
    a_policy,
    a_result,
    a_revision,
    a_route,
    a_run,
    a_service,
    a_spec,
    a_template,
    a_world,
    ago,
    judged,
    led,
    with_service,
)
from tests.core.cluster import carried_out

GOOD, BREACH = judged(a_result()), judged(a_result(State.REGRESS))


def asking(world: World, *verbs: Verb) -> World:
    commands = tuple(a_command(verb) for verb in verbs)
    return replace(world, status=world.status.model_copy(update={"commands": commands}))


def wanting(world: World, version: str) -> World:
    return replace(world, wanted=version, template=a_template(version))


RUNNING: dict[str, World] = {
    "a step is reached": a_world(step=1, entered=None),
    "a step is held": a_world(step=1),
    "the Services are moved": a_world(Stage.SWITCHING),
    "it bakes": a_world(Stage.BAKING),
}
REASONS: dict[str, tuple[Any, tuple[Any, ...], str, Outcome]] = {
    "a breach": (lambda world: world, BREACH, "errors: regress", Outcome.ABORTED),
    "a command": (lambda world: asking(world, Verb.ABORT), GOOD, "ann asked for it", Outcome.ABORTED),
    "the template is back": (
        lambda world: wanting(world, OLD),
        GOOD,
        "the template is that of the stable version again",
        Outcome.ABORTED,
    ),
    "a third version": (
        lambda world: wanting(world, THIRD),
        GOOD,
        "another version, shop:third, is asked for",
        Outcome.SUPERSEDED,
    ),
    "a third version and a breach": (lambda world: wanting(world, THIRD), BREACH, "errors: regress", Outcome.ABORTED),
    "an abort beside a promotion and a pause": (
        lambda world: asking(world, Verb.PAUSE, Verb.PROMOTE, Verb.ABORT),
        GOOD,
        "ann asked for it",
        Outcome.ABORTED,
    ),
    "a breach in an invalid spec": (
        lambda world: replace(world, problems=("Cannot start: no.",), spec=None),
        BREACH,
        "errors: regress",
        Outcome.ABORTED,
    ),
    "a breach while it is paused": (
        lambda world: replace(world, status=world.status.model_copy(update={"paused_at": ago(MINUTE)})),
        BREACH,
        "errors: regress",
        Outcome.ABORTED,
    ),
}


@pytest.mark.parametrize("stage", RUNNING)
@pytest.mark.parametrize("why", REASONS)
def test_traffic_goes_back_in_the_very_decision_that_learns_why(stage: str, why: str) -> None:
    change, results, sentence, outcome = REASONS[why]
    decision = decide(change(RUNNING[stage]), results)
    run = decision.status.run
    assert run is not None
    assert (run.stage, run.reason, run.outcome) == (Stage.ABORTING, sentence, outcome)
    assert (decision.target.weight or 0, decision.target.pin, decision.urgent) == (0, OLD, True)
    assert decision.target.replicas == {OLD: REPLICAS, NEW: RUNNING[stage].revisions[NEW].replicas}
    assert decision.target.aborted == ({NEW: 2} if outcome is Outcome.ABORTED else {})


@pytest.mark.parametrize("stage", ["the Services are moved", "it bakes"])
def test_after_the_steps_a_canary_without_any_ready_pod_is_taken_back(stage: str) -> None:
    world = RUNNING[stage]
    dead = led(replace(world, revisions={**world.revisions, NEW: a_revision(NEW, ready=0)}))
    run = decide(dead, GOOD).status.run
    assert run is not None
    assert (run.stage, run.reason) == (Stage.ABORTING, "none of its pods is ready: 0 of 1 ready")


def late(entered: timedelta | None, started: timedelta, *, ready: int = 0) -> World:
    world = a_world(step=1, entered=entered, canary=a_revision(NEW, 2, ready=ready))
    step = world.status.step
    assert step is not None
    status = world.status.model_copy(update={"step": step.model_copy(update={"started_at": ago(started)})})
    return replace(world, status=status)


@pytest.mark.parametrize(("started", "stage"), [(9 * MINUTE, Stage.STEPPING), (10 * MINUTE, Stage.ABORTING)])
def test_pods_that_are_not_ready_in_time_end_the_run(started: timedelta, stage: Stage) -> None:
    run = decide(late(None, started, ready=1), GOOD).status.run
    assert run is not None
    assert run.stage is stage


def test_a_pause_stops_the_deadline() -> None:
    world = late(None, 20 * MINUTE)
    world = replace(world, status=world.status.model_copy(update={"paused_at": ago(MINUTE)}))
    assert decide(world, GOOD).status.phase is Phase.PAUSED


def test_the_deadline_is_the_runs_own() -> None:
    world = a_world(entered=None, spec=a_spec(progressDeadline="30s"), canary=a_revision(NEW, 1, ready=0))
    assert decide(world, GOOD).status.phase is Phase.ABORTING


@pytest.mark.parametrize(("gone", "phase"), [(9 * MINUTE, Phase.PROGRESSING), (11 * MINUTE, Phase.ABORTING)])
def test_a_canary_that_died_in_its_step_is_given_as_long_as_one_that_never_came(gone: timedelta, phase: Phase) -> None:
    world = a_world(step=1, entered=20 * MINUTE, canary=a_revision(NEW, 2, ready=0))
    world.revisions[NEW].manifest["status"] = {
        "conditions": [{"type": "Available", "status": "False", "lastTransitionTime": ago(gone)}]
    }
    assert decide(world, judged(a_result(State.NO_DATA))).status.phase is phase


def test_three_reverts_in_one_step_end_the_run() -> None:
    world = a_world(run=a_run(reverts=3))
    run = decide(world, GOOD).status.run
    assert run is not None
    assert (run.stage, run.reason) == (
        Stage.ABORTING,
        "somebody else undid the controller's writes 3 times in this step",
    )


def test_the_third_revert_ends_the_run_at_once_and_is_not_put_right_before() -> None:
    decision = decide(twice_undone(), GOOD)
    run = decision.status.run
    assert run is not None
    assert (run.stage, run.reverts, run.reason, decision.target.weight) == (
        Stage.ABORTING,
        3,
        "somebody else undid the controller's writes 3 times in this step",
        0,
    )


def test_an_abort_for_reverts_whose_status_could_not_be_written_still_says_why() -> None:
    world = twice_undone()
    traffic_only = carried_out(world, plan(world, decide(world, GOOD))[:1])
    run = decide(traffic_only, GOOD).status.run
    assert run is not None
    assert (run.stage, run.reason) == (Stage.ABORTING, "somebody else undid the controller's writes again and again")


def twice_undone() -> World:
    """Somebody has undone the weight for the third time in the step."""
    return a_world(step=1, weight=10, run=a_run(reverts=2), status={"traffic": TrafficStatus(desired=50)})


@pytest.mark.parametrize(
    ("then", "emptied", "phase"),
    [
        ("abort", MINUTE, Phase.PROGRESSING),
        ("abort", 3 * MINUTE, Phase.ABORTING),
        ("hold", 9 * MINUTE, Phase.PROGRESSING),
        ("advance", 9 * MINUTE, Phase.PROGRESSING),
    ],
)
def test_a_silent_canary_is_taken_back_only_where_the_policy_says_so(
    then: str, emptied: timedelta, phase: Phase
) -> None:
    status = {"traffic": TrafficStatus(desired=0)}
    world = a_world(weight=0, run=a_run(emptied_at=ago(emptied)), spec=a_policy("onNoData", then), status=status)
    assert decide(world, GOOD).status.phase is phase


@pytest.mark.parametrize("stage", [Stage.FINISHING, Stage.ABORTING])
def test_nothing_takes_back_what_is_promoted_or_being_taken_back_already(stage: Stage) -> None:
    world = asking(wanting(a_world(stage), THIRD), Verb.ABORT)
    decision = decide(world, BREACH)
    assert decision.status.run is not None
    assert decision.status.run.stage is stage
    assert decision.events[0].reason == "CommandRefused"


@pytest.mark.parametrize(
    "world",
    [
        a_world(step=1, stable=a_revision(OLD, ready=0, promoted=1)),
        a_world(Stage.BAKING, stable=a_revision(OLD, ready=0, promoted=1)),
    ],
    ids=["held", "baking"],
)
def test_traffic_does_not_move_to_a_stable_version_that_cannot_answer(world: World) -> None:
    decision = decide(world, BREACH)
    assert decision.target.keep_traffic
    assert decision.target.replicas == {OLD: REPLICAS, NEW: world.revisions[NEW].replicas}
    assert decision.status.message is not None
    assert "has no ready pod, so it is scaled up first" in decision.status.message


@pytest.mark.parametrize(("deleted", "waits"), [(9 * MINUTE, True), (11 * MINUTE, False)])
def test_a_rollout_that_is_deleted_waits_a_while_for_a_stable_version_that_cannot_answer(
    deleted: timedelta, *, waits: bool
) -> None:
    dumb = a_revision(OLD, ready=0, promoted=1)
    world = a_world(Stage.BAKING, stable=dumb, manifest=a_manifest(deletionTimestamp=ago(deleted)))
    decision = decide(world, judged())
    assert (decision.target.keep_traffic, decision.target.finalizer) == (waits, True)
    assert decision.target.replicas == {OLD: dumb.replicas, NEW: world.revisions[NEW].replicas}


def test_an_abort_whose_status_could_not_be_written_still_says_why() -> None:
    world = a_world(step=1)
    traffic_only = carried_out(world, plan(world, decide(world, BREACH))[:1])
    run = decide(traffic_only, BREACH).status.run
    assert run is not None
    assert (run.stage, run.reason) == (Stage.ABORTING, "errors: regress")


def test_traffic_that_is_taken_late_is_given_the_whole_time_to_settle() -> None:
    """The stable version was not ready when the breach came, so the canary kept its traffic until now."""
    world = a_world(run=a_run(Stage.ABORTING))
    decision = decide(world, judged())
    assert decision.status.run is not None
    assert decision.status.run.since == ago(timedelta(0))
    assert decision.target.weight == 0
    after = carried_out(world, plan(world, decision))
    assert decide(after, judged()).target.replicas[NEW] == world.revisions[NEW].replicas


def test_an_empty_stable_version_is_scaled_up_before_traffic_comes_back() -> None:
    world = a_world(spec=a_spec(replicas=0), stable=a_revision(OLD, 0, promoted=1))
    assert decide(world, BREACH).target.replicas[OLD] == 1


def test_traffic_leaves_a_dead_canary_even_for_a_dead_stable_version() -> None:
    world = a_world(step=1, stable=a_revision(OLD, ready=0, promoted=1), canary=a_revision(NEW, 2, ready=0))
    assert (decide(world, BREACH).target.weight, decide(world, BREACH).target.pin) == (0, OLD)


EMPTYING = {
    "proxies may not have followed": a_world(Stage.ABORTING, run=a_run(Stage.ABORTING, since=timedelta(seconds=14))),
    "the route is not accepted yet": a_world(Stage.ABORTING, accepted=False),
    "the Services lead to the canary yet": with_service(a_world(Stage.ABORTING), targets=a_revision(NEW).ready),
}


@pytest.mark.parametrize("world", EMPTYING.values(), ids=EMPTYING)
def test_a_canary_keeps_its_pods_while_a_proxy_may_still_use_them(world: World) -> None:
    decision = decide(world, GOOD)
    assert decision.target == Target(replicas={OLD: REPLICAS, NEW: 1}, pin=OLD, weight=0, canary=NEW, aborted={NEW: 2})


def test_the_sentence_names_the_version_that_was_taken_back_when_and_why() -> None:
    decision = decide(a_world(Stage.ABORTING), GOOD)
    assert decision.status.message == "shop:new was taken back at 11:50:00 UTC: errors: too many. Removing the canary."


def test_a_canary_goes_when_no_proxy_uses_it() -> None:
    decision = decide(a_world(Stage.ABORTING), GOOD)
    assert decision.target == Target(replicas={OLD: REPLICAS, NEW: 0}, pin=OLD, canary=NEW, aborted={NEW: 2})


@pytest.mark.parametrize(
    "world",
    [
        a_world(Stage.ABORTING, canary=a_revision(NEW, 0, aborted=2)),
        a_world(Stage.ABORTING, canary=a_revision(NEW, 0, aborted=2), weight=None, accepted=False),
    ],
    ids=["its route", "the Gateway's word"],
)
def test_a_run_that_was_taken_back_ends_only_when_the_routes_are_as_declared(world: World) -> None:
    decision = decide(world, GOOD)
    assert decision.status.phase is Phase.ABORTING
    assert (decision.target.pin, decision.target.weight, decision.target.canary) == (OLD, None, NEW)


def over(outcome: Outcome = Outcome.ABORTED, wanted: str = NEW) -> World:
    run = a_run(Stage.ABORTING, outcome=outcome)
    world = a_world(Stage.ABORTING, run=run, canary=a_revision(NEW, 0, aborted=2), weight=None)
    world = replace(world, routes=(a_route(),), services=(a_service(OLD, canary=NEW),))
    return led(wanting(world, wanted))


@pytest.mark.parametrize(
    ("world", "phase", "kept"),
    [
        (over(), Phase.ABORTED, {NEW: 0}),
        (over(wanted=OLD), Phase.HEALTHY, {}),
        (over(Outcome.SUPERSEDED, THIRD), Phase.PROGRESSING, {}),
        (over(wanted=THIRD), Phase.PROGRESSING, {}),
    ],
    ids=["still wanted", "the template is back", "superseded", "another version meanwhile"],
)
def test_what_is_left_of_it_is_a_mark_as_long_as_it_is_asked_for(
    world: World, phase: Phase, kept: dict[str, int]
) -> None:
    decision = decide(world, GOOD)
    assert decision.status.run is not None
    assert (decision.status.phase, decision.status.run.stage) == (phase, Stage.DONE)
    assert decision.target == Target(replicas={OLD: REPLICAS, **kept}, aborted={NEW: 2} if kept else {})


def test_a_canary_that_vanished_ends_its_run_when_it_is_aborted() -> None:
    world = a_world(weight=None)
    world = with_service(replace(world, revisions={OLD: world.revisions[OLD]}), canary_targets=frozenset())
    run = decide(asking(world, Verb.ABORT), GOOD).status.run
    assert run is not None
    assert (run.stage, run.outcome) == (Stage.DONE, Outcome.ABORTED)


def test_an_aborted_version_is_not_released_again_by_itself() -> None:
    status = {"run": a_run(Stage.DONE, outcome=Outcome.ABORTED, reason="errors: too many")}
    world = wanting(a_world(None, status=status), NEW)
    world = replace(world, revisions={**world.revisions, NEW: a_revision(NEW, 0, aborted=2)})
    assert decide(world, GOOD).status.phase is Phase.ABORTED
    forgotten = replace(world, status=RolloutStatus())
    assert decide(forgotten, GOOD).status.phase is not Phase.PROGRESSING
    retried = asking(world, Verb.RETRY)
    assert decide(retried, GOOD).status.phase is Phase.PROGRESSING


def test_the_revision_with_the_newest_promotion_mark_is_never_deleted() -> None:
    world = wanting(a_world(), THIRD)
    newest = replace(world, revisions={**world.revisions, THIRD: a_revision(THIRD, promoted=5)})
    assert THIRD in decide(newest, GOOD).target.replicas
