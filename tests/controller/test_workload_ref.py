"""A Deployment that is referenced: how it is adopted, released from, and defended against other writers."""

from typing import Any

import pytest

from rollout.kube.errors import Invalid
from sandbox.changes import Change
from tests.backends import Ground
from tests.controller.adopting import (
    REFERENCE,
    a_deployment,
    adopted,
    adopting,
    is_taken_over,
    pinned,
    ready_behind,
    serving,
    set_image,
    settled,
    source,
    watching,
)
from tests.controller.harness import Stage, a_rollout, controlling, stage, template
from tests.controller.test_commands import LONG, holding

BAKING = {"canary": {"steps": [{"weight": 50}], "bake": {"for": "1h"}}}
REVISION = "progressive.delivery/revision"


def an_autoscaler() -> dict[str, Any]:
    """A HorizontalPodAutoscaler of the referenced Deployment."""
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "shop"}
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "shop"},
        "spec": {"scaleTargetRef": target, "minReplicas": 1, "maxReplicas": 5},
    }


async def put_right(made: Stage, version: str) -> None:
    """Wait until the referenced Deployment is a template only again, and this version serves alone."""
    await made.until(lambda: is_taken_over(made), "the Deployment paused and empty")
    await made.healthy_service(version)


async def test_a_running_deployment_is_adopted_and_its_service_never_has_fewer_endpoints(ground: Ground) -> None:
    async with stage(ground) as made, controlling(made):
        await serving(made)
        before, route = made.get("services"), made.get("httproutes")
        with watching(made) as seen:
            await made.create(adopting())
            await settled(made, "v1")
        assert seen.fewest == 3
        assert seen.weights == []
        after, stable = made.get("services"), made.status["revisions"]["stable"]["name"]
        assert before is not None
        assert after is not None
        before["spec"]["selector"][REVISION] = stable
        assert after["spec"] == before["spec"]
        assert (after["metadata"]["labels"], after["metadata"].get("annotations")) == ({"team": "web"}, None)
        assert (made.get("httproutes") or {})["spec"] == (route or {})["spec"]


async def test_a_deployment_is_paused_first_and_emptied_only_once_the_first_revision_serves(ground: Ground) -> None:
    async with stage(ground) as made, controlling(made):
        await serving(made)
        states: list[tuple[bool, int, int]] = []

        def changed(change: Change) -> None:
            if change.name == "shop":
                spec, old = change.object["spec"], (change.previous or change.object)["spec"]
                if (spec.get("paused"), spec["replicas"]) != (old.get("paused"), old["replicas"]):
                    states.append((spec.get("paused", False), spec["replicas"], revisions_behind()))

        def revisions_behind() -> int:
            slices = made.list("endpointslices", {"kubernetes.io/service-name": "shop"})
            names = [each["targetRef"]["name"] for found in slices for each in found.get("endpoints") or ()]
            found = [made.get("pods", name) or {"metadata": {"labels": {}}} for name in names]
            return sum(REVISION in pod["metadata"]["labels"] for pod in found)

        stop = made.objects.listen("deployments", changed)
        await made.create(adopting())
        await settled(made, "v1")
        stop()
        assert states == [(True, 3, 0), (True, 0, 3)]


async def test_nothing_is_released_by_itself_after_adoption_nor_by_an_edit_that_changes_nothing(ground: Ground) -> None:
    async with adopted(ground) as (made, _seen):
        await set_image(made, "v1")
        await made.patch("Deployment", {"metadata": {"annotations": {"note": "hello"}}})
        await made.patch("Deployment", {"spec": {"minReadySeconds": 1}})
        await made.patch("Rollout", {"spec": {"replicas": 4}})
        await made.until(lambda: len(made.pods("v1")) == 4, "four pods")
        assert made.status["run"]["number"] == 1
        assert len(made.list("rolloutruns")) == 1


async def test_an_edit_of_the_deployment_is_released_in_steps_and_it_stays_empty(ground: Ground) -> None:
    async with adopted(ground) as (made, seen):
        await set_image(made, "v2")
        await made.until(lambda: made.status["run"]["number"] == 2, "a run")
        await settled(made, "v2")
        assert made.status["run"]["outcome"] == "promoted"
        assert {10, 50, 100} <= set(seen.weights)
        assert pinned(made) == made.status["revisions"]["stable"]["name"]
        assert source(made)["template"]["spec"]["containers"][0]["image"] == "shop:v2"
        assert made.get("services", "shop-canary") is None


async def test_a_deployment_that_is_edited_before_it_is_adopted_is_adopted_as_it_serves(ground: Ground) -> None:
    async with stage(ground, start_delay=(0.1, 0.2)) as made, controlling(made):
        await serving(made)
        with watching(made) as seen:
            await made.create(adopting(strategy=LONG))
            await made.until(lambda: source(made).get("paused") is True, "the Deployment paused")
            await set_image(made, "v2", replicas=4)
            await holding(made, 10)
            assert seen.images == {"shop": {"shop:v1"}, "shop-canary": {"shop:v2"}}
            assert seen.fewest >= 3
        assert is_taken_over(made)
        assert made.status["run"]["number"] == 2


