"""Reviews, discovery, events and leases: what a server offers beside its objects."""

from typing import Any

import pytest

from tests.backends import Backend
from tests.cluster.api import Api, plain


async def test_a_token_is_reviewed(api: Api, backend: Backend) -> None:
    body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview"}
    known = await api.post("tokenreviews", {**body, "spec": {"token": backend.token("nobody")}})
    assert known.status == 201
    status = known.body["status"]
    assert (status["authenticated"], status["user"]["username"]) == (True, "nobody")
    assert "system:authenticated" in status["user"]["groups"]
    unknown = await api.post("tokenreviews", {**body, "spec": {"token": "made-up"}})
    assert unknown.status == 201
    assert unknown.body["status"].get("authenticated", False) is False


async def test_a_review_of_access_allows_a_cluster_administrator_to_promote(api: Api, backend: Backend) -> None:
    body = {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview"}
    attributes = {
        "group": "progressive.delivery",
        "resource": "rollouts",
        "subresource": "promote",
        "verb": "update",
        "namespace": backend.namespace,
        "name": "shop",
    }
    spec = {"user": "admin", "groups": ["system:masters"], "resourceAttributes": attributes}
    answer = await api.post("subjectaccessreviews", {**body, "spec": spec})
    assert (answer.status, answer.body["status"]["allowed"]) == (201, True)


async def test_who_has_no_role_may_do_nothing(api: Api, backend: Backend) -> None:
    spec = {"user": "nobody", "resourceAttributes": {"resource": "pods", "verb": "list"}}
    body = {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": spec}
    answer = await api.post("subjectaccessreviews", body)
    refused = await api.read("pods", headers={"Authorization": f"Bearer {backend.token('nobody')}"})
    assert (answer.body["status"]["allowed"], refused.brief) == (False, (403, "Forbidden"))


async def test_the_documents_of_the_schemas_are_listed(api: Api) -> None:
    answer = await api.raw("GET", "/openapi/v3")
    assert answer.status == 200
    wanted = {"api/v1", "apis/apps/v1", "apis/progressive.delivery/v1alpha1", "apis/gateway.networking.k8s.io/v1"}
    assert wanted <= answer.body["paths"].keys()


async def test_the_schemas_say_what_a_rollout_is(api: Api) -> None:
    answer = await api.raw("GET", "/openapi/v3/apis/progressive.delivery/v1alpha1")
    rollout = answer.body["components"]["schemas"]["delivery.progressive.v1alpha1.Rollout"]
    assert rollout["properties"]["spec"]["properties"]["strategy"]["type"] == "object"


async def test_a_request_with_an_unknown_token_is_unauthorized(api: Api) -> None:
    answer = await api.read("configmaps", headers={"Authorization": "Bearer made-up"})
    assert answer.problem == (401, "Unauthorized", "Unauthorized")


async def test_groups_and_versions_are_discovered(api: Api) -> None:
    core = (await api.raw("GET", "/api")).body
    assert (core["kind"], core["versions"]) == ("APIVersions", ["v1"])
    groups = (await api.raw("GET", "/apis")).body
    assert (groups["kind"], groups["apiVersion"]) == ("APIGroupList", "v1")
    preferred = {group["name"]: group["preferredVersion"]["groupVersion"] for group in groups["groups"]}
    wanted = {
        "apps": "apps/v1",
        "progressive.delivery": "progressive.delivery/v1alpha1",
        "gateway.networking.k8s.io": "gateway.networking.k8s.io/v1",
        "discovery.k8s.io": "discovery.k8s.io/v1",
        "coordination.k8s.io": "coordination.k8s.io/v1",
        "authorization.k8s.io": "authorization.k8s.io/v1",
        "authentication.k8s.io": "authentication.k8s.io/v1",
        "events.k8s.io": "events.k8s.io/v1",
        "autoscaling": "autoscaling/v2",
    }
    assert preferred.items() >= wanted.items()
    one = (await api.raw("GET", "/apis/apps")).body
    assert (one["kind"], one["name"]) == ("APIGroup", "apps")


def resources(listed: Any) -> dict[str, Any]:
    return {each["name"]: each for each in listed["resources"]}


@pytest.mark.parametrize(
    ("path", "name", "expected"),
    [
        ("/api/v1", "services", ("Service", True, ["svc"])),
        ("/api/v1", "namespaces", ("Namespace", False, ["ns"])),
        ("/apis/apps/v1", "deployments", ("Deployment", True, ["deploy"])),
        ("/apis/progressive.delivery/v1alpha1", "rollouts", ("Rollout", True, ["pd"])),
        ("/apis/gateway.networking.k8s.io/v1", "httproutes", ("HTTPRoute", True, None)),
    ],
)
async def test_resources_are_discovered(api: Api, path: str, name: str, expected: Any) -> None:
    answer = await api.raw("GET", path)
    assert (answer.status, answer.body["kind"]) == (200, "APIResourceList")
    found = resources(answer.body)[name]
    assert (found["kind"], found["namespaced"], found.get("shortNames")) == expected
    assert {"create", "delete", "get", "list", "patch", "update", "watch"} <= set(found["verbs"])


async def test_subresources_are_discovered(api: Api) -> None:
    ours = resources((await api.raw("GET", "/apis/progressive.delivery/v1alpha1")).body)
    assert {"rollouts", "rollouts/status", "rollouts/scale"} <= ours.keys()
    assert ours["rollouts/scale"]["kind"] == "Scale"
    apps = resources((await api.raw("GET", "/apis/apps/v1")).body)
    assert {"deployments/status", "deployments/scale"} <= apps.keys()


async def test_the_whole_discovery_is_one_document_for_those_who_ask(api: Api) -> None:
    accept = {"Accept": "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json"}
    answer = await api.raw("GET", "/apis", headers=accept)
    assert (answer.status, answer.body["kind"]) == (200, "APIGroupDiscoveryList")
    groups = {item["metadata"]["name"]: item for item in answer.body["items"]}
    ours = groups["progressive.delivery"]["versions"][0]["resources"]
    rollouts = next(each for each in ours if each["resource"] == "rollouts")
    assert (rollouts["responseKind"]["kind"], rollouts["scope"], rollouts["shortNames"]) == (
        "Rollout",
        "Namespaced",
        ["pd"],
    )


async def test_the_server_says_that_it_is_well_and_which_it_is(api: Api) -> None:
    for path in ("/healthz", "/readyz", "/livez"):
        answer = await api.raw("GET", path)
        assert (answer.status, answer.body) == (200, "ok")
    version = (await api.raw("GET", "/version")).body
    assert {"major", "minor", "gitVersion"} <= version.keys()


async def test_an_event_is_the_same_in_both_groups(api: Api) -> None:
    event = {
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {"name": "e"},
        "regarding": {"kind": "Deployment", "name": "shop", "namespace": "NS"},
        "note": "hello",
        "reason": "Said",
        "type": "Normal",
        "action": "Say",
        "eventTime": "2026-11-21T12:00:00.000000Z",
        "reportingController": "rollout",
        "reportingInstance": "rollout-1",
    }
    path = f"/apis/events.k8s.io/v1/namespaces/{api.namespace}/events"
    created = await api.raw("POST", path, event)
    assert created.status == 201, created.body
    assert {key: created.body[key] for key in event if key != "metadata"} == {
        key: value for key, value in event.items() if key != "metadata"
    }
    core = await api.get("events", "e")
    assert (core["message"], core["reportingComponent"], core["reportingInstance"]) == ("hello", "rollout", "rollout-1")
    assert core["involvedObject"] == {"kind": "Deployment", "name": "shop", "namespace": "NS"}
    patched = await api.raw(
        "PATCH",
        f"{path}/e",
        {"series": {"count": 2, "lastObservedTime": "2026-11-21T12:00:01.000000Z"}},
        media="application/merge-patch+json",
    )
    assert (patched.status, patched.body["series"]["count"]) == (200, 2)


async def test_an_event_needs_its_time_and_who_reports_it(api: Api) -> None:
    event = {
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {"name": "e"},
        "regarding": {"kind": "Deployment", "name": "shop", "namespace": "NS"},
        "reason": "Said",
        "type": "Normal",
    }
    path = f"/apis/events.k8s.io/v1/namespaces/{api.namespace}/events"
    answer = await api.raw("POST", path, event)
    assert (answer.brief, answer.causes) == ((422, "Invalid"), [("FieldValueRequired", "eventTime", "Required value")])
    answer = await api.raw("POST", path, {**event, "eventTime": "2026-11-21T12:00:00.000000Z"})
    assert answer.brief == (422, "Invalid")
    required = [cause[1] for cause in answer.causes if cause[0] == "FieldValueRequired"]
    assert required == ["action", "reportingController", "reportingInstance"]


async def test_times_of_a_lease_are_written_to_the_microsecond(api: Api) -> None:
    body = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": "l"}}
    answer = await api.post("leases", {**body, "spec": {"renewTime": "2026-11-21T12:00:00Z"}})
    assert answer.brief == (400, "BadRequest")
    assert 'parsing time "2026-11-21T12:00:00Z" as "2006-01-02T15:04:05.000000Z07:00"' in answer.body["message"]


async def test_leases_are_renewed_with_the_version_as_fence(api: Api) -> None:
    body = {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": "l"},
        "spec": {
            "holderIdentity": "a",
            "leaseDurationSeconds": 8,
            "acquireTime": "2026-11-21T12:00:00.000000Z",
            "renewTime": "2026-11-21T12:00:00.000000Z",
            "leaseTransitions": 0,
        },
    }
    created = await api.create("leases", body)
    assert plain(created)["spec"] == body["spec"]
    renewed = await api.put("leases", "l", {**created, "spec": {**created["spec"], "holderIdentity": "b"}})
    assert renewed.status == 200
    stale = await api.put("leases", "l", {**created, "spec": {**created["spec"], "holderIdentity": "c"}})
    assert stale.brief == (409, "Conflict")
    assert (await api.get("leases", "l"))["spec"]["holderIdentity"] == "b"
    assert (await api.post("leases", body)).brief == (409, "AlreadyExists")
