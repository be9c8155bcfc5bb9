"""What is said about a decision, when it is said, and what is not said again."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from analysis.results import Assessment, State
from rollout.core.decide import decide
from rollout.core.plan import plan
from rollout.core.report import refused
from rollout.core.target import Decision, Target
from rollout.core.world import World
from rollout.models.kinds import HTTP_ROUTES, ROLLOUT_RUNS, ROLLOUTS
from rollout.models.run import StepRecord
from rollout.models.status import CheckStatus, Outcome, Phase, RolloutStatus, Stage, TrafficStatus
from tests.core.builders import (
    MINUTE,
    NEW,
    OLD,
    a_manifest,
    a_result,
    a_revision,
    a_run,
    a_spec,
    a_template,
    a_world,
    ago,
    at_rest,
    judged,
)
from tests.core.cluster import calm, one_round

GOOD, BREACH = judged(a_result()), judged(a_result(State.REGRESS))
SECOND = timedelta(seconds=1)


def said(world: World, assessment: Assessment = GOOD) -> World:
    """The world after what is decided about it was said."""
    return replace(world, status=decide(world, assessment).status)


def later(world: World, by: timedelta) -> World:
    return replace(world, now=world.now + by)


def conditions(decision: Decision) -> dict[str, str]:
    return {each.type: each.status for each in decision.status.conditions or ()}


def with_value(value: float) -> Assessment:
    return judged(a_result(canary=value, sentence=f"errors: {value}"))


@pytest.mark.parametrize(("waited", "written"), [(1, False), (29, False), (30, True)])
def test_numbers_alone_are_written_every_thirty_seconds(waited: int, written: bool) -> None:
    world = said(a_world(), with_value(0.1))
    after = later(world, waited * SECOND)
    decision = decide(after, with_value(0.2))
    assert (decision.status != world.status) == written
    if not written:
        assert decision.after is not None
        assert decision.after <= (30 - waited) * SECOND


def remembering(world: World, checkpoint: str | None = "{2}", *, wrote: timedelta | None = MINUTE) -> World:
    """The world whose record remembers `checkpoint`, written that long ago."""
    at = ago(wrote) if wrote is not None else None
    steps = (StepRecord(name="step-1", weight=10, at=ago(MINUTE)),)
    status = world.runs[-1].status.model_copy(update={"checkpoint": checkpoint, "checkpoint_at": at, "steps": steps})
    return replace(world, runs=(*world.runs[:-1], replace(world.runs[-1], status=status)))


def remembered(decision: Decision) -> tuple[str | None, str | None]:
    assert decision.record is not None
    return decision.record.status.checkpoint, decision.record.status.checkpoint_at


KNOWN = judged(a_result(), checkpoint="{3}")
REMEMBERED: dict[str, tuple[World, Assessment, tuple[str | None, str | None]]] = {
    "it is new": (remembering(a_world(), None, wrote=None), KNOWN, ("{3}", ago(timedelta()))),
    "it was written lately": (remembering(a_world(), wrote=29 * SECOND), KNOWN, ("{2}", ago(29 * SECOND))),
    "it is due": (remembering(a_world(), wrote=30 * SECOND), KNOWN, ("{3}", ago(timedelta()))),
    "nothing changed": (remembering(a_world(), "{3}"), KNOWN, ("{3}", ago(MINUTE))),
    "nothing is known": (remembering(a_world()), GOOD, ("{2}", ago(MINUTE))),
    "a step is entered": (
        remembering(a_world(step=1, entered=None), wrote=SECOND),
        KNOWN,
        ("{3}", ago(timedelta())),
    ),
    "it is too long for a record": (
        remembering(a_world()),
        judged(a_result(), checkpoint="x" * 262_145),
        ("{2}", ago(MINUTE)),
    ),
    "the run is taken back": (remembering(a_world()), judged(a_result(State.REGRESS)), ("{2}", ago(MINUTE))),
    "the run ends": (
        remembering(a_world(Stage.FINISHING, stable=a_revision(OLD, 0, promoted=1))),
        KNOWN,
        (None, None),
    ),
}


@pytest.mark.parametrize(("world", "assessment", "expected"), REMEMBERED.values(), ids=REMEMBERED)
def test_what_a_comparison_must_not_forget_is_kept_in_the_record_now_and_then(
    world: World, assessment: Assessment, expected: tuple[str | None, str | None]
) -> None:
    assert remembered(decide(world, assessment)) == expected


def test_what_is_not_due_to_be_remembered_is_when_its_time_comes() -> None:
    world = remembering(said(a_world(), KNOWN), wrote=29 * SECOND)
    decision = decide(world, KNOWN)
    assert (decision.status, decision.after) == (world.status, SECOND)
    assert [write.resource for write in plan(later(world, SECOND), decide(later(world, SECOND), KNOWN))] == [
        ROLLOUT_RUNS
    ]


def test_to_enter_a_step_takes_three_writes_with_what_is_remembered_among_them() -> None:
    world = remembering(a_world(step=1, entered=None))
    assert [write.resource for write in plan(world, decide(world, KNOWN))] == [HTTP_ROUTES, ROLLOUT_RUNS, ROLLOUTS]


def test_what_is_remembered_is_gone_from_the_record_once_the_run_is_over() -> None:
    world = remembering(a_world(Stage.FINISHING, stable=a_revision(OLD, 0, promoted=1)))
    after, _, _ = one_round(world, KNOWN)
    assert (after.runs[-1].status.outcome, after.runs[-1].status.checkpoint) == (Outcome.PROMOTED, None)


NUMBERS: dict[str, Any] = {
    "canary": 0.0123456,
    "stable": 0.004,
    "requests": 500,
    "bad": 6,
    "stable_requests": 9500,
    "stable_bad": 38,
    "ratio": 3.08642,
    "ratio_low": 0.98765,
    "ratio_high": float("inf"),
    "evidence": 12.3456,
    "likelihood": "1 in 12",
    "detectable": 4.5678,
    "outlook": "about 400 more requests prove it",
}


def test_the_numbers_behind_a_verdict_are_told_with_few_digits() -> None:
    analysis = decide(a_world(), judged(a_result(**NUMBERS))).status.analysis
    assert analysis == (
        CheckStatus(
            name="errors",
            state="pass",
            message="errors: pass",
            canary=1.2346,
            stable=0.4,
            unit="%",
            requests=500,
            bad=6,
            stable_requests=9500,
            stable_bad=38,
            ratio=3.09,
            ratio_low=0.988,
            evidence=12.3,
            likelihood="1 in 12",
            proven=False,
            detectable=4.57,
            outlook="about 400 more requests prove it",
            since=ago(MINUTE),
        ),
    )


def test_what_cannot_be_proved_is_not_said_to_be_unproved() -> None:
    world = a_world(spec=a_spec(analysis={"checks": [{"name": "errors", "query": {"expr": "q", "max": 1}}]}))
    analysis = decide(world, judged(a_result(canary=0.5, proven=True))).status.analysis
    assert analysis is not None
    assert (analysis[0].unit, analysis[0].canary, analysis[0].proven) == (None, 0.5, None)


@pytest.mark.parametrize("field", ["requests", "ratio", "evidence", "outlook", "detectable"])
def test_the_numbers_of_a_comparison_count_as_measured(field: str) -> None:
    world = said(a_world(), judged(a_result(**NUMBERS)))
    changed = {**NUMBERS, field: "other" if field == "outlook" else 2 * NUMBERS[field]}
    decision = decide(later(world, SECOND), judged(a_result(**changed)))
    assert decision.status == world.status
    assert decision.live.analysis != world.status.analysis


def test_the_measured_share_counts_as_measured() -> None:
    world = said(a_world(), judged(a_result(), observed=10.1))
    decision = decide(later(world, SECOND), judged(a_result(), observed=9.8))
    assert decision.status == world.status
    assert decision.live.traffic == TrafficStatus(desired=10, routed=10, observed=9.8)


def test_nothing_is_written_where_nothing_differs() -> None:
    world = said(a_world())
    assert decide(later(world, 3 * MINUTE), GOOD).status == world.status


def test_another_reason_is_written_at_once() -> None:
    world = said(a_world(entered=6 * MINUTE), judged(a_result(State.NO_DATA)))
    decision = decide(later(world, SECOND), judged(a_result(State.PROVIDER_DOWN)))
    assert decision.status != world.status
    assert [event.reason for event in decision.events] == ["ProviderDown"]


def test_at_rest_a_pod_more_or_less_is_written_at_once() -> None:
    world = said(at_rest(stable=a_revision(OLD, ready=3, promoted=1)))
    assert decide(at_rest(status=dict(world.status)), GOOD).status != world.status


def test_a_condition_keeps_its_time_until_its_status_changes() -> None:
    world = said(a_world(entered=None))
    world = later(world, 6 * MINUTE)
    entered = {each.type: each.last_transition_time for each in decide(world, GOOD).status.conditions or ()}
    assert set(entered.values()) == {ago(timedelta())}
    taken = decide(world, BREACH)
    assert {each.last_transition_time for each in taken.status.conditions or ()} == {ago(timedelta())}
    stuck = said(at_rest(problems=("Cannot start: no.",)))
    mended = decide(later(replace(stuck, problems=()), MINUTE), GOOD)
    times = {each.type: each.last_transition_time for each in mended.status.conditions or ()}
    assert times == {"Ready": ago(-MINUTE), "Reconciling": ago(timedelta()), "Stalled": ago(-MINUTE)}


def changed(world: World) -> World:
    return replace(world, wanted=NEW, template=a_template(NEW))


ABORTED = replace(
    changed(at_rest()),
    revisions={OLD: a_revision(OLD, promoted=1), NEW: a_revision(NEW, 0, aborted=2)},
)
PHASES: dict[str, tuple[World, Phase, dict[str, str]]] = {
    "first version": (
        replace(changed(at_rest()), revisions={}, status=RolloutStatus(), runs=()),
        Phase.INITIALIZING,
        {"Ready": "False", "Reconciling": "True", "Stalled": "False"},
    ),
    "rest": (at_rest(), Phase.HEALTHY, {"Ready": "True", "Reconciling": "False", "Stalled": "False"}),
    "step": (a_world(), Phase.PROGRESSING, {"Ready": "False", "Reconciling": "True", "Stalled": "False"}),
    "pause": (
        a_world(status={"paused_at": ago(MINUTE)}),
        Phase.PAUSED,
        {"Ready": "False", "Reconciling": "True", "Stalled": "False"},
    ),
    "switch": (
        a_world(Stage.SWITCHING),
        Phase.PROMOTING,
        {"Ready": "False", "Reconciling": "True", "Stalled": "False"},
    ),
    "bake": (
        a_world(Stage.BAKING, run=a_run(Stage.BAKING, since=MINUTE)),
        Phase.BAKING,
        {"Ready": "False", "Reconciling": "True", "Stalled": "False"},
    ),
    "abort": (a_world(Stage.ABORTING), Phase.ABORTING, {"Ready": "False", "Reconciling": "True", "Stalled": "False"}),
    "aborted": (ABORTED, Phase.ABORTED, {"Ready": "False", "Reconciling": "False", "Stalled": "True"}),
    "problem": (
        at_rest(problems=("no",)),
        Phase.STALLED,
        {"Ready": "False", "Reconciling": "False", "Stalled": "True"},
    ),
    "deleted": (
        at_rest(manifest=a_manifest(deletionTimestamp="now")),
        Phase.TERMINATING,
        {"Ready": "False", "Reconciling": "True", "Stalled": "False"},
    ),
}


@pytest.mark.parametrize(("world", "phase", "expected"), PHASES.values(), ids=PHASES)
def test_the_conditions_say_of_every_phase_whether_to_wait(
    world: World, phase: Phase, expected: dict[str, str]
) -> None:
    if phase is Phase.ABORTED:
        run = a_world(Stage.ABORTING).status.run
        assert run is not None
        done = run.model_copy(update={"stage": Stage.DONE})
        world = replace(world, status=world.status.model_copy(update={"run": done}))
    decision = decide(world, GOOD)
    assert (decision.status.phase, conditions(decision)) == (phase, expected)
    assert decision.status.observed_generation == 3


def test_each_transition_is_one_event() -> None:
    world = one_round(a_world(entered=None, accepted=False), GOOD)[0]
    assert decide(world, GOOD).events == ()
    world, entered, _ = one_round(calm(world), GOOD)
    assert [event.reason for event in entered.events] == ["Holding"]
    assert decide(world, GOOD).events == ()
    world, taken, _ = one_round(world, BREACH)
    assert [(event.reason, event.warning) for event in taken.events] == [("Aborting", True)]
    assert decide(world, BREACH).events == ()


def test_a_revert_is_an_event_of_its_own() -> None:
    world = said(a_world())
    world = replace(world, routes=a_world(weight=50).routes)
    events = decide(world, GOOD).events
    assert ("Reverted", True) in [(event.reason, event.warning) for event in events]


def test_the_verdict_that_took_a_version_back_is_kept() -> None:
    taken = said(said(a_world()), BREACH)
    assert taken.status.analysis is not None
    assert [(each.name, each.state, each.since) for each in taken.status.analysis] == [
        ("errors", "regress", ago(MINUTE))
    ]
    assert decide(taken, GOOD).status.analysis == taken.status.analysis


TRAFFIC: dict[str, tuple[World, TrafficStatus | None]] = {
    "held": (a_world(), TrafficStatus(desired=10, routed=10)),
    "not accepted": (a_world(accepted=False), TrafficStatus(desired=10)),
    "baking": (a_world(Stage.BAKING), TrafficStatus(desired=100, routed=100)),
    "taken back": (a_world(Stage.ABORTING, accepted=False), TrafficStatus(desired=0)),
    "at rest": (at_rest(), None),
}


@pytest.mark.parametrize(("world", "traffic"), TRAFFIC.values(), ids=TRAFFIC)
def test_the_status_tells_what_was_asked_for_and_what_is_in_force(world: World, traffic: TrafficStatus | None) -> None:
    assert decide(world, GOOD).status.traffic == traffic


def test_the_status_serves_the_scale_subresource() -> None:
    status = decide(a_world(step=1), GOOD).status
    assert (status.replicas, status.selector) == (6, "progressive.delivery/rollout=shop")


def test_the_versions_are_told_with_their_roles() -> None:
    revisions = decide(a_world(step=1), GOOD).status.revisions
    assert revisions is not None
    assert revisions.stable is not None
    assert revisions.canary is not None
    assert (revisions.stable.name, revisions.stable.images, revisions.stable.ready) == (OLD, ("shop:old",), 4)
    assert (revisions.canary.name, revisions.canary.replicas, revisions.canary.ready) == (NEW, 2, 2)


def test_a_template_the_api_server_refuses_is_remembered_and_nothing_starts() -> None:
    world = changed(at_rest())
    decision = refused(world, "spec.containers: Required value.")
    assert (decision.target, decision.status.refused, decision.status.phase) == (Target(hold=True), NEW, Phase.STALLED)
    assert decide(replace(world, status=decision.status), GOOD).target == Target(replicas={OLD: 4}, keep_traffic=True)
    other = replace(world, status=decision.status, wanted="next")
    assert decide(other, GOOD).status.refused is None


def test_commands_that_were_taken_leave_the_status() -> None:
    assert decide(a_world(), GOOD).status.commands is None
