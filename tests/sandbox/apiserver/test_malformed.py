"""Whatever a client sends, it is told what is wrong: nothing is an internal error."""

import copy
from collections.abc import Iterator
from typing import Any

import pytest

DEPLOYMENT = {
    "metadata": {"name": "x", "labels": {"a": "b"}, "ownerReferences": [{"uid": "1"}]},
    "spec": {
        "replicas": 1,
        "strategy": {"rollingUpdate": {}},
        "selector": {"matchLabels": {"a": "b"}},
        "template": {
            "metadata": {"labels": {"a": "b"}},
            "spec": {"containers": [{"name": "a", "image": "b", "ports": [{"containerPort": 1}]}]},
        },
    },
}
ROUTE = {
    "metadata": {"name": "x"},
    "spec": {"parentRefs": [{"name": "g"}], "rules": [{"backendRefs": [{"name": "a", "port": 1, "weight": 1}]}]},
}
SERVICE = {"metadata": {"name": "x"}, "spec": {"ports": [{"port": 1, "name": "a"}], "selector": {"a": "b"}}}
DEFINITION = {
    "metadata": {"name": "as.b.c"},
    "spec": {
        "group": "b.c",
        "scope": "Namespaced",
        "names": {"plural": "as", "kind": "A"},
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-validations": [{"rule": "true"}]}},
                "additionalPrinterColumns": [{"name": "A", "type": "string", "jsonPath": ".a"}],
            }
        ],
    },
}
CASES = {
    "/apis/apps/v1/namespaces/default/deployments": DEPLOYMENT,
    "/apis/gateway.networking.k8s.io/v1/namespaces/default/httproutes": ROUTE,
    "/api/v1/namespaces/default/services": SERVICE,
    "/apis/apiextensions.k8s.io/v1/customresourcedefinitions": DEFINITION,
}
NONSENSE: tuple[Any, ...] = (None, 1, "", [], {}, [None], True, {"a": None})


def places(node: Any) -> Iterator[tuple[Any, ...]]:
    """Yield the paths of everything in `node`."""
    inside = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in inside:
        yield (key,)
        yield from ((key, *rest) for rest in places(value))


def spoiled(node: Any, place: tuple[Any, ...], value: Any) -> Any:
    result = copy.deepcopy(node)
    at = result
    for key in place[:-1]:
        at = at[key]
    at[place[-1]] = value
    return result


@pytest.mark.parametrize(("path", "good"), CASES.items(), ids=[path.rpartition("/")[2] for path in CASES])
async def test_a_spoiled_object_is_refused_or_stored_but_breaks_nothing(http: Any, path: str, good: Any) -> None:
    name = good["metadata"]["name"]
    assert (await http("POST", path, good))[0] == 201
    media = {"content_type": "application/apply-patch+yaml"}
    broken = []
    for place in places(good):
        for value in NONSENSE:
            bad = spoiled(good, place, value)
            answers = [
                await http("POST", f"{path}?dryRun=All", bad),
                await http.merge(f"{path}/{name}?dryRun=All", bad),
                await http("PATCH", f"{path}/{name}?dryRun=All&fieldManager=a&force=true", bad, **media),
            ]
            broken += [(place, value) for _, answer in answers if answer.get("reason") == "InternalError"]
    assert broken == []


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"1", b"\xff\xfe", b"a: [", b"null"])
async def test_a_body_that_is_no_object_is_a_bad_request(http: Any, body: bytes) -> None:
    assert (await http("POST", "/api/v1/namespaces/default/services", body))[0] == 400


async def test_an_unheard_of_media_type_is_unsupported(http: Any) -> None:
    path = "/api/v1/namespaces/default/services"
    assert (await http("POST", path, SERVICE, content_type="text/plain"))[0] == 415
    await http("POST", path, SERVICE)
    assert (await http("PATCH", f"{path}/x", {}, content_type="application/json"))[0] == 415
