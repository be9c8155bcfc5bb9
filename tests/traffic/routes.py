"""Routes and Services as they are read from an API server: builders for one, strategies for all kinds of them."""

import json
from itertools import chain, product
from typing import Any

from hypothesis import strategies as st

from rollout.models.kinds import Manifest
from rollout.models.split import Backend

SHOP = Backend(service="shop", canary="shop-canary", namespace="shop")
CART = Backend(service="cart", canary="cart-canary", namespace="shop")
BACKENDS = (SHOP, CART)


def a_ref(name: str = "shop", weight: int | None = None, port: int = 80, **fields: Any) -> dict[str, Any]:
    ref = {"name": name, "port": port, **fields}
    return ref if weight is None else {**ref, "weight": weight}


def a_rule(*refs: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {**fields, "backendRefs": list(refs)}


def a_route(*rules: dict[str, Any], namespace: str = "shop", **fields: Any) -> Manifest:
    metadata = {"name": "public", "namespace": namespace, "generation": 4, "resourceVersion": "7"}
    return {
        "kind": "HTTPRoute",
        "metadata": metadata,
        "spec": {"parentRefs": [{"name": "edge"}], "rules": list(rules)},
        **fields,
    }


def as_read(manifest: Manifest) -> Manifest:
    """The manifest as it comes out of JSON: no two places are the same object."""
    return dict(json.loads(json.dumps(manifest)))


def refs_in(manifest: Manifest, rule: int = 0) -> list[dict[str, Any]]:
    return list(manifest["spec"]["rules"][rule]["backendRefs"])


def weights_in(manifest: Manifest, rule: int = 0) -> dict[str, int | None]:
    return {ref["name"]: ref.get("weight") for ref in refs_in(manifest, rule)}


HEADER = {"type": "RequestHeaderModifier", "requestHeaderModifier": {"set": [{"name": "x-a", "value": "1"}]}}
STRIP = {"type": "ResponseHeaderModifier", "responseHeaderModifier": {"remove": ["x-b"]}}
_FILTERS: tuple[dict[str, Any], ...] = ({}, {"filters": [HEADER]}, {"filters": [STRIP, HEADER]})
_WRITTEN_OUT: tuple[dict[str, Any], ...] = ({}, {"group": "", "kind": "Service"})
_OURS = tuple(
    a_ref(name, port=port, namespace="shop", **written_out, **filters)
    for name, port, written_out, filters in product(("shop", "cart"), (80, 8080), _WRITTEN_OUT, _FILTERS)
)
_THEIRS = (
    a_ref("other"),
    a_ref("other-canary"),
    a_ref("other", namespace="shop"),
    a_ref("shop", namespace="elsewhere"),
    a_ref("shop", namespace="shop", group="multicluster.x-k8s.io", kind="ServiceImport"),
)
_DECLARED_CANARIES: tuple[dict[str, Any] | None, ...] = (None, None, None, {}, {"filters": [STRIP]})
_RULES: tuple[dict[str, Any], ...] = tuple(
    {**named, **timeouts, **filters}
    for named, timeouts, filters in product(({}, {"name": "rule"}), ({}, {"timeouts": {"request": "2s"}}), _FILTERS)
)
_WEIGHTS = st.none() | st.integers(0, 3) | st.integers(0, 100) | st.sampled_from([360, 997, 1000, 90_000, 1_000_000])


def _weighed(ref: dict[str, Any], weight: int | None) -> dict[str, Any]:
    return ref if weight is None else {**ref, "weight": weight}


@st.composite
def _stable_refs(draw: st.DrawFn) -> list[dict[str, Any]]:
    """One of the Services, perhaps with the canary that people declared beside it."""
    ref = draw(st.sampled_from(_OURS))
    canary = draw(st.sampled_from(_DECLARED_CANARIES))
    declared = [] if canary is None else [{**ref, **canary, "name": f"{ref['name']}-canary", "weight": 0}]
    return [_weighed(ref, draw(_WEIGHTS)), *declared]


_SIBLINGS = st.builds(_weighed, st.sampled_from(_THEIRS), _WEIGHTS).map(lambda ref: [ref])


@st.composite
def _rules(draw: st.DrawFn) -> list[dict[str, Any]]:
    rules = []
    for number, fields in enumerate(draw(st.lists(st.sampled_from(_RULES), min_size=1, max_size=3))):
        groups = draw(st.lists(_stable_refs() | _SIBLINGS, min_size=0 if number else 1, max_size=4))
        named = {"name": f"rule-{number}"} if "name" in fields else {}
        matches = [{"path": {"type": "PathPrefix", "value": f"/{number}"}}]
        rules.append(a_rule(*chain.from_iterable(groups), **{**fields, **named, "matches": matches}))
    return rules


def _without_own_namespace(ref: dict[str, Any]) -> dict[str, Any]:
    return {field: value for field, value in ref.items() if (field, value) != ("namespace", "shop")}


@st.composite
def routes(draw: st.DrawFn, *, kind: str) -> Manifest:
    """Routes with several rules, Services, ports, filters, siblings and namespaces."""
    rules = draw(_rules())
    namespace = draw(st.sampled_from(["shop", "edge"]))
    if namespace == "shop" and draw(st.booleans()):
        rules = [
            {**rule, "backendRefs": [_without_own_namespace(ref) for ref in rule["backendRefs"]]} for rule in rules
        ]
    route = a_route(*rules, namespace=namespace, kind=kind)
    annotations = {"team/owner": "a~b", "note": "hands off"}
    route["metadata"] |= draw(st.sampled_from([{}, {"annotations": annotations}, {"labels": {"app/name": "shop"}}]))
    route |= draw(st.sampled_from([{}, {"status": {"parents": []}}]))
    return as_read(route)


def a_service(name: str = "shop", **spec: Any) -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": "shop", "resourceVersion": "7"},
        "spec": {"selector": {"app": "shop"}, "ports": [{"port": 80, "targetPort": 8080}], **spec},
    }


