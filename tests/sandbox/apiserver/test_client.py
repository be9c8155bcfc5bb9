"""The client library of Kubernetes understands what the sandbox answers."""

import pytest
from kubernetes.aio.client import (
    ApiClient,
    ApiException,
    ApiextensionsV1Api,
    AppsV1Api,
    CoordinationV1Api,
    CoreV1Api,
    CustomObjectsApi,
    EventsV1Api,
)

from tests.cluster.objects import a_deployment
from tests.cluster.trains import a_definition, a_train


async def test_the_real_client_creates_reads_and_deletes(client: ApiClient) -> None:
    api = AppsV1Api(client)
    created = await api.create_namespaced_deployment("default", a_deployment(replicas=1))
    assert (created.spec.replicas, created.metadata.generation) == (1, 1)
    listed = await api.list_namespaced_deployment("default", label_selector="app")
    assert listed.items == []
    patched = await api.patch_namespaced_deployment("shop", "default", {"spec": {"replicas": 3}})
    assert (patched.spec.replicas, patched.metadata.generation) == (3, 2)
    await api.delete_namespaced_deployment("shop", "default")
    with pytest.raises(ApiException) as caught:
        await api.read_namespaced_deployment("shop", "default")
    assert (caught.value.status, caught.value.reason) == (404, "Not Found")


async def test_the_real_client_scales(client: ApiClient) -> None:
    api = AppsV1Api(client)
    await api.create_namespaced_deployment("default", a_deployment(replicas=1))
    scale = await api.read_namespaced_deployment_scale("shop", "default")
    assert (scale.spec.replicas, scale.status.replicas, scale.status.selector) == (1, 0, "app=shop")
    scale.spec.replicas = 4
    assert (await api.replace_namespaced_deployment_scale("shop", "default", scale)).spec.replicas == 4
    with pytest.raises(ApiException, match="Conflict"):
        await api.replace_namespaced_deployment_scale("shop", "default", scale)


async def test_the_real_client_applies(client: ApiClient) -> None:
    applied = await AppsV1Api(client).patch_namespaced_deployment(
        "shop",
        "default",
        a_deployment(replicas=3),
        field_manager="rollout",
        force=True,
        _content_type="application/apply-patch+yaml",
    )
    assert (applied.spec.replicas, applied.metadata.managed_fields[0].operation) == (3, "Apply")


async def test_the_real_client_renews_a_lease(client: ApiClient) -> None:
    api = CoordinationV1Api(client)
    lease = await api.create_namespaced_lease("default", {"metadata": {"name": "l"}, "spec": {"holderIdentity": "a"}})
    lease.spec.holder_identity = "b"
    await api.replace_namespaced_lease("l", "default", lease)
    with pytest.raises(ApiException) as caught:
        await api.replace_namespaced_lease("l", "default", lease)
    assert caught.value.status == 409


async def test_the_real_client_writes_and_reads_events(client: ApiClient) -> None:
    event = {
        "metadata": {"name": "e"},
        "regarding": {"kind": "Deployment", "name": "shop", "namespace": "default"},
        "note": "hello",
        "reason": "Said",
        "type": "Normal",
        "action": "Say",
        "eventTime": "2026-11-21T12:00:00.500000Z",
        "reportingController": "rollout",
        "reportingInstance": "rollout-1",
    }
    await EventsV1Api(client).create_namespaced_event("default", event)
    listed = await CoreV1Api(client).list_namespaced_event("default", field_selector="involvedObject.name=shop")
    assert [(item.message, item.reporting_component) for item in listed.items] == [("hello", "rollout")]


async def test_the_real_client_defines_a_kind_and_uses_it(client: ApiClient) -> None:
    crd = await ApiextensionsV1Api(client).create_custom_resource_definition(a_definition())
    assert {c.type: c.status for c in crd.status.conditions} == {"NamesAccepted": "True", "Established": "True"}
    api = CustomObjectsApi(client)
    await api.create_namespaced_custom_object("example.com", "v1", "default", "trains", a_train())
    listed = await api.list_cluster_custom_object("example.com", "v1", "trains")
    assert (listed["kind"], len(listed["items"])) == ("TrainList", 1)


async def test_the_real_client_is_told_what_is_not_served(client: ApiClient) -> None:
    with pytest.raises(ApiException) as caught:
        await CustomObjectsApi(client).list_cluster_custom_object("example.com", "v1", "things")
    assert caught.value.status == 404
