"""The writes of a plan, first to last."""

from dataclasses import replace
from datetime import timedelta

from analysis.results import Assessment, State
from rollout.core.decide import decide
from rollout.core.plan import plan
from rollout.core.world import World
from rollout.core.write import Plan, Verb
from rollout.models.kinds import DEPLOYMENTS, HTTP_ROUTES, ROLLOUT_RUNS, ROLLOUTS, SERVICES
from rollout.models.rollout import ABORTED, FINALIZER, PROMOTED, ROLLOUT_LABEL
from rollout.models.status import Outcome, Stage, TrafficStatus
from rollout.models.status import Verb as Asked
from tests.core.builders import (
    MINUTE,
    NEW,
    OLD,
    a_command,
    a_manifest,
    a_result,
    a_revision,
    a_route,
    a_run,
    a_service,
    a_spec,
    a_template,
    a_world,
    at_rest,
    commanded,
    judged,
    led,
    records,
    with_service,
)
from tests.core.builders import SHOP as BACKEND
from tests.core.cluster import carried_out

GOOD, BREACH = judged(a_result()), judged(a_result(State.REGRESS))
OVER = 6 * MINUTE
RAISING_TEST = "/metadata/resourceVersion"


def planned(world: World, assessment: Assessment = GOOD) -> Plan:
    return plan(world, decide(world, assessment))


def whys(writes: Plan) -> list[str]:
    return [write.why for write in writes]


def urgent(writes: Plan) -> list[bool]:
    return [write.urgent for write in writes]


def guarded(writes: Plan) -> list[str]:
    """The routes and Services whose patch fails after any change of them."""
    return [
        write.why
        for write in writes
        if write.resource in (HTTP_ROUTES, SERVICES)
        and write.verb is Verb.PATCH
        and any(op["path"] == RAISING_TEST for op in write.body)
    ]


def released() -> World:
    return replace(at_rest(), wanted=NEW, template=a_template(NEW))


def test_a_release_tries_the_template_first_and_prepares_the_route_last() -> None:
    writes = planned(released())
    assert whys(writes) == [
        "try the template",
        "pin to old",
        "record the run",
        "lead to the canary",
        "bring up new",
        "0 % to the canary",
        "say so",
    ]
    assert (writes[0].verb, writes[0].resource) == (Verb.TRY, DEPLOYMENTS)
    assert writes[0].body == writes[4].body


def test_traffic_that_rises_is_written_before_the_record_and_the_status_only() -> None:
    writes = planned(a_world(step=1, entered=None))
    assert whys(writes) == ["50 % to the canary", "record the step", "say so"]
    assert (guarded(writes), urgent(writes)) == (["50 % to the canary"], [False, False, False])


def test_traffic_that_rises_waits_for_the_pods_it_needs() -> None:
    world = a_world(step=1, entered=None, stable=a_revision(OLD, replicas=3, promoted=1))
    assert whys(planned(world))[:2] == ["scale old to 4", "50 % to the canary"]


def test_traffic_that_falls_is_written_before_everything_else_and_whatever_else_changed() -> None:
    writes = planned(a_world(step=1), BREACH)
    assert whys(writes) == ["0 % to the canary", "mark new", "record the step", "say so"]
    assert (guarded(writes), urgent(writes)) == ([], [True, False, False, False])


def test_a_weight_that_is_given_back_after_a_revert_is_a_rise_and_guarded_as_one() -> None:
    writes = planned(a_world(step=1, weight=10, status={"traffic": TrafficStatus(desired=50)}))
    assert guarded(writes) == ["50 % to the canary"]


def test_an_abort_is_said_in_the_write_that_takes_the_traffic() -> None:
    route = carried_out(a_world(step=1), planned(a_world(step=1), BREACH)[:1]).routes[0]
    assert route.manifest is not None
    assert route.manifest["metadata"]["annotations"][ABORTED] == "2"
    bare = a_world(step=1, spec=a_spec(traffic=None), pinned=None)
    first = planned(bare, BREACH)[:1]
    assert (whys(first), urgent(first)) == (["pin to old"], [True])
    service = carried_out(bare, first).services[0]
    assert service.manifest is not None
    assert service.manifest["metadata"]["annotations"][ABORTED] == "2"


def test_a_bake_is_taken_back_by_the_pin_first() -> None:
    writes = planned(a_world(Stage.BAKING), BREACH)
    assert (whys(writes)[0], writes[0].urgent, guarded(writes[:1])) == ("pin to old", True, [])


def test_the_services_follow_only_after_the_routes_and_only_as_they_were_read() -> None:
    writes = planned(a_world(Stage.SWITCHING, status={"traffic": TrafficStatus(desired=100)}))
    assert whys(writes) == ["pin to new", "say so"]
    assert guarded(writes) == ["pin to new"]


