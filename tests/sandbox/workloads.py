"""Builders of workloads, and the components of a sandbox that a test needs, without an API server."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from sandbox.settings import Settings
from sandbox.storage import Object, Storage

NAMESPACE = "demo"
PATIENCE_SECONDS = 20.0


def quick(directory: Path, **changes: Any) -> Settings:
    """Virtual pods and short delays."""
    fast: dict[str, Any] = {"processes": False, "gateway": False, "prometheus": False}
    delays: dict[str, Any] = {"start_delay": (0.01, 0.03), "endpoints_lag": (0.01, 0.03), "proxy_lag": (0.01, 0.03)}
    return Settings(directory=directory, **{**fast, **delays, **changes})


def a_template(image: str = "shop:v1", *, annotations: dict[str, str] | None = None, **container: Any) -> Object:
    port = {"name": "http", "containerPort": 8080}
    return {
        "metadata": {"labels": {"app": "shop"}, **({"annotations": annotations} if annotations else {})},
        "spec": {"containers": [{"name": "shop", "image": image, "ports": [port], **container}]},
    }


def a_deployment(name: str = "shop", *, replicas: int = 3, template: Object | None = None, **spec: Any) -> Object:
    return {
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": "shop"}},
            "template": template or a_template(),
            **spec,
        },
    }


def a_pod(name: str = "shop-0", *, labels: dict[str, str] | None = None, **container: Any) -> Object:
    template = a_template(**container)
    return {
        "metadata": {"name": name, "namespace": NAMESPACE, "labels": {"app": "shop", **(labels or {})}},
        "spec": template["spec"],
    }


def a_service(name: str = "shop", *, target: int | str = "http", **spec: Any) -> Object:
    ports = [{"name": "web", "port": 80, "targetPort": target}]
    return {
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {"selector": {"app": "shop"}, "ports": ports, **spec},
    }


@asynccontextmanager
async def running(*components: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run components side by side and cancel them at the end; what one raises is raised."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(component) for component in components]
        await asyncio.sleep(0)
        yield
        for task in tasks:
            task.cancel()


async def eventually(read: Callable[[], Any], expected: Any = True) -> None:
    """Wait until `read()` is `expected`; in the end compare them, so that a failure shows both."""
    end = asyncio.get_running_loop().time() + PATIENCE_SECONDS
    while read() != expected and asyncio.get_running_loop().time() < end:  # noqa: ASYNC110 - anything may change it
        await asyncio.sleep(0.01)
    assert read() == expected


async def always(read: Callable[[], Any], expected: Any = True, *, turns: int = 20) -> None:
    """Compare `read()` with `expected` again and again while everything else goes on."""
    for _ in range(turns):
        assert read() == expected
        await asyncio.sleep(0.01)


def pods(storage: Storage, **labels: str) -> list[Object]:
    return storage.list("pods", NAMESPACE, labels)


def status_of(storage: Storage, name: str = "shop") -> Object:
    """The counts of a Deployment's status, as Kubernetes serializes them."""
    deployment = storage.get("deployments", NAMESPACE, name)
    assert deployment
    return {k: v for k, v in deployment.get("status", {}).items() if k not in ("conditions", "observedGeneration")}


def why(storage: Storage, type_: str, name: str = "shop") -> tuple[str, str] | None:
    """Status and reason of a Deployment's condition."""
    deployment = storage.get("deployments", NAMESPACE, name)
    assert deployment
    conditions = deployment.get("status", {}).get("conditions", [])
    return next(((c["status"], c["reason"]) for c in conditions if c["type"] == type_), None)
