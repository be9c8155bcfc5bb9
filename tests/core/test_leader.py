"""A new leader's mark on routes and Services, which makes what an earlier one may still raise fail."""

from dataclasses import replace

from analysis.results import Assessment, State
from rollout.core.decide import decide
from rollout.core.plan import plan
from rollout.core.world import World
from rollout.core.write import Plan
from rollout.models.kinds import HTTP_ROUTES, SERVICES
from rollout.models.rollout import LEADER
from rollout.models.status import Stage
from rollout.traffic.patch import pointer
from tests.core.builders import MINUTE, NEW, a_result, a_revision, a_run, a_spec, a_world, at_rest, judged
from tests.core.cluster import carried_out

GOOD, BREACH = judged(a_result()), judged(a_result(State.REGRESS))


def under(leader: str | None, world: World) -> World:
    return replace(world, settings=replace(world.settings, leader=leader))


def traffic(world: World, assessment: Assessment = GOOD) -> Plan:
    """The writes to routes and Services."""
    return tuple(write for write in plan(world, decide(world, assessment)) if write.resource in (HTTP_ROUTES, SERVICES))


def marks(world: World) -> list[str | None]:
    manifests = [world.routes[0].manifest, world.services[0].manifest]
    return [((each or {"metadata": {}})["metadata"].get("annotations") or {}).get(LEADER) for each in manifests]


def test_a_new_leader_marks_what_an_earlier_one_may_still_raise_and_does_so_once() -> None:
    first = under("one", a_world())
    marked = carried_out(first, traffic(first))
    assert marks(marked) == ["one", "one"]
    assert traffic(marked) == ()
    taken_over = under("two", marked)
    assert [write.resource for write in traffic(taken_over)] == [HTTP_ROUTES, SERVICES]
    assert marks(carried_out(taken_over, traffic(taken_over))) == ["two", "two"]


def test_a_weight_that_rises_takes_the_mark_with_it() -> None:
    world = under("one", a_world(entered=10 * MINUTE))
    assert len([write for write in traffic(world) if write.resource == HTTP_ROUTES]) == 1
    assert marks(carried_out(world, traffic(world)))[0] == "one"


def test_an_abort_neither_tests_nor_waits_for_the_mark_of_an_earlier_leader() -> None:
    first = under("one", a_world(step=1))
    world = under("two", carried_out(first, traffic(first)))
    writes = traffic(world, BREACH)
    place = pointer(("metadata", "annotations", LEADER))
    assert [(write.resource, write.urgent) for write in writes] == [(HTTP_ROUTES, True), (SERVICES, False)]
    assert [op for op in writes[0].body if op["path"] == place] == []


def test_a_step_to_a_lower_weight_does_not_test_the_mark_of_an_earlier_leader() -> None:
    falling = a_spec(strategy={"canary": {"steps": [{"weight": 50, "hold": {"for": "5m"}}, {"weight": 10}]}})
    first = under("one", a_world(spec=falling))
    world = under("two", carried_out(first, traffic(first)))
    world = replace(world, now=world.now + 10 * MINUTE)
    place = pointer(("metadata", "annotations", LEADER))
    [write] = [each for each in traffic(world) if each.resource == HTTP_ROUTES]
    assert write.why == "10 % to the canary"
    assert [op for op in write.body if op["path"] == place] == []


def test_a_new_leader_marks_also_what_is_urgent_and_does_not_move() -> None:
    """A step in which somebody undid a write before, and an abort before any weight was given."""
    first = under("one", a_world(run=a_run(Stage.STEPPING).model_copy(update={"reverts": 1})))
    world = under("two", carried_out(first, traffic(first)))
    assert {write.resource for write in traffic(world)} == {HTTP_ROUTES, SERVICES}
    assert marks(carried_out(world, traffic(world))) == ["two", "two"]
    first = under("one", a_world(weight=0, entered=None, canary=a_revision(NEW, 1, ready=0)))
    world = under("two", carried_out(first, traffic(first)))
    assert marks(carried_out(world, traffic(world, BREACH))) == ["two", "two"]


def test_at_rest_nothing_is_marked() -> None:
    world = under("one", at_rest())
    assert traffic(world) == ()
    left = under("one", a_world())
    left = carried_out(left, traffic(left))
    rest = replace(world, routes=left.routes, services=left.services)
    for _ in range(5):
        rest = carried_out(rest, traffic(rest))
    assert (traffic(rest), marks(rest)) == ((), [None, None])
