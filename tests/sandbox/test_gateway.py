from collections.abc import Callable
from typing import Any

import pytest

from sandbox.envoy import Config
from sandbox.gateway import virtual
from sandbox.gateway.statuses import CONTROLLER
from sandbox.gateway.translation import UNRESOLVED, translate
from sandbox.settings import Settings
from sandbox.storage import Object, Storage
from tests.sandbox.traffic import (
    CREATED,
    NAMESPACE,
    a_class,
    a_gateway,
    a_path,
    a_ref,
    a_route,
    a_rule,
    a_service,
    a_slice,
    filled,
)
from tests.sandbox.workloads import always, eventually, quick, running


def translated(*routes: Object, **objects: Any) -> Config:
    defaults: dict[str, Any] = {
        "services": [a_service(), a_service("canary")],
        "endpointslices": [],
        "gateways": [a_gateway()],
        "referencegrants": [],
    }
    return translate(routes=routes, **{**defaults, **objects})


def table(config: Config) -> dict[str, list[Any]]:
    """Where each match leads, by hostname and in the order in which Envoy tries them."""
    hosts = config.routes["virtual_hosts"]
    return {host["domains"][0]: [(path_of(one), target(one)) for one in host["routes"]] for host in hosts}


def path_of(envoy_route: Object) -> str:
    match = envoy_route["match"]
    regex = match.get("safe_regex", {}).get("regex")
    return str(match.get("path") or match.get("path_separated_prefix") or match.get("prefix") or regex)


def target(envoy_route: Object) -> Any:
    if "route" not in envoy_route:
        return envoy_route.get("direct_response") or envoy_route["redirect"]
    return {one["name"]: one["weight"] for one in envoy_route["route"]["weighted_clusters"]["clusters"]}


# Where requests go


def test_each_backend_gets_its_weight_one_if_none_is_given_and_nothing_at_zero() -> None:
    config = translated(a_route(a_rule(a_ref("shop", 90), a_ref("canary", 10)), a_rule(a_ref(), a_ref("canary", 0))))
    assert table(config) == {"*": [("/", {"shop/shop/80": 90, "shop/canary/80": 10}), ("/", {"shop/shop/80": 1})]}


def test_a_rule_without_backends_or_with_zero_weights_only_answers_500() -> None:
    config = translated(a_route(a_rule(), a_rule(a_ref("shop", 0), a_ref("canary", 0))))
    assert table(config) == {"*": [("/", {"status": 500}), ("/", {"status": 500})]}


@pytest.mark.parametrize(
    "ref",
    [a_ref("missing", 3), a_ref("shop", 3, port=81), a_ref("shop", 3, kind="Bucket"), a_ref("shop", 3, namespace="x")],
    ids=["no such Service", "no such port", "no Service", "no grant"],
)
def test_a_backend_that_does_not_resolve_keeps_its_share_of_errors(ref: Object) -> None:
    config = translated(a_route(a_rule(a_ref("canary", 1), ref)), services=[a_service(), a_service("canary")])
    (route,) = config.routes["virtual_hosts"][0]["routes"]
    assert target(route) == {"shop/canary/80": 1, UNRESOLVED: 3}
    assert route["route"]["cluster_not_found_response_code"] == "INTERNAL_SERVER_ERROR"


