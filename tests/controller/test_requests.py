"""What a release costs the API server, counted there."""

import asyncio
from collections import Counter

from tests.backends import Ground
from tests.controller.counting import Counting
from tests.controller.harness import ERRORS, a_rollout, controlling, stage
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


async def test_to_enter_a_step_takes_three_writes_and_five_with_scaling_and_no_read(ground: Ground) -> None:
    async with stage(ground) as made, controlling(made):
        await made.create(a_rollout(strategy=STEPS))
        await made.healthy("v1")
        await made.release("v2")
        await holding(made, 10)
        counting = Counting(made)
        await counting.settled()
        counting.forget()
        await made.hurry()
        await holding(made, 20)
        await counting.settled()
        by_weight = counting.asked()
        counting.forget()
        await made.hurry()
        await holding(made, 50)
        await counting.settled()
        assert (by_weight, counting.asked()) == (
            {("patch", "httproutes", ""): 1, ("patch", "rolloutruns", "status"): 1, ("patch", "rollouts", "status"): 1},
            {
                ("patch", "deployments", ""): 1,
                ("patch", "httproutes", ""): 1,
                ("patch", "rolloutruns", "status"): 1,
                ("patch", "rollouts", "status"): 2,
            },
        )


async def test_a_whole_release_reads_nothing(ground: Ground) -> None:
    async with stage(ground) as made, controlling(made):
        await made.create(a_rollout(analysis={"checks": [ERRORS]}))
        await made.healthy("v1")
        counting = Counting(made)
        await made.release("v2")
        await made.healthy("v2")
        await counting.settled()
        assert {verb for verb, _, _ in counting.asked()} == {"create", "patch", "delete"}


async def test_at_rest_nothing_is_asked_but_watches(ground: Ground) -> None:
    async with stage(ground) as made, controlling(made):
        await made.create(a_rollout(strategy=STEPS))
        await made.healthy("v1")
        counting = Counting(made)
        await counting.settled()
        counting.forget()
        await asyncio.sleep(2)
        assert counting.asked() == Counter()
