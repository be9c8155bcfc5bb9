"""The Ingress beside the one people have: what it says, and what is read out of it."""

from typing import Any

import pytest

from rollout.models.kinds import Key, Manifest
from rollout.models.split import Split
from rollout.models.traffic import Match
from rollout.traffic.ingress import IngressRouter
from tests.traffic.routes import BACKENDS, NGINX, SHOP, a_path, an_ingress, at_host

ROUTER = IngressRouter()
CLASS = "kubernetes.io/ingress.class"


def beside(ingress: Manifest, twin: Manifest | None = None) -> Manifest:
    made = ROUTER.carrier(ingress, (SHOP,), twin=twin, rollout="shop")
    assert made is not None
    return made


def annotations(weight: float, **match: Any) -> dict[str, str]:
    split = Split.at(weight, Match.model_validate(match) if match else None)
    found: dict[str, str] = ROUTER.shift(beside(an_ingress()), (SHOP,), split)["metadata"]["annotations"]
    return {name.removeprefix(NGINX): value for name, value in found.items()}


def test_it_has_the_name_of_the_other_with_canary_behind_it() -> None:
    assert ROUTER.twin(Key("shop", "public")) == Key("shop", "public-canary")


def test_it_has_class_hosts_and_paths_of_the_other_as_far_as_they_lead_to_the_services() -> None:
    named = a_path("cart", "/cart", backend={"service": {"name": "cart", "port": {"name": "http"}}})
    other = a_path("other", "/other")
    resource = a_path("x", "/static", backend={"resource": {"kind": "Bucket", "name": "static"}})
    ingress = an_ingress(
        at_host("a.example", a_path(), other, named),
        at_host("b.example", other, resource),
        at_host(None, a_path(path="/c", pathType="Exact")),
        tls=[{"hosts": ["a.example"], "secretName": "tls"}],
    )
    made = ROUTER.carrier(ingress, BACKENDS, twin=None, rollout="shop")
    assert made == {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {
            "name": "public-canary",
            "namespace": "shop",
            "labels": {"progressive.delivery/rollout": "shop"},
        },
        "spec": {
            "ingressClassName": "nginx",
            "rules": [
                at_host(
                    "a.example",
                    a_path("shop-canary"),
                    a_path("cart", "/cart", backend={"service": {"name": "cart-canary", "port": {"name": "http"}}}),
                ),
                at_host(None, a_path("shop-canary", path="/c", pathType="Exact")),
            ],
        },
    }


def test_it_takes_over_labels_the_old_class_and_what_counts_on_a_canary_and_nothing_that_makes_it_the_original() -> (
    None
):
    counted = {f"{NGINX}{name}": "x" for name in ("load-balance", "upstream-hash-by-subset", "service-upstream")}
    legacy = {f"{NGINX}affinity": "cookie", f"{NGINX}affinity-canary-behavior": "legacy"}
    foreign = {f"{NGINX}rewrite-target": "/", "cert-manager.io/issuer": "x", "argocd.argoproj.io/tracking-id": "x"}
    ingress = an_ingress(annotations={CLASS: "nginx", **counted, **legacy, **foreign}, ingressClassName=None)
    ingress["metadata"]["labels"] = {"team": "web", "app.kubernetes.io/instance": "shop"}
    made = beside(ingress)
    assert made["metadata"]["labels"] == {"team": "web", "progressive.delivery/rollout": "shop"}
    behavior = {f"{NGINX}affinity-canary-behavior": "legacy"}
    assert made["metadata"]["annotations"] == {CLASS: "nginx", **counted, **behavior}
    assert made["spec"].keys() == {"rules"}


def test_nothing_stands_beside_an_ingress_that_leads_to_none_of_the_services() -> None:
    assert ROUTER.carrier(an_ingress(at_host("a", a_path("other"))), BACKENDS, twin=None, rollout="shop") is None


def test_it_follows_the_other_keeps_its_split_and_loses_what_somebody_added_that_ingress_nginx_reads() -> None:
    twin = ROUTER.shift(beside(an_ingress()), (SHOP,), Split.at(10))
    twin["metadata"] |= {"uid": "u", "resourceVersion": "9"}
    twin["metadata"]["annotations"] |= {"note": "theirs", f"{NGINX}affinity": "cookie"}
    twin["metadata"]["labels"] = {"seen": "yes"}
    moved = an_ingress(at_host("new.example", a_path()), annotations={f"{NGINX}load-balance": "ewma"})
    after = beside(moved, twin)
    assert after["spec"]["rules"] == [at_host("new.example", a_path("shop-canary"))]
    assert after["metadata"] == {
        "name": "public-canary",
        "namespace": "shop",
        "uid": "u",
        "resourceVersion": "9",
        "labels": {"seen": "yes", "progressive.delivery/rollout": "shop"},
        "annotations": {
            f"{NGINX}canary": "true",
            f"{NGINX}canary-weight": "10",
            "note": "theirs",
            f"{NGINX}load-balance": "ewma",
        },
    }


