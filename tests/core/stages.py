"""What tests of the stages give to a decision and read from it."""

from dataclasses import replace
from typing import Any

from rollout.core.target import Decision
from rollout.core.world import World
from rollout.models.status import Stage, Verb
from tests.core.builders import MINUTE, a_command, a_result, ago, judged

GOOD = judged(a_result())
OVER = 6 * MINUTE  # longer than the hold and the bake


def stage_of(decision: Decision) -> tuple[Stage, float | None, str | None]:
    """The stage, the weight and the pin that were decided."""
    assert decision.status.run is not None, "a run goes on"
    return decision.status.run.stage, decision.target.weight, decision.target.pin


def place_of(decision: Decision) -> tuple[int, bool, float | None]:
    """The step, whether its traffic flows, and the weight."""
    assert decision.status.step is not None, "a step goes on"
    return decision.status.step.index, decision.status.step.entered_at is not None, decision.target.weight


def paused(world: World) -> World:
    return replace(world, status=world.status.model_copy(update={"paused_at": ago(MINUTE)}))


def asked(world: World, verb: Verb, **fields: Any) -> World:
    commands = (a_command(verb, **fields),)
    return replace(world, status=world.status.model_copy(update={"commands": commands}))
