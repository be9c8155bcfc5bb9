from rollout.models.kinds import GRPC_ROUTES, HTTP_ROUTES, INGRESSES
from rollout.models.split import Split
from rollout.models.traffic import GatewayRoute, IngressRef, RouteKind
from rollout.traffic.registry import resource_for, router_for
from tests.traffic.routes import SHOP, a_ref, a_route, a_rule

HTTP = GatewayRoute(kind=RouteKind.HTTP, name="public")
GRPC = GatewayRoute(kind=RouteKind.GRPC, name="public", rules=("web",))


def test_every_kind_of_route_has_its_resource() -> None:
    assert {kind: resource_for(GatewayRoute(kind=kind, name="public")) for kind in RouteKind} == {
        RouteKind.HTTP: HTTP_ROUTES,
        RouteKind.GRPC: GRPC_ROUTES,
    }
    assert resource_for(IngressRef(name="public")) == INGRESSES
    assert router_for(IngressRef(name="public")).kind == "Ingress"


def test_a_router_moves_only_the_rules_that_are_named() -> None:
    route = a_route(a_rule(a_ref("shop"), name="web"), a_rule(a_ref("shop")))
    shifted = router_for(GRPC).shift(route, (SHOP,), Split.at(50))
    assert [len(rule["backendRefs"]) for rule in shifted["spec"]["rules"]] == [2, 1]


def test_messages_name_the_kind_although_objects_in_a_list_do_not_have_it() -> None:
    route = a_route(a_rule(a_ref("other")))
    del route["kind"]
    assert [str(router_for(ref).problem(route, (SHOP,))).split()[0] for ref in (HTTP, GRPC)] == [
        "HTTPRoute",
        "GRPCRoute",
    ]
