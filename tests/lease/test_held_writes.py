"""A write of a leader that is held on its way, and arrives after a successor has acted, undoes nothing.

How the leader was put out makes no difference to a write that left it before: one test tries both ways, each of the
others one of them.
"""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from rollout.models.rollout import LEADER
from tests.backends import Ground
from tests.controller.harness import Stage, stage
from tests.controller.test_commands import holding
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


@dataclass(frozen=True)
class Late:
    """A write of a deposed leader that is still on its way, and who leads now."""

    made: Stage
    successor: Replica
    held: Hold

    async def arrives(self) -> int | None:
        """Let it go on; what the API server answers."""
        self.held.release()
        await until(self.held.answered.is_set, "an answer to the held write")
        return self.held.statuses[0]


@asynccontextmanager
async def late(
    ground: Ground, directory: Path, match: Match, *, out: Out, asked: str, then: str | None = None
) -> AsyncIterator[Late]:
    """The first such write that a leader makes when it is `asked` for something at 10 % of a release.

    It is held while the leader is put out; its successor finds that person's next wish, if any.
    """
    async with stage(ground) as made, team(made, directory) as replicas:
        leader = await midway(made, replicas, "two")
        held = Hold(outlives_client=True)
        leader.proxy.rules = (Rule(match, held),)
        await made.command(asked)
        await until(held.arrived.is_set, "the write to hold", leader.log)
        out(leader)
        if then is not None:
            await made.command(then)
        yield Late(made, await replicas.passed_on(leader), held)


def state(made: Stage, plural: str, name: str = "shop") -> Any:
    """An object as it is now, without what a write of its status by others changes."""
    found = made.get(plural, name)
    return found and {"spec": found["spec"], "annotations": found["metadata"].get("annotations")}


def leader_of(made: Stage) -> str:
    """Who answers for the route."""
    return str(state(made, "httproutes")["annotations"].get(LEADER, ""))


def sizes(made: Stage) -> dict[str, int]:
    """The wanted pods of every Deployment."""
    return {each["metadata"]["name"]: each["spec"]["replicas"] for each in made.list("deployments")}


async def settled(made: Stage) -> None:
    """Wait until an abort is over."""
    await made.phase("Aborted")
    await made.until(lambda: made.weights == {"shop": 1}, "the route given back")
    await made.until(lambda: made.pods("v2") == [], "the canary gone")


async def begun_anew(made: Stage) -> None:
    """Wait until an abort is over, and the same version tried again as far as it was."""
    await settled(made)
    await made.command("retry")
    await holding(made, 10)


@pytest.mark.parametrize("out", [frozen, partitioned])
async def test_a_weight_that_a_deposed_leader_raises_is_refused_once_its_successor_has_acted(
    ground: Ground, tmp_path: Path, out: Out
) -> None:
    raised = matching("patch", "httproutes")
    async with late(ground, tmp_path, raised, out=out, asked="promote", then="abort") as write:
        made = write.made
        await settled(made)
        before = state(made, "httproutes")
        assert await write.arrives() in {409, 422}
        assert (state(made, "httproutes"), made.weights) == (before, {"shop": 1})


async def test_a_weight_that_a_deposed_leader_lowers_is_refused_once_its_successor_gave_the_route_back(
    ground: Ground, tmp_path: Path
) -> None:
    """Held is the abort's first write; the successor does the same, and then more."""
    lowered = matching("patch", "httproutes")
    async with late(ground, tmp_path, lowered, out=partitioned, asked="abort") as write:
        await settled(write.made)
        before = state(write.made, "httproutes")
        assert await write.arrives() in {409, 422}
        assert state(write.made, "httproutes") == before


async def test_an_abort_of_a_deposed_leader_that_comes_into_the_next_try_takes_traffic_for_a_moment_and_ends_nothing(
    ground: Ground, tmp_path: Path
) -> None:
    """A write that takes traffic tests only what it replaces, which is there again: it looks like a new one."""
    lowered = matching("patch", "httproutes")
    async with late(ground, tmp_path, lowered, out=frozen, asked="abort") as write:
        made = write.made
        await begun_anew(made)
        run = made.status["run"]["number"]
        assert await write.arrives() == 200
        await made.until(lambda: made.status["run"].get("reverts") == 1, "the change seen")
        await holding(made, 10)
        assert (made.status["phase"], made.status["run"]["number"]) == ("Progressing", run)


@pytest.mark.parametrize(("plural", "out"), [("rollouts", frozen), ("rolloutruns", partitioned)])
async def test_a_status_that_a_deposed_leader_wrote_does_not_replace_its_successors(
    ground: Ground, tmp_path: Path, plural: str, out: Out
) -> None:
    written = matching("patch", plural, subresource="status")
    async with late(ground, tmp_path, written, out=out, asked="promote", then="abort") as write:
        await settled(write.made)
        before = [each["status"] for each in write.made.list(plural)]
        assert await write.arrives() == 409
        assert [each["status"] for each in write.made.list(plural)] == before


def _scales(asked: Asked) -> bool:
    return any(op["path"] == "/spec/replicas" for op in json.loads(asked.body))


async def test_a_size_that_a_deposed_leader_wanted_does_not_come_after_the_end_of_the_release(
    ground: Ground, tmp_path: Path
) -> None:
    scaled_up = matching("patch", "deployments", where=_scales)
    async with late(ground, tmp_path, scaled_up, out=partitioned, asked="promote", then="abort") as write:
        await settled(write.made)
        before = sizes(write.made)
        assert await write.arrives() in {404, 409, 422}
        assert sizes(write.made) == before


async def test_a_canary_that_a_deposed_leader_empties_keeps_its_pods_when_it_is_tried_again_at_the_same_size(
    ground: Ground, tmp_path: Path
) -> None:
    """The size is what the held write expects, and yet not the one it was decided on."""
    emptied = matching("patch", "deployments", where=_scales)
    async with late(ground, tmp_path, emptied, out=frozen, asked="abort") as write:
        await begun_anew(write.made)
        before = sizes(write.made)
        assert await write.arrives() == 409
        assert sizes(write.made) == before


async def test_a_weight_that_a_deposed_leader_raises_is_refused_even_if_its_successor_moved_nothing(
    ground: Ground, tmp_path: Path
) -> None:
    """The successor was told to pause: it has no weight to write, and yet the earlier leader's comes too late."""
    raised = matching("patch", "httproutes")
    async with late(ground, tmp_path, raised, out=frozen, asked="promote", then="pause") as write:
        made = write.made
        await made.phase("Paused")
        await until(lambda: leader_of(made).startswith(write.successor.name), "the route marked by the successor")
        before = state(made, "httproutes")
        assert await write.arrives() == 409
        assert (state(made, "httproutes"), made.weights) == (before, {"shop": 90, "shop-canary": 10})
