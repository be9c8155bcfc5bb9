"""Other people's hands: lost status, reverted routes and pins, two Rollouts for one Service, deleted parts."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from tests.backends import Ground
from tests.controller.harness import Stage, a_rollout, a_route, controlling, stage
from tests.controller.test_commands import LONG, holding
from tests.controller.watching import watching


@asynccontextmanager
async def again_and_again(act: Callable[[], Awaitable[None]], seconds: float) -> AsyncIterator[None]:
    """Somebody else does something every so often beside the block."""

    async def repeat() -> None:
        while True:
            await act()
            await asyncio.sleep(seconds)

    task = asyncio.get_running_loop().create_task(repeat())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


async def revert_route(made: Stage) -> None:
    """A GitOps tool puts the route back to what Git says."""
    await made.as_gitops("HTTPRoute", a_route()["spec"])


async def revert_pin(made: Stage) -> None:
    """A GitOps tool puts the Service back to what Git says."""
    await made.as_gitops("Service", {"selector": {"progressive.delivery/revision": None}})


async def test_a_reverted_weight_is_restored_and_told_with_its_number_and_three_end_the_release(ground: Ground) -> None:
    async with stage(ground) as made, controlling(made):
        await made.create(a_rollout(strategy=LONG))
        await made.healthy("v1")
        await made.release("v2")
        await holding(made, 10)
        await made.as_gitops("HTTPRoute", a_route()["spec"])
        await made.until(lambda: made.status["run"]["reverts"] == 1, "the revert counted")
        assert "gitops changed HTTPRoute shop/shop" in made.message
        await holding(made, 10)
        async with again_and_again(lambda: revert_route(made), 0.3):
            await made.until(lambda: (made.status["run"].get("outcome")) == "aborted", "taken back")
        await made.phase("Aborted")
        assert made.weights in ({"shop": None}, {"shop": 1})
        assert "undid" in made.message


async def test_a_pin_that_is_reverted_again_and_again_lets_no_canary_serve_for_long(ground: Ground) -> None:
    async with stage(ground) as made, controlling(made):
        await made.create(a_rollout(strategy=LONG))
        await made.healthy("v1")
        await made.release("v2")
        await holding(made, 10)
        async with again_and_again(lambda: revert_pin(made), 0.3):
            await made.phase("Aborted")
        assert made.pods("v2") == []
        await made.healthy_service("v1")


async def test_a_lost_status_loses_no_version_and_gives_no_traffic_unanalysed(ground: Ground) -> None:
    async with stage(ground) as made, watching(made) as watch, controlling(made):
        await made.create(a_rollout(strategy=LONG))
        await made.healthy("v1")
        await made.release("v2")
        await holding(made, 10)
        await made.command("promote")
        await holding(made, 50)
        await made.lose_status()
        await holding(made, 10)
        assert made.status["revisions"]["stable"]["images"] == ["shop:v1"]
        assert made.status["step"]["index"] == 0
        assert watch.wrongs == []


async def test_a_lost_status_after_an_abort_does_not_start_the_aborted_version_again(ground: Ground) -> None:
    async with stage(ground) as made, controlling(made):
        await made.create(a_rollout(strategy=LONG))
        await made.healthy("v1")
        await made.release("v2")
        await holding(made, 10)
        await made.command("abort")
        await made.phase("Aborted")
        await made.lose_status()
        await made.phase("Aborted")
        await asyncio.sleep(0.3)
        assert made.pods("v2") == []
        assert made.weights == {"shop": 1}


async def test_a_status_restored_from_a_backup_does_not_undo_a_promotion(ground: Ground) -> None:
    async with stage(ground) as made, controlling(made):
        await made.create(a_rollout())
        await made.healthy("v1")
        await made.release("v2")
        await made.until(lambda: (made.status.get("step") or {}).get("index") == 1, "the second step")
        backup = made.status
        await made.healthy("v2")
        await made.replace("Rollout", "/status", backup, status=True)
        await made.until(lambda: made.status.get("phase") == "Healthy", "healthy again")
        assert made.pods("v1") == []
        assert made.status["revisions"]["stable"]["images"] == ["shop:v2"]


async def test_the_second_of_two_rollouts_that_claim_one_service_is_stalled_and_names_the_first(ground: Ground) -> None:
    async with stage(ground) as made, controlling(made):
        await made.create(a_rollout())
        await made.healthy("v1")
        await asyncio.sleep(1.1)  # creation times have whole seconds
        second: dict[str, Any] = a_rollout(traffic=None)
        second["metadata"]["name"] = "copy"
        await made.create(second)

        def stalled() -> bool:
            status = (made.get("rollouts", "copy") or {}).get("status") or {}
            return (
                status.get("phase") == "Stalled"
                and f"Service {made.namespace}/shop belongs to Rollout {made.namespace}/shop" in status["message"]
            )

        await made.until(stalled, "the second one stalled")
        assert len(made.pods("v1")) == 3
        await made.patch("Rollout", {"spec": {"services": None}}, name="copy")
        await made.until(lambda: len(made.pods("v1")) == 6, "the second one goes on without the Service")


async def test_a_route_that_is_deleted_midway_holds_the_release(ground: Ground) -> None:
    async with stage(ground) as made, controlling(made):
        await made.create(a_rollout(strategy={"canary": {"steps": [{"weight": 10, "hold": {"for": "2s"}}]}}))
        await made.healthy("v1")
        await made.release("v2")
        await holding(made, 10)
        await made.delete("HTTPRoute")
        await asyncio.sleep(2.5)
        assert made.status["step"]["index"] == 0
        await made.create(a_route())
        await made.healthy("v2")


async def test_a_canary_that_loses_its_pods_loses_its_traffic_until_they_are_back(ground: Ground) -> None:
    async with stage(ground) as made, controlling(made):
        await made.create(a_rollout(strategy=LONG))
        await made.healthy("v1")
        await made.release("v2")
        await holding(made, 10)
        [pod] = made.pods("v2")
        await made.set_ready(pod, False)
        await made.until(lambda: made.weights == {"shop": 100, "shop-canary": 0}, "no traffic for the canary")
        await made.set_ready(pod, True)
        await made.until(lambda: made.weights == {"shop": 90, "shop-canary": 10}, "its share back")


async def test_an_abort_waits_for_a_stable_version_that_has_no_pod_to_answer(ground: Ground) -> None:
    async with stage(ground) as made, controlling(made):
        await made.create(a_rollout(strategy=LONG))
        await made.healthy("v1")
        await made.release("v2")
        await holding(made, 10)
        for pod in made.pods("v1"):
            await made.set_ready(pod, False)
        await made.until(lambda: made.images_behind("shop") == set(), "nobody behind the Service")
        await made.command("abort")
        await made.until(lambda: "no ready pod" in made.status.get("message", ""), "the message says so")
        assert made.weights == {"shop": 90, "shop-canary": 10}
        for pod in made.pods("v1"):
            await made.set_ready(pod, True)
        await made.phase("Aborted")
