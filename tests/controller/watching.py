"""Watches what must never happen, at every change of a route, an owned Ingress, a Service or an EndpointSlice."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.controller.harness import Stage


@dataclass
class Watch:
    """What went wrong, one sentence each."""

    made: Stage
    wrongs: list[str] = field(default_factory=list)
    weight: int = 0

    def see(self, plural: str, manifest: dict[str, Any]) -> None:
        """Look at one change."""
        if plural == "httproutes" and manifest["metadata"]["name"] == "shop":
            self._route(manifest)
        if plural == "ingresses" and manifest["metadata"]["name"] == "shop-canary":
            self._ingress(manifest)
        if (
            plural == "endpointslices"
            and (manifest["metadata"].get("labels") or {}).get("kubernetes.io/service-name") == "shop"
        ):
            self._slice(manifest)

    def _route(self, route: dict[str, Any]) -> None:
        refs = [ref for rule in route["spec"]["rules"] for ref in rule["backendRefs"]]
        weight = next((ref.get("weight", 1) for ref in refs if ref["name"] == "shop-canary"), 0)
        if sum(ref.get("weight", 1) for ref in refs) == 0:
            self.wrongs.append("a route gives no backend any weight")
        if weight > self.weight:
            self._raised(weight)
        self.weight = weight

    def _ingress(self, ingress: dict[str, Any]) -> None:
        told = ingress["metadata"].get("annotations") or {}
        weight = int(told.get("nginx.ingress.kubernetes.io/canary-weight", 0))
        if weight > self.weight:
            self._raised(weight)
        self.weight = weight

    def _raised(self, weight: int) -> None:
        service = self.made.get("services", "shop-canary")
        if service is None:
            self.wrongs.append(f"{weight} % to a Service that does not exist")
            return
        ready = [pod for pod in self._selected(service) if _ready(pod)]
        if not ready:
            self.wrongs.append(f"{weight} % to a canary without ready pods")

    def _selected(self, service: dict[str, Any]) -> list[dict[str, Any]]:
        return self.made.list("pods", service["spec"]["selector"])

    def _slice(self, manifest: dict[str, Any]) -> None:
        """A version whose release has not come to 100 % is behind the Service only by a decision: never in a step."""
        names = [each["targetRef"]["name"] for each in manifest.get("endpoints") or ()]
        pods = [pod for name in names if (pod := self.made.get("pods", name)) is not None]
        images = {pod["spec"]["containers"][0]["image"] for pod in pods}
        if len(images) > 1 and self.weight < 100 and (self.made.status.get("run") or {}).get("stage") == "Stepping":
            self.wrongs.append(f"the Service leads to {sorted(images)} at {self.weight} %")


def _ready(pod: dict[str, Any]) -> bool:
    return any(each["type"] == "Ready" and each["status"] == "True" for each in pod["status"].get("conditions") or ())


@asynccontextmanager
async def watching(made: Stage) -> AsyncIterator[Watch]:
    """Watch beside the block."""
    watch = Watch(made)
    ends = [
        made.objects.listen(plural, lambda change: watch.see(change.key, change.object))
        for plural in ("httproutes", "ingresses", "endpointslices")
    ]
    try:
        yield watch
    finally:
        for end in ends:
            end()
