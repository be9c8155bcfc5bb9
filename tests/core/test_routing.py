"""Which share is in force, as routes, pins and pods say."""

from dataclasses import replace

import pytest

from rollout.core.routing import routed
from rollout.core.world import World
from tests.core.builders import NEW, OLD, a_revision, a_route, a_spec, a_world, at_rest

PODS = a_spec(traffic=None)
SHARES: dict[str, tuple[World, float | None]] = {
    "as declared": (at_rest(), None),
    "prepared": (a_world(weight=0), 0),
    "the highest of several": (
        replace(a_world(), routes=(a_route(0), a_route(50, name="a"), a_route(10, name="b"))),
        50,
    ),
    "a route that is gone counts for nothing": (
        replace(a_world(), routes=(a_route(10), replace(a_route(name="a"), manifest=None))),
        10,
    ),
    "pinned to the stable version": (a_world(spec=PODS, pinned=OLD), 0),
    "pinned to the canary": (a_world(spec=PODS, pinned=NEW), 100),
    "by pods": (a_world(spec=PODS, pinned=None, canary=a_revision(NEW, 1)), 20),
    "by pods, none ready": (a_world(spec=PODS, pinned=None, canary=a_revision(NEW, 1, ready=0)), None),
}


@pytest.mark.parametrize(("world", "share"), SHARES.values(), ids=SHARES)
def test_the_share_in_force_is_never_taken_for_less_than_it_is(world: World, share: float | None) -> None:
    assert routed(world) == share
