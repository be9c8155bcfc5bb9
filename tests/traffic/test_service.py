import copy

import pytest

from rollout.models.kinds import Manifest
from rollout.models.rollout import ABORTED, REVISION_LABEL, ROLLOUT_LABEL
from rollout.traffic.service import canary_service, pin, pinned, problem, replica_share
from tests.traffic.routes import SHOP, a_service


def a_canary_of(service: Manifest) -> Manifest:
    return canary_service(service, backend=SHOP, revision="new", rollout="shop")


def test_a_pin_is_one_more_label_in_the_selector() -> None:
    service = a_service()
    assert pinned(service) is None
    assert pin(service, "old") == a_service(selector={"app": "shop", REVISION_LABEL: "old"})
    assert pin(pin(service, "old"), "new") == a_service(selector={"app": "shop", REVISION_LABEL: "new"})
    assert pinned(pin(service, "old")) == "old"
    assert pin(pin(service, "old"), None) == service == a_service()


def test_unpinning_what_is_not_pinned_changes_nothing() -> None:
    for service in (a_service(), {"metadata": {"name": "shop"}, "spec": {"type": "ExternalName"}}):
        assert pin(service, None) == service


def test_the_canary_service_leads_to_the_canary_as_the_users_leads_to_the_stable() -> None:
    service = a_service(
        type="LoadBalancer",
        clusterIP="10.0.0.1",
        clusterIPs=["10.0.0.1"],
        externalTrafficPolicy="Local",
        healthCheckNodePort=30001,
        loadBalancerClass="x",
        ports=[{"name": "http", "port": 80, "targetPort": "web", "nodePort": 30080, "appProtocol": "grpc"}],
        selector={"app": "shop", REVISION_LABEL: "old"},
        sessionAffinity="ClientIP",
        trafficDistribution="PreferClose",
        ipFamilies=["IPv6"],
    )
    service["metadata"] |= {
        "labels": {"app": "shop", "app.kubernetes.io/instance": "git", ROLLOUT_LABEL: "another"},
        "annotations": {
            "team/owner": "a",
            ABORTED: "3",
            "kubectl.kubernetes.io/last-applied-configuration": "{}",
            "argocd.argoproj.io/tracking-id": "shop:/Service:shop/shop",
            "external-dns.alpha.kubernetes.io/hostname": "shop.example.com",
        },
    }
    before = copy.deepcopy(service)
    assert a_canary_of(service) == {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            "name": "shop-canary",
            "namespace": "shop",
            "labels": {"app": "shop", ROLLOUT_LABEL: "shop"},
            "annotations": {"team/owner": "a"},
        },
        "spec": {
            "type": "ClusterIP",
            "ports": [{"name": "http", "port": 80, "targetPort": "web", "appProtocol": "grpc"}],
            "selector": {"app": "shop", REVISION_LABEL: "new"},
            "sessionAffinity": "ClientIP",
            "trafficDistribution": "PreferClose",
            "ipFamilies": ["IPv6"],
        },
    }
    assert service == before


def test_a_canary_service_has_no_owner_reference_and_no_empty_maps() -> None:
    assert a_canary_of(a_service())["metadata"] == {
        "name": "shop-canary",
        "namespace": "shop",
        "labels": {ROLLOUT_LABEL: "shop"},
    }


@pytest.mark.parametrize(("address", "expected"), [("None", "None"), ("10.0.0.1", None)])
def test_only_a_headless_service_has_a_headless_canary(address: str, expected: str | None) -> None:
    assert a_canary_of(a_service(clusterIP=address))["spec"].get("clusterIP") == expected


def test_a_canary_service_shares_nothing_with_the_manifest_it_was_made_from() -> None:
    service = a_service(ipFamilies=["IPv4"])
    a_canary_of(service)["spec"]["ipFamilies"].append("IPv6")
    assert service == a_service(ipFamilies=["IPv4"])


@pytest.mark.parametrize(
    ("service", "expected"),
    [
        (a_service(), None),
        (pin(a_service(), "old"), None),
        (a_service(selector={}), "Service shop/shop has no selector: select the workload's pods in its spec.selector"),
        (
            a_service(type="ExternalName"),
            "Service shop/shop is of type ExternalName and leads to no pods:"
            " name a Service with a selector in spec.services",
        ),
    ],
)
def test_a_service_that_cannot_be_pinned_is_named_with_the_remedy(service: Manifest, expected: str | None) -> None:
    assert problem(service) == expected


@pytest.mark.parametrize(
    ("stable", "canary", "expected"),
    [(0, 0, 0), (3, 0, 0), (0, 3, 100), (9, 1, 10), (2, 1, 33.3), (1, 2, 66.7), (9999, 1, 0.1), (1, 9999, 99.9)],
)
def test_without_a_router_traffic_follows_the_number_of_pods(stable: int, canary: int, expected: float) -> None:
    assert replica_share(stable, canary) == expected
