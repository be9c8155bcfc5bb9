"""The Rollout is deleted: what it gives back, in which order, and what never makes it stay."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from rollout.models.kinds import Resource
from sandbox.changes import Change
from tests.backends import Ground
from tests.controller.adopting import (
    a_deployment,
    adopted,
    adopting,
    ready_behind,
    set_image,
    settled,
    source,
    watching,
)
from tests.controller.harness import Stage, a_rollout, controlling, stage
from tests.controller.test_commands import LONG, holding

NAMESPACES = Resource("", "v1", "namespaces", "Namespace", namespaced=False)

BAKING = {"canary": {"steps": [{"weight": 50}], "bake": {"for": "1h"}}}
PROPAGATION = pytest.mark.parametrize("propagation", ["Background", "Foreground"])


async def gone(made: Stage) -> None:
    """Wait until neither the Rollout nor anything it made is left."""
    await made.until(lambda: made.get("rollouts") is None, "the Rollout gone")
    await made.until(lambda: made.list("rolloutruns") == [], "its runs gone")
    names = {each["metadata"]["name"] for each in made.list("deployments")}
    assert names <= {"shop"}
    assert made.get("services", "shop-canary") is None


async def given_back(made: Stage, service: dict[str, Any], route: dict[str, Any]) -> None:
    """Wait until everything is gone, and Service and route are as they were declared."""
    await gone(made)
    for plural, before in (("services", service), ("httproutes", route)):
        after = made.get(plural)
        assert after is not None
        assert after["spec"] == before["spec"]
        assert after["metadata"].get("annotations") == before["metadata"].get("annotations")
        assert after["metadata"]["labels"] == before["metadata"]["labels"]


def declared(made: Stage) -> tuple[dict[str, Any], dict[str, Any]]:
    """Service and route before any Rollout touched them."""
    service, route = made.get("services"), made.get("httproutes")
    assert service is not None
    assert route is not None
    service["spec"]["selector"] = {"app": "shop"}
    return service, route


async def serves_again(made: Stage, version: str) -> None:
    """Wait until the Deployment that was referenced serves this version by itself."""
    await made.until(lambda: ready_behind(made) == 3, "three pods behind the Service")
    await made.healthy_service(version)
    spec = source(made)
    assert (spec.get("paused"), spec["replicas"]) == (None, 3)
    assert spec["template"]["spec"]["containers"][0]["image"] == f"shop:{version}"


@pytest.mark.parametrize("replicas", [3, None], ids=["declared", "the Deployment's own"])
async def test_a_referenced_deployment_serves_again_when_the_rollout_is_deleted_at_rest(
    ground: Ground, replicas: int | None
) -> None:
    async with adopted(ground, replicas=replicas) as (made, seen):
        service, route = declared(made)
        await made.delete("Rollout")
        await given_back(made, service, route)
        await serves_again(made, "v1")
        assert seen.fewest >= 3


@PROPAGATION
async def test_a_referenced_deployment_serves_the_stable_version_when_deleted_in_a_step(
    ground: Ground, propagation: str
) -> None:
    async with adopted(ground, strategy=LONG) as (made, seen):
        service, route = declared(made)
        await set_image(made, "v2")
        await holding(made, 10)
        await made.delete("Rollout", propagation=propagation)
        await given_back(made, service, route)
        await serves_again(made, "v1")
        assert seen.images == {"shop": {"shop:v1"}, "shop-canary": {"shop:v2"}}
        assert seen.fewest >= 3


@PROPAGATION
async def test_a_referenced_deployment_serves_the_stable_version_when_deleted_while_it_bakes(
    ground: Ground, propagation: str
) -> None:
    async with adopted(ground, strategy=BAKING) as (made, seen):
        service, route = declared(made)
        await set_image(made, "v2")
        await made.phase("Baking")
        await made.delete("Rollout", propagation=propagation)
        await given_back(made, service, route)
        await serves_again(made, "v1")
        assert seen.fewest >= 3


async def test_a_referenced_deployment_serves_the_stable_version_when_deleted_while_aborting(ground: Ground) -> None:
    async with adopted(ground, strategy=LONG) as (made, seen):
        service, route = declared(made)
        await set_image(made, "v2")
        await holding(made, 10)
        await made.command("abort")
        await made.phase("Aborting")
        await made.delete("Rollout")
        await given_back(made, service, route)
        await serves_again(made, "v1")
        assert seen.fewest >= 3


async def test_a_deployment_that_is_edited_and_scaled_while_it_is_given_back_gets_the_stable_template(
    ground: Ground,
) -> None:
    async with adopted(ground, strategy=LONG) as (made, seen):
        await set_image(made, "v2")
        await holding(made, 10)
        await set_image(made, "v3", paused=None, replicas=3)
        await made.delete("Rollout")
        await gone(made)
        await serves_again(made, "v1")
        assert seen.images["shop"] == {"shop:v1"}
        assert seen.fewest >= 3


async def test_a_deployment_that_runs_another_version_is_not_led_to_before_it_runs_the_stable_one(
    ground: Ground,
) -> None:
    async with stage(ground) as made:
        await made.create(a_deployment(), adopting())
        async with controlling(made):
            await settled(made, "v1")
        made.running = None
        with watching(made) as seen:
            seen.begin("v1")
            await set_image(made, "v3", paused=None, replicas=3)
            await made.until(lambda: (made.get("deployments") or {})["status"].get("readyReplicas") == 3, "ready pods")
            await made.delete("Rollout")
            async with controlling(made):
                await gone(made)
                await serves_again(made, "v1")
            assert seen.images == {"shop": {"shop:v1"}}
            assert seen.fewest >= 3


async def test_services_are_unpinned_when_the_deployment_is_ready_and_ours_go_when_they_lead_there(
    ground: Ground,
) -> None:
    async with adopted(ground) as (made, _seen):
        stable, found = made.status["revisions"]["stable"]["name"], []

        def service(change: Change) -> None:
            if len(change.object["spec"]["selector"]) == 1:
                found.append(("unpinned", (made.get("deployments") or {})["status"].get("readyReplicas")))

        def deployment(change: Change) -> None:
            if change.type == "DELETED" and change.name == f"shop-{stable}":
                found.append(("removed", ready_behind(made)))

        made.objects.listen("services", service)
        made.objects.listen("deployments", deployment)
        await made.delete("Rollout")
        await gone(made)
        assert found == [("unpinned", 3), ("removed", 6)]


@pytest.mark.parametrize("moment", ["in a step", "baking"])
async def test_the_canary_stays_until_no_proxy_can_use_it_any_more(ground: Ground, moment: str) -> None:
    async with stage(ground) as made, controlling(made):
        await made.create(a_rollout(strategy=BAKING if moment == "baking" else LONG))
        await made.healthy("v1")
        await reached(made, moment)
        before = made.pods("v2")
        made.settings = replace(made.settings, settle=timedelta(hours=1))
        async with again(made):
            await made.delete("Rollout")
            await made.healthy_service("v1")
            await made.until(lambda: made.weights == {"shop": 1}, "the route as declared")
            await made.command("pause")
            await made.until(lambda: not asked(made), "another look")
            assert made.pods("v2") == before
            assert made.message == "Deleted: giving the routes back."


def asked(made: Stage) -> bool:
    """Whether a command was not looked at yet."""
    return "progressive.delivery/command" in ((made.get("rollouts") or {})["metadata"].get("annotations") or {})


@asynccontextmanager
async def again(made: Stage) -> AsyncIterator[None]:
    """End the controller and run another in its place."""
    running = made.running
    assert running is not None
    running.cancel()
    await asyncio.wait([running])
    async with controlling(made):
        yield


async def test_a_deployment_that_is_being_adopted_goes_on_by_itself_when_the_rollout_is_deleted(ground: Ground) -> None:
    async with stage(ground, start_delay=(0.1, 0.2)) as made, controlling(made):
        service, route = declared(made)
        await made.create(a_deployment())
        await made.until(lambda: ready_behind(made) == 3, "three pods behind the Service")
        with watching(made) as seen:
            await made.create(adopting())
            await made.until(lambda: len(made.pods("v1")) > 3, "pods of the first revision")
            await made.delete("Rollout")
            await given_back(made, service, route)
            await serves_again(made, "v1")
        assert seen.fewest >= 3


@PROPAGATION
@pytest.mark.parametrize("moment", ["at rest", "in a step", "aborting", "baking"])
async def test_with_a_template_routes_and_services_are_given_back_before_the_workload_goes(
    ground: Ground, propagation: str, moment: str
) -> None:
    async with stage(ground) as made, controlling(made):
        service, route = declared(made)
        await made.create(a_rollout(strategy=BAKING if moment == "baking" else LONG))
        await made.healthy("v1")
        await reached(made, moment)
        order = written(made)
        await made.delete("Rollout", propagation=propagation)
        await given_back(made, service, route)
        await made.until(lambda: made.list("pods") == [], "no pod left")
        assert order[-1] == "stable"


async def reached(made: Stage, moment: str) -> None:
    """Bring the second version to this moment of its release."""
    if moment == "at rest":
        return
    await made.release("v2")
    if moment == "baking":
        await made.phase("Baking")
        return
    await holding(made, 10)
    if moment == "aborting":
        await made.command("abort")
        await made.phase("Aborting")


def written(made: Stage) -> list[str]:
    """What is given back from now on, in that order: routes, Services, and the stable version's Deployment."""
    stable = made.status["revisions"]["stable"]["name"]
    order: list[str] = []

    def changed(change: Change) -> None:
        spec = (change.object["spec"], (change.previous or change.object)["spec"])
        if change.key != "deployments" and change.name == "shop" and spec[0] != spec[1]:
            order.append(change.key)
        if change.type == "DELETED" and change.name == f"shop-{stable}":
            order.append("stable")

    for plural in ("httproutes", "services", "deployments"):
        made.objects.listen(plural, changed)
    return order


