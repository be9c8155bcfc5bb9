"""Server-side apply, and who owns which field."""

from typing import Any

import pytest

from tests.cluster.api import Api
from tests.cluster.objects import a_deployment, a_map, a_ref, a_rollout, a_route, a_service


def owners(obj: dict[str, Any]) -> dict[tuple[str, str, str], Any]:
    """What each manager owns, by its name, operation and subresource."""
    entries = obj["metadata"].get("managedFields", [])
    return {(e["manager"], e["operation"], e.get("subresource", "")): e["fieldsV1"] for e in entries}


def maps(*fields: str) -> dict[str, Any]:
    """The fields of a ConfigMap's data as an owner has them."""
    return {"f:data": {f"f:{name}": {} for name in fields}}


async def test_an_apply_creates_and_then_updates(api: Api) -> None:
    created = await api.apply("configmaps", a_map(data={"x": "1"}))
    assert (created.status, created.body["data"]) == (201, {"x": "1"})
    entry = created.body["metadata"]["managedFields"][0]
    assert entry.keys() == {"manager", "operation", "apiVersion", "time", "fieldsType", "fieldsV1"}
    assert (entry["apiVersion"], entry["fieldsType"]) == ("v1", "FieldsV1")
    assert owners(created.body) == {("a", "Apply", ""): maps("x")}
    updated = await api.apply("configmaps", a_map(data={"x": "2"}))
    assert (updated.status, updated.body["data"]) == (200, {"x": "2"})


async def test_the_same_apply_again_changes_nothing(api: Api) -> None:
    for plural, body in (("configmaps", a_map(data={"x": "1"})), ("rollouts", a_rollout()), ("services", a_service())):
        first = await api.apply(plural, body)
        again = await api.apply(plural, body)
        assert (first.status, again.status) == (201, 200)
        assert again.body == first.body


async def test_what_a_manager_no_longer_wants_goes_and_what_others_own_stays(api: Api) -> None:
    await api.apply("configmaps", a_map(data={"x": "1", "y": "1"}, labels={"mine": "yes"}))
    await api.apply("configmaps", a_map(data={"z": "1"}), manager="b")
    left = (await api.apply("configmaps", a_map(data={"x": "1"}))).body
    assert (left["data"], left["metadata"].get("labels")) == ({"x": "1", "z": "1"}, None)
    assert owners(left) == {("a", "Apply", ""): maps("x"), ("b", "Apply", ""): maps("z")}


async def test_a_field_of_another_manager_is_a_conflict_that_names_it(api: Api) -> None:
    await api.apply("configmaps", a_map(data={"x": "1", "y": "1"}))
    answer = await api.apply("configmaps", a_map(data={"x": "2"}), manager="b")
    assert answer.problem == (409, "Conflict", 'Apply failed with 1 conflict: conflict with "a": .data.x')
    assert answer.causes == [("FieldManagerConflict", ".data.x", 'conflict with "a"')]
    both = await api.apply("configmaps", a_map(data={"x": "2", "y": "2"}), manager="b")
    assert both.body["message"] == ('Apply failed with 2 conflicts: conflicts with "a":\n- .data.x\n- .data.y')


async def test_a_conflict_with_an_update_says_in_which_version_it_was_made(api: Api) -> None:
    await api.create("configmaps", a_map(data={"x": "1"}), fieldManager="editor")
    answer = await api.apply("configmaps", a_map(data={"x": "2"}), manager="b")
    assert answer.brief == (409, "Conflict")
    assert answer.body["message"] == 'Apply failed with 1 conflict: conflict with "editor" using v1: .data.x'


async def test_a_conflict_with_several_managers_names_each(api: Api) -> None:
    await api.apply("configmaps", a_map(data={"x": "1"}), manager="one")
    await api.apply("configmaps", a_map(data={"y": "1"}), manager="two")
    answer = await api.apply("configmaps", a_map(data={"x": "2", "y": "2"}), manager="b")
    assert answer.body["message"] == (
        'Apply failed with 2 conflicts: conflicts with "one":\n- .data.x\nconflicts with "two":\n- .data.y'
    )


async def test_force_takes_a_field_over(api: Api) -> None:
    await api.apply("configmaps", a_map(data={"x": "1", "y": "1"}))
    forced = await api.apply("configmaps", a_map(data={"x": "2"}), manager="b", force="true")
    assert (forced.status, forced.body["data"]) == (200, {"x": "2", "y": "1"})
    assert owners(forced.body) == {("a", "Apply", ""): maps("y"), ("b", "Apply", ""): maps("x")}


