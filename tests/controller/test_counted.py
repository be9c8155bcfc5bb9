"""What a Rollout goes through is counted and told once, whichever write on its way fails."""

from collections.abc import Callable
from pathlib import Path

import pytest

from sandbox.apiserver import Fault, RequestRecord
from tests.api.test_metrics import samples
from tests.controller.harness import Stage, a_rollout, controlling, stage
from tests.controller.test_commands import LONG, holding


def taking_the_command(record: RequestRecord) -> bool:
    """Whether it takes the annotation away, which is written after the status."""
    return (record.plural, record.subresource) == ("rollouts", "") and record.write and b"null" in record.body


def saying_so(record: RequestRecord) -> bool:
    """Whether it is the write of the status."""
    return (record.plural, record.subresource) == ("rollouts", "status") and record.write


def events(made: Stage, reason: str) -> int:
    """How many Events have this reason."""
    return len([each for each in made.list("events") if each["reason"] == reason])


def fail_once(made: Stage, chosen: Callable[[RequestRecord], bool]) -> list[RequestRecord]:
    """Refuse the next write of this sort; what was refused."""
    refused: list[RequestRecord] = []

    async def seam(record: RequestRecord) -> Fault | None:
        if refused or not chosen(record):
            return None
        refused.append(record)
        return Fault()

    made.cluster.api.intercept = seam
    return refused


@pytest.mark.parametrize("failing", [taking_the_command, saying_so])
async def test_a_step_that_is_left_is_counted_and_told_once_when_a_write_fails(
    tmp_path: Path, failing: Callable[[RequestRecord], bool]
) -> None:
    async with stage(tmp_path) as made, controlling(made):
        await made.create(a_rollout(strategy=LONG))
        await made.healthy("v1")
        await made.release("v2")
        await holding(made, 10)
        refused = fail_once(made, failing)
        await made.command("promote")
        await holding(made, 50)
        await made.until(lambda: not (made.get("rollouts") or {})["metadata"].get("annotations"), "the command taken")
        assert made.parts is not None
        assert len(refused) == 1
        assert samples(made.parts.metrics)["step_duration_seconds_count"] == 1
        await made.until(lambda: events(made, "PromoteAsked") == 1, "the Event")
