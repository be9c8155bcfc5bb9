"""Routes and gateways have the defaults and bounds of the real definitions."""

from typing import Any

import pytest

ROUTES = "/apis/gateway.networking.k8s.io/v1/namespaces/default/httproutes"
GATEWAYS = "/apis/gateway.networking.k8s.io/v1/namespaces/default/gateways"


def a_route(*refs: dict[str, Any]) -> dict[str, Any]:
    return {
        "metadata": {"name": "shop"},
        "spec": {"parentRefs": [{"name": "gw"}], "rules": [{"backendRefs": list(refs)}]},
    }


async def test_a_route_gets_its_defaults(http: Any) -> None:
    status, created = await http("POST", ROUTES, a_route({"name": "shop", "port": 80}))
    assert status == 201
    assert created["spec"] == {
        "parentRefs": [{"name": "gw", "group": "gateway.networking.k8s.io", "kind": "Gateway"}],
        "rules": [
            {
                "matches": [{"path": {"type": "PathPrefix", "value": "/"}}],
                "backendRefs": [{"name": "shop", "port": 80, "group": "", "kind": "Service", "weight": 1}],
            }
        ],
    }


async def test_a_route_without_rules_has_one_that_matches_everything(http: Any) -> None:
    _, created = await http("POST", ROUTES, {"metadata": {"name": "shop"}, "spec": {}})
    assert created["spec"] == {"rules": [{"matches": [{"path": {"type": "PathPrefix", "value": "/"}}]}]}


@pytest.mark.parametrize(
    ("ref", "message"),
    [
        ({"name": "shop", "port": 80, "weight": -1}, "weight in body should be greater than or equal to 0"),
        ({"name": "shop", "port": 80, "weight": 1_000_001}, "should be less than or equal to 1000000"),
        ({"port": 80}, "spec.rules[0].backendRefs[0].name: Required value"),
        ({"name": "shop"}, "Must have port for Service reference"),
        ({"name": "shop", "port": 0}, "port in body should be greater than or equal to 1"),
    ],
)
async def test_a_bad_reference_is_invalid(http: Any, ref: dict[str, Any], message: str) -> None:
    status, answer = await http("POST", ROUTES, a_route(ref))
    assert (status, message in answer["message"]) == (422, True)


async def test_a_rule_has_sixteen_backends_at_most(http: Any) -> None:
    refs = [{"name": f"s{n}", "port": 80} for n in range(17)]
    status, answer = await http("POST", ROUTES, a_route(*refs))
    assert (status, "backendRefs: Too many: 17: must have at most 16 items" in answer["message"]) == (422, True)


async def test_rules_and_backends_are_atomic_lists(http: Any) -> None:
    await http("POST", ROUTES, a_route({"name": "a", "port": 80}, {"name": "b", "port": 80}))
    _, patched = await http.merge(f"{ROUTES}/shop", {"spec": {"rules": [{"backendRefs": [{"name": "a", "port": 80}]}]}})
    assert [ref["name"] for ref in patched["spec"]["rules"][0]["backendRefs"]] == ["a"]


async def test_a_weight_is_patched_behind_tests_of_what_it_replaces(http: Any) -> None:
    await http("POST", ROUTES, a_route({"name": "a", "port": 80, "weight": 100}))
    status, _ = await http.merge(f"{ROUTES}/shop/status", {"status": {"parents": []}})
    assert status == 200
    path = "/spec/rules/0/backendRefs/0"
    operations = [
        {"op": "test", "path": f"{path}/name", "value": "a"},
        {"op": "test", "path": f"{path}/weight", "value": 100},
        {"op": "replace", "path": f"{path}/weight", "value": 90},
    ]
    media = {"content_type": "application/json-patch+json"}
    status, patched = await http("PATCH", f"{ROUTES}/shop", operations, **media)
    assert (status, patched["spec"]["rules"][0]["backendRefs"][0]["weight"]) == (200, 90)
    assert (patched["metadata"]["generation"], patched["status"]) == (2, {"parents": []})
    assert (await http("PATCH", f"{ROUTES}/shop", operations, **media))[0] == 422


async def test_a_new_gateway_waits_for_a_controller(http: Any) -> None:
    listener = {"name": "http", "port": 80, "protocol": "HTTP"}
    given = {"metadata": {"name": "gw"}, "spec": {"gatewayClassName": "sandbox", "listeners": [listener]}}
    _, created = await http("POST", GATEWAYS, given)
    assert created["spec"]["listeners"] == [{**listener, "allowedRoutes": {"namespaces": {"from": "Same"}}}]
    assert [(c["type"], c["status"]) for c in created["status"]["conditions"]] == [
        ("Accepted", "Unknown"),
        ("Programmed", "Unknown"),
    ]


async def test_a_grant_is_the_same_in_both_versions(http: Any) -> None:
    source = {"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "namespace": "a"}
    grant = {"metadata": {"name": "g"}, "spec": {"from": [source], "to": [{"group": "", "kind": "Service"}]}}
    path = "/apis/gateway.networking.k8s.io/{}/namespaces/default/referencegrants"
    assert (await http("POST", path.format("v1"), grant))[0] == 201
    for version in ("v1", "v1beta1"):
        _, read = await http("GET", f"{path.format(version)}/g")
        assert (read["apiVersion"], read["spec"]) == (f"gateway.networking.k8s.io/{version}", grant["spec"])