async def test_managers_share_a_field_they_agree_on(api: Api) -> None:
    await api.apply("configmaps", a_map(data={"x": "1"}))
    shared = (await api.apply("configmaps", a_map(data={"x": "1"}), manager="b")).body
    assert owners(shared) == {("a", "Apply", ""): maps("x"), ("b", "Apply", ""): maps("x")}
    assert (await api.apply("configmaps", a_map(data={"x": "2"}))).brief == (409, "Conflict")
    left = (await api.apply("configmaps", a_map())).body
    assert (left["data"], owners(left)) == ({"x": "1"}, {("b", "Apply", ""): maps("x")})


async def test_an_update_takes_what_it_changes_without_a_conflict(api: Api) -> None:
    await api.apply("configmaps", a_map(data={"x": "1", "y": "1"}))
    changed = (await api.merge("configmaps", "m", {"data": {"x": "2", "z": "1"}}, fieldManager="editor")).body
    assert owners(changed) == {("a", "Apply", ""): maps("y"), ("editor", "Update", ""): maps("x", "z")}
    answer = await api.apply("configmaps", a_map(data={"x": "1", "y": "1"}))
    assert answer.brief == (409, "Conflict")


async def test_an_update_that_removes_a_field_ends_its_ownership(api: Api) -> None:
    await api.apply("configmaps", a_map(data={"x": "1", "y": "1"}))
    changed = (await api.merge("configmaps", "m", {"data": {"x": None}}, fieldManager="editor")).body
    assert owners(changed) == {("a", "Apply", ""): maps("y")}


async def test_what_is_created_belongs_to_who_created_it(api: Api) -> None:
    created = await api.create("configmaps", a_map(data={"x": "1"}, labels={"l": "1"}))
    assert owners(created) == {
        ("tester", "Update", ""): {
            "f:data": {".": {}, "f:x": {}},
            "f:metadata": {"f:labels": {".": {}, "f:l": {}}},
        }
    }


async def test_who_creates_a_deployment_owns_its_defaults_and_not_its_status(api: Api) -> None:
    created = await api.create("deployments", a_deployment(paused=True))
    pod = ("dnsPolicy", "restartPolicy", "schedulerName", "securityContext", "terminationGracePeriodSeconds")
    container = ("image", "imagePullPolicy", "name", "resources", "terminationMessagePath", "terminationMessagePolicy")
    containers: dict[str, Any] = {'k:{"name":"web"}': {".": {}, **{f"f:{name}": {} for name in container}}}
    strategy: dict[str, Any] = {"f:rollingUpdate": {".": {}, "f:maxSurge": {}, "f:maxUnavailable": {}}, "f:type": {}}
    spec = ("paused", "progressDeadlineSeconds", "replicas", "revisionHistoryLimit", "selector")
    template = {
        "f:metadata": {"f:labels": {".": {}, "f:app": {}}},
        "f:spec": {"f:containers": containers, **{f"f:{name}": {} for name in pod}},
    }
    assert owners(created) == {
        ("tester", "Update", ""): {
            "f:spec": {"f:strategy": strategy, "f:template": template, **{f"f:{name}": {} for name in spec}}
        }
    }


async def test_what_is_allocated_for_a_service_belongs_to_nobody(api: Api) -> None:
    created = await api.create("services", a_service())
    port: dict[str, Any] = {".": {}, "f:name": {}, "f:port": {}, "f:protocol": {}, "f:targetPort": {}}
    fields = ("internalTrafficPolicy", "selector", "sessionAffinity", "type")
    ports = {".": {}, 'k:{"port":80,"protocol":"TCP"}': port}
    assert owners(created) == {
        ("tester", "Update", ""): {"f:spec": {"f:ports": ports, **{f"f:{name}": {} for name in fields}}}
    }


async def test_a_status_has_owners_of_its_own(api: Api) -> None:
    await api.create("rollouts", a_rollout(), fieldManager="gitops")
    written = await api.merge("rollouts", "shop", {"status": {"message": "x"}}, "status", fieldManager="ctl")
    entries = owners(written.body)
    assert entries.keys() == {("gitops", "Update", ""), ("ctl", "Update", "status")}
    assert entries["ctl", "Update", "status"] == {"f:status": {".": {}, "f:message": {}}}
    assert "f:status" not in entries["gitops", "Update", ""]


async def test_a_scale_has_an_owner_of_its_own(api: Api) -> None:
    await api.apply("deployments", a_deployment(paused=True, replicas=1), manager="gitops")
    await api.merge("deployments", "shop", {"spec": {"replicas": 2}}, "scale", fieldManager="hpa")
    shop = await api.get("deployments", "shop")
    entries = owners(shop)
    assert entries["hpa", "Update", "scale"] == {"f:spec": {"f:replicas": {}}}
    assert "f:replicas" not in entries["gitops", "Apply", ""]["f:spec"]
    answer = await api.apply("deployments", a_deployment(paused=True, replicas=1), manager="gitops")
    assert answer.body["message"].startswith(
        'Apply failed with 1 conflict: conflict with "hpa" with subresource "scale" using apps/v1'
    )