def test_giving_a_route_back_to_services_that_lead_to_the_canary_takes_nothing_from_it() -> None:
    writes = planned(a_world(Stage.SWITCHING, pinned=NEW))
    assert whys(writes) == ["give the route back", "say so"]
    assert (guarded(writes), urgent(writes)) == (["give the route back"], [False, False])


def test_the_new_version_is_marked_before_the_old_one_shrinks() -> None:
    world = a_world(Stage.BAKING, run=a_run(Stage.BAKING, since=OVER))
    writes = planned(world)
    assert whys(writes) == ["mark new", "scale old to 0", "the run is over", "say so"]
    assert carried_out(world, writes[:1]).revisions[NEW].mark(PROMOTED) == 2


def test_the_old_deployment_goes_only_as_the_object_that_was_read() -> None:
    world = a_world(Stage.FINISHING, stable=a_revision(OLD, 0, promoted=1))
    gone = [write for write in planned(world) if write.verb is Verb.DELETE]
    assert {(write.key.name, write.uid) for write in gone} == {("shop-canary", "uid-canary"), ("shop-old", "uid-old")}


def test_an_urgent_plan_tries_no_template() -> None:
    world = a_world(step=1)
    world = led(replace(world, revisions={OLD: world.revisions[OLD]}))
    writes = planned(world)
    assert Verb.TRY not in {write.verb for write in writes}
    assert whys(writes)[0] == "0 % to the canary"
    assert "bring up new" in whys(writes)


def test_the_status_is_written_with_the_version_it_was_decided_on() -> None:
    last = planned(a_world())[-1]
    assert (last.resource, last.subresource, last.version) == (ROLLOUTS, "status", "70")


def test_a_world_that_is_as_decided_needs_no_write() -> None:
    for world in (at_rest(), a_world(), a_world(Stage.BAKING), a_world(step=1)):
        decision = decide(world, GOOD)
        settled = carried_out(world, plan(world, decision))
        assert planned(settled) == ()


def test_a_hold_writes_the_status_alone() -> None:
    world = at_rest(problems=("Cannot start: no.",), manifest=a_manifest(finalizers=[]))
    assert whys(planned(world)) == ["promise to give everything back", "say so"]


def test_the_finalizer_comes_before_anything_that_would_have_to_be_given_back() -> None:
    world = replace(released(), manifest=a_manifest(finalizers=["other/one"]))
    first = planned(world)[0]
    assert first.body == {"metadata": {"finalizers": ["other/one", FINALIZER]}}


def test_an_abort_does_not_even_wait_for_the_finalizer() -> None:
    assert whys(planned(a_world(manifest=a_manifest(finalizers=[])), BREACH))[0] == "0 % to the canary"


def test_a_service_of_another_rollout_is_left_alone() -> None:
    world = a_world()
    twin = world.services[0].canary
    assert twin is not None
    foreign = {**twin, "metadata": {**twin["metadata"], "labels": {ROLLOUT_LABEL: "another"}}}
    assert "the run is over" not in whys(planned(with_service(at_rest(), canary=foreign)))
    assert "the run is over" in whys(planned(with_service(at_rest(), canary=twin)))


def test_a_role_is_swapped_before_the_old_version_goes_even_when_the_new_one_shrinks() -> None:
    world = a_world(Stage.FINISHING, spec=a_spec(replicas=2), canary=a_revision(NEW, 4))
    said = whys(planned(world))
    assert said.index(f"scale {NEW} to 2") < said.index(f"scale {OLD} to 0")


def test_a_rollout_that_gave_everything_back_lets_go_last_and_says_nothing_more() -> None:
    world = at_rest(manifest=a_manifest(finalizers=["other/one", FINALIZER], deletionTimestamp="now"))
    writes = planned(world)
    assert writes[-1].body == {"metadata": {"finalizers": ["other/one"]}}
    assert "say so" not in whys(writes)


def test_an_annotation_is_taken_away_after_the_status_told_of_its_command() -> None:
    writes = planned(a_world(manifest=commanded("pause")))
    assert whys(writes)[-2:] == ["say so", "the command was taken"]
    assert writes[-1].body == {"metadata": {"annotations": {"progressive.delivery/command": None}}}


def test_two_routes_are_both_written() -> None:
    world = a_world(step=1)
    world = replace(world, routes=(*world.routes, a_route(50, name="partners")))
    assert whys(planned(world, BREACH))[:2] == ["0 % to the canary"] * 2


def test_a_route_that_no_grant_allows_is_only_taken_from() -> None:
    world = a_world(step=1)
    world = replace(world, routes=(replace(world.routes[0], granted=False),))
    assert "0 % to the canary" in whys(planned(world, BREACH))
    given = replace(world, routes=(replace(world.routes[0], manifest=a_route(0).manifest),))
    assert "50 % to the canary" not in whys(planned(given, GOOD))


