"""Which run goes on, whatever was lost: the status, a record, or neither."""

from dataclasses import replace

import pytest

from rollout.core.asked import take
from rollout.core.case import Case, current_run, next_number, spec_of
from rollout.core.findings import Findings
from rollout.core.world import World
from rollout.models.run import RolloutRunStatus
from rollout.models.status import Outcome, RolloutStatus, RunStatus, Stage
from tests.core.builders import (
    MINUTE,
    NEW,
    NOW,
    OLD,
    a_revision,
    a_route,
    a_run,
    a_service,
    a_spec,
    a_step,
    a_world,
    ago,
    at_rest,
)


def lost(world: World) -> World:
    return replace(world, status=RolloutStatus())


def of_backup(world: World) -> World:
    """The world with the status as it was before the run began."""
    return replace(world, status=at_rest().status)


def ended(world: World, outcome: Outcome) -> World:
    last = replace(world.runs[1], status=RolloutRunStatus(outcome=outcome, message="why"))
    return replace(world, runs=(world.runs[0], last))


REBUILT = a_run(started_at=ago(20 * MINUTE), since=0 * MINUTE)
FROM_BACKUP = "it was being taken back when the controller stopped"
RUNS: dict[str, tuple[World, RunStatus | None]] = {
    "the status tells": (a_world(Stage.BAKING), a_run(Stage.BAKING)),
    "at rest": (at_rest(), at_rest().status.run),
    "nothing is known": (replace(lost(at_rest()), runs=()), None),
    "the status is lost": (lost(a_world()), REBUILT),
    "the status is from a backup": (of_backup(a_world()), REBUILT),
    "the record is lost": (replace(a_world(), runs=()), a_run()),
    "a promotion mark wins": (
        a_world(Stage.BAKING, canary=a_revision(NEW, promoted=2)),
        a_run(Stage.FINISHING, since=0 * MINUTE),
    ),
    "a promotion mark of an earlier run says nothing": (
        a_world(Stage.BAKING, canary=a_revision(NEW, promoted=1)),
        a_run(Stage.BAKING),
    ),
    "finishing goes on": (a_world(Stage.FINISHING), a_run(Stage.FINISHING)),
    "a promotion mark wins over a lost status": (
        lost(a_world(Stage.BAKING, canary=a_revision(NEW, promoted=2))),
        a_run(Stage.FINISHING, since=0 * MINUTE),
    ),
    "an abort goes on": (a_world(Stage.ABORTING), a_run(Stage.ABORTING)),
    "an abort mark on the canary wins": (
        a_world(canary=a_revision(NEW, 1, aborted=2)),
        a_run(Stage.ABORTING, since=0 * MINUTE, reason=FROM_BACKUP),
    ),
    "an abort mark of an earlier run says nothing": (a_world(canary=a_revision(NEW, 1, aborted=1)), a_run()),
    "an abort mark on the route wins": (
        replace(a_world(), routes=(a_route(0, aborted=2),)),
        a_run(Stage.ABORTING, since=0 * MINUTE, reason=FROM_BACKUP),
    ),
    "an abort mark on the Service wins": (
        replace(a_world(spec=a_spec(traffic=None)), services=(a_service(OLD, aborted=2),)),
        a_run(Stage.ABORTING, since=0 * MINUTE, reason=FROM_BACKUP),
    ),
}


@pytest.mark.parametrize(("world", "run"), RUNS.values(), ids=RUNS)
def test_the_run_that_goes_on_is_known(world: World, run: RunStatus | None) -> None:
    assert current_run(world) == run


def a_case(world: World) -> Case:
    run = current_run(world)
    assert run is not None, "a run goes on"
    found = Findings(checks=(), results=())
    return Case(world=world, asked=take(world), found=found, run=run, spec=spec_of(world, run))


def test_a_lost_run_that_was_over_stays_over() -> None:
    run = current_run(lost(ended(a_world(), Outcome.ABORTED)))
    assert run is not None
    assert (run.number, run.stage, run.outcome, run.reason) == (2, Stage.DONE, Outcome.ABORTED, "why")


def test_a_step_is_believed_only_of_the_run_it_belongs_to() -> None:
    case = a_case(a_world(step=1, entered=2 * MINUTE))
    assert (case.index, case.entered_at, case.weight) == (1, NOW - 2 * MINUTE, 50)
    stale = of_backup(a_world())
    case = a_case(replace(stale, status=stale.status.model_copy(update={"step": a_step(1)})))
    assert (case.index, case.entered_at, case.started_at, case.weight) == (0, None, NOW, 0)


def test_a_step_beyond_the_last_one_is_the_last_one() -> None:
    world = a_world(step=2)
    spec = world.runs[1].spec.model_copy(update={"steps": world.runs[1].spec.steps[:2]})
    assert a_case(replace(world, runs=(world.runs[0], replace(world.runs[1], spec=spec)))).index == 1


def test_a_run_is_judged_by_what_it_copied_and_without_a_record_by_what_is_declared() -> None:
    world = replace(a_world(), spec=a_spec(strategy={"blueGreen": {}}))
    names = [step.name for step in a_case(world).steps]
    assert names == ["step-1", "step-2", "full"]
    assert [step.name for step in a_case(replace(world, runs=())).steps] == ["preview", "switch"]


def test_a_number_is_never_given_twice() -> None:
    assert next_number(at_rest()) == 2
    assert next_number(replace(lost(at_rest()), runs=(), revisions={})) == 1
    assert next_number(replace(lost(at_rest()), runs=(), revisions={OLD: a_revision(OLD, promoted=7)})) == 8
    assert next_number(replace(at_rest(), revisions={NEW: a_revision(NEW, aborted=4)})) == 5
    assert next_number(replace(at_rest(), taken=frozenset({7}))) == 8


def test_the_deadline_is_ten_minutes_unless_declared() -> None:
    reaching = a_world(entered=None)
    assert a_case(reaching).deadline == NOW + 9 * MINUTE
    assert a_case(a_world(entered=None, spec=a_spec(progressDeadline="3m"))).deadline == NOW + 2 * MINUTE


def test_a_first_version_that_is_marked_is_over_although_the_status_does_not_say_so() -> None:
    begun = RunStatus(
        number=1, name="shop-1", revision=OLD, stage=Stage.INITIAL, started_at=ago(MINUTE), since=ago(MINUTE)
    )
    run = current_run(at_rest(status={"run": begun}))
    assert run is not None
    assert (run.number, run.stage, run.outcome) == (1, Stage.DONE, Outcome.PROMOTED)
