"""Ingresses: the owned one beside the user's is made, moved and given back, and the user's is never written."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from analysis.results import State
from rollout.core import routing
from rollout.core.decide import decide
from rollout.core.plan import plan
from rollout.core.preflight import problems
from rollout.core.subjects import subscription
from rollout.core.world import World
from rollout.core.write import Plan, Verb, Write
from rollout.models.kinds import INGRESSES, Key, Manifest
from rollout.models.rollout import FINALIZER, LEADER, ROLLOUT_LABEL
from rollout.models.status import Outcome, Phase, Stage, TrafficStatus
from rollout.models.traffic import Match
from tests.core.builders import (
    BY_INGRESS,
    MINUTE,
    NEW,
    STEPS,
    a_manifest,
    a_result,
    a_revision,
    a_run,
    a_spec,
    a_template,
    a_world,
    an_ingress,
    at_rest,
    judged,
    led,
)
from tests.core.cluster import calm, carried_out, one_round

NGINX = "nginx.ingress.kubernetes.io/"
GOOD, BREACH = judged(a_result()), judged(a_result(State.REGRESS))
TWIN = Key("store", "shop-canary")
HEADER: dict[str, Any] = {"header": {"name": "X-Beta", "exact": "yes"}}
MATCH = Match.model_validate(HEADER)
SPEC = a_spec(traffic=BY_INGRESS)
MATCHING = a_spec(
    traffic=BY_INGRESS,
    strategy={"canary": {"steps": [{"weight": 0, "match": HEADER, "hold": {"for": "5m"}}, *STEPS]}},
)


def stepping(**changes: Any) -> World:
    return a_world(**{"spec": SPEC, **changes})


def to_ingresses(writes: Plan) -> list[Write]:
    return [write for write in writes if write.resource == INGRESSES]


def split(world: World) -> tuple[float, Match | None] | None:
    found = routing.split_in(world, world.routes[0])
    return None if found is None else (found.canary, found.match)


def with_twin(world: World, twin: Manifest | None, **changes: Any) -> World:
    return replace(world, routes=(replace(world.routes[0], twin=twin, **changes),))


def annotated(world: World, **annotations: str | None) -> World:
    """The world in which somebody changed annotations of the owned Ingress."""
    twin = world.routes[0].twin
    assert twin is not None
    told = {f"{NGINX}{name.replace('_', '-')}": value for name, value in annotations.items()}
    known = {**twin["metadata"]["annotations"], **told}
    metadata = {**twin["metadata"], "annotations": {name: value for name, value in known.items() if value is not None}}
    return with_twin(world, {**twin, "metadata": metadata})


def test_a_release_makes_the_ingress_beside_without_traffic_once_the_canarys_service_is_there() -> None:
    world = replace(at_rest(spec=SPEC), wanted=NEW, template=a_template(NEW))
    writes = plan(world, decide(world, GOOD))
    assert [write.why for write in writes] == [
        "try the template",
        "pin to old",
        "record the run",
        "lead to the canary",
        "bring up new",
        "prepare the canary",
        "say so",
    ]
    (made,) = to_ingresses(writes)
    assert (made.verb, made.key, made.urgent) == (Verb.CREATE, TWIN, False)
    assert made.body["metadata"]["annotations"] == {f"{NGINX}canary": "true", f"{NGINX}canary-weight": "0"}
    assert made.body["metadata"]["labels"] == {ROLLOUT_LABEL: "shop"}
    assert made.body["spec"]["rules"][0]["http"]["paths"][0]["backend"]["service"]["name"] == "shop-canary"


def test_it_is_marked_as_the_leaders_from_its_creation_on() -> None:
    world = replace(at_rest(spec=SPEC), wanted=NEW, template=a_template(NEW))
    world = replace(world, settings=replace(world.settings, leader="me"))
    (made,) = to_ingresses(plan(world, decide(world, GOOD)))
    assert made.body["metadata"]["annotations"][LEADER] == "me"


def test_a_weight_is_raised_last_and_tests_the_version() -> None:
    writes = plan(world := stepping(entered=None), decide(world, GOOD))
    (write,) = to_ingresses(writes)
    assert write.why == "10 % to the canary"
    assert write.body[0] == {"op": "replace", "path": "/metadata/resourceVersion", "value": "7"}
    assert split(carried_out(world, writes)) == (10, None)


def test_an_abort_is_one_write_before_all_others_that_tests_only_the_weight_it_replaces() -> None:
    world = stepping()
    writes = plan(world, decide(world, BREACH))
    assert (writes[0].verb, writes[0].resource, writes[0].key, writes[0].urgent) == (
        Verb.PATCH,
        INGRESSES,
        TWIN,
        True,
    )
    weight = "/metadata/annotations/nginx.ingress.kubernetes.io~1canary-weight"
    assert list(writes[0].body) == [
        {"op": "test", "path": weight, "value": "10"},
        {"op": "replace", "path": weight, "value": "0"},
        {"op": "add", "path": "/metadata/annotations/progressive.delivery~1aborted", "value": "2"},
    ]
    assert len(to_ingresses(writes)) == 1


def test_an_abort_says_so_beside_the_route_so_that_a_lost_status_does_not_forget_it() -> None:
    world, _, _ = one_round(stepping(), BREACH)
    assert routing.abort_mark(world) == 2


def test_an_abort_needs_neither_the_users_ingress_nor_a_path_in_it() -> None:
    for manifest in (None, {**an_ingress().manifest, "spec": {"rules": []}}):  # type: ignore[dict-item]
        world = replace(stepping(), routes=(replace(stepping().routes[0], manifest=manifest),))
        assert split(one_round(world, BREACH)[0]) == (0, None)


def test_after_an_abort_it_is_deleted_once_the_proxies_had_time_to_follow_and_before_the_pods_go() -> None:
    world, _, _ = one_round(stepping(), BREACH)
    soon, _, writes = one_round(calm(world, timedelta(seconds=1)), GOOD)
    assert to_ingresses(writes) == []
    _, _, writes = one_round(calm(soon, MINUTE), GOOD)
    whys = [write.why for write in writes]
    assert whys.index("give the route back") < whys.index("scale new to 0")
    (deleted,) = to_ingresses(writes)
    assert (deleted.verb, deleted.key, deleted.uid) == (Verb.DELETE, TWIN, "uid-twin")


def test_after_the_switch_it_is_deleted_once_the_service_leads_to_the_new_version() -> None:
    world = a_world(Stage.SWITCHING, spec=SPEC)
    moved, _, writes = one_round(world, GOOD)
    assert to_ingresses(writes) == []
    _, decision, writes = one_round(led(moved), GOOD)
    assert decision.status.run is not None
    assert decision.status.run.stage is Stage.BAKING
    assert [(write.verb, write.urgent) for write in to_ingresses(writes)] == [(Verb.DELETE, False)]


def test_a_rollout_that_is_deleted_pins_first_then_deletes_it_at_once_and_keeps_the_pods_for_the_settle_time() -> None:
    going = a_manifest(deletionTimestamp="2026-05-01T12:00:00Z", finalizers=[FINALIZER])
    world, _, writes = one_round(stepping(manifest=going, pinned=None), GOOD)
    whys = [write.why for write in writes if write.urgent]
    assert whys == ["pin to old", "give the route back"]
    assert world.revisions[NEW].replicas > 0
    for _ in range(5):
        world, decision, _ = one_round(calm(world, MINUTE), GOOD)
    assert (world.services[0].pinned, split(world), decision.target.finalizer) == (None, None, False)


def test_at_rest_whatever_is_left_beside_is_deleted() -> None:
    for left in (an_ingress(0), an_ingress(10), an_ingress(50, match=MATCH)):
        world = replace(at_rest(spec=SPEC), routes=(left,))
        assert [write.verb for write in to_ingresses(plan(world, decide(world, GOOD)))] == [Verb.DELETE]
    assert to_ingresses(plan(at_rest(spec=SPEC), decide(at_rest(spec=SPEC), GOOD))) == []


def test_what_people_change_in_their_ingress_during_a_release_is_followed() -> None:
    world = stepping()
    declared = world.routes[0].manifest
    assert declared is not None
    rules = [{**declared["spec"]["rules"][0], "host": "new.example"}]
    world = replace(
        world, routes=(replace(world.routes[0], manifest={**declared, "spec": {**declared["spec"], "rules": rules}}),)
    )
    after, _, writes = one_round(world, GOOD)
    assert after.routes[0].twin is not None
    assert after.routes[0].twin["spec"]["rules"][0]["host"] == "new.example"
    assert split(after) == (10, None)
    assert to_ingresses(writes)[0].body[0]["path"] == "/metadata/resourceVersion"


REVERTED: dict[str, tuple[dict[str, str | None], str]] = {
    "another weight": ({"canary_weight": "90"}, "gitops changed Ingress store/shop-canary"),
    "a total": ({"canary_weight_total": "1000"}, "gitops changed Ingress store/shop-canary"),
    "a header": ({"canary_by_header": "X-All"}, "gitops changed Ingress store/shop-canary"),
    "no canary": ({"canary": "false"}, "gitops changed Ingress store/shop-canary"),
}


@pytest.mark.parametrize(("annotations", "told"), REVERTED.values(), ids=REVERTED)
def test_what_somebody_else_writes_beside_is_put_right_at_once_and_counted(
    annotations: dict[str, str | None], told: str
) -> None:
    world = annotated(stepping(), **annotations)
    world = replace(world, routes=(replace(world.routes[0], writer="gitops"),))
    after, decision, _ = one_round(world, GOOD)
    assert decision.status.run is not None
    assert (decision.status.run.reverts, decision.urgent) == (1, True)
    assert told in (decision.status.message or "")
    assert split(after) == (10, None)


def test_one_that_was_deleted_is_made_again_without_traffic_and_raised_by_a_write_that_tests_its_version() -> None:
    world = with_twin(stepping(), None)
    made, decision, writes = one_round(world, GOOD)
    assert "somebody deleted Ingress store/shop-canary" in (decision.status.message or "")
    assert ([write.verb for write in to_ingresses(writes)], split(made)) == ([Verb.CREATE], (0, None))
    after, _, writes = one_round(made, GOOD)
    assert (to_ingresses(writes)[0].body[0]["path"], split(after)) == ("/metadata/resourceVersion", (10, None))


def test_the_third_revert_in_a_step_takes_the_canary_back() -> None:
    world = with_twin(stepping(run=a_run(reverts=2)), None)
    counted, _, _ = one_round(world, GOOD)
    _, decision, _ = one_round(counted, GOOD)
    assert decision.status.phase is Phase.ABORTING
    assert decision.status.run is not None
    assert decision.status.run.outcome is Outcome.ABORTED


def test_one_that_lost_its_label_is_still_taken_off_the_traffic() -> None:
    world = stepping()
    twin = world.routes[0].twin
    assert twin is not None
    marked = {**twin["metadata"]["annotations"], LEADER: "me"}
    world = with_twin(world, {**twin, "metadata": {**twin["metadata"], "labels": {}, "annotations": marked}})
    assert split(one_round(world, BREACH)[0]) == (0, None)


def test_somebody_elses_ingress_of_that_name_is_never_touched_and_stops_a_release() -> None:
    theirs = {**an_ingress().manifest, "metadata": {"name": "shop-canary", "namespace": "store"}}  # type: ignore[dict-item]
    for world in (with_twin(stepping(), theirs), with_twin(at_rest(spec=SPEC), theirs)):
        assert [to_ingresses(plan(world, decide(world, found))) for found in (GOOD, BREACH)] == [[], []]
    assert problems(with_twin(at_rest(spec=SPEC), theirs), lambda check: None) == (
        "To mend: Ingress store/shop-canary exists and is not the controller's, which needs that name:"
        " rename or remove it.",
    )
    waits = routing.waiting(with_twin(stepping(), theirs))
    assert waits == "Ingress store/shop-canary is not the controller's, which needs that name: rename or remove it"


def test_an_ingress_that_is_not_there_is_named_with_its_field() -> None:
    world = replace(at_rest(spec=SPEC), routes=(replace(an_ingress(), manifest=None),))
    assert problems(world, lambda check: None) == (
        "To mend: Ingress store/shop does not exist: create it, or correct spec.traffic[public].ingress.",
    )


def test_another_canary_in_the_way_is_named() -> None:
    rival = an_ingress(10).twin
    assert rival is not None
    rival = {**rival, "metadata": {**rival["metadata"], "name": "by-hand"}}
    world = replace(at_rest(spec=SPEC), routes=(replace(an_ingress(), others=(rival,)),))
    (problem,) = problems(world, lambda check: None)
    assert problem.startswith("To mend: Ingress store/by-hand is a canary on shop.example/ already")


@pytest.mark.parametrize(
    ("traffic", "who"),
    [
        ([{"name": "a", "gatewayRoute": {"kind": "HTTPRoute", "name": "shop"}}], "HTTPRoute store/shop"),
        (None, "a Service alone"),
    ],
)
def test_a_step_that_matches_is_refused_where_that_cannot_be_done(traffic: Any, who: str) -> None:
    spec = a_spec(traffic=traffic, strategy={"canary": {"steps": [{"weight": 5, "match": HEADER}]}})
    assert problems(at_rest(spec=spec), lambda check: None) == (
        f"To mend: spec.strategy.canary.steps[0].match: {who} can only split by weight: "
        "remove match, or split by an ingress in every entry of spec.traffic.",
    )
    assert problems(at_rest(spec=MATCHING), lambda check: None) == ()


def test_a_step_sends_what_matches_to_the_canary_and_the_status_says_so() -> None:
    world = a_world(spec=MATCHING, step=0, entered=None)
    after, decision, _ = one_round(world, GOOD)
    assert split(after) == (0, MATCH)
    assert decision.status.traffic == TrafficStatus(desired=0, routed=0, matched=True)
    assert routing.flows(after)
    assert (decision.status.message or "").startswith("At 0 % and requests with header X-Beta until 12:05:00 UTC")


def test_the_next_step_ends_it() -> None:
    world = a_world(spec=MATCHING, step=0, entered=6 * MINUTE)
    reached, _, _ = one_round(world, GOOD)
    assert split(reached) == (10, None)


def test_while_the_next_step_is_reached_what_matched_still_goes_to_the_canary() -> None:
    steps = [{"weight": 10, "match": HEADER}, {"weight": 90}]
    spec = a_spec(traffic=BY_INGRESS, strategy={"canary": {"steps": steps}})
    world = a_world(spec=spec, step=1, entered=None, canary=a_revision(NEW, 4, ready=1))
    assert split(one_round(world, GOOD)[0]) == (10, MATCH)


def test_nobody_goes_to_a_canary_without_a_ready_pod_nor_to_one_that_is_taken_back() -> None:
    dead = a_world(spec=MATCHING, canary=a_revision(NEW, 1, ready=0))
    after, decision, writes = one_round(dead, GOOD)
    assert (split(after), decision.urgent, writes[0].urgent) == ((0, None), True, True)
    after, _, writes = one_round(a_world(spec=MATCHING), BREACH)
    assert (split(after), writes[0].resource, writes[0].urgent) == ((0, None), INGRESSES, True)


def test_a_match_is_given_again_only_to_a_canary_that_has_all_its_pods() -> None:
    taken = replace(a_world(spec=MATCHING, canary=a_revision(NEW, 2, ready=1)), routes=(an_ingress(0),))
    pods = replace(taken, services=tuple(replace(each, canary_targets=frozenset()) for each in taken.services))
    assert split(one_round(pods, GOOD)[0]) == (0, None)
    assert split(one_round(led(taken), GOOD)[0]) == (0, MATCH)


def test_a_match_that_somebody_took_away_is_counted_as_a_revert() -> None:
    world = replace(a_world(spec=MATCHING), routes=(an_ingress(0),))
    _, decision, _ = one_round(world, GOOD)
    assert decision.status.run is not None
    assert decision.status.run.reverts == 1


def test_an_abort_is_not_settled_while_anybody_still_matches() -> None:
    world = a_world(Stage.ABORTING, spec=MATCHING, run=a_run(Stage.ABORTING, since=10 * MINUTE))
    world = replace(world, routes=(an_ingress(0, match=MATCH),))
    after, decision, writes = one_round(world, GOOD)
    assert (split(after), writes[0].urgent) == ((0, None), True)
    assert decision.target.replicas[NEW] == 1


def test_the_share_test_is_told_that_requests_match_besides() -> None:
    world = a_world(spec=MATCHING, step=0)
    asked = subscription(world, world.status)
    assert asked is not None
    assert asked.split is not None
    assert asked.split.matched
    plain = subscription(stepping(), stepping().status)
    assert plain is not None
    assert plain.split is not None
    assert not plain.split.matched


def test_a_step_that_was_passed_over_gives_its_match_to_nobody() -> None:
    steps = [{"weight": 10}, {"weight": 20, "match": HEADER}, {"weight": 90}]
    spec = a_spec(traffic=BY_INGRESS, strategy={"canary": {"steps": steps}})
    known = {"spec": spec, "step": 2, "entered": None, "canary": a_revision(NEW, 4, ready=1)}
    world = a_world(**known, status={"traffic": TrafficStatus(desired=10)})
    assert split(one_round(replace(world, routes=(an_ingress(10),)), GOOD)[0]) == (10, None)
    walked = a_world(**known, status={"traffic": TrafficStatus(desired=20, matched=True)})
    assert split(one_round(replace(walked, routes=(an_ingress(20, match=MATCH),)), GOOD)[0]) == (20, MATCH)


def test_an_abort_changes_nothing_but_annotations_whatever_people_changed_in_their_ingress() -> None:
    world = stepping()
    declared = world.routes[0].manifest
    assert declared is not None
    rules = [{**declared["spec"]["rules"][0], "host": "new.example"}]
    changed = {**declared, "spec": {**declared["spec"], "rules": rules}}
    world = replace(world, routes=(replace(world.routes[0], manifest=changed),))
    (write,) = to_ingresses(plan(world, decide(world, BREACH)))
    assert {op["path"].split("/")[2] for op in write.body} == {"annotations"}


def test_a_match_is_given_by_a_write_that_tests_the_version_also_in_the_lane_of_aborts() -> None:
    world = replace(a_world(spec=MATCHING), routes=(an_ingress(0),))
    decision = decide(world, GOOD)
    (write,) = to_ingresses(plan(world, decision))
    assert (decision.urgent, write.urgent, write.body[0]["path"]) == (True, False, "/metadata/resourceVersion")


def test_one_that_is_no_canary_any_more_is_still_something_to_give_back() -> None:
    world = annotated(stepping(), canary="false")
    assert (split(world), routing.shifted(world)) == (None, True)


def led_elsewhere(manifest: Manifest) -> Manifest:
    """The Ingress once somebody let all its paths lead to another Service."""
    paths = [
        {**path, "backend": {"service": {"name": "elsewhere", "port": {"number": 80}}}}
        for path in manifest["spec"]["rules"][0]["http"]["paths"]
    ]
    rule = {**manifest["spec"]["rules"][0], "http": {"paths": paths}}
    return {**manifest, "spec": {**manifest["spec"], "rules": [rule]}}


def sticky(manifest: Manifest) -> Manifest:
    metadata = {**manifest["metadata"], "annotations": {f"{NGINX}affinity": "cookie"}}
    return {**manifest, "metadata": metadata}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (led_elsewhere, "Ingress store/shop has no path that leads to Service shop"),
        (sticky, f"Ingress store/shop has session affinity ({NGINX}affinity)"),
        (lambda _: None, "Ingress store/shop is gone: create it again."),
    ],
)
def test_an_ingress_that_can_no_longer_be_split_takes_the_canary_off_the_traffic(change: Any, said: str) -> None:
    world = stepping(step=1, weight=25, entered=MINUTE)
    route = world.routes[0]
    lost = replace(world, routes=(replace(route, manifest=change(route.manifest)),))
    decision = decide(lost, GOOD)
    assert (decision.reason, decision.target.weight, decision.urgent) == ("RouteUnfit", 0, True)
    assert decision.status.message.startswith(f"Canary taken off the traffic: {said}")
    assert split(carried_out(lost, plan(lost, decision))) == (0.0, None)


def test_an_ingress_that_leads_elsewhere_is_given_no_more_traffic_when_its_step_is_over() -> None:
    world = stepping(entered=timedelta(hours=1))
    route = world.routes[0]
    assert route.manifest is not None
    lost = replace(world, routes=(replace(route, manifest=led_elsewhere(route.manifest)),))
    step = decide(lost, GOOD).status.step
    assert step is not None
    assert step.index == 0


def test_what_was_made_again_without_a_share_is_nobodys_second_undoing() -> None:
    world = stepping(weight=0, run=a_run(reverts=1), status={"traffic": TrafficStatus(desired=10)})
    run = decide(world, GOOD).status.run
    assert run is not None
    assert run.reverts == 1
    foreign = replace(world, routes=(replace(world.routes[0], writer="kubectl"),))
    again = decide(foreign, GOOD).status.run
    assert again is not None
    assert again.reverts == 2
