"""create, get, list, update, patch and delete, as a client sees them."""

from pathlib import Path
from typing import Any

import pytest
from kubernetes.aio.client import ApiClient, ApiException, AppsV1Api, CoordinationV1Api, CoreV1Api, CustomObjectsApi

from sandbox.apiserver import ApiServer
from sandbox.storage import Storage

DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments"
ROUTES = "/apis/gateway.networking.k8s.io/v1/namespaces/default/httproutes"


def a_deployment(name: str = "shop", **container: Any) -> dict[str, Any]:
    labels = {"app": name}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [{"name": "web", "image": "web:1", **container}]},
            },
        },
    }


async def test_the_real_client_creates_reads_and_deletes(client: ApiClient) -> None:
    api = AppsV1Api(client)
    created = await api.create_namespaced_deployment("default", a_deployment())
    assert (created.spec.replicas, created.metadata.generation) == (1, 1)
    listed = await api.list_namespaced_deployment("default", label_selector="app")
    assert listed.items == []
    patched = await api.patch_namespaced_deployment("shop", "default", {"spec": {"replicas": 3}})
    assert (patched.spec.replicas, patched.metadata.generation) == (3, 2)
    await api.delete_namespaced_deployment("shop", "default")
    with pytest.raises(ApiException) as caught:
        await api.read_namespaced_deployment("shop", "default")
    assert (caught.value.status, caught.value.reason) == (404, "Not Found")


async def test_a_deployment_gets_the_defaults_of_the_real_server(http: Any) -> None:
    given = a_deployment(ports=[{"containerPort": 80}], readinessProbe={"httpGet": {"port": 80}})
    status, created = await http("POST", DEPLOYMENTS, given)
    assert status == 201
    assert created["spec"] == {
        "replicas": 1,
        "selector": {"matchLabels": {"app": "shop"}},
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}},
        "revisionHistoryLimit": 10,
        "progressDeadlineSeconds": 600,
        "template": {
            "metadata": {"labels": {"app": "shop"}},
            "spec": {
                "containers": [
                    {
                        "name": "web",
                        "image": "web:1",
                        "imagePullPolicy": "IfNotPresent",
                        "ports": [{"containerPort": 80, "protocol": "TCP"}],
                        "readinessProbe": {
                            "httpGet": {"port": 80, "path": "/", "scheme": "HTTP"},
                            "timeoutSeconds": 1,
                            "periodSeconds": 10,
                            "successThreshold": 1,
                            "failureThreshold": 3,
                        },
                        "resources": {},
                        "terminationMessagePath": "/dev/termination-log",
                        "terminationMessagePolicy": "File",
                    }
                ],
                "dnsPolicy": "ClusterFirst",
                "restartPolicy": "Always",
                "schedulerName": "default-scheduler",
                "securityContext": {},
                "terminationGracePeriodSeconds": 30,
            },
        },
    }


async def test_an_unknown_field_is_refused_when_strict_named_when_warning_and_dropped_otherwise(http: Any) -> None:
    given = a_deployment(imagee="typo")
    status, answer = await http("POST", f"{DEPLOYMENTS}?fieldValidation=Strict&dryRun=All", given)
    assert (status, answer["reason"]) == (400, "BadRequest")
    assert 'unknown field "spec.template.spec.containers[0].imagee"' in answer["message"]
    async with http.session.post(f"{http.url}{DEPLOYMENTS}?fieldValidation=Warn", json=given) as warned:
        assert warned.headers["Warning"] == ('299 - "unknown field \\"spec.template.spec.containers[0].imagee\\""')
    _, stored = await http("GET", f"{DEPLOYMENTS}/shop")
    assert "imagee" not in stored["spec"]["template"]["spec"]["containers"][0]


async def test_a_wrong_type_is_a_bad_request_and_a_wrong_value_is_invalid(http: Any) -> None:
    wrong_type, wrong_value = a_deployment(), a_deployment()
    wrong_type["spec"]["replicas"] = "two"
    wrong_value["spec"]["template"]["metadata"]["labels"] = {"app": "other"}
    assert (await http("POST", DEPLOYMENTS, wrong_type))[0] == 400
    status, answer = await http("POST", DEPLOYMENTS, wrong_value)
    assert (status, answer["reason"]) == (422, "Invalid")
    assert answer["details"]["causes"] == [
        {
            "reason": "FieldValueInvalid",
            "field": "spec.template.metadata.labels",
            "message": 'Invalid value: {"app":"other"}: `selector` does not match template `labels`',
        }
    ]


