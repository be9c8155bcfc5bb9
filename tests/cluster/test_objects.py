"""create, get, update and delete."""

from typing import Any

import pytest

from tests.cluster.api import Api, names, plain
from tests.cluster.objects import a_deployment, a_map, a_rollout


async def test_what_is_created_is_what_is_read(api: Api) -> None:
    created = await api.create("configmaps", a_map(data={"a": "1"}, labels={"app": "x"}))
    assert plain(created) == a_map(data={"a": "1"}, labels={"app": "x"}, namespace="NS")
    assert await api.get("configmaps", "m") == created
    assert {"uid", "resourceVersion", "creationTimestamp"} < created["metadata"].keys()


async def test_a_name_is_taken_once(api: Api) -> None:
    await api.create("configmaps", a_map())
    answer = await api.post("configmaps", a_map())
    assert answer.problem == (409, "AlreadyExists", 'configmaps "m" already exists')
    assert answer.body["details"] == {"name": "m", "kind": "configmaps"}
    await api.create("rollouts", a_rollout())
    answer = await api.post("rollouts", a_rollout())
    assert answer.problem == (409, "AlreadyExists", 'rollouts.progressive.delivery "shop" already exists')
    assert answer.body["details"] == {"name": "shop", "group": "progressive.delivery", "kind": "rollouts"}


async def test_what_is_not_there_is_not_found(api: Api) -> None:
    for answer in (
        await api.read("deployments", "shop"),
        await api.put("deployments", "shop", a_deployment()),
        await api.merge("deployments", "shop", {}),
        await api.delete("deployments", "shop"),
        await api.read("deployments", "shop", "scale"),
    ):
        assert answer.problem == (404, "NotFound", 'deployments.apps "shop" not found')
        assert answer.body["details"] == {"name": "shop", "group": "apps", "kind": "deployments"}
        assert (answer.body["kind"], answer.body["status"], answer.body["code"]) == ("Status", "Failure", 404)


async def test_an_unknown_resource_is_not_found(api: Api) -> None:
    for path in ("/apis/example.org/v1/things", "/api/v1/things", "/apis/apps/v1/namespaces/default/things/x"):
        answer = await api.raw("GET", path)
        assert answer.status == 404


async def test_a_name_can_be_generated(api: Api) -> None:
    body = {"metadata": {"generateName": "m-"}, "apiVersion": "v1", "kind": "ConfigMap"}
    one, two = await api.create("configmaps", body), await api.create("configmaps", body)
    assert one["metadata"]["name"] != two["metadata"]["name"]
    assert [len(each["metadata"]["name"]) for each in (one, two)] == [7, 7]
    assert one["metadata"]["generateName"] == "m-"


async def test_an_object_needs_a_name(api: Api) -> None:
    answer = await api.post("configmaps", {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {}})
    assert answer.problem == (
        422,
        "Invalid",
        'ConfigMap "" is invalid: metadata.name: Required value: name or generateName is required',
    )


async def test_a_version_cannot_be_created(api: Api) -> None:
    answer = await api.post("configmaps", a_map(resourceVersion="5"))
    assert answer.problem == (500, None, "resourceVersion should not be set on objects to be created")


async def test_the_namespace_and_the_name_are_those_of_the_request(api: Api) -> None:
    elsewhere = await api.post("configmaps", a_map(namespace="elsewhere"))
    assert elsewhere.problem == (
        400,
        "BadRequest",
        "the namespace of the provided object does not match the namespace sent on the request",
    )
    await api.create("configmaps", a_map())
    other = await api.put("configmaps", "m", a_map("other"))
    assert other.problem == (
        400,
        "BadRequest",
        "the name of the object (other) does not match the name on the URL (m)",
    )


async def test_another_kind_is_refused(api: Api) -> None:
    answer = await api.post("configmaps", {**a_map(), "kind": "Secret"})
    assert (answer.status, answer.body["reason"]) == (400, "BadRequest")
    answer = await api.post("rollouts", {**a_rollout(), "kind": "Deployment"})
    assert answer.problem == (
        422,
        "Invalid",
        'Deployment.progressive.delivery "shop" is invalid: kind: Invalid value: "Deployment": must be Rollout',
    )
    answer = await api.post("rollouts", {**a_rollout(), "apiVersion": "v1"})
    assert answer.problem == (
        400,
        "BadRequest",
        "the API version in the data (v1) does not match the expected API version (progressive.delivery/v1alpha1)",
    )


