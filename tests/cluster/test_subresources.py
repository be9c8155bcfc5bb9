"""status and scale, and when the generation counts."""

from typing import Any

import pytest

from tests.cluster.api import Api, at_rest, plain
from tests.cluster.objects import a_deployment, a_map, a_pod, a_ref, a_rollout, a_route, a_service
from tests.cluster.trains import a_train, trains_of


async def test_a_status_is_not_created_with_the_object(api: Api) -> None:
    created = await api.create("rollouts", {**a_rollout(), "status": {"message": "hello"}})
    assert "status" not in created
    created = await api.create("deployments", {**a_deployment(paused=True), "status": {"replicas": 9}})
    assert created["status"] == {}


async def test_a_status_write_changes_the_status_only(api: Api) -> None:
    await api.create("rollouts", a_rollout())
    patch = {"metadata": {"labels": {"a": "b"}}, "spec": {"replicas": 5}, "status": {"message": "hello"}}
    answer = await api.merge("rollouts", "shop", patch, "status")
    assert answer.status == 200
    assert (answer.body["spec"], answer.body["status"]) == (a_rollout()["spec"], {"message": "hello"})
    assert answer.body["metadata"]["generation"] == 1
    assert "labels" not in answer.body["metadata"]


async def test_a_write_of_the_object_does_not_change_the_status(api: Api) -> None:
    await api.create("rollouts", a_rollout())
    await api.merge("rollouts", "shop", {"status": {"message": "hello"}}, "status")
    answer = await api.merge("rollouts", "shop", {"spec": {"replicas": 5}, "status": {"message": "bye"}})
    assert (answer.body["spec"]["replicas"], answer.body["status"]) == (5, {"message": "hello"})
    answer = await api.put("rollouts", "shop", {**answer.body, "status": {}})
    assert answer.body["status"] == {"message": "hello"}
    answer = await api.json_patch("rollouts", "shop", {"op": "remove", "path": "/status"})
    assert (answer.status, answer.body["status"]) == (200, {"message": "hello"})


async def test_a_status_is_replaced_by_an_update_and_merged_by_a_patch(api: Api) -> None:
    created = await api.create("rollouts", a_rollout())
    written = (
        await api.put("rollouts", "shop", {**created, "status": {"message": "a", "phase": "Healthy"}}, "status")
    ).body
    assert written["status"] == {"message": "a", "phase": "Healthy"}
    merged = (await api.merge("rollouts", "shop", {"status": {"message": "b"}}, "status")).body
    assert merged["status"] == {"message": "b", "phase": "Healthy"}
    removed = await api.json_patch("rollouts", "shop", {"op": "remove", "path": "/status/phase"}, sub="status")
    assert removed.body["status"] == {"message": "b"}


async def test_a_status_write_that_changes_nothing_keeps_the_version(api: Api) -> None:
    await api.create("rollouts", a_rollout())
    patch = {"status": {"message": "hello"}}
    written = (await api.merge("rollouts", "shop", patch, "status")).body
    assert (await api.merge("rollouts", "shop", patch, "status")).body == written


async def test_a_status_is_read_with_its_object(api: Api) -> None:
    await api.create("rollouts", a_rollout())
    assert await api.get("rollouts", "shop", "status") == await api.get("rollouts", "shop")


async def test_what_has_no_such_subresource_is_not_found(api: Api) -> None:
    await api.create("configmaps", a_map())
    await api.create("rollouts", a_rollout())
    for plural, name, sub in (
        ("configmaps", "m", "status"),
        ("rollouts", "shop", "unheard"),
        ("httproutes", "x", "scale"),
    ):
        assert (await api.read(plural, name, sub)).status == 404


async def test_a_deployment_is_scaled(api: Api) -> None:
    await api.create("deployments", a_deployment(paused=True, replicas=1))
    await at_rest(api, "deployments", "shop")
    scale = await api.get("deployments", "shop", "scale")
    assert plain(scale) == {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": {"name": "shop", "namespace": "NS"},
        "spec": {"replicas": 1},
        "status": {"replicas": 0, "selector": "app=shop"},
    }
    answer = await api.put("deployments", "shop", {**scale, "spec": {"replicas": 4}}, "scale")
    assert (answer.status, answer.body["spec"]) == (200, {"replicas": 4})
    assert (await api.get("deployments", "shop"))["spec"]["replicas"] == 4
    assert (await api.put("deployments", "shop", {**scale, "spec": {"replicas": 5}}, "scale")).brief == (
        409,
        "Conflict",
    )
    scaled = await api.merge("deployments", "shop", {"spec": {"replicas": 2}}, "scale")
    assert (scaled.status, scaled.body["spec"]) == (200, {"replicas": 2})
    zero = await api.merge("deployments", "shop", {"spec": {"replicas": 0}}, "scale")
    assert (zero.status, zero.body["spec"]) == (200, {})
    wrong = await api.merge("deployments", "shop", {"spec": {"replicas": -1}}, "scale")
    assert wrong.brief == (422, "Invalid")
    assert wrong.causes[0][:2] == ("FieldValueInvalid", "spec.replicas")


