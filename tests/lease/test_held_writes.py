"""A write of a leader that is held on its way, and arrives after a successor has acted, undoes nothing."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rollout.models.rollout import LEADER
from tests.backends import Ground
from tests.controller.harness import Stage, stage
from tests.faults.asked import Asked
from tests.faults.effects import Hold
from tests.faults.rules import Match, Rule, matching
from tests.lease.replicas import Replica, midway, team, until

pytestmark = pytest.mark.e2e

Out = Callable[[Replica], None]


def frozen(leader: Replica) -> None:
    leader.freeze()


def partitioned(leader: Replica) -> None:
    leader.proxy.partitioned = True


OUT = pytest.mark.parametrize("out", [frozen, partitioned])


def hold(leader: Replica, match: Match) -> Hold:
    """Keep back the first such write of the leader, whatever becomes of the leader."""
    held = Hold(outlives_client=True)
    leader.proxy.rules = (Rule(match, held),)
    return held


def state(made: Stage, plural: str, name: str = "shop") -> Any:
    """An object as it is now, without what a write of its status by others changes."""
    found = made.get(plural, name)
    return found and {"spec": found["spec"], "annotations": found["metadata"].get("annotations")}


def leader_of(made: Stage) -> str:
    """Who answers for the route."""
    return str(state(made, "httproutes")["annotations"].get(LEADER, ""))


async def settled(made: Stage, phase: str) -> None:
    await made.phase(phase)
    await made.until(lambda: made.weights == {"shop": 1}, "the route given back")
    await made.until(lambda: made.pods("v2") == [], "the canary gone")


@OUT
async def test_a_weight_that_a_deposed_leader_raises_is_refused_once_its_successor_has_acted(
    ground: Ground, tmp_path: Path, out: Out
) -> None:
    async with stage(ground) as made, team(made, tmp_path) as replicas:
        leader = await midway(made, replicas, "two")
        held = hold(leader, matching("patch", "httproutes"))
        await made.command("promote")
        await held.arrived.wait()
        out(leader)
        await made.command("abort")
        await replicas.passed_on(leader)
        await settled(made, "Aborted")
        before = state(made, "httproutes")
        held.release()
        await held.answered.wait()
        assert held.statuses[0] in {409, 422}
        assert (state(made, "httproutes"), made.weights) == (before, {"shop": 1})


async def test_a_weight_that_a_deposed_leader_lowers_does_not_undo_what_its_successor_did(
    ground: Ground, tmp_path: Path
) -> None:
    """Held is the abort's first write; the successor does the same and gives the route back, then all begins anew."""
    async with stage(ground) as made, team(made, tmp_path) as replicas:
        leader = await midway(made, replicas, "two")
        held = hold(leader, matching("patch", "httproutes"))
        await made.command("abort")
        await held.arrived.wait()
        frozen(leader)
        await replicas.passed_on(leader)
        await settled(made, "Aborted")
        before = state(made, "httproutes")
        held.release()
        await held.answered.wait()
        assert held.statuses[0] in {409, 422}
        assert state(made, "httproutes") == before


@pytest.mark.parametrize("plural", ["rollouts", "rolloutruns"])
async def test_a_status_that_a_deposed_leader_wrote_does_not_replace_its_successors(
    ground: Ground, tmp_path: Path, plural: str
) -> None:
    async with stage(ground) as made, team(made, tmp_path) as replicas:
        leader = await midway(made, replicas, "two")
        held = hold(leader, matching("patch", plural, subresource="status"))
        await made.command("promote")
        await held.arrived.wait()
        frozen(leader)
        await made.command("abort")
        await replicas.passed_on(leader)
        await settled(made, "Aborted")
        before = [each["status"] for each in made.list(plural)]
        held.release()
        await held.answered.wait()
        assert held.statuses[0] == 409
        assert [each["status"] for each in made.list(plural)] == before


def _scales_up(asked: Asked) -> bool:
    return any(op["path"] == "/spec/replicas" for op in json.loads(asked.body))


async def test_a_size_that_a_deposed_leader_wanted_does_not_replace_its_successors(
    ground: Ground, tmp_path: Path
) -> None:
    async with stage(ground) as made, team(made, tmp_path) as replicas:
        leader = await midway(made, replicas, "two")
        held = hold(leader, matching("patch", "deployments", where=_scales_up))
        await made.command("promote")
        await held.arrived.wait()
        frozen(leader)
        await made.command("abort")
        await replicas.passed_on(leader)
        await settled(made, "Aborted")
        held.release()
        await held.answered.wait()
        assert held.statuses[0] in {404, 409, 422}
        assert made.pods("v2") == []


async def test_a_weight_that_a_deposed_leader_raises_is_refused_even_if_its_successor_moved_nothing(
    ground: Ground, tmp_path: Path
) -> None:
    """The successor was told to pause: it has no weight to write, and yet the earlier leader's comes too late."""
    async with stage(ground) as made, team(made, tmp_path) as replicas:
        leader = await midway(made, replicas, "two")
        held = hold(leader, matching("patch", "httproutes"))
        await made.command("promote")
        await held.arrived.wait()
        frozen(leader)
        await made.command("pause")
        successor = await replicas.passed_on(leader)
        await made.phase("Paused")
        await until(lambda: leader_of(made).startswith(successor.name), "the route marked by the successor")
        before = state(made, "httproutes")
        held.release()
        await held.answered.wait()
        assert held.statuses[0] == 409
        assert (state(made, "httproutes"), made.weights) == (before, {"shop": 90, "shop-canary": 10})
