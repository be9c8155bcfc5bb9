"""Every strategy, with and without a router."""

from tests.backends import Ground
from tests.controller.harness import a_rollout, controlling, stage
from tests.controller.test_commands import waiting


async def test_blue_green_runs_at_full_size_without_traffic_until_it_is_switched(ground: Ground) -> None:
    async with stage(ground) as made, controlling(made):
        await made.create(a_rollout(strategy={"blueGreen": {"preview": {"until": [{"approval": {}}]}}}))
        await made.healthy("v1")
        await made.release("v2")
        await waiting(made, "WaitingForApproval")
        assert len(made.pods("v2")) == 3
        assert made.weights == {"shop": 100, "shop-canary": 0}
        await made.command("promote")
        await made.healthy("v2")


async def test_without_a_router_traffic_follows_replicas_between_two_pins(ground: Ground) -> None:
    async with stage(ground) as made, controlling(made):
        steps = [
            {"weight": 0, "hold": {"until": [{"approval": {}}]}},
            {"weight": 34, "hold": {"until": [{"approval": {}}]}},
        ]
        await made.create(a_rollout(traffic=None, strategy={"canary": {"steps": steps}}))
        await made.healthy("v1")
        await made.release("v2")
        await waiting(made, "WaitingForApproval")
        assert made.images_behind("shop") == {"shop:v1"}
        await made.command("promote")
        await made.until(
            lambda: made.images_behind("shop") == {"shop:v1", "shop:v2"}, "both versions behind the Service"
        )
        await waiting(made, "WaitingForApproval")
        await made.command("promote")
        await made.healthy("v2")
        service = made.get("services")
        assert service is not None
        assert service["spec"]["selector"] == {"app": "shop"}


async def test_a_worker_without_services_is_released_by_replicas(ground: Ground) -> None:
    async with stage(ground) as made, controlling(made):
        await made.create(a_rollout(services=None, traffic=None))
        await made.healthy("v1")
        await made.release("v2")
        await made.healthy("v2")
