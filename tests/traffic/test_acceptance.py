from typing import Any

import pytest

from rollout.models.kinds import Manifest
from rollout.traffic.gateway import GatewayRouter
from rollout.traffic.router import RouteState
from tests.traffic.routes import a_route

ROUTER = GatewayRouter(kind="HTTPRoute")


def a_condition(type_: str = "Accepted", status: str = "True", generation: int = 4, **fields: str) -> dict[str, Any]:
    return {"type": type_, "status": status, "observedGeneration": generation, **fields}


def a_report(*conditions: dict[str, Any], **parent: Any) -> dict[str, Any]:
    return {"parentRef": {"name": "edge", **parent}, "controllerName": "x/y", "conditions": list(conditions)}


RESOLVED = a_condition("ResolvedRefs")
FINE = (a_condition(), RESOLVED)
ACCEPTED = RouteState(accepted=True)


def reported(*reports: dict[str, Any], parents: tuple[dict[str, Any], ...] = ({"name": "edge"},)) -> Manifest:
    route = a_route(status={"parents": list(reports)})
    route["spec"]["parentRefs"] = list(parents)
    return route


def waiting(message: str) -> RouteState:
    return RouteState(accepted=False, message=message)


def refused(message: str) -> RouteState:
    return RouteState(accepted=False, refused=True, message=message)


def test_a_route_is_accepted_when_its_gateway_says_so_for_its_generation() -> None:
    assert ROUTER.state(reported(a_report(*FINE))) == ACCEPTED


def test_a_later_generation_is_as_good() -> None:
    assert ROUTER.state(reported(a_report(a_condition(generation=5), RESOLVED))) == ACCEPTED


@pytest.mark.parametrize("route", [a_route(), a_route(status={}), reported()])
def test_without_any_report_it_waits(route: Manifest) -> None:
    assert ROUTER.state(route) == waiting("HTTPRoute shop/public waits for a Gateway to report on it")


def test_a_report_on_an_older_generation_is_waited_out() -> None:
    route = reported(a_report(a_condition(generation=3), RESOLVED))
    assert ROUTER.state(route) == waiting(
        "HTTPRoute shop/public waits for Gateway shop/edge to report Accepted for generation 4; it has reported 3"
    )


def test_refs_that_nobody_reported_on_are_waited_for() -> None:
    assert ROUTER.state(reported(a_report(a_condition()))) == waiting(
        "HTTPRoute shop/public waits for Gateway shop/edge to report ResolvedRefs for generation 4"
    )


def test_a_refusal_names_parent_reason_and_message() -> None:
    missing = a_condition("ResolvedRefs", "False", reason="BackendNotFound", message="no Service shop-canary")
    assert ROUTER.state(reported(a_report(a_condition(), missing))) == refused(
        "HTTPRoute shop/public is not accepted by Gateway shop/edge, ResolvedRefs is False:"
        " BackendNotFound: no Service shop-canary"
    )


def test_an_old_refusal_is_no_answer_to_the_present_generation() -> None:
    old = a_condition("ResolvedRefs", "False", generation=3, reason="BackendNotFound")
    assert not ROUTER.state(reported(a_report(a_condition(), old))).refused


@pytest.mark.parametrize(
    "conditions",
    [
        (*FINE, a_condition("PartiallyInvalid", reason="UnsupportedValue", message="Dropped Rule 2")),
        (
            a_condition(generation=3),
            RESOLVED,
            a_condition("PartiallyInvalid", reason="UnsupportedValue", message="Dropped Rule 2"),
        ),
        (*FINE, a_condition("PartiallyInvalid", generation=3, reason="UnsupportedValue", message="Dropped Rule 2")),
    ],
)
def test_a_route_of_which_a_part_was_dropped_is_not_accepted(conditions: tuple[dict[str, Any], ...]) -> None:
    assert ROUTER.state(reported(a_report(*conditions))) == refused(
        "HTTPRoute shop/public is not accepted by Gateway shop/edge, PartiallyInvalid is True:"
        " UnsupportedValue: Dropped Rule 2"
    )


def test_a_part_that_is_not_invalid_is_fine() -> None:
    assert ROUTER.state(reported(a_report(*FINE, a_condition("PartiallyInvalid", "False")))) == ACCEPTED


def test_every_parent_that_is_reported_on_counts_and_a_refusal_comes_first() -> None:
    late = a_report(a_condition(generation=3), RESOLVED, sectionName="a")
    no = a_report(a_condition(status="False", reason="NoMatchingParent"), name="inner", namespace="infra")
    parents: tuple[dict[str, Any], ...] = (
        {"name": "edge", "sectionName": "a"},
        {"name": "inner", "namespace": "infra"},
    )
    assert ROUTER.state(reported(late, parents=parents)).message.startswith(
        "HTTPRoute shop/public waits for Gateway shop/edge (section a)"
    )
    assert ROUTER.state(reported(late, no, parents=parents)) == refused(
        "HTTPRoute shop/public is not accepted by Gateway infra/inner, Accepted is False: NoMatchingParent"
    )


def test_every_controller_that_reports_on_a_parent_counts() -> None:
    route = reported(a_report(*FINE), a_report(a_condition(generation=3), RESOLVED) | {"controllerName": "other"})
    assert not ROUTER.state(route).accepted


def test_a_parent_that_nobody_reports_on_does_not_count() -> None:
    assert ROUTER.state(reported(a_report(*FINE), parents=({"name": "edge"}, {"name": "absent"}))) == ACCEPTED


def test_a_report_on_a_parent_that_the_route_no_longer_has_does_not_count() -> None:
    gone = a_report(a_condition(status="False"), name="gone")
    assert ROUTER.state(reported(a_report(*FINE), gone)) == ACCEPTED
    assert not ROUTER.state(reported(gone)).accepted


def test_a_parent_is_the_same_with_its_defaults_written_out() -> None:
    written_out = a_report(*FINE, group="gateway.networking.k8s.io", kind="Gateway", namespace="shop")
    assert ROUTER.state(reported(written_out)) == ACCEPTED


def test_a_service_as_parent_is_named_as_one() -> None:
    parent = {"group": "", "kind": "Service", "name": "shop", "port": 80}
    assert "Service shop/shop" in ROUTER.state(reported(a_report(**parent), parents=(parent,))).message
