"""What a shop in a namespace of its own is made of: pods behind a Service, a route of Traefik's Gateway, a Rollout."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from controlplane.traefik import CLASS

Manifest = dict[str, Any]

PORT = 8000  # of the listener, and of Traefik
_POD_PORT = 8080
_GATEWAY_API = "gateway.networking.k8s.io/v1"
STEPS = (20, 50)
_ERROR_RATES: Mapping[str, float] = MappingProxyType({"v2-bad": 0.3})
# Named by Traefik like this, a series for each backend of a route.
_SERVICE = 'service="{{namespace}}-{{service}}-http-80@kubernetesgateway"'


def shop(namespace: str) -> list[Manifest]:
    """Everything but the namespace itself, with version v1."""
    made = [_gateway(), _service(), _route(f"{namespace}.example"), _rollout()]
    return [{**each, "metadata": {"name": "shop", "namespace": namespace}} for each in made]


def neighbour(hostname: str) -> Manifest:
    """A Gateway and a route that have nothing to do with any shop."""
    metadata = {"name": "neighbour", "namespace": "default"}
    route = _route(hostname)
    route["spec"]["parentRefs"] = [{"name": "neighbour"}]
    return {
        "apiVersion": "v1",
        "kind": "List",
        "items": [{**each, "metadata": metadata} for each in (_gateway(), route)],
    }


def pods(version: str) -> Manifest:
    """The pod template of a version. Told to end, its pods do so without a preStop pause: nothing hides a mistake."""
    environment = [{"name": "ERROR_RATE", "value": str(_ERROR_RATES.get(version, 0.0))}]
    container = {
        "name": "shop",
        "image": f"shop:{version}",
        "env": environment,
        "ports": [{"name": "http", "containerPort": _POD_PORT}],
        "readinessProbe": {"httpGet": {"path": "/healthz", "port": _POD_PORT}, "periodSeconds": 1},
    }
    return {
        "metadata": {"labels": {"app": "shop"}},
        "spec": {"terminationGracePeriodSeconds": 10, "containers": [container]},
    }


def _gateway() -> Manifest:
    listener = {"name": "http", "port": PORT, "protocol": "HTTP"}
    return {
        "apiVersion": _GATEWAY_API,
        "kind": "Gateway",
        "spec": {"gatewayClassName": CLASS, "listeners": [listener]},
    }


def _service() -> Manifest:
    ports = [{"name": "http", "port": 80, "targetPort": "http"}]
    return {"apiVersion": "v1", "kind": "Service", "spec": {"selector": {"app": "shop"}, "ports": ports}}


def _route(hostname: str) -> Manifest:
    rules = [{"backendRefs": [{"name": "shop", "port": 80}]}]
    spec = {"parentRefs": [{"name": "shop"}], "hostnames": [hostname], "rules": rules}
    return {"apiVersion": _GATEWAY_API, "kind": "HTTPRoute", "spec": spec}


def _rollout() -> Manifest:
    bad = f'traefik_service_requests_total{{code=~"5..",{_SERVICE}}}'
    total = f"traefik_service_requests_total{{{_SERVICE}}}"
    errors = {"name": "errors", "ratio": {"bad": bad, "total": total}, "ceiling": 1, "compare": False}
    steps = [{"weight": weight, "hold": {"for": "4s"}} for weight in STEPS]
    return {
        "apiVersion": "progressive.delivery/v1alpha1",
        "kind": "Rollout",
        "spec": {
            "replicas": 2,
            "template": pods("v1"),
            "services": [{"name": "shop"}],
            "traffic": [{"name": "public", "gatewayRoute": {"kind": "HTTPRoute", "name": "shop"}}],
            "strategy": {"canary": {"steps": steps, "bake": {"for": "2s"}}},
            "analysis": {"checks": [errors]},
        },
    }