async def test_a_dry_run_answers_as_if_and_stores_nothing(http: Any, storage: Storage) -> None:
    before = storage.version
    status, answer = await http("POST", f"{DEPLOYMENTS}?dryRun=All", a_deployment())
    assert (status, answer["spec"]["replicas"]) == (201, 1)
    assert (storage.version, storage.list("deployments")) == (before, [])
    await http("POST", DEPLOYMENTS, a_deployment())
    before = storage.version
    status, answer = await http.merge(f"{DEPLOYMENTS}/shop?dryRun=All", {"spec": {"replicas": 4}})
    assert (status, answer["spec"]["replicas"], storage.version) == (200, 4, before)


async def test_an_update_needs_the_current_version(http: Any) -> None:
    _, stale = await http("POST", DEPLOYMENTS, a_deployment())
    await http.merge(f"{DEPLOYMENTS}/shop", {"spec": {"replicas": 2}})
    status, answer = await http("PUT", f"{DEPLOYMENTS}/shop", stale)
    assert (status, answer["reason"]) == (409, "Conflict")
    assert answer["message"] == (
        'Operation cannot be fulfilled on deployments.apps "shop": the object has been modified; '
        "please apply your changes to the latest version and try again"
    )
    status, _ = await http("PUT", f"{DEPLOYMENTS}/shop", a_deployment())
    assert status == 200


async def test_a_custom_object_cannot_be_replaced_without_a_version(http: Any) -> None:
    route = {"metadata": {"name": "r"}, "spec": {}}
    await http("POST", ROUTES, route)
    status, answer = await http("PUT", f"{ROUTES}/r", route)
    assert (status, answer["details"]["causes"][0]["field"]) == (422, "metadata.resourceVersion")


async def test_a_patch_that_names_a_stale_version_is_a_conflict(http: Any) -> None:
    _, created = await http("POST", DEPLOYMENTS, a_deployment())
    version = created["metadata"]["resourceVersion"]
    fenced = {"metadata": {"resourceVersion": version}, "spec": {"replicas": 2}}
    assert (await http.merge(f"{DEPLOYMENTS}/shop", fenced))[0] == 200
    assert (await http.merge(f"{DEPLOYMENTS}/shop", fenced))[0] == 409
    operations = [
        {"op": "replace", "path": "/metadata/resourceVersion", "value": version},
        {"op": "replace", "path": "/spec/replicas", "value": 3},
    ]
    media = {"content_type": "application/json-patch+json"}
    assert (await http("PATCH", f"{DEPLOYMENTS}/shop", operations, **media))[0] == 409


async def test_a_failing_test_operation_is_422_and_changes_nothing(http: Any, storage: Storage) -> None:
    await http("POST", DEPLOYMENTS, a_deployment())
    before = storage.version
    operations = [
        {"op": "replace", "path": "/spec/replicas", "value": 3},
        {"op": "test", "path": "/spec/paused", "value": True},
    ]
    media = {"content_type": "application/json-patch+json"}
    status, answer = await http("PATCH", f"{DEPLOYMENTS}/shop", operations, **media)
    assert (status, answer["reason"], storage.version) == (422, "Invalid", before)


async def test_a_strategic_patch_merges_containers_by_name_and_custom_objects_refuse_it(http: Any) -> None:
    await http("POST", DEPLOYMENTS, a_deployment(env=[{"name": "A", "value": "1"}]))
    patch = {"spec": {"template": {"spec": {"containers": [{"name": "web", "env": [{"name": "B", "value": "2"}]}]}}}}
    media = {"content_type": "application/strategic-merge-patch+json"}
    status, patched = await http("PATCH", f"{DEPLOYMENTS}/shop", patch, **media)
    assert status == 200
    container = patched["spec"]["template"]["spec"]["containers"][0]
    assert container["image"] == "web:1"
    assert container["env"] == [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]
    await http("POST", ROUTES, {"metadata": {"name": "r"}, "spec": {}})
    assert (await http("PATCH", f"{ROUTES}/r", {}, **media))[0] == 415


async def test_a_no_op_patch_keeps_the_version(http: Any) -> None:
    _, created = await http("POST", DEPLOYMENTS, a_deployment())
    _, same = await http.merge(f"{DEPLOYMENTS}/shop", {"spec": {"replicas": 1}})
    assert same == created


async def test_the_status_is_written_through_its_subresource_only(http: Any) -> None:
    given = {**a_deployment(), "status": {"replicas": 9}}
    _, created = await http("POST", DEPLOYMENTS, given)
    assert "status" not in created
    patch = {"spec": {"replicas": 5}, "status": {"replicas": 2}}
    status, answer = await http.merge(f"{DEPLOYMENTS}/shop/status", patch)
    assert (status, answer["spec"]["replicas"], answer["status"]) == (200, 1, {"replicas": 2})
    assert answer["metadata"]["generation"] == 1
    assert (await http("GET", f"{DEPLOYMENTS}/shop/unheard-of"))[0] == 404


