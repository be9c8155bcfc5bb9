"""What a release costs the API server, counted there."""

import asyncio
from collections import Counter
from pathlib import Path

from tests.controller.harness import Stage, a_rollout, controlling, stage
from tests.controller.test_commands import holding

STEPS = {
    "canary": {
        "steps": [
            {"weight": 10, "replicas": 1, "hold": {"for": "1h"}},
            {"weight": 20, "replicas": 1, "hold": {"for": "1h"}},
            {"weight": 50, "replicas": 2, "hold": {"for": "1h"}},
        ]
    }
}


async def settled(made: Stage) -> None:
    """Wait until nothing was asked for half a second, and forget what was asked before."""
    count = -1
    while count != len(made.cluster.requests):
        count = len(made.cluster.requests)
        await asyncio.sleep(0.5)
    made.cluster.requests.clear()


def asked(made: Stage) -> Counter[tuple[str, str, str]]:
    """What the controller asked, events and watches apart; the person's own patch of the annotation too."""
    return Counter(
        (each.verb, each.plural, each.subresource)
        for each in made.cluster.requests
        if each.plural != "events" and each.verb != "watch"
    )


async def test_to_enter_a_step_takes_three_writes_and_five_with_scaling_and_no_read(tmp_path: Path) -> None:
    async with stage(tmp_path) as made, controlling(made):
        await made.create(a_rollout(strategy=STEPS))
        await made.healthy("v1")
        await made.release("v2")
        await holding(made, 10)
        await settled(made)
        made.hurry()
        await holding(made, 20)
        await settled_count(
            made,
            {("patch", "httproutes", ""): 1, ("patch", "rolloutruns", "status"): 1, ("patch", "rollouts", "status"): 1},
        )
        made.hurry()
        await holding(made, 50)
        await settled_count(
            made,
            {
                ("patch", "deployments", ""): 1,
                ("patch", "httproutes", ""): 1,
                ("patch", "rolloutruns", "status"): 1,
                ("patch", "rollouts", "status"): 2,
            },
        )


async def settled_count(made: Stage, expected: dict[tuple[str, str, str], int]) -> None:
    await asyncio.sleep(0.5)
    assert asked(made) == expected
    made.cluster.requests.clear()


async def test_at_rest_nothing_is_asked_but_watches(tmp_path: Path) -> None:
    async with stage(tmp_path) as made, controlling(made):
        await made.create(a_rollout(strategy=STEPS))
        await made.healthy("v1")
        await settled(made)
        await asyncio.sleep(2)
        assert asked(made) == Counter()
