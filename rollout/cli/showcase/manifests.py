"""The objects of the demo: a shop behind a Gateway, and the Rollout that releases it."""

from typing import Any

NAMESPACE = "shop"
REPLICAS = 4
PORT = 8080

NAMESPACE_MANIFEST: dict[str, Any] = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
GATEWAY: dict[str, Any] = {
    "apiVersion": "gateway.networking.k8s.io/v1",
    "kind": "Gateway",
    "metadata": {"name": "public", "namespace": NAMESPACE},
    "spec": {"gatewayClassName": "sandbox", "listeners": [{"name": "http", "port": 80, "protocol": "HTTP"}]},
}
SERVICE: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "shop", "namespace": NAMESPACE},
    "spec": {"selector": {"app": "shop"}, "ports": [{"name": "http", "port": 80, "targetPort": PORT}]},
}
ROUTE: dict[str, Any] = {
    "apiVersion": "gateway.networking.k8s.io/v1",
    "kind": "HTTPRoute",
    "metadata": {"name": "shop", "namespace": NAMESPACE},
    "spec": {"parentRefs": [{"name": "public"}], "rules": [{"backendRefs": [{"name": "shop", "port": 80}]}]},
}
_BACKEND = 'envoy_cluster_name="{{namespace}}/{{service}}/80"'


def pod_template(version: str) -> dict[str, Any]:
    """The pods of one version of the shop. They go on serving for a moment after they were told to end."""
    return {
        "metadata": {
            "labels": {"app": "shop"},
            "annotations": {"prometheus.io/scrape": "true", "prometheus.io/port": str(PORT)},
        },
        "spec": {
            "terminationGracePeriodSeconds": 10,
            "containers": [
                {
                    "name": "shop",
                    "image": f"shop:{version}",
                    "ports": [{"name": "http", "containerPort": PORT}],
                    "readinessProbe": {"httpGet": {"path": "/healthz", "port": PORT}, "periodSeconds": 1},
                    "lifecycle": {"preStop": {"sleep": {"seconds": 2}}},
                }
            ],
        },
    }


def rollout(version: str) -> dict[str, Any]:
    """The Rollout of the shop: 10, 30, 60 and 100 %, judged by what the proxy sees of each version."""
    return {
        "apiVersion": "progressive.delivery/v1alpha1",
        "kind": "Rollout",
        "metadata": {"name": "shop", "namespace": NAMESPACE},
        "spec": {
            "replicas": REPLICAS,
            "template": pod_template(version),
            "services": [{"name": "shop"}],
            "traffic": [{"name": "public", "gatewayRoute": {"kind": "HTTPRoute", "name": "shop"}}],
            "strategy": {
                "canary": {
                    "steps": [
                        {"name": "ten", "weight": 10, "replicas": 3, "hold": {"for": "5s"}},
                        {"name": "thirty", "weight": 30, "replicas": 3, "hold": {"for": "5s"}},
                        {"name": "sixty", "weight": 60, "hold": {"for": "5s"}},
                    ],
                    "bake": {"for": "3s"},
                }
            },
            "analysis": {
                "checks": [
                    {
                        "name": "errors",
                        "ratio": {
                            "bad": f'envoy_cluster_upstream_rq_xx{{envoy_response_code_class="5",{_BACKEND}}}',
                            "total": f"envoy_cluster_upstream_rq_xx{{{_BACKEND}}}",
                        },
                        "ceiling": 1,
                        "exclude": "2s",
                    },
                    {
                        "name": "latency",
                        "latency": {
                            "histogram": f"envoy_cluster_upstream_rq_time{{{_BACKEND}}}",
                            "below": "2500ms",
                            "share": 99,
                        },
                        "exclude": "2s",
                    },
                    {"name": "restarts", "restarts": {"max": 0}},
                ]
            },
        },
    }