async def test_an_apply_to_the_status_owns_the_status_alone(api: Api) -> None:
    await api.create("rollouts", a_rollout())
    body = {**a_rollout(), "status": {"message": "x"}}
    applied = await api.apply("rollouts", body, "ctl", "status")
    assert (applied.status, applied.body["status"]) == (200, {"message": "x"})
    assert owners(applied.body)["ctl", "Apply", "status"] == {"f:status": {"f:message": {}}}
    gone = await api.apply("rollouts", {**a_rollout(), "status": {}}, "ctl", "status")
    assert gone.body.get("status", {}) == {}


async def test_containers_are_applied_by_name(api: Api) -> None:
    def images(answer: Any) -> list[str]:
        return [each["image"] for each in answer.body["spec"]["template"]["spec"]["containers"]]

    await api.apply("deployments", a_deployment(paused=True))
    header = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "shop"}}
    side = {"spec": {"template": {"spec": {"containers": [{"name": "side", "image": "side:1"}]}}}}
    await api.apply("deployments", {**header, **side}, manager="injector")
    template = a_deployment()["spec"]["template"]
    template["spec"]["containers"][0]["image"] = "web:2"
    both = await api.apply("deployments", a_deployment(paused=True, template=template))
    assert images(both) == ["web:2", "side:1"]
    one = await api.apply("deployments", {**header, "spec": {}}, manager="injector")
    assert images(one) == ["web:2"]


async def test_an_environment_is_applied_by_name(api: Api) -> None:
    def a_version(**env: str) -> Any:
        given = a_deployment(paused=True)
        variables = [{"name": name, "value": value} for name, value in env.items()]
        given["spec"]["template"]["spec"]["containers"][0]["env"] = variables
        return given

    def environment(answer: Any) -> Any:
        return answer.body["spec"]["template"]["spec"]["containers"][0].get("env")

    await api.apply("deployments", a_version(A="1", B="1"))
    both = await api.apply("deployments", a_version(C="1"), manager="b")
    assert environment(both) == [{"name": "A", "value": "1"}, {"name": "B", "value": "1"}, {"name": "C", "value": "1"}]
    less = await api.apply("deployments", a_version(B="2"))
    assert environment(less) == [{"name": "B", "value": "2"}, {"name": "C", "value": "1"}]


async def test_ports_of_a_service_are_applied_by_number_and_protocol(api: Api) -> None:
    def ports(answer: Any) -> list[Any]:
        return [(each["name"], each["port"], each["targetPort"]) for each in answer.body["spec"]["ports"]]

    http = {"name": "http", "port": 80, "protocol": "TCP", "targetPort": 8080}
    admin = {"name": "admin", "port": 81, "protocol": "TCP", "targetPort": 8081}
    await api.apply("services", a_service(ports=[http]))
    both = await api.apply("services", {**a_service(), "spec": {"ports": [admin]}}, manager="b")
    assert ports(both) == [("http", 80, 8080), ("admin", 81, 8081)]
    less = await api.apply("services", {**a_service(), "spec": {"ports": []}}, manager="b")
    assert ports(less) == [("http", 80, 8080)]
    answer = await api.apply("services", {**a_service(), "spec": {"ports": [{**http, "targetPort": 1}]}}, manager="b")
    assert answer.body["message"] == (
        'Apply failed with 1 conflict: conflict with "a": .spec.ports[port=80,protocol="TCP"].targetPort'
    )


async def test_a_selector_of_a_service_is_one_value(api: Api) -> None:
    await api.apply("services", a_service())
    answer = await api.apply("services", {**a_service(), "spec": {"selector": {"version": "2"}}}, manager="b")
    assert answer.body["message"] == 'Apply failed with 1 conflict: conflict with "a": .spec.selector'
    forced = await api.apply("services", {**a_service(), "spec": {"selector": {"version": "2"}}}, "b", force="true")
    assert forced.body["spec"]["selector"] == {"version": "2"}


async def test_the_rules_of_a_route_are_one_value(api: Api) -> None:
    await api.apply("httproutes", a_route(a_ref("a"), a_ref("b")))
    other = a_route(a_ref("a", weight=5), parentRefs=None)
    del other["spec"]["parentRefs"]
    answer = await api.apply("httproutes", other, manager="b")
    assert answer.body["message"] == 'Apply failed with 1 conflict: conflict with "a": .spec.rules'
    forced = (await api.apply("httproutes", other, manager="b", force="true")).body
    assert [ref["name"] for ref in forced["spec"]["rules"][0]["backendRefs"]] == ["a"]
    assert owners(forced)["b", "Apply", ""] == {"f:spec": {"f:rules": {}}}