async def test_the_scale_subresource_reads_and_writes_the_count(client: ApiClient, http: Any) -> None:
    await http("POST", DEPLOYMENTS, a_deployment())
    api = AppsV1Api(client)
    scale = await api.read_namespaced_deployment_scale("shop", "default")
    assert (scale.spec.replicas, scale.status.replicas, scale.status.selector) == (1, 0, "app=shop")
    scale.spec.replicas = 4
    assert (await api.replace_namespaced_deployment_scale("shop", "default", scale)).spec.replicas == 4
    with pytest.raises(ApiException, match="Conflict"):
        await api.replace_namespaced_deployment_scale("shop", "default", scale)
    status, answer = await http.merge(f"{DEPLOYMENTS}/shop/scale", {"spec": {"replicas": -1}})
    assert (status, answer["reason"]) == (422, "Invalid")
    stored = await api.read_namespaced_deployment("shop", "default")
    assert (stored.spec.replicas, stored.metadata.generation) == (4, 2)


async def test_a_list_is_paged_and_every_page_is_of_the_same_moment(http: Any) -> None:
    for name in "abc":
        await http("POST", DEPLOYMENTS, a_deployment(name))
    _, first = await http("GET", f"{DEPLOYMENTS}?limit=2")
    await http("DELETE", f"{DEPLOYMENTS}/c")
    token = first["metadata"]["continue"]
    _, second = await http("GET", f"{DEPLOYMENTS}?limit=2&continue={token}")
    assert [[item["metadata"]["name"] for item in page["items"]] for page in (first, second)] == [["a", "b"], ["c"]]
    assert first["metadata"]["remainingItemCount"] == 1
    assert first["metadata"]["resourceVersion"] == second["metadata"]["resourceVersion"]
    assert "continue" not in second["metadata"]


async def test_a_page_of_a_compacted_list_is_gone(http: Any, server: ApiServer) -> None:
    for name in "ab":
        await http("POST", DEPLOYMENTS, a_deployment(name))
    _, page = await http("GET", f"{DEPLOYMENTS}?limit=1")
    await http("POST", DEPLOYMENTS, a_deployment("c"))
    server.compact()
    status, answer = await http("GET", f"{DEPLOYMENTS}?limit=1&continue={page['metadata']['continue']}")
    assert (status, answer["reason"]) == (410, "Expired")


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("labelSelector=app%3Da", ["a"]),
        ("labelSelector=app+in+(a,b),tier!%3Dgold", ["a"]),
        ("labelSelector=app+notin+(a,b)", ["c"]),
        ("labelSelector=tier", ["b"]),
        ("labelSelector=!tier", ["a", "c"]),
        ("fieldSelector=metadata.name%3Db", ["b"]),
        ("fieldSelector=metadata.name!%3Db,metadata.namespace%3Ddefault", ["a", "c"]),
    ],
)
async def test_selectors_choose(http: Any, query: str, expected: list[str]) -> None:
    for name, more in (("a", {}), ("b", {"tier": "gold"}), ("c", {})):
        body = {"metadata": {"name": name, "labels": {"app": name, **more}}}
        await http("POST", "/api/v1/namespaces/default/configmaps", body)
    _, listed = await http("GET", f"/api/v1/configmaps?{query}")
    assert [item["metadata"]["name"] for item in listed["items"]] == expected


async def test_a_nonsensical_selector_is_a_bad_request(http: Any) -> None:
    assert (await http("GET", "/api/v1/pods?labelSelector=a+b+c"))[0] == 400
    assert (await http("GET", f"{ROUTES}?fieldSelector=spec.hostnames%3Da"))[0] == 400


async def test_deletion_keeps_its_preconditions(http: Any) -> None:
    _, created = await http("POST", DEPLOYMENTS, a_deployment())
    wrong = {"preconditions": {"uid": "other"}}
    assert (await http("DELETE", f"{DEPLOYMENTS}/shop", wrong))[0] == 409
    right = {"preconditions": {"uid": created["metadata"]["uid"]}}
    status, answer = await http("DELETE", f"{DEPLOYMENTS}/shop", right)
    assert (status, answer["kind"], answer["status"]) == (200, "Status", "Success")


async def test_a_collection_is_deleted_by_selector(http: Any, storage: Storage) -> None:
    for name in "ab":
        await http("POST", DEPLOYMENTS, a_deployment(name))
    await storage_labels(http, "a")
    await http("DELETE", f"{DEPLOYMENTS}?labelSelector=gone%3Dyes")
    assert [obj["metadata"]["name"] for obj in storage.list("deployments")] == ["b"]


async def storage_labels(http: Any, name: str) -> None:
    await http.merge(f"{DEPLOYMENTS}/{name}", {"metadata": {"labels": {"gone": "yes"}}})


