import pytest

from rollout.models.kinds import Manifest
from rollout.models.split import Split
from rollout.traffic.gateway import GatewayRouter
from tests.traffic.routes import CART, SHOP, a_ref, a_route, a_rule

ROUTER = GatewayRouter(kind="HTTPRoute")


@pytest.mark.parametrize(
    "route",
    [
        a_route(a_rule(a_ref("shop"))),
        a_route(a_rule(a_ref("other")), a_rule(a_ref("shop", weight=0)), a_rule(a_ref("shop"), a_ref("x", weight=0))),
        a_route(a_rule(*[a_ref("other")] * 14, a_ref("shop"))),
        a_route(a_rule(*[a_ref("other")] * 14, a_ref("shop"), a_ref("shop-canary", weight=0))),
        a_route(a_rule(a_ref("shop"), a_ref("other", weight=1000))),
        a_route(a_rule(*[a_ref("other")] * 16), a_rule(a_ref("shop"))),
    ],
)
def test_a_route_that_can_be_split_has_no_problem_before_and_during_a_release(route: Manifest) -> None:
    assert ROUTER.problem(route, (SHOP,)) is None
    assert ROUTER.problem(ROUTER.shift(route, (SHOP,), Split.at(10)), (SHOP,)) is None


def test_a_route_that_leads_elsewhere_is_named_with_the_remedy() -> None:
    route = a_route(a_rule(a_ref("other")), a_rule(), a_rule(a_ref("shop", namespace="elsewhere")))
    remedy = "add one to spec.rules[].backendRefs, or name another Service in spec.services"
    assert ROUTER.problem(route, (SHOP,)) == f"HTTPRoute shop/public has no backend for Service shop: {remedy}"
    assert (
        ROUTER.problem(route, (SHOP, CART))
        == f"HTTPRoute shop/public has no backend for the Services shop, cart: {remedy}"
    )


def test_one_of_several_services_is_enough() -> None:
    assert ROUTER.problem(a_route(a_rule(a_ref("cart"))), (SHOP, CART)) is None


def test_a_named_rule_has_to_be_there_and_lead_to_the_service() -> None:
    route = a_route(a_rule(a_ref("shop"), name="web"), a_rule(a_ref("shop")), a_rule(a_ref("other"), name="admin"))
    problems = [
        GatewayRouter(kind="GRPCRoute", rules=rules).problem(route, (SHOP,))
        for rules in [("web",), ("web", "api"), ("admin",)]
    ]
    assert problems == [
        None,
        "GRPCRoute shop/public has no rule named api: set spec.rules[].name, or name another in gatewayRoute.rules",
        "GRPCRoute shop/public has no backend for Service shop:"
        " add one to spec.rules[].backendRefs, or name another Service in spec.services",
    ]


@pytest.mark.parametrize(
    ("refs", "missing"), [([a_ref("shop")] + [a_ref("x")] * 15, 1), ([a_ref("shop")] * 2 + [a_ref("x")] * 13, 2)]
)
def test_a_rule_without_room_for_the_canary_is_named(refs: list[dict[str, object]], missing: int) -> None:
    route = a_route(a_rule(a_ref("shop")), a_rule(*refs))
    assert ROUTER.problem(route, (SHOP,)) == (
        "HTTPRoute shop/public has no room for the canary in spec.rules[1].backendRefs: it has"
        f" {len(refs)} of at most 16 entries; leave {missing} free, or move some to a rule of their own"
    )


def test_a_service_that_gets_no_traffic_is_named() -> None:
    route = a_route(a_rule(a_ref("other")), a_rule(a_ref("shop", weight=0), a_ref("other")))
    assert ROUTER.problem(route, (SHOP,)) == (
        "HTTPRoute shop/public gives Service shop weight 0 everywhere:"
        " set a weight above 0 in spec.rules[1].backendRefs, or take the route out of spec.traffic"
    )


def test_weights_that_leave_too_little_to_divide_are_named() -> None:
    route = a_route(a_rule(a_ref("shop"), a_ref("other", weight=1001)))
    assert ROUTER.problem(route, (SHOP,)) == (
        "HTTPRoute shop/public has weights too far apart in spec.rules[0].backendRefs:"
        " give the Service at least 1/1000 of the largest weight beside it"
    )