async def test_what_the_server_sets_cannot_be_given(api: Api) -> None:
    given = a_deployment()
    given["metadata"] |= {"uid": "mine", "generation": 7, "creationTimestamp": "2020-01-01T00:00:00Z"}
    created = await api.create("deployments", given)
    assert created["metadata"]["uid"] != "mine"
    assert created["metadata"]["generation"] == 1
    assert created["metadata"]["creationTimestamp"] > "2026"


async def test_nothing_is_created_in_a_namespace_that_is_missing(api: Api) -> None:
    answer = await api.raw("POST", "/api/v1/namespaces/not-there/configmaps", a_map())
    assert answer.problem == (404, "NotFound", 'namespaces "not-there" not found')


async def test_an_update_replaces_everything_but_what_the_server_keeps(api: Api) -> None:
    created = await api.create("configmaps", a_map(data={"a": "1"}, labels={"x": "y"}))
    answer = await api.put("configmaps", "m", a_map(data={"b": "2"}))
    assert (answer.status, plain(answer.body)) == (200, a_map(data={"b": "2"}, namespace="NS"))
    assert answer.body["metadata"]["uid"] == created["metadata"]["uid"]
    assert answer.body["metadata"]["creationTimestamp"] == created["metadata"]["creationTimestamp"]
    assert answer.body["metadata"]["resourceVersion"] != created["metadata"]["resourceVersion"]


async def test_a_write_that_changes_nothing_keeps_the_version(api: Api) -> None:
    rollout = await api.create("rollouts", a_rollout())
    assert (await api.put("rollouts", "shop", rollout)).body == rollout
    assert (await api.merge("rollouts", "shop", {"spec": {"replicas": 3}})).body == rollout
    same = {"op": "replace", "path": "/spec/replicas", "value": 3}
    assert (await api.json_patch("rollouts", "shop", same)).body == rollout


async def test_a_deletion_answers_what_has_gone(api: Api) -> None:
    created = await api.create("configmaps", a_map())
    answer = await api.delete("configmaps", "m")
    assert (answer.status, answer.body) == (
        200,
        {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Success",
            "details": {"name": "m", "kind": "configmaps", "uid": created["metadata"]["uid"]},
        },
    )
    assert (await api.read("configmaps", "m")).status == 404


async def test_a_deletion_keeps_its_preconditions(api: Api) -> None:
    created = await api.create("deployments", a_deployment())
    uid = created["metadata"]["uid"]
    answer = await api.delete("deployments", "shop", {"preconditions": {"uid": "other"}})
    assert answer.problem == (
        409,
        "Conflict",
        'Operation cannot be fulfilled on Deployment.apps "shop": '
        f"the UID in the precondition (other) does not match the UID in record ({uid}). "
        "The object might have been deleted and then recreated",
    )
    answer = await api.delete("deployments", "shop", {"preconditions": {"resourceVersion": "1"}})
    assert answer.brief == (409, "Conflict")
    assert "the ResourceVersion in the precondition (1) does not match" in answer.body["message"]
    assert (await api.delete("deployments", "shop", {"preconditions": {"uid": uid}})).status == 200


async def test_a_collection_is_deleted_by_selector(api: Api) -> None:
    for name, labels in (("a", {"gone": "yes"}), ("b", {"gone": "no"}), ("c", {})):
        await api.create("configmaps", a_map(name, labels=labels))
    answer = await api.raw("DELETE", api.path("configmaps"), labelSelector="gone=yes")
    assert (answer.status, answer.body["kind"], names(answer.body)) == (200, "ConfigMapList", ["a"])
    assert [item["metadata"]["name"] for item in await api.items("configmaps")] == ["b", "c"]


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"1", b"\xff\xfe"])
async def test_a_body_that_is_no_object_is_a_bad_request(api: Api, body: Any) -> None:
    answer = await api.post("configmaps", body)
    assert (answer.status, answer.body["reason"]) == (400, "BadRequest")


async def test_a_media_type_nobody_knows_is_refused(api: Api) -> None:
    assert (await api.post("configmaps", a_map(), media="text/plain")).brief == (415, "UnsupportedMediaType")
    await api.create("configmaps", a_map())
    path = api.path("configmaps", "m")
    assert (await api.raw("PATCH", path, {}, media="application/json")).brief == (415, "UnsupportedMediaType")


async def test_a_method_nobody_knows_is_not_allowed(api: Api) -> None:
    assert (await api.raw("PUT", api.path("configmaps"), a_map())).status == 405
