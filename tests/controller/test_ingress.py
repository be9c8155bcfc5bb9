"""Releases through an Ingress: the owned one beside it moves the traffic, and nothing is left in the end."""

import asyncio
from typing import Any

from tests.backends import Ground
from tests.controller.harness import BY_INGRESS, ERRORS, Stage, a_rollout, an_ingress, controlling, stage
from tests.controller.test_commands import LONG
from tests.controller.test_foreign import again_and_again
from tests.controller.watching import watching

HEADER = {"header": {"name": "X-Beta", "exact": "yes"}, "cookie": {"name": "beta"}}


def by_ingress(**spec: Any) -> dict[str, Any]:
    return a_rollout(**{"traffic": BY_INGRESS, "strategy": LONG, **spec})


async def begun(made: Stage, rollout: dict[str, Any]) -> dict[str, Any]:
    """The first version serves; the Ingress as people applied it."""
    await made.create(an_ingress(), rollout)
    await made.healthy("v1")
    declared = made.get("ingresses")
    assert declared is not None
    return declared


async def given(made: Stage, weight: str) -> None:
    """Wait until the canary has its weight and the status tells of it."""
    await made.until(lambda: made.beside() == {"weight": weight}, f"{weight} % on the canary")
    await made.until(lambda: (made.status.get("step") or {}).get("enteredAt") is not None, "the step entered")


async def test_a_good_version_is_promoted_and_the_ingress_was_never_written(ground: Ground) -> None:
    async with stage(ground) as made, watching(made) as watch, controlling(made):
        steps = [{"weight": 10, "hold": {"for": "50ms"}}, {"weight": "12.5"}]
        declared = await begun(made, by_ingress(strategy={"canary": {"steps": steps}}, analysis={"checks": [ERRORS]}))
        seen: list[dict[str, str] | None] = []
        end = made.objects.listen("ingresses", lambda change: seen.append(made.beside()))
        await made.release("v2")
        await made.healthy("v2")
        end()
        assert made.get("ingresses") == declared
        assert made.beside() is None
        assert made.get("services", "shop-canary") is None
        assert watch.wrongs == []
        tenths = {"weight": "125", "weight-total": "1000"}
        assert [each for index, each in enumerate(seen) if each and each not in seen[:index]] == [
            {"weight": "0"},
            {"weight": "10"},
            tenths,
            {"weight": "100"},
        ]


async def test_a_bad_version_is_taken_back_and_leaves_nothing(ground: Ground) -> None:
    async with stage(ground) as made, controlling(made):
        declared = await begun(made, by_ingress(analysis={"checks": [ERRORS]}))
        made.weather.error_share["shop-canary"] = 0.05
        await made.release("v2")
        await made.phase("Aborted")
        assert (made.beside(), made.get("ingresses"), made.pods("v2")) == (None, declared, [])


async def test_a_step_sends_what_matches_to_the_canary_besides_its_weight(ground: Ground) -> None:
    steps = [{"weight": 0, "match": HEADER, "hold": {"until": [{"approval": {}}]}}, {"weight": 50}]
    async with stage(ground) as made, controlling(made):
        await begun(made, by_ingress(strategy={"canary": {"steps": steps}}))
        await made.release("v2")
        await made.until(lambda: (made.status.get("traffic") or {}).get("matched") is True, "requests that match")
        assert made.beside() == {
            "weight": "0",
            "by-header": "X-Beta",
            "by-header-value": "yes",
            "by-cookie": "beta",
        }
        await made.command("promote")
        await made.healthy("v2")
        assert made.beside() is None


async def test_several_ingresses_are_moved_together(ground: Ground) -> None:
    traffic = [*BY_INGRESS, {"name": "partners", "ingress": {"name": "partners"}}]
    async with stage(ground) as made, controlling(made):
        await made.create(an_ingress("partners", "partners.example"))
        await begun(made, by_ingress(traffic=traffic))
        await made.release("v2")
        await given(made, "10")
        assert [made.beside(), made.beside("partners-canary")] == [{"weight": "10"}, {"weight": "10"}]
        await made.command("abort")
        await made.phase("Aborted")
        assert [made.beside(), made.beside("partners-canary")] == [None, None]


async def test_one_that_is_deleted_or_edited_is_put_right_and_three_times_in_a_step_end_the_release(
    ground: Ground,
) -> None:
    async with stage(ground) as made, controlling(made):
        await begun(made, by_ingress())
        await made.release("v2")
        await given(made, "10")
        await made.delete("Ingress", "shop-canary")
        await made.until(lambda: made.status["run"].get("reverts") == 1, "the deletion counted")
        await made.until(lambda: made.beside() == {"weight": "10"}, "it is there again")

        async def prune() -> None:
            annotations = {"nginx.ingress.kubernetes.io/canary-weight": "77"}
            if made.beside() is not None:
                await made.patch("Ingress", {"metadata": {"annotations": annotations}}, "shop-canary")

        async with again_and_again(prune, 0.3):
            await made.until(lambda: made.status["run"].get("outcome") == "aborted", "taken back")
            assert "undid" in made.message
        await made.phase("Aborted")
        assert made.beside() is None


async def test_a_rollout_that_is_deleted_midway_leaves_nothing_beside_the_ingress(ground: Ground) -> None:
    async with stage(ground) as made, controlling(made):
        declared = await begun(made, by_ingress())
        await made.release("v2")
        await given(made, "10")
        await made.delete("Rollout")
        await made.until(lambda: made.get("rollouts") is None, "the Rollout gone")
        assert (made.beside(), made.get("ingresses")) == (None, declared)
        service = made.get("services")
        assert service is not None
        assert service["spec"]["selector"] == {"app": "shop"}


async def test_a_canary_of_somebody_else_stops_a_release_until_it_is_gone(ground: Ground) -> None:
    marked = {"nginx.ingress.kubernetes.io/canary": "true", "nginx.ingress.kubernetes.io/canary-weight": "5"}
    async with stage(ground) as made, controlling(made):
        await begun(made, by_ingress())
        await made.create(an_ingress("by-hand", **marked))
        await made.release("v2")
        said = "Cannot start: Ingress shop/by-hand is a canary on shop.example/ already"
        await made.until(lambda: made.message.startswith(said), "the release stopped")
        await made.delete("Ingress", "by-hand")
        await given(made, "10")


async def test_an_ingress_that_has_the_name_of_ours_is_left_alone(ground: Ground) -> None:
    async with stage(ground) as made, controlling(made):
        await begun(made, by_ingress())
        await made.create(an_ingress("shop-canary", "other.example"))
        theirs = made.get("ingresses", "shop-canary")
        await made.release("v2")
        await made.phase("Stalled")
        await asyncio.sleep(0.2)
        assert "Ingress shop/shop-canary exists and is not the controller's" in made.message
        assert made.get("ingresses", "shop-canary") == theirs


async def test_a_match_on_a_route_of_the_gateway_api_stops_a_release(ground: Ground) -> None:
    steps = [{"weight": 10, "match": HEADER, "hold": {"for": "1h"}}]
    async with stage(ground) as made, controlling(made):
        await made.create(a_rollout(strategy={"canary": {"steps": steps}}))
        await made.phase("Stalled")
        assert made.message == (
            "Cannot start: spec.strategy.canary.steps[0].match: HTTPRoute shop/shop can only split by weight: "
            "remove match, or split by an ingress in every entry of spec.traffic."
        )