async def test_nothing_is_created_in_a_namespace_that_is_missing_or_going(http: Any, storage: Storage) -> None:
    there = "/apis/apps/v1/namespaces/team/deployments"
    assert (await http("POST", there, a_deployment()))[1]["message"] == 'namespaces "team" not found'
    await http("POST", "/api/v1/namespaces", {"metadata": {"name": "team"}})
    storage.delete("namespaces", None, "team")
    status, answer = await http("POST", there, a_deployment())
    assert (status, answer["details"]["causes"][0]["reason"]) == (403, "NamespaceTerminating")


async def test_services_get_an_address_of_their_own_unless_they_are_headless(http: Any) -> None:
    services = "/api/v1/namespaces/default/services"

    async def created(name: str, **spec: Any) -> Any:
        body = {"metadata": {"name": name}, "spec": {"ports": [{"port": 80}], **spec}}
        return (await http("POST", services, body))[1]["spec"]

    one, two, headless = await created("a"), await created("b"), await created("c", clusterIP="None")
    assert one["ports"] == [{"port": 80, "protocol": "TCP", "targetPort": 80}]
    assert one["clusterIP"].startswith("127.2.")
    assert one["clusterIPs"] == [one["clusterIP"]]
    assert one["clusterIP"] != two["clusterIP"]
    assert headless["clusterIP"] == "None"
    replaced = {"metadata": {"name": "a"}, "spec": {"ports": [{"port": 81}]}}
    _, kept = await http("PUT", f"{services}/a", replaced)
    assert kept["spec"]["clusterIP"] == one["clusterIP"]


async def test_managed_fields_tell_who_last_changed_what(http: Any) -> None:
    await http("POST", f"{DEPLOYMENTS}?fieldManager=gitops", a_deployment())
    await http.merge(f"{DEPLOYMENTS}/shop", {"spec": {"replicas": 3}, "metadata": {"annotations": {"a": "b"}}})
    await http.merge(f"{DEPLOYMENTS}/shop/status?fieldManager=ctl", {"status": {"replicas": 2}})
    _, shop = await http("GET", f"{DEPLOYMENTS}/shop")
    entries = {entry["manager"]: entry for entry in shop["metadata"]["managedFields"]}
    assert {name: entry["operation"] for name, entry in entries.items()} == dict.fromkeys(
        ("gitops", "tester", "ctl"), "Update"
    )
    assert entries["tester"]["fieldsV1"] == {
        "f:metadata": {"f:annotations": {"f:a": {}}},
        "f:spec": {"f:replicas": {}},
    }
    assert "f:replicas" not in entries["gitops"]["fieldsV1"]["f:spec"]
    assert 'k:{"name":"web"}' in str(entries["gitops"]["fieldsV1"])
    assert (entries["ctl"]["subresource"], entries["ctl"]["fieldsV1"]) == (
        "status",
        {"f:status": {"f:replicas": {}}},
    )


async def test_leases_are_renewed_with_the_version_as_fence(client: ApiClient) -> None:
    api = CoordinationV1Api(client)
    lease = await api.create_namespaced_lease("default", {"metadata": {"name": "l"}, "spec": {"holderIdentity": "a"}})
    lease.spec.holder_identity = "b"
    await api.replace_namespaced_lease("l", "default", lease)
    with pytest.raises(ApiException) as caught:
        await api.replace_namespaced_lease("l", "default", lease)
    assert caught.value.status == 409


async def test_events_are_the_same_in_both_groups(http: Any, client: ApiClient) -> None:
    event = {
        "metadata": {"name": "e"},
        "regarding": {"kind": "Deployment", "name": "shop", "namespace": "default"},
        "note": "hello",
        "reason": "Said",
        "type": "Normal",
        "action": "Say",
        "eventTime": "2026-11-21T12:00:00.000000Z",
        "reportingController": "rollout",
    }
    path = "/apis/events.k8s.io/v1/namespaces/default/events"
    status, created = await http("POST", path, event)
    assert (status, created["note"], created["apiVersion"]) == (201, "hello", "events.k8s.io/v1")
    listed = await CoreV1Api(client).list_namespaced_event("default", field_selector="involvedObject.name=shop")
    assert [(item.message, item.reporting_component) for item in listed.items] == [("hello", "rollout")]
    status, patched = await http.merge(f"{path}/e", {"note": "bye"})
    assert (status, patched["note"], patched["regarding"]["name"]) == (200, "bye", "shop")


async def test_an_unknown_resource_is_not_found(client: ApiClient) -> None:
    with pytest.raises(ApiException) as caught:
        await CustomObjectsApi(client).list_cluster_custom_object("example.com", "v1", "things")
    assert caught.value.status == 404


async def test_a_kubeconfig_says_where_the_server_is(server: ApiServer, tmp_path: Path) -> None:
    assert server.url in server.write_kubeconfig(tmp_path / "kubeconfig").read_text()