def test_an_owned_service_is_pointed_elsewhere_only_as_it_was_read() -> None:
    world = a_world(weight=0, entered=None)
    stale = a_service(OLD, canary="stale").canary
    writes = planned(replace(world, services=(replace(world.services[0], canary=stale),)))
    assert "lead to the canary" in guarded(writes)


def test_a_service_of_somebody_else_that_has_the_owned_name_is_neither_changed_nor_deleted() -> None:
    foreign = {"metadata": {"name": BACKEND.canary}, "spec": {"selector": {"app": "other"}}}
    running = a_world()
    running = replace(running, services=(replace(running.services[0], canary=foreign),))
    resting = at_rest()
    resting = replace(resting, services=(replace(resting.services[0], canary=foreign),))
    touched = [write.key.name for world in (running, resting) for write in planned(world)]
    assert BACKEND.canary not in touched


def test_a_version_that_is_tried_again_loses_the_mark_of_its_abort() -> None:
    world = replace(a_world(entered=None, run=a_run(number=3, name="shop-3")))
    again = {**world.revisions, NEW: a_revision(NEW, 0, aborted=2)}
    world = led(replace(world, revisions=again))
    after = carried_out(world, planned(world))
    assert after.revisions[NEW].mark(ABORTED) is None


def test_a_template_is_written_once() -> None:
    for world in (a_world(), a_world(step=1, entered=None), a_world(Stage.BAKING), a_world(Stage.FINISHING)):
        for write in planned(world):
            if write.resource == DEPLOYMENTS and write.verb is Verb.PATCH:
                assert not [op for op in write.body if op["path"].startswith("/spec/template")]


def test_a_restart_is_recorded_first_and_then_changes_the_stable_versions_pods_once_and_nothing_else() -> None:
    world = at_rest(status={"run": None, "commands": (a_command(Asked.RESTART),)})
    world = replace(world, status=decide(at_rest(), GOOD).status.model_copy(update={"commands": world.status.commands}))
    writes = planned(world)
    assert whys(writes) == ["say so"]
    world = carried_out(world, writes)
    writes = planned(world)
    assert whys(writes) == ["mark old"]
    world = carried_out(world, writes)
    assert world.revisions[OLD].manifest["spec"]["template"]["metadata"]["annotations"] == {
        "kubectl.kubernetes.io/restartedAt": "2026-05-01T12:00:00.000Z"
    }
    assert planned(world) == ()


def test_the_history_keeps_its_length_and_the_stable_versions_record() -> None:
    world = at_rest()
    first = world.runs[0]
    ended = first.status.model_copy(update={"outcome": Outcome.ABORTED})
    many = tuple(
        replace(
            first,
            name=f"shop-{number}",
            spec=first.spec.model_copy(update={"number": number, "revision": "x"}),
            status=ended,
        )
        for number in range(2, 15)
    )
    run = a_run(Stage.DONE, number=14, revision="x", outcome=Outcome.ABORTED)
    world = replace(world, runs=(first, *many), status=world.status.model_copy(update={"run": run}))
    deleted = [write.key.name for write in planned(world) if write.resource == ROLLOUT_RUNS]
    assert deleted == ["shop-2", "shop-3", "shop-4"]
    assert records(world, run, active=False)[0].name not in deleted


def test_a_record_is_owned_by_its_rollout_and_created_before_the_canary() -> None:
    writes = planned(released())
    record = next(write for write in writes if write.resource == ROLLOUT_RUNS)
    assert record.body["metadata"]["ownerReferences"] == [
        {
            "apiVersion": "progressive.delivery/v1alpha1",
            "kind": "Rollout",
            "name": "shop",
            "uid": "uid",
            "controller": True,
        }
    ]
    assert record.body["spec"]["stable"] == OLD


def test_a_step_is_recorded_once_with_its_moment() -> None:
    world = a_world(step=1, entered=None)
    after = carried_out(world, planned(world))
    steps = after.runs[1].status.steps
    assert [(each.name, each.weight) for each in steps] == [("step-2", 50)]
    assert whys(planned(replace(after, now=after.now + timedelta(seconds=20)))) == []


def fenced(world: World) -> dict[str, bool]:
    """Which Deployments are written, and whether the write fails if anything else was written before."""
    found = (each for each in plan(world, decide(world, GOOD)) if each.resource == DEPLOYMENTS)
    return {each.why: any(op["path"] == "/metadata/resourceVersion" for op in each.body or ()) for each in found}


def test_pods_that_go_and_pods_that_are_the_weight_are_not_written_late() -> None:
    """A late scale-down of an abort must not meet the version's second try, nor a late raise its successor's pause."""
    taken = a_world(Stage.ABORTING, weight=None, canary=a_revision(NEW, 1))
    assert fenced(taken) == {"scale new to 0": True}
    assert fenced(a_world(entered=None, canary=a_revision(NEW, 0))) == {"scale new to 1": False}
    without = replace(a_world(entered=None, canary=a_revision(NEW, 0)), routes=())
    assert fenced(without) == {"scale new to 1": True}
