"""Server-side apply, as far as the sandbox promises it."""

from typing import Any

import pytest
from kubernetes.aio.client import ApiClient, AppsV1Api

from sandbox.storage import Storage

DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments"
MAPS = "/api/v1/namespaces/default/configmaps"


def a_map(data: dict[str, str], **meta: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "m", **meta}, "data": data}


async def apply(http: Any, body: dict[str, Any], manager: str = "a", path: str = f"{MAPS}/m", more: str = "") -> Any:
    query = f"?fieldManager={manager}{more}"
    return await http("PATCH", path + query, body, content_type="application/apply-patch+yaml")


def a_deployment(*containers: dict[str, Any], **spec: Any) -> dict[str, Any]:
    labels = {"app": "shop"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": list(containers)}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "shop"},
        "spec": {"selector": {"matchLabels": labels}, "template": template, **spec},
    }


async def test_an_apply_creates_and_then_updates(http: Any) -> None:
    status, created = await apply(http, a_map({"x": "1"}))
    assert (status, created["data"]) == (201, {"x": "1"})
    assert created["metadata"]["managedFields"][0]["fieldsV1"] == {"f:data": {"f:x": {}}}
    status, updated = await apply(http, a_map({"x": "2"}))
    assert (status, updated["data"]) == (200, {"x": "2"})


async def test_the_same_apply_again_changes_nothing(http: Any, storage: Storage) -> None:
    await apply(http, a_map({"x": "1"}))
    before = storage.version
    await apply(http, a_map({"x": "1"}))
    assert storage.version == before


async def test_what_a_manager_no_longer_wants_goes_and_what_others_own_stays(http: Any) -> None:
    await apply(http, a_map({"x": "1", "y": "1"}, labels={"mine": "yes"}))
    await apply(http, a_map({"z": "1"}), manager="b")
    _, left = await apply(http, a_map({"x": "1"}))
    assert (left["data"], left["metadata"].get("labels") or {}) == ({"x": "1", "z": "1"}, {})


async def test_a_field_of_another_manager_is_a_conflict_unless_it_is_forced(http: Any) -> None:
    await apply(http, a_map({"x": "1"}))
    status, answer = await apply(http, a_map({"x": "2"}), manager="b")
    assert (status, answer["message"]) == (409, 'Apply failed with 1 conflict: conflict with "a": .data.x')
    status, forced = await apply(http, a_map({"x": "2"}), manager="b", more="&force=true")
    assert (status, forced["data"]) == (200, {"x": "2"})
    assert [entry["manager"] for entry in forced["metadata"]["managedFields"]] == ["b"]


async def test_two_managers_share_a_field_they_agree_on(http: Any) -> None:
    await apply(http, a_map({"x": "1"}))
    await apply(http, a_map({"x": "1"}), manager="b")
    _, left = await apply(http, a_map({}), manager="a")
    assert left["data"] == {"x": "1"}


async def test_containers_are_merged_by_name(http: Any) -> None:
    path = f"{DEPLOYMENTS}/shop"
    await apply(http, a_deployment({"name": "web", "image": "web:1"}), path=path)
    sidecar = {"spec": {"template": {"spec": {"containers": [{"name": "side", "image": "side:1"}]}}}}
    header = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "shop"}}
    await apply(http, {**header, **sidecar}, manager="injector", path=path)
    _, both = await apply(http, a_deployment({"name": "web", "image": "web:2"}), path=path)
    images = [container["image"] for container in both["spec"]["template"]["spec"]["containers"]]
    assert images == ["web:2", "side:1"]
    _, one = await apply(http, {**header, "spec": {}}, manager="injector", path=path)
    assert [c["name"] for c in one["spec"]["template"]["spec"]["containers"]] == ["web"]


async def test_the_real_client_applies(client: ApiClient) -> None:
    applied = await AppsV1Api(client).patch_namespaced_deployment(
        "shop",
        "default",
        a_deployment({"name": "web", "image": "web:1"}, replicas=3),
        field_manager="rollout",
        force=True,
        _content_type="application/apply-patch+yaml",
    )
    assert (applied.spec.replicas, applied.metadata.managed_fields[0].operation) == (3, "Apply")


@pytest.mark.parametrize(
    ("body", "query"),
    [
        (a_map({}), "?x=y"),
        ({**a_map({}), "typo": 1}, "?fieldManager=a"),
        (a_map({}, name="other"), "?fieldManager=a"),
        (a_map({}, managedFields=[{"manager": "a"}]), "?fieldManager=a"),
    ],
)
async def test_an_apply_that_makes_no_sense_is_a_bad_request(http: Any, body: dict[str, Any], query: str) -> None:
    media = {"content_type": "application/apply-patch+yaml"}
    assert (await http("PATCH", f"{MAPS}/m{query}", body, **media))[0] == 400