async def test_checks_and_routers_of_a_rollout_are_maps_and_its_steps_are_one_value(api: Api) -> None:
    header = {"apiVersion": "progressive.delivery/v1alpha1", "kind": "Rollout", "metadata": {"name": "shop"}}

    def a_check(name: str, most: int) -> Any:
        return {**header, "spec": {"analysis": {"checks": [{"name": name, "restarts": {"max": most}}]}}}

    def a_router(name: str) -> Any:
        return {**header, "spec": {"traffic": [{"name": name, "gatewayRoute": {"kind": "HTTPRoute", "name": name}}]}}

    await api.apply("rollouts", a_rollout(), manager="a")
    for manager, body in (
        ("b", a_check("one", 0)),
        ("c", a_check("two", 0)),
        ("d", a_router("x")),
        ("e", a_router("y")),
    ):
        assert (await api.apply("rollouts", body, manager=manager)).status == 200
    spec = (await api.get("rollouts", "shop"))["spec"]
    assert [check["name"] for check in spec["analysis"]["checks"]] == ["one", "two"]
    assert [router["name"] for router in spec["traffic"]] == ["x", "y"]
    answer = await api.apply("rollouts", a_check("one", 5), manager="c")
    assert answer.body["message"] == (
        'Apply failed with 1 conflict: conflict with "b": .spec.analysis.checks[name="one"].restarts.max'
    )
    steps = {**header, "spec": {"strategy": {"canary": {"steps": [{"weight": 50}]}}}}
    answer = await api.apply("rollouts", steps, manager="b")
    assert answer.body["message"] == ('Apply failed with 1 conflict: conflict with "a": .spec.strategy.canary.steps')
    gone = (await api.apply("rollouts", {**header, "spec": {}}, manager="b")).body
    assert [check["name"] for check in gone["spec"]["analysis"]["checks"]] == ["two"]


async def test_annotations_are_owned_key_by_key(api: Api) -> None:
    await api.apply("configmaps", a_map(annotations={"a": "1"}))
    shared = (await api.apply("configmaps", a_map(annotations={"b": "1"}), manager="b")).body
    assert shared["metadata"]["annotations"] == {"a": "1", "b": "1"}
    answer = await api.apply("configmaps", a_map(annotations={"a": "2"}), manager="b")
    assert answer.body["message"] == 'Apply failed with 1 conflict: conflict with "a": .metadata.annotations.a'


async def test_finalizers_are_a_set(api: Api) -> None:
    await api.apply("configmaps", a_map(finalizers=["example.com/a"]))
    both = (await api.apply("configmaps", a_map(finalizers=["example.com/b"]), manager="b")).body
    assert both["metadata"]["finalizers"] == ["example.com/a", "example.com/b"]
    left = (await api.apply("configmaps", a_map())).body
    assert left["metadata"]["finalizers"] == ["example.com/b"]
    await api.apply("configmaps", a_map(), manager="b")


async def test_owners_can_be_given_up_by_an_update(api: Api) -> None:
    await api.apply("configmaps", a_map(data={"x": "1"}))
    given_up = (await api.merge("configmaps", "m", {"metadata": {"managedFields": [{}]}})).body
    assert "managedFields" not in given_up["metadata"]


@pytest.mark.parametrize(
    ("body", "query", "status"),
    [
        pytest.param(a_map(managedFields=[{"manager": "a"}]), {"fieldManager": "a"}, 400, id="with owners"),
        pytest.param({**a_map(), "typo": 1}, {"fieldManager": "a"}, 500, id="an unknown field"),
        pytest.param(a_map(), {}, 422, id="without a manager"),
        pytest.param(a_map("other"), {"fieldManager": "a"}, 400, id="another name"),
    ],
)
async def test_an_apply_that_makes_no_sense_is_refused(api: Api, body: Any, query: Any, status: int) -> None:
    path = api.path("configmaps", "m")
    answer = await api.raw("PATCH", path, body, media="application/apply-patch+yaml", **query)
    assert answer.status == status


async def test_an_apply_with_a_stale_version_is_a_conflict(api: Api) -> None:
    created = (await api.apply("configmaps", a_map(data={"x": "1"}))).body
    version = created["metadata"]["resourceVersion"]
    await api.apply("configmaps", a_map(data={"x": "2"}))
    answer = await api.apply("configmaps", a_map(data={"x": "3"}, resourceVersion=version))
    assert answer.brief == (409, "Conflict")


async def test_an_apply_that_names_another_object_s_uid_does_not_create(api: Api) -> None:
    answer = await api.apply("configmaps", a_map(uid="11111111-1111-1111-1111-111111111111"))
    assert answer.brief == (409, "Conflict")
