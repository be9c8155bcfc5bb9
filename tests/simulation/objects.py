"""What people declare in a simulation."""

from typing import Any

from tests.simulation.schedule import Setup, Shape

NAMESPACE = "shop"
SETTLE = 15.0  # seconds, as a controller has it where nothing else is said
SCRAPE = 15.0
HOLD = 60.0
WEIGHTS = (10, 50, 100)  # of a canary's steps; the last is everybody's own
BAKE = 90.0

_ERRORS: dict[str, Any] = {
    "name": "errors",
    "ratio": {
        "bad": 'requests_total{revision="{{revision}}",code="500"}',
        "total": 'requests_total{revision="{{revision}}"}',
    },
    "ceiling": 1,
    "exclude": "0s",  # a day is long enough without
}
_RESTARTS: dict[str, Any] = {"name": "restarts", "restarts": {"max": 1}}
_STRATEGIES: dict[Shape, dict[str, Any]] = {
    Shape.CANARY: {
        "canary": {
            "steps": [
                {"weight": WEIGHTS[0], "hold": {"for": f"{HOLD:g}s"}},
                {"weight": WEIGHTS[1], "hold": {"for": f"{HOLD:g}s"}},
            ],
            "bake": {"for": f"{BAKE:g}s"},
        }
    },
    Shape.BLUE_GREEN: {"blueGreen": {"preview": {"for": f"{HOLD:g}s"}, "bake": {"for": f"{BAKE:g}s"}}},
}

GATEWAY: dict[str, Any] = {
    "apiVersion": "gateway.networking.k8s.io/v1",
    "kind": "Gateway",
    "metadata": {"name": "public", "namespace": NAMESPACE},
    "spec": {"gatewayClassName": "sandbox", "listeners": [{"name": "http", "port": 80, "protocol": "HTTP"}]},
}
SERVICE: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "shop", "namespace": NAMESPACE, "labels": {"team": "web"}},
    "spec": {"selector": {"app": "shop"}, "ports": [{"name": "http", "port": 80, "targetPort": 8080}]},
}
ROUTE: dict[str, Any] = {
    "apiVersion": "gateway.networking.k8s.io/v1",
    "kind": "HTTPRoute",
    "metadata": {"name": "shop", "namespace": NAMESPACE, "labels": {"team": "web"}},
    "spec": {
        "parentRefs": [{"name": "public"}],
        "hostnames": ["shop.example"],
        "rules": [{"backendRefs": [{"name": "shop", "port": 80}]}],
    },
}


INGRESS: dict[str, Any] = {
    "apiVersion": "networking.k8s.io/v1",
    "kind": "Ingress",
    "metadata": {"name": "shop", "namespace": NAMESPACE, "labels": {"team": "web"}},
    "spec": {
        "ingressClassName": "nginx",
        "rules": [
            {
                "host": "shop.example",
                "http": {
                    "paths": [
                        {
                            "path": "/",
                            "pathType": "Prefix",
                            "backend": {"service": {"name": "shop", "port": {"number": 80}}},
                        }
                    ]
                },
            }
        ],
    },
}


def route(setup: Setup) -> dict[str, Any]:
    """What people declare that leads to the Service."""
    return INGRESS if setup.ingress else ROUTE


def image(version: str) -> str:
    """The image of a version."""
    return f"shop:{version}"


def template(version: str) -> dict[str, Any]:
    """The pod template of a version; the API server takes no Deployment with that of `refused`."""
    if version == "refused":
        return {"metadata": {"labels": {"app": "shop"}}, "spec": {"containers": [{"name": "shop"}]}}
    return {
        "metadata": {"labels": {"app": "shop"}},
        "spec": {"containers": [{"name": "shop", "image": image(version), "ports": [{"containerPort": 8080}]}]},
    }


def deployment(setup: Setup) -> dict[str, Any]:
    """The Deployment that is adopted, at v1."""
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "shop", "namespace": NAMESPACE},
        "spec": {
            "replicas": setup.replicas,
            "selector": {"matchLabels": {"app": "shop"}},
            "template": template("v1"),
        },
    }


def _analysis(setup: Setup) -> dict[str, Any]:
    errors = _ERRORS | ({"warnOnly": True} if setup.warns else {})
    policy = {"onNoData": {"after": "60s", "then": setup.no_data}} if setup.no_data else {}
    return {"checks": [errors, _RESTARTS], **policy}


def rollout(setup: Setup) -> dict[str, Any]:
    """The Rollout, at v1."""
    spec: dict[str, Any] = {"replicas": setup.replicas, "services": [{"name": "shop"}]}
    if setup.adopted:
        spec["workloadRef"] = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "shop"}
    else:
        spec["template"] = template("v1")
    if setup.routed:
        by_route = {"gatewayRoute": {"kind": "HTTPRoute", "name": "shop"}}
        spec["traffic"] = [{"name": "public", **({"ingress": {"name": "shop"}} if setup.ingress else by_route)}]
    if setup.judged:
        spec["analysis"] = _analysis(setup)
    return {
        "apiVersion": "progressive.delivery/v1alpha1",
        "kind": "Rollout",
        "metadata": {"name": "shop", "namespace": NAMESPACE},
        "spec": {**spec, "strategy": _STRATEGIES[setup.shape]},
    }