async def test_a_rollout_is_scaled_where_its_definition_says(api: Api) -> None:
    await api.create("rollouts", a_rollout())
    scale = await api.get("rollouts", "shop", "scale")
    assert plain(scale) == {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": {"name": "shop", "namespace": "NS"},
        "spec": {"replicas": 3},
        "status": {"replicas": 0},
    }
    status = {"status": {"replicas": 3, "selector": "progressive.delivery/rollout=shop"}}
    assert (await api.merge("rollouts", "shop", status, "status")).status == 200
    scaled = await api.merge("rollouts", "shop", {"spec": {"replicas": 7}}, "scale")
    assert (scaled.status, scaled.body["spec"], scaled.body["status"]) == (
        200,
        {"replicas": 7},
        {"replicas": 3, "selector": "progressive.delivery/rollout=shop"},
    )
    rollout = await api.get("rollouts", "shop")
    assert (rollout["spec"]["replicas"], rollout["metadata"]["generation"]) == (7, 2)
    wrong = await api.merge("rollouts", "shop", {"spec": {"replicas": -1}}, "scale")
    assert wrong.brief == (422, "Invalid")


async def test_a_rollout_without_replicas_has_no_scale_until_one_is_written(api: Api) -> None:
    await api.create("rollouts", a_rollout(replicas=None))
    answer = await api.read("rollouts", "shop", "scale")
    why = 'the spec replicas field ".spec.replicas" does not exist'
    assert answer.problem == (500, "InternalError", f"Internal error occurred: {why}")
    scaled = await api.merge("rollouts", "shop", {"spec": {"replicas": 2}}, "scale")
    assert (scaled.status, scaled.body["spec"]) == (200, {"replicas": 2})
    assert (await api.get("rollouts", "shop"))["spec"]["replicas"] == 2


async def test_the_bounds_of_a_definition_hold_for_its_scale(api: Api) -> None:
    async with trains_of(api):
        await api.create("trains", a_train())
        assert (await api.merge("trains", "t", {"spec": {"replicas": 101}}, "scale")).brief == (422, "Invalid")
        assert (await api.merge("trains", "t", {"spec": {"replicas": 7}}, "scale")).status == 200
        assert (await api.get("trains", "t"))["metadata"]["generation"] == 2


async def test_a_scale_can_be_patched_by_operations(api: Api) -> None:
    await api.create("rollouts", a_rollout())
    patched = await api.json_patch(
        "rollouts", "shop", {"op": "replace", "path": "/spec/replicas", "value": 4}, sub="scale"
    )
    assert (patched.status, patched.body["spec"]) == (200, {"replicas": 4})


GENERATIONS: dict[str, tuple[Any, Any, int | None, int | None]] = {
    "deployments": (a_deployment(paused=True), {"spec": {"minReadySeconds": 5}}, 1, 2),
    "rollouts": (a_rollout(), {"spec": {"replicas": 5}}, 1, 2),
    "httproutes": (a_route(a_ref()), {"spec": {"hostnames": ["shop.example"]}}, 1, 2),
    "services": (a_service(), {"spec": {"selector": {"app": "x"}}}, None, None),
    "configmaps": (a_map("shop"), {"data": {"a": "b"}}, None, None),
}


@pytest.mark.parametrize("plural", GENERATIONS)
async def test_the_generation_counts_what_is_wanted_and_not_metadata_or_status(api: Api, plural: str) -> None:
    body, change, first, second = GENERATIONS[plural]
    created = await api.create(plural, body)
    labelled = await api.merge(plural, "shop", {"metadata": {"labels": {"a": "b"}}})
    owned = await api.merge(plural, "shop", {"metadata": {"finalizers": ["example.com/hold"]}})
    changed = await api.merge(plural, "shop", change)
    again = await api.merge(plural, "shop", change)
    answers = (created, labelled.body, owned.body, changed.body, again.body)
    assert [each["metadata"].get("generation") for each in answers] == [first, first, first, second, second]
    freed = await api.merge(plural, "shop", {"metadata": {"finalizers": None}})
    assert freed.body["metadata"].get("generation") == second


@pytest.mark.parametrize(("plural", "expected"), [("deployments", 2), ("rollouts", 1), ("httproutes", 1)])
async def test_an_annotation_counts_for_a_deployment_only(api: Api, plural: str, expected: int) -> None:
    await api.create(plural, GENERATIONS[plural][0])
    answer = await api.merge(plural, "shop", {"metadata": {"annotations": {"a": "b"}}})
    assert answer.body["metadata"]["generation"] == expected


async def test_a_pod_has_a_generation_that_its_labels_do_not_count(api: Api) -> None:
    pod = a_pod()
    pod["spec"]["nodeName"] = "elsewhere"  # being given a node would count as well
    created = await api.create("pods", pod)
    labelled = (await api.merge("pods", "one", {"metadata": {"labels": {"a": "b"}}})).body
    assert [each["metadata"]["generation"] for each in (created, labelled)] == [1, 1]


async def test_a_marked_deletion_counts(api: Api) -> None:
    await api.create("rollouts", a_rollout())
    await api.merge("rollouts", "shop", {"metadata": {"finalizers": ["example.com/hold"]}})
    await api.delete("rollouts", "shop")
    marked = await api.get("rollouts", "shop")
    assert marked["metadata"]["generation"] == 2
    await api.merge("rollouts", "shop", {"metadata": {"finalizers": None}})