@st.composite
def services(draw: st.DrawFn) -> Manifest:
    """Services of every type that leads to pods."""
    selector = draw(st.sampled_from([{"app": "shop"}, {"app": "shop", "a/b~c": "x"}]))
    service = a_service(selector=selector, **draw(st.sampled_from(_SERVICES)))
    service["metadata"] |= draw(
        st.sampled_from([{}, {"annotations": {"team/owner": "a"}}, {"labels": {"app": "shop"}}])
    )
    return as_read(service | draw(st.sampled_from([{}, {"status": {"loadBalancer": {}}}])))


_SERVICES: tuple[dict[str, Any], ...] = ({}, {"type": "ClusterIP", "clusterIP": "None"}, {"type": "LoadBalancer"})


def a_path(service: str = "shop", path: str = "/", **fields: Any) -> dict[str, Any]:
    backend = {"service": {"name": service, "port": {"number": 80}}}
    return {"path": path, "pathType": "Prefix", "backend": backend, **fields}


def at_host(host: str | None, *paths: dict[str, Any]) -> dict[str, Any]:
    return ({} if host is None else {"host": host}) | {"http": {"paths": list(paths)}}


def an_ingress(*rules: dict[str, Any], name: str = "public", annotations: Any = None, **spec: Any) -> Manifest:
    metadata = {"name": name, "namespace": "shop", "resourceVersion": "7"}
    metadata |= {} if annotations is None else {"annotations": annotations}
    declared = {"ingressClassName": "nginx", "rules": list(rules or [at_host("shop.example", a_path())]), **spec}
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": metadata,
        "spec": {name: value for name, value in declared.items() if value is not None},
    }


_PATHS = st.builds(
    a_path,
    st.sampled_from(["shop", "cart", "other"]),
    st.sampled_from(["/", "/a", "/b/c"]),
    pathType=st.sampled_from(["Prefix", "Exact", "ImplementationSpecific"]),
)
NGINX = "nginx.ingress.kubernetes.io/"
_INGRESS_ANNOTATIONS: tuple[Any, ...] = (
    None,
    {"team/owner": "a~b", f"{NGINX}rewrite-target": "/$1"},
    {f"{NGINX}load-balance": "ewma", f"{NGINX}upstream-hash-by": "$remote_addr"},
    {"kubernetes.io/ingress.class": "nginx"},
)


@st.composite
def ingresses(draw: st.DrawFn) -> Manifest:
    """Ingresses with several hosts, paths and Services, at least one of them ours."""
    hosts = draw(st.lists(st.sampled_from([None, "a.example", "b.example"]), min_size=1, max_size=3, unique=True))
    rules = [at_host(host, *draw(st.lists(_PATHS, min_size=1, max_size=3))) for host in hosts]
    rules[0]["http"]["paths"].append(a_path("shop", "/own"))
    ingress = an_ingress(
        *rules,
        annotations=draw(st.sampled_from(_INGRESS_ANNOTATIONS)),
        ingressClassName=draw(st.sampled_from(["nginx", None])),
    )
    ingress["metadata"] |= draw(st.sampled_from([{}, {"labels": {"app/name": "shop"}}]))
    return as_read(ingress | draw(st.sampled_from([{}, {"status": {"loadBalancer": {}}}])))
