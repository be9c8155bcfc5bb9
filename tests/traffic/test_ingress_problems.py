"""What keeps an Ingress from being split, and what does not."""

import pytest

from rollout.models.kinds import Manifest
from rollout.traffic.ingress import IngressRouter
from tests.traffic.routes import CART, NGINX, SHOP, a_path, an_ingress, at_host

ROUTER = IngressRouter()
AFFINITY = {f"{NGINX}affinity": "cookie"}
TO_SHOP = {"service": {"name": "shop", "port": {"number": 80}}}
TO_OTHER = {"service": {"name": "other", "port": {"number": 80}}}
RESOURCE = {"resource": {"apiGroup": "x", "kind": "Bucket", "name": "static"}}

WRONG: dict[str, tuple[Manifest, str]] = {
    "leads elsewhere": (
        an_ingress(at_host("a", a_path("other"))),
        "Ingress shop/public has no path that leads to Service shop:"
        " add one to spec.rules[].http.paths, or name another Service in spec.services.",
    ),
    "leads to a resource": (
        an_ingress(at_host("a", a_path(backend=RESOURCE))),
        "Ingress shop/public has no path that leads to Service shop"
        " (a backend that is a resource cannot have a canary):"
        " add one to spec.rules[].http.paths, or name another Service in spec.services.",
    ),
    "has no rules": (
        an_ingress(rules=None, defaultBackend=TO_OTHER),
        "Ingress shop/public has no path that leads to Service shop:"
        " add one to spec.rules[].http.paths, or name another Service in spec.services.",
    ),
    "the Service is its default backend": (
        an_ingress(defaultBackend=TO_SHOP),
        "Ingress shop/public sends what no rule matches to Service shop (spec.defaultBackend),"
        " where no canary can stand beside it: write a rule with the path / for that, and remove spec.defaultBackend.",
    ),
    "is a canary": (
        an_ingress(annotations={f"{NGINX}canary": "true"}),
        "Ingress shop/public is a canary itself (nginx.ingress.kubernetes.io/canary):"
        " name the Ingress that it stands beside in spec.traffic.",
    ),
    "has session affinity": (
        an_ingress(annotations=AFFINITY),
        "Ingress shop/public has session affinity (nginx.ingress.kubernetes.io/affinity), which keeps users on a canary"
        " that was taken back: remove the annotation, or, with ingress-nginx itself, set"
        " nginx.ingress.kubernetes.io/affinity-canary-behavior to legacy.",
    ),
}


@pytest.mark.parametrize(("ingress", "sentence"), WRONG.values(), ids=WRONG)
def test_a_problem_names_the_ingress_the_field_and_the_remedy(ingress: Manifest, sentence: str) -> None:
    assert ROUTER.problem(ingress, (SHOP,)) == sentence


def test_several_services_are_named() -> None:
    problem = ROUTER.problem(an_ingress(at_host("a", a_path("other"))), (SHOP, CART))
    assert problem is not None
    assert problem.startswith("Ingress shop/public has no path that leads to the Services cart, shop: add one")


@pytest.mark.parametrize(
    "ingress",
    [
        an_ingress(),
        an_ingress(at_host("a", a_path("other")), at_host(None, a_path(backend=RESOURCE), a_path())),
        an_ingress(defaultBackend=TO_OTHER),
        an_ingress(ingressClassName=None),
        an_ingress(annotations={f"{NGINX}canary": "false"}),
        an_ingress(annotations={**AFFINITY, f"{NGINX}affinity-canary-behavior": "legacy"}),
    ],
)
def test_what_can_be_split_has_no_problem(ingress: Manifest) -> None:
    assert ROUTER.problem(ingress, (SHOP,)) is None


CANARY = {f"{NGINX}canary": "true"}


def test_another_canary_on_the_same_host_and_path_is_in_the_way() -> None:
    rival = an_ingress(name="by-hand", annotations=CANARY)
    assert ROUTER.rivalry(an_ingress(), (rival,), (SHOP,)) == (
        "Ingress shop/by-hand is a canary on shop.example/ already, and only one counts beside Ingress shop/public:"
        " delete it, or take the Ingress out of spec.traffic."
    )


@pytest.mark.parametrize(
    "other",
    [
        an_ingress(name="no-canary"),
        an_ingress(at_host("other.example", a_path()), name="elsewhere", annotations=CANARY),
        an_ingress(at_host("shop.example", a_path(path="/a")), name="elsewhere", annotations=CANARY),
        an_ingress(at_host("shop.example", a_path(pathType="Exact")), name="elsewhere", annotations=CANARY),
    ],
)
def test_an_ingress_on_other_paths_or_that_is_no_canary_is_not_in_the_way(other: Manifest) -> None:
    assert ROUTER.rivalry(an_ingress(), (other,), (SHOP,)) is None


def test_a_canary_on_a_path_that_leads_elsewhere_is_not_in_the_way() -> None:
    ingress = an_ingress(at_host("a", a_path(), a_path("other", "/other")))
    rival = an_ingress(at_host("a", a_path("x", "/other")), name="theirs", annotations=CANARY)
    assert ROUTER.rivalry(ingress, (rival,), (SHOP,)) is None