@pytest.mark.parametrize(
    ("weight", "told"),
    [
        (0, {"canary-weight": "0"}),
        (10, {"canary-weight": "10"}),
        (2.5, {"canary-weight": "25", "canary-weight-total": "1000"}),
        (0.1, {"canary-weight": "1", "canary-weight-total": "1000"}),
        (100, {"canary-weight": "100"}),
    ],
)
def test_the_weight_is_in_per_cent_and_has_a_total_only_where_a_tenth_is_needed(
    weight: float, told: dict[str, str]
) -> None:
    assert annotations(weight) == {"canary": "true", **told}


@pytest.mark.parametrize(
    ("match", "told"),
    [
        ({"header": {"name": "X-Beta"}}, {"by-header": "X-Beta"}),
        ({"header": {"name": "X-Beta", "exact": "1"}}, {"by-header": "X-Beta", "by-header-value": "1"}),
        ({"header": {"name": "X-Beta", "pattern": "a|b"}}, {"by-header": "X-Beta", "by-header-pattern": "a|b"}),
        ({"cookie": {"name": "beta"}}, {"by-cookie": "beta"}),
        ({"header": {"name": "X-Beta"}, "cookie": {"name": "beta"}}, {"by-header": "X-Beta", "by-cookie": "beta"}),
    ],
)
def test_who_goes_to_the_canary_besides_is_in_annotations_of_its_own(match: Any, told: dict[str, str]) -> None:
    known = {f"canary-{name}": value for name, value in told.items()}
    assert annotations(10, **match) == {"canary": "true", "canary-weight": "10", **known}


@pytest.mark.parametrize(
    ("told", "split"),
    [
        ({}, Split.at(0)),
        ({"canary-weight": "nine"}, Split.at(0)),
        ({"canary-weight": "-5"}, Split.at(0)),
        ({"canary-weight": "250"}, Split.at(100)),
        ({"canary-weight": "10", "canary-weight-total": "50"}, Split.at(10)),  # up to 100 it is not heeded
        ({"canary-weight": "1", "canary-weight-total": "100000"}, Split.at(0.1)),  # rounded up: 0 means none
        (
            {"canary-by-header": "X", "canary-by-header-value": "1", "canary-by-header-pattern": "2"},
            Split.at(0, Match.model_validate({"header": {"name": "X", "exact": "1"}})),
        ),
    ],
)
def test_annotations_are_read_as_ingress_nginx_reads_them(told: dict[str, str], split: Split) -> None:
    twin = an_ingress(annotations={f"{NGINX}{name}": value for name, value in {"canary": "true", **told}.items()})
    assert ROUTER.read(twin, (SHOP,)) == split


@pytest.mark.parametrize("header", ["a b", "", "x" * 65])
def test_a_header_that_nobody_can_declare_is_a_split_like_no_steps(header: str) -> None:
    twin = an_ingress(annotations={f"{NGINX}canary": "true", f"{NGINX}canary-by-header": header})
    split = ROUTER.read(twin, (SHOP,))
    assert split is not None
    assert split.flows


@pytest.mark.parametrize("value", [None, "false", "0", "yes"])
def test_without_the_mark_of_a_canary_there_is_no_split(value: str | None) -> None:
    told = {} if value is None else {f"{NGINX}canary": value}
    assert ROUTER.read(an_ingress(annotations={**told, f"{NGINX}canary-weight": "10"}), (SHOP,)) is None


def test_it_counts_as_accepted_at_once_since_an_ingress_cannot_tell() -> None:
    assert ROUTER.state(an_ingress()).accepted


@pytest.mark.parametrize(
    ("weight", "read"), [("+50", 50.0), ("-5", 0.0), ("9" * 5000, 0.0), ("9" * 18, 100.0), ("half", 0.0), ("", 0.0)]
)
def test_a_weight_is_read_as_the_proxy_reads_it_however_it_is_written(weight: str, read: float) -> None:
    twin = ROUTER.shift(beside(an_ingress()), (SHOP,), Split.at(10))
    twin["metadata"]["annotations"][f"{NGINX}canary-weight"] = weight
    found = ROUTER.read(twin, (SHOP,))
    assert found is not None
    assert found.canary == read