@pytest.mark.parametrize(("to", "expected"), [({}, "other/shop/80"), ({"name": "another"}, UNRESOLVED)])
def test_a_grant_opens_a_service_of_another_namespace(to: Object, expected: str) -> None:
    source = {"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "namespace": NAMESPACE}
    grant = {
        "metadata": {"name": "open", "namespace": "other"},
        "spec": {"from": [source], "to": [{"group": "", "kind": "Service", **to}]},
    }
    config = translated(
        a_route(a_rule(a_ref(namespace="other"))),
        services=[a_service(namespace="other")],
        referencegrants=[grant],
    )
    assert table(config) == {"*": [("/", {expected: 1})]}


def test_the_closest_match_is_tried_first_whatever_the_order_of_rules() -> None:
    matches = [
        a_path("/"),
        a_path("/a"),
        a_path("/a/long/prefix"),
        a_path("/a/.+", "RegularExpression"),
        a_path("/a", "Exact"),
    ]
    config = translated(a_route(*(a_rule(a_ref(), matches=[match]) for match in matches)))
    assert [path for path, _ in table(config)["*"]] == ["/a", "/a/.+", "/a/long/prefix", "/a", "/"]


def test_with_equal_paths_a_method_then_more_headers_then_more_query_parameters_go_first() -> None:
    header, query = {"name": "X-A", "value": "1"}, {"name": "q", "value": "1"}
    matches: list[Object] = [
        {},
        {"queryParams": [query]},
        {"headers": [header]},
        {"headers": [header], "queryParams": [query]},
        {"method": "PUT"},
    ]
    config = translated(a_route(a_rule(a_ref(), matches=matches)))
    tried = [(len(r["match"]["headers"]), len(r["match"]["query_parameters"])) for r in routes_of(config)]
    assert tried == [(1, 0), (1, 1), (1, 0), (0, 1), (0, 0)]
    assert routes_of(config)[0]["match"]["headers"] == [{"name": ":method", "string_match": {"exact": "PUT"}}]


def routes_of(config: Config, host: int = 0) -> list[Object]:
    found: list[Object] = config.routes["virtual_hosts"][host]["routes"]
    return found


def test_with_equal_matches_the_older_route_then_the_first_by_name_then_the_first_rule_goes_first() -> None:
    config = translated(
        a_route(a_rule(a_ref("late")), name="a", created="2026-11-02T00:00:00Z"),
        a_route(a_rule(a_ref("second")), name="b", created=CREATED),
        a_route(a_rule(a_ref("first")), a_rule(a_ref("later")), name="a2", created=CREATED),
        services=[a_service(name) for name in ("late", "second", "first", "later")],
    )
    order = [name for _, targets in table(config)["*"] for name in targets]
    assert order == ["shop/first/80", "shop/later/80", "shop/second/80", "shop/late/80"]


def test_the_closest_hostname_goes_first_and_wider_ones_after_it() -> None:
    config = translated(
        a_route(a_rule(a_ref("any"), matches=[a_path("/exact", "Exact")]), name="any"),
        a_route(a_rule(a_ref("wide")), name="wide", hostnames=("*.example.com",)),
        a_route(a_rule(a_ref("near")), name="near", hostnames=("shop.example.com",)),
        services=[a_service(name) for name in ("any", "wide", "near")],
    )
    names = {host: [next(iter(to)) for _, to in entries] for host, entries in table(config).items()}
    assert names == {
        "*": ["shop/any/80"],
        "*.example.com": ["shop/wide/80", "shop/any/80"],
        "shop.example.com": ["shop/near/80", "shop/wide/80", "shop/any/80"],
    }


@pytest.mark.parametrize(
    ("listener", "hostnames", "served"),
    [
        ({}, (), ["*"]),
        ({"hostname": "*.example.com"}, (), ["*.example.com"]),
        ({"hostname": "*.example.com"}, ("a.example.com", "b.org"), ["a.example.com"]),
        ({"hostname": "a.example.com"}, ("*.example.com",), ["a.example.com"]),
        ({"hostname": "a.example.com"}, ("b.example.com",), []),
        ({"allowedRoutes": {"namespaces": {"from": "All"}}}, (), ["*"]),
        ({"allowedRoutes": {"kinds": [{"kind": "GRPCRoute"}]}}, (), []),
        ({"protocol": "TLS"}, (), []),
    ],
)
def test_a_route_is_served_under_the_names_it_shares_with_the_listener(
    listener: Object, hostnames: tuple[str, ...], served: list[str]
) -> None:
    config = translated(a_route(hostnames=hostnames), gateways=[a_gateway(**listener)])
    assert list(table(config)) == served


def test_grpc_routes_match_service_and_method_as_a_path_and_speak_http2() -> None:
    matches = [
        {},
        {"method": {"service": "shop.Cart"}},
        {"method": {"service": "shop.Cart", "method": "Add"}},
        {"method": {"service": "shop.*", "method": "Get", "type": "RegularExpression"}},
    ]
    config = translated(a_route(a_rule(a_ref(), matches=matches), kind="GRPCRoute"), services=[a_service()])
    assert [path for path, _ in table(config)["*"]] == [
        "/shop.Cart/Add",
        "/shop\\.Cart/[^/]+",
        "/shop.*/Get",
        "/",
    ]
    (options,) = config.clusters[0]["typed_extension_protocol_options"].values()
    assert options["explicit_http_config"] == {"http2_protocol_options": {}}


# What happens on the way


def filtered(*filters: Object, path: str = "/old", **rule: Any) -> Object:
    config = translated(a_route(a_rule(a_ref(), matches=[a_path(path)], filters=list(filters), **rule)))
    return routes_of(config)[0]


def test_headers_are_set_added_and_removed_on_requests_and_answers() -> None:
    modifier = {"set": [{"name": "a", "value": "5%"}], "add": [{"name": "b", "value": "2"}], "remove": ["c"]}
    route = filtered(
        {"type": "RequestHeaderModifier", "requestHeaderModifier": modifier},
        {"type": "ResponseHeaderModifier", "responseHeaderModifier": modifier},
    )
    added = [
        {"header": {"key": "a", "value": "5%%"}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"},
        {"header": {"key": "b", "value": "2"}, "append_action": "APPEND_IF_EXISTS_OR_ADD"},
    ]
    for side in ("request", "response"):
        assert (route[f"{side}_headers_to_add"], route[f"{side}_headers_to_remove"]) == (added, ["c"])


def test_a_redirect_answers_instead_of_a_backend() -> None:
    redirect = {
        "scheme": "https",
        "hostname": "new.example.com",
        "port": 8443,
        "statusCode": 301,
        "path": {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/new"},
    }
    assert filtered({"type": "RequestRedirect", "requestRedirect": redirect})["redirect"] == {
        "scheme_redirect": "https",
        "host_redirect": "new.example.com",
        "port_redirect": 8443,
        "response_code": "MOVED_PERMANENTLY",
        "prefix_rewrite": "/new",
    }


def test_a_filter_nobody_here_knows_fails_the_request_instead_of_being_skipped() -> None:
    assert target(filtered({"type": "ExtensionRef", "extensionRef": {}})) == {"status": 500}


@pytest.mark.parametrize(
    ("timeouts", "expected"),
    [(None, "15s"), ({"request": "0s"}, "0s"), ({"request": "1m30s"}, "90s"), ({"request": "500ms"}, "0.5s")],
)
def test_a_route_chooses_its_timeout(timeouts: Object | None, expected: str) -> None:
    route = filtered(**({"timeouts": timeouts} if timeouts else {}))
    assert route["route"]["timeout"] == expected


def test_a_mirror_gets_its_share_of_copies_and_a_missing_one_none() -> None:
    mirrors = [
        {"type": "RequestMirror", "requestMirror": {"backendRef": a_ref("canary"), "percent": 5}},
        {"type": "RequestMirror", "requestMirror": {"backendRef": a_ref("missing")}},
    ]
    assert filtered(*mirrors)["route"]["request_mirror_policies"] == [
        {
            "cluster": "shop/canary/80",
            "runtime_fraction": {"default_value": {"numerator": 50_000, "denominator": "MILLION"}},
        }
    ]


# What stands behind it


def endpoints_of(config: Config) -> dict[str, list[tuple[str, int]]]:
    return {
        one["cluster_name"]: [
            (address["address"], address["port_value"])
            for locality in one["endpoints"]
            for endpoint in locality["lb_endpoints"]
            for address in endpoint["endpoint"]["address"].values()
        ]
        for one in config.assignments
    }


def test_a_cluster_has_the_ready_endpoints_of_its_port_from_all_slices() -> None:
    ports = [{"name": "http", "port": 80}, {"name": "admin", "port": 81}]
    slices = [
        a_slice(address="127.1.0.1", port=8080),
        a_slice(address="127.1.0.2", port=8080, ready=False),
        a_slice(address="127.1.0.3", port=8081, ready=None),
        a_slice(address="127.1.0.1", port=9000, port_name="admin"),
        a_slice("another", "127.1.0.9"),
    ]
    config = translated(services=[a_service(ports=ports)], endpointslices=slices)
    assert endpoints_of(config) == {
        "shop/shop/80": [("127.1.0.1", 8080), ("127.1.0.3", 8081)],
        "shop/shop/81": [("127.1.0.1", 9000)],
    }


def test_ports_of_other_protocols_than_tcp_are_left_out() -> None:
    ports = [{"name": "dns", "port": 53}, {"name": "dns-udp", "port": 53, "protocol": "UDP"}]
    assert list(endpoints_of(translated(services=[a_service(ports=ports)]))) == ["shop/shop/53"]


def test_a_service_is_served_at_its_cluster_ip_unless_it_is_headless() -> None:
    services = [a_service(clusterIP="127.2.0.7"), a_service("headless", clusterIP="None"), a_service("b", clusterIP="")]
    config = translated(services=services, lowest_port=1024)
    addresses = [one["address"]["socket_address"] for one in config.listeners]
    assert addresses == [{"address": "127.2.0.7", "port_value": 20_080}]
    assert [one["name"] for one in config.clusters] == [
        "shop/shop/80",
        "clusterip/shop/shop/80",
        "shop/headless/80",
        "shop/b/80",
    ]


# Statuses


def conditions(storage: Storage, name: str = "shop") -> dict[str, tuple[str, str, int]]:
    route = storage.get("httproutes", NAMESPACE, name)
    parents = (route or {}).get("status", {}).get("parents", [])
    ours = [p for p in parents if p["controllerName"] == CONTROLLER]
    return {c["type"]: (c["status"], c["reason"], c["observedGeneration"]) for p in ours for c in p["conditions"]}


def fine(generation: int = 1) -> dict[str, tuple[str, str, int]]:
    return {"Accepted": ("True", "Accepted", generation), "ResolvedRefs": ("True", "ResolvedRefs", generation)}


def change(storage: Storage, edit: Callable[[Object], None], plural: str = "httproutes") -> None:
    assert storage.mutate(plural, NAMESPACE, "shop", edit)


@pytest.fixture
def settings(tmp_path: Any) -> Settings:
    return quick(tmp_path)


async def test_a_route_is_judged_for_each_generation_and_when_a_service_comes_or_goes(settings: Settings) -> None:
    storage = filled(gateways=[a_gateway()], httproutes=[a_route()])
    missing = {"Accepted": ("True", "Accepted", 1), "ResolvedRefs": ("False", "BackendNotFound", 1)}
    async with running(virtual.run(storage, settings)):
        await eventually(lambda: conditions(storage), missing)
        storage.create("services", a_service())
        await eventually(lambda: conditions(storage), fine())
        change(storage, lambda route: route["spec"]["rules"][0]["backendRefs"][0].update(weight=5))
        await eventually(lambda: conditions(storage), fine(2))
        storage.delete("services", NAMESPACE, "shop")
        await eventually(lambda: conditions(storage)["ResolvedRefs"][:2], ("False", "BackendNotFound"))


async def test_a_forbidden_backend_is_named_and_allowed_once_a_grant_exists(settings: Settings) -> None:
    route = a_route(a_rule(a_ref(namespace="other")))
    storage = filled(gateways=[a_gateway()], httproutes=[route], services=[a_service(namespace="other")])
    source = {"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "namespace": NAMESPACE}
    grant = {
        "metadata": {"name": "open", "namespace": "other"},
        "spec": {"from": [source], "to": [{"group": "", "kind": "Service"}]},
    }
    async with running(virtual.run(storage, settings)):
        await eventually(lambda: conditions(storage).get("ResolvedRefs"), ("False", "RefNotPermitted", 1))
        storage.create("referencegrants", grant)
        await eventually(lambda: conditions(storage), fine())


@pytest.mark.parametrize(
    ("parent", "listener", "reason"),
    [
        ({"sectionName": "other"}, {}, "NoMatchingParent"),
        ({"port": 81}, {}, "NoMatchingParent"),
        ({}, {"hostname": "example.org"}, "NoMatchingListenerHostname"),
        ({}, {"allowedRoutes": {"kinds": [{"kind": "GRPCRoute"}]}}, "NotAllowedByListeners"),
    ],
)
async def test_a_route_no_listener_takes_is_not_accepted(
    settings: Settings, parent: Object, listener: Object, reason: str
) -> None:
    route = a_route(hostnames=("shop.example.com",), **parent)
    storage = filled(gateways=[a_gateway(**listener)], httproutes=[route], services=[a_service()])
    async with running(virtual.run(storage, settings)):
        await eventually(lambda: conditions(storage).get("Accepted"), ("False", reason, 1))


@pytest.mark.parametrize("pattern", ["(", "/a(?!b)", r"/(a)\1"])
async def test_a_route_with_a_pattern_envoy_would_refuse_is_not_served_and_harms_no_other(
    settings: Settings, pattern: str
) -> None:
    bad = a_route(a_rule(a_ref(), matches=[a_path(pattern, "RegularExpression")]))
    good = a_route(a_rule(a_ref(), matches=[a_path("/a+", "RegularExpression")]), name="good")
    assert table(translated(bad, good)) == {"*": [("/a+", {"shop/shop/80": 1})]}
    storage = filled(gateways=[a_gateway()], httproutes=[bad, good], services=[a_service()])
    async with running(virtual.run(storage, settings)):
        await eventually(lambda: conditions(storage).get("Accepted"), ("False", "UnsupportedValue", 1))
        await eventually(lambda: conditions(storage, "good"), fine())


async def test_routes_of_other_gateways_are_left_alone_and_so_are_parents_of_other_controllers(
    settings: Settings,
) -> None:
    foreign = {**a_gateway("foreign"), "spec": {"gatewayClassName": "theirs", "listeners": []}}
    theirs = {"parentRef": {"name": "foreign"}, "controllerName": "example.com/theirs", "conditions": []}
    ours = a_route()
    ours["spec"]["parentRefs"].append({"name": "foreign"})
    storage = filled(
        gatewayclasses=[a_class("theirs", "example.com/theirs")],
        gateways=[a_gateway(), foreign],
        httproutes=[ours, a_route(name="unrelated") | {"spec": {"parentRefs": [{"name": "foreign"}]}}],
        services=[a_service()],
    )
    storage.mutate(
        "httproutes", NAMESPACE, "shop", lambda o: o.update(status={"parents": [theirs]}), subresource="status"
    )
    async with running(virtual.run(storage, settings)):
        await eventually(lambda: conditions(storage), fine())
        route = storage.get("httproutes", NAMESPACE, "shop")
        assert route
        assert route["status"]["parents"][0] == theirs
        assert len(route["status"]["parents"]) == 2
        await always(lambda: conditions(storage, "unrelated"), {})


async def test_gateways_and_the_class_are_programmed_and_count_their_routes(settings: Settings) -> None:
    storage = filled(gateways=[a_gateway()], httproutes=[a_route(), a_route(name="b")], services=[a_service()])

    def summary() -> Any:
        gateway = storage.get("gateways", NAMESPACE, "public") or {}
        status = gateway.get("status", {})
        types = {c["type"]: c["status"] for c in status.get("conditions", ())}
        return types, [one["attachedRoutes"] for one in status.get("listeners", ())]

    async with running(virtual.run(storage, settings)):
        await eventually(summary, ({"Accepted": "True", "Programmed": "True"}, [2]))
        storage.delete("httproutes", NAMESPACE, "b")
        await eventually(summary, ({"Accepted": "True", "Programmed": "True"}, [1]))
        status = (storage.get("gatewayclasses", None, "sandbox") or {})["status"]
        assert [c["type"] for c in status["conditions"]] == ["Accepted"]


async def test_a_settled_gateway_writes_nothing(settings: Settings) -> None:
    storage = filled(gateways=[a_gateway()], httproutes=[a_route()], services=[a_service()])
    async with running(virtual.run(storage, settings)):
        await eventually(lambda: conditions(storage), fine())
        await eventually(lambda: bool((storage.get("gateways", NAMESPACE, "public") or {}).get("status")))
        await always(lambda: True)  # what the last writes cause is due by then
        version = storage.version
        await always(lambda: storage.version, version)
