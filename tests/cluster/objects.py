"""Builders of the objects that tests of a cluster create."""

from typing import Any

Object = dict[str, Any]


def a_map(name: str = "m", data: dict[str, str] | None = None, **meta: Any) -> Object:
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, **meta}}
    return body if data is None else {**body, "data": data}


def a_template(image: str = "web:1", **container: Any) -> Object:
    return {
        "metadata": {"labels": {"app": "shop"}},
        "spec": {"containers": [{"name": "web", "image": image, **container}]},
    }


def a_deployment(name: str = "shop", *, template: Object | None = None, **spec: Any) -> Object:
    """A Deployment without pods, unless `replicas` are asked for."""
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {
            "replicas": 0,
            "selector": {"matchLabels": {"app": "shop"}},
            "template": template or a_template(),
            **spec,
        },
    }


def a_pod(name: str = "one", *, labels: dict[str, str] | None = None, **meta: Any) -> Object:
    ports = [{"name": "http", "containerPort": 8080}]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {"app": "shop", **(labels or {})}, **meta},
        "spec": {"containers": [{"name": "web", "image": "web:1", "ports": ports}]},
    }


def a_service(name: str = "shop", **spec: Any) -> Object:
    ports = [{"name": "web", "port": 80, "targetPort": "http"}]
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name},
        "spec": {"selector": {"app": "shop"}, "ports": ports, **spec},
    }


def a_route(*refs: Object, name: str = "shop", **spec: Any) -> Object:
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": name},
        "spec": {"parentRefs": [{"name": "public"}], "rules": [{"backendRefs": list(refs)}], **spec},
    }


def a_ref(name: str = "shop", **more: Any) -> Object:
    return {"name": name, "port": 80, **more}


def a_rollout(name: str = "shop", **spec: Any) -> Object:
    fields: Object = {
        "replicas": 3,
        "template": {"metadata": {"labels": {"app": "shop"}}, "spec": {"containers": [{"name": "a", "image": "a:1"}]}},
        "services": [{"name": "shop"}],
        "strategy": {"canary": {"steps": [{"weight": 10}]}},
        **spec,
    }
    return {
        "apiVersion": "progressive.delivery/v1alpha1",
        "kind": "Rollout",
        "metadata": {"name": name},
        "spec": {key: value for key, value in fields.items() if value is not None},
    }


def a_run(name: str = "shop-1", **spec: Any) -> Object:
    fields = {"rollout": "shop", "number": 1, "revision": "a", "template": {"spec": {"x": 1}}, "steps": [], **spec}
    return {
        "apiVersion": "progressive.delivery/v1alpha1",
        "kind": "RolloutRun",
        "metadata": {"name": name},
        "spec": fields,
    }


def owned_by(*owners: Object, block: bool = True) -> list[Object]:
    """References to owners, the first of which controls."""
    return [
        {
            "apiVersion": each["apiVersion"],
            "kind": each["kind"],
            "name": each["metadata"]["name"],
            "uid": each["metadata"]["uid"],
            **({"controller": True} if number == 0 else {}),
            "blockOwnerDeletion": block,
        }
        for number, each in enumerate(owners)
    ]
