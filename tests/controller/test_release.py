"""A release from start to end, on a sandbox with virtual pods."""

from tests.backends import Ground
from tests.controller.harness import ERRORS, a_rollout, controlling, stage


async def test_a_first_version_is_brought_up_without_analysis(ground: Ground) -> None:
    async with stage(ground) as made, controlling(made):
        await made.create(a_rollout(analysis={"checks": [ERRORS]}))
        await made.healthy("v1")
        assert made.weights == {"shop": 1}
        assert len(made.pods("v1")) == 3


async def test_a_good_version_is_promoted_and_everything_is_as_declared_again(ground: Ground) -> None:
    async with stage(ground) as made, controlling(made):
        await made.create(a_rollout(analysis={"checks": [ERRORS]}))
        await made.healthy("v1")
        route, service = made.get("httproutes"), made.get("services")
        assert route is not None
        assert service is not None
        await made.release("v2")
        await made.healthy("v2")
        after_route, after_service = made.get("httproutes"), made.get("services")
        assert after_route is not None
        assert after_service is not None
        assert after_route["spec"] == route["spec"]
        assert after_route["metadata"].get("annotations") == route["metadata"].get("annotations")
        assert after_service["spec"] == service["spec"]
        assert made.get("services", "shop-canary") is None
        assert made.status["run"]["outcome"] == "promoted"


async def test_a_bad_version_is_taken_back_on_its_errors(ground: Ground) -> None:
    async with stage(ground) as made, controlling(made):
        await made.create(
            a_rollout(
                analysis={"checks": [ERRORS]}, strategy={"canary": {"steps": [{"weight": 10, "hold": {"for": "10s"}}]}}
            )
        )
        await made.healthy("v1")
        made.weather.error_share["shop-canary"] = 0.05
        await made.release("v2")
        await made.phase("Aborted")
        assert made.weights == {"shop": 1}
        assert made.pods("v2") == []
        assert made.status["conditions"][2]["status"] == "True"
