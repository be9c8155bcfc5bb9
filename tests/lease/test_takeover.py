"""A leader that dies, stands still or is cut off is followed by another within the lease and a second."""

import asyncio
from pathlib import Path

import pytest

from tests.backends import Ground
from tests.controller.harness import stage
from tests.controller.test_commands import holding
from tests.controller.watching import watching
from tests.lease.replicas import TAKEOVER, midway, now, renewed, team, until

pytestmark = pytest.mark.e2e


async def test_a_leader_that_is_killed_is_followed_by_one_that_empties_a_breaching_canary_in_time(
    ground: Ground, tmp_path: Path
) -> None:
    async with stage(ground) as made, team(made, tmp_path) as replicas:
        leader = await midway(made, replicas, "two")
        await renewed(leader)  # the worst moment
        killed = leader.kill()
        made.weather.error_share["shop-canary"] = 0.5
        successor = await replicas.passed_on(leader)
        assert (successor.name, now() - killed <= TAKEOVER) == ("two", True)
        await made.until(lambda: made.weights.get("shop-canary", 0) == 0, "the canary emptied")
        assert now() - killed <= TAKEOVER
        await made.phase("Aborted")


async def test_of_three_replicas_one_acts_at_a_time_until_the_last(ground: Ground, tmp_path: Path) -> None:
    async with stage(ground) as made, watching(made) as watch, team(made, tmp_path) as replicas:
        first = await midway(made, replicas, "two", "three")
        killed = first.kill()
        second = await replicas.passed_on(first)
        assert now() - killed <= TAKEOVER
        (last,) = {each.name: each for each in replicas.replicas if each not in (first, second)}.values()
        await made.command("promote")
        await holding(made, 50)
        assert (last.writes(), [each for each in second.writes() if each.at < killed]) == ([], [])
        killed = second.kill()
        assert await replicas.passed_on(second) == last
        assert now() - killed <= TAKEOVER
        await made.command("promote")
        await made.healthy("v2")
        assert watch.wrongs == []


async def test_a_leader_that_stood_still_undoes_nothing_when_it_goes_on(ground: Ground, tmp_path: Path) -> None:
    """Its next step was due meanwhile: it wakes up with a plan, and with caches from before."""
    steps = {"canary": {"steps": [{"weight": 10, "hold": {"for": "8s"}}, {"weight": 50, "hold": {"for": "1h"}}]}}
    async with stage(ground) as made, watching(made) as watch, team(made, tmp_path) as replicas:
        leader = await midway(made, replicas, "two", strategy=steps)
        frozen = leader.freeze()
        await made.command("abort")
        successor = await replicas.passed_on(leader)
        assert now() - frozen <= TAKEOVER
        await made.phase("Aborted")
        await made.until(lambda: made.weights == {"shop": 1}, "the route given back")
        await until(lambda: now() - frozen > 10, "the time of the step")
        thawed = leader.thaw()
        await until(lambda: leader.said("leadership lost"), "the loss noticed")
        await asyncio.sleep(1)
        assert leader.took_effect(since=thawed) == []
        assert (made.weights, watch.wrongs) == ({"shop": 1}, [])
        killed = successor.kill()
        assert await replicas.passed_on(successor) == leader
        assert now() - killed <= TAKEOVER
        await made.release("v3")
        await holding(made, 10)


async def test_a_leader_that_is_cut_off_stops_before_another_acts_and_follows_when_the_way_is_free(
    ground: Ground, tmp_path: Path
) -> None:
    async with stage(ground) as made, watching(made) as watch, team(made, tmp_path) as replicas:
        leader = await midway(made, replicas, "two")
        leader.proxy.partitioned = True
        cut_off = now()
        await until(lambda: leader.said("leadership lost"), "the leader given up")
        assert await replicas.holder() == "one"
        successor = await replicas.passed_on(leader)
        assert now() - cut_off <= TAKEOVER
        await made.command("promote")
        await holding(made, 50)
        leader.proxy.partitioned = False
        healed = now()
        await until(lambda: leader.proxy.asked("get", "leases")[-1].at > healed, "the leader back")
        await asyncio.sleep(1)
        assert (leader.writes(since=cut_off), await replicas.holder()) == ([], successor.name)
        killed = successor.kill()
        assert await replicas.passed_on(successor) == leader
        assert now() - killed <= TAKEOVER
        await made.command("promote")
        await made.healthy("v2")
        assert watch.wrongs == []