async def test_a_rollout_goes_although_its_route_and_service_are_gone(ground: Ground) -> None:
    async with stage(ground) as made, controlling(made):
        await made.create(a_rollout(strategy=LONG))
        await made.healthy("v1")
        await made.release("v2")
        await holding(made, 10)
        await made.delete("HTTPRoute")
        await made.delete("Service")
        await made.delete("Rollout")
        await gone(made)


async def test_a_rollout_goes_although_its_deployment_is_gone(ground: Ground) -> None:
    async with adopted(ground) as (made, _seen):
        service, route = declared(made)
        await made.delete("Deployment")
        await made.delete("Rollout")
        await given_back(made, service, route)
        assert made.list("deployments") == []


@pytest.mark.parametrize("referenced", [False, True])
async def test_a_rollout_goes_although_no_version_ever_became_ready(ground: Ground, *, referenced: bool) -> None:
    async with stage(ground) as made, controlling(made):
        service, route = declared(made)
        broken = {"sandbox/never-ready": "true"}
        if referenced:
            await made.create(a_deployment("v1", **broken), adopting())
        else:
            await made.create(a_rollout(template=a_deployment("v1", **broken)["spec"]["template"]))
        await made.until(lambda: len(made.pods("v1")) == (6 if referenced else 3), "pods")
        await made.delete("Rollout")
        await given_back(made, service, route)
        if referenced:
            assert (source(made).get("paused"), source(made)["replicas"]) == (None, 3)


async def test_a_referenced_deployment_serves_again_although_the_stable_ones_was_deleted(ground: Ground) -> None:
    async with stage(ground) as made:
        await made.create(a_deployment(), adopting())
        async with controlling(made):
            await made.healthy("v1")
            await made.until(lambda: source(made)["replicas"] == 0, "the Deployment empty")
            stable = made.status["revisions"]["stable"]["name"]
        await made.delete("Deployment", f"shop-{stable}")
        await set_image(made, "v2")
        await made.delete("Rollout")
        async with controlling(made):
            await gone(made)
            await serves_again(made, "v1")


@pytest.mark.parametrize("referenced", [False, True])
async def test_a_namespace_goes_with_a_rollout_in_the_middle_of_a_release(ground: Ground, *, referenced: bool) -> None:
    async with stage(ground) as made, controlling(made):
        if referenced:
            await made.create(a_deployment())
        await made.create(adopting(strategy=LONG) if referenced else a_rollout(strategy=LONG))
        await made.healthy("v1")
        await (set_image(made, "v2") if referenced else made.release("v2"))
        await holding(made, 10)
        await made.person.delete(NAMESPACES, None, made.namespace)
        await made.until(lambda: made.get("rollouts") is None and made.list("services") == [], "everything gone")