@pytest.mark.parametrize(
    "change",
    [{"paused": None}, {"replicas": 3}, {"paused": None, "replicas": 3}],
    ids=["unpaused", "scaled up", "unpaused and scaled up"],
)
async def test_at_rest_an_edited_deployment_is_put_right_and_its_version_gets_no_traffic(
    ground: Ground, change: dict[str, Any]
) -> None:
    async with adopted(ground, strategy=LONG) as (made, seen):
        await set_image(made, "v2", **change)
        await holding(made, 10)
        await made.until(lambda: is_taken_over(made), "the Deployment paused and empty")
        assert seen.images == {"shop": {"shop:v1"}, "shop-canary": {"shop:v2"}}
        assert seen.fewest == 3


async def test_at_rest_pods_of_the_deployment_and_a_removed_pin_are_put_right(ground: Ground) -> None:
    async with adopted(ground) as (made, seen):
        await made.patch("Deployment", {"spec": {"paused": None, "replicas": 3}})
        await made.patch("Service", {"spec": {"selector": {REVISION: None}}})
        await made.until(lambda: pinned(made) is not None, "the pin")
        await put_right(made, "v1")
        assert seen.fewest >= 3


async def test_in_a_step_an_edited_deployment_is_put_right_and_its_version_gets_no_traffic(ground: Ground) -> None:
    async with adopted(ground, strategy=LONG) as (made, seen):
        await set_image(made, "v2")
        await holding(made, 10)
        await made.patch("Deployment", {"spec": {"paused": None, "replicas": 3}})
        await put_right(made, "v1")
        assert made.weights == {"shop": 90, "shop-canary": 10}
        await set_image(made, "v3", paused=None, replicas=3)
        await made.until(lambda: made.status["run"]["number"] == 3, "a third run")
        await holding(made, 10)
        await put_right(made, "v1")
        assert seen.images == {"shop": {"shop:v1"}, "shop-canary": {"shop:v2", "shop:v3"}}
        assert max(seen.weights) == 10


async def test_while_it_bakes_an_edited_deployment_is_put_right_and_its_version_gets_no_traffic(ground: Ground) -> None:
    async with adopted(ground, strategy=BAKING) as (made, seen):
        await set_image(made, "v2")
        await made.phase("Baking")
        await made.patch("Deployment", {"spec": {"paused": None, "replicas": 3}})
        await put_right(made, "v2")
        await set_image(made, "v3", paused=None, replicas=3)
        await made.until(lambda: made.status["run"]["number"] == 3, "a third run")
        await made.phase("Baking")
        await put_right(made, "v3")
        assert seen.images["shop"] == {"shop:v1", "shop:v2", "shop:v3"}
        assert seen.fewest == 3


async def test_a_deployment_without_ready_pods_can_be_mended_before_it_is_adopted(ground: Ground) -> None:
    async with stage(ground) as made, controlling(made):
        await made.create(a_deployment("v1", **{"sandbox/never-ready": "true"}))
        await made.create(adopting())
        await made.phase("Initializing")
        annotations = {"metadata": {"annotations": {"sandbox/never-ready": None}}}
        containers = template("v2")["spec"]["containers"]
        await made.patch("Deployment", {"spec": {"template": {**annotations, "spec": {"containers": containers}}}})
        await settled(made, "v2")


async def test_pods_of_somebody_else_behind_the_service_keep_a_deployment_from_being_adopted(ground: Ground) -> None:
    async with stage(ground) as made, controlling(made):
        other = a_deployment()
        other["metadata"]["name"] = "shop-legacy"
        await made.create(other, a_deployment())
        await made.until(lambda: ready_behind(made) >= 4, "pods of both behind the Service")
        await made.create(adopting())
        await made.phase("Stalled")
        assert "Service shop also leads to pod shop-legacy-" in made.message
        assert (source(made).get("paused"), source(made)["replicas"]) == (None, 3)
        await made.delete("Deployment", "shop-legacy")
        await settled(made, "v1")


async def test_an_autoscaler_of_the_deployment_is_named_with_the_remedy_and_nothing_is_touched(ground: Ground) -> None:
    async with stage(ground) as made, controlling(made):
        await serving(made)
        await made.create(an_autoscaler(), adopting())
        await made.phase("Stalled")
        assert made.message == (
            "Cannot start: HorizontalPodAutoscaler shop scales Deployment shop/shop, which goes to 0 once the Rollout "
            "serves: point its scaleTargetRef at Rollout shop."
        )
        assert source(made).get("paused") is None
        await made.delete("HorizontalPodAutoscaler")
        await settled(made, "v1")


async def test_a_missing_deployment_is_named_with_the_remedy_and_adopted_once_it_is_there(ground: Ground) -> None:
    async with stage(ground) as made, controlling(made):
        await made.create(adopting())
        await made.phase("Stalled")
        assert made.message == (
            "Cannot start: Deployment shop/shop does not exist: create it, or correct spec.workloadRef.name."
        )
        await made.create(a_deployment())
        await settled(made, "v1")


async def test_a_deployment_that_is_deleted_and_made_anew_keeps_the_stable_version_serving(ground: Ground) -> None:
    async with adopted(ground, strategy=LONG) as (made, seen):
        await made.delete("Deployment")
        await made.phase("Stalled")
        await made.until(lambda: len(made.pods("v1")) == 3, "the stable version alone")
        await made.create(a_deployment("v2"))
        await holding(made, 10)
        await put_right(made, "v1")
        assert seen.images == {"shop": {"shop:v1"}, "shop-canary": {"shop:v2"}}
        assert seen.fewest == 3


async def test_both_a_template_and_a_reference_are_refused(ground: Ground) -> None:
    async with stage(ground) as made:
        with pytest.raises(Invalid, match="spec needs exactly one of template and workloadRef"):
            await made.create(a_rollout(workloadRef=REFERENCE))
