"""What holds for every decision, whatever the world is like."""

from dataclasses import replace
from datetime import timedelta

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from analysis.results import State
from rollout.core import routing
from rollout.core.decide import decide
from rollout.core.plan import plan
from rollout.core.routing import endpoints_exact, flows
from rollout.core.target import Decision
from rollout.core.world import World
from rollout.core.write import Verb, Write
from rollout.models.kinds import DEPLOYMENTS, ROLLOUT_RUNS, ROLLOUTS
from rollout.models.rollout import PROMOTED
from rollout.models.status import Command, Phase, Stage
from rollout.models.status import Verb as Asked
from rollout.models.steps import pods
from tests.core.builders import MINUTE, NEW, OLD, REPLICAS, a_command, a_result, judged
from tests.core.cluster import calm, carried_out, one_round
from tests.core.worlds import ACTIVE, ROUTED, Moment, moments

BAD = st.sampled_from([State.NO_DATA, State.PROVIDER_DOWN, State.NOT_ENOUGH_DATA, State.REGRESS])
relaxed = settings(deadline=None, max_examples=40, suppress_health_check=list(HealthCheck))


def in_force(world: World) -> float:
    return routing.routed(world) or 0


def weight_of_step(world: World, decision: Decision) -> float:
    run, step = decision.status.run, decision.status.step
    assert run is not None, "an active run is reported"
    record = world.run(run.number)
    if record is None or run.stage is not Stage.STEPPING or step is None:
        return 100
    return record.spec.steps[step.index].weight or 0


@relaxed
@given(moments())
def test_every_decision_is_made_without_a_failure_and_the_same_again(moment: Moment) -> None:
    assert decide(moment.world, moment.assessment) == decide(moment.world, moment.assessment)


@relaxed
@given(moments())
def test_every_decision_has_a_plan(moment: Moment) -> None:
    decision = decide(moment.world, moment.assessment)
    assert plan(moment.world, decision) == plan(moment.world, decision)


@relaxed
@given(moments(specs=ROUTED, stages=(Stage.STEPPING,)))
def test_the_weight_is_never_above_what_the_step_says(moment: Moment) -> None:
    decision = decide(moment.world, moment.assessment)
    assume(decision.status.phase is not Phase.ABORTING)
    assert (decision.target.weight or 0) <= weight_of_step(moment.world, decision)


@settings(relaxed, max_examples=150)
@given(moments(specs=ROUTED, stages=(Stage.STEPPING, Stage.STEPPING, Stage.SWITCHING)))
def test_a_weight_rises_only_to_a_canary_whose_ready_pods_are_all_there_and_behind_its_services(moment: Moment) -> None:
    decision = decide(moment.world, moment.assessment)
    if (decision.target.weight or 0) <= in_force(moment.world):
        return  # rejecting these examples would cost more time than judging others
    canary = moment.world.revisions[NEW]
    steps = moment.world.runs[-1].spec.steps
    given = [step for step in steps if step.weight == decision.target.weight]
    assert endpoints_exact(moment.world, canary)
    assert len(canary.ready) >= min((pods(step, REPLICAS) for step in given), default=1)


@relaxed
@given(moments(stages=ACTIVE, kept=True), st.sampled_from(["breach", "command", "problems"]))
def test_a_breach_or_an_abort_takes_all_traffic_back_in_the_same_decision(moment: Moment, why: str) -> None:
    world = moment.world
    found = judged(a_result(State.REGRESS)) if why != "command" else judged(a_result())
    commands = (a_command(Asked.ABORT),) if why == "command" else world.status.commands
    world = told(world, commands, problems=("Cannot start: no.",) if why == "problems" else ())
    decision = decide(world, found)
    run = decision.status.run
    assert run is not None
    assert run.stage in (Stage.ABORTING, Stage.DONE)
    if world.revisions[OLD].ready or not world.revisions[NEW].ready or not world.services:
        assert not decision.target.weight
        assert decision.target.pin in (OLD, None)
        assert decision.target.pin == OLD or run.stage is Stage.DONE
    after = carried_out(world, plan(world, decision))
    if world.routes and world.revisions[OLD].ready:
        assert not flows(after)


def told(world: World, commands: tuple[Command, ...] | None, *, problems: tuple[str, ...] = ()) -> World:
    """The world with these commands waiting, and nothing else asked for."""
    status = world.status.model_copy(update={"commands": commands})
    return replace(world, status=status, problems=problems)


@relaxed
@given(moments(BAD, specs=ROUTED, stages=(Stage.STEPPING,)))
def test_without_good_data_no_step_is_left(moment: Moment) -> None:
    before = moment.world.status.step
    assume(before is not None and before.entered_at is not None and moment.assessment.results)
    decision = decide(told(moment.world, None), moment.assessment)
    step = decision.status.step
    if before is not None and step is not None and decision.status.phase is Phase.PROGRESSING:
        assert step.index <= before.index


@relaxed
@given(moments())
def test_the_old_version_loses_no_pod_before_the_new_one_is_marked_as_promoted(moment: Moment) -> None:
    world = moment.world
    for write in plan(world, decide(world, moment.assessment)):
        if takes_pods_from_old(world, write):
            canary = world.revisions.get(NEW)
            assert canary is not None
            assert canary.mark(PROMOTED) == 2
        world = carried_out(world, (write,))


def takes_pods_from_old(world: World, write: Write) -> bool:
    if write.resource != DEPLOYMENTS or not write.key.name.endswith(OLD):
        return False
    known = world.revisions[OLD].replicas
    sizes = [op["value"] for op in write.body or () if isinstance(op, dict) and op["path"] == "/spec/replicas"]
    return write.verb is Verb.DELETE or any(size < known for size in sizes)


@relaxed
@given(moments(stages=(Stage.SWITCHING, Stage.BAKING, Stage.ABORTING)))
def test_no_service_is_moved_to_a_version_that_cannot_answer_from_one_that_can(moment: Moment) -> None:
    world = moment.world
    pin = decide(world, moment.assessment).target.pin
    for service in world.services:
        if pin is not None and service.pinned not in (pin, None) and world.revisions.get(service.pinned):
            able = world.revisions[pin].ready if pin in world.revisions else ()
            assert able or not world.revisions[service.pinned].ready


@relaxed
@given(moments())
def test_a_plan_that_was_carried_out_is_not_made_again(moment: Moment) -> None:
    world, decision, _ = one_round(moment.world, moment.assessment)
    again = plan(world, decision)
    skipped = (ROLLOUTS, ROLLOUT_RUNS)  # what they hold depends on the moment
    assert [write.why for write in again if write.resource not in skipped and write.verb is not Verb.TRY] == []


@relaxed
@given(moments())
def test_in_good_weather_every_release_ends_and_then_nothing_is_written(moment: Moment) -> None:
    world = told(calm(moment.world), None)
    world = replace(world, status=world.status.model_copy(update={"paused_at": None}))
    for _ in range(60):
        world, decision, writes = one_round(world, judged(a_result(proven=True)))
        if not writes and decision.status.phase in (Phase.HEALTHY, Phase.ABORTED):
            break
        if decision.reason in ("WaitingForApproval", "CanarySilent"):
            world = told(world, (a_command(Asked.PROMOTE, id=str(world.now)),))
        world = calm(world, 2 * MINUTE)
    assert decision.status.phase in (Phase.HEALTHY, Phase.ABORTED), decision.status.message
    assert one_round(calm(world, timedelta(days=1)))[2] == ()
