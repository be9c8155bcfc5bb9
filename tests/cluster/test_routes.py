"""The bounds of routes and grants of the Gateway API."""

# ruff: noqa: E501 - the table below reads best with one case a line

from typing import Any

import pytest

from tests.cluster.api import Api
from tests.cluster.objects import a_ref, a_route
from tests.cluster.test_validation import SKIPPED, Problem

ROUTES: dict[str, tuple[Any, list[Problem]]] = {
    "negative weight": (a_ref(weight=-1), [("FieldValueInvalid", "spec.rules[0].backendRefs[0].weight", "Invalid value: -1: spec.rules[0].backendRefs[0].weight in body should be greater than or equal to 0")]),
    "great weight": (a_ref(weight=1_000_001), [("FieldValueInvalid", "spec.rules[0].backendRefs[0].weight", "Invalid value: 1000001: spec.rules[0].backendRefs[0].weight in body should be less than or equal to 1000000")]),
    "no name": ({"port": 80}, [("FieldValueRequired", "spec.rules[0].backendRefs[0].name", "Required value")]),
    "no port": ({"name": "shop"}, [("FieldValueInvalid", "spec.rules[0].backendRefs[0]", "Invalid value: Must have port for Service reference")]),
    "port 0": (a_ref(port=0), [("FieldValueInvalid", "spec.rules[0].backendRefs[0].port", "Invalid value: 0: spec.rules[0].backendRefs[0].port in body should be greater than or equal to 1")]),
}  # fmt: skip


@pytest.mark.parametrize("case", ROUTES)
async def test_a_backend_that_makes_no_sense_is_invalid(api: Api, case: str) -> None:
    ref, causes = ROUTES[case]
    answer = await api.post("httproutes", a_route(ref))
    assert answer.brief == (422, "Invalid")
    assert [cause for cause in answer.causes if cause[2] != SKIPPED] == causes


async def test_a_rule_of_a_route_has_sixteen_backends_at_most(api: Api) -> None:
    answer = await api.post("httproutes", a_route(*(a_ref(f"s{number}") for number in range(17))))
    assert (
        "FieldValueTooMany",
        "spec.rules[0].backendRefs",
        "Too many: 17: must have at most 16 items",
    ) in answer.causes


async def test_a_grant_is_the_same_in_both_versions(api: Api) -> None:
    source = {"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "namespace": "a"}
    spec = {"from": [source], "to": [{"group": "", "kind": "Service"}]}
    body = {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "ReferenceGrant",
        "metadata": {"name": "g"},
        "spec": spec,
    }
    await api.create("referencegrants", body)
    older = api.path("referencegrants", "g").replace("/v1/", "/v1beta1/")
    answer = await api.raw("GET", older)
    assert (answer.body["apiVersion"], answer.body["spec"]) == ("gateway.networking.k8s.io/v1beta1", spec)
