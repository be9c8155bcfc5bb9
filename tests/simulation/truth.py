"""What is so in the cluster, whatever anybody believes: who has which share of the traffic, and who could answer it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rollout.kube.indexes import SERVICE_LABEL
from rollout.models.rollout import REVISION_LABEL
from sandbox.storage import Storage
from tests.simulation.objects import NAMESPACE

NOBODY = "nobody"
_NGINX = "nginx.ingress.kubernetes.io/"
_LEAST_TOTAL = 100


def is_ready(pod: Mapping[str, Any]) -> bool:
    """Whether a pod is ready and stays."""
    conditions = (pod.get("status") or {}).get("conditions") or ()
    ready = any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)
    return ready and "deletionTimestamp" not in pod["metadata"]


def revision_of(labelled: Mapping[str, Any]) -> str:
    """The revision an object belongs to; empty for what belongs to none."""
    return str((labelled["metadata"].get("labels") or {}).get(REVISION_LABEL, ""))


def is_accepted(route: Mapping[str, Any]) -> bool:
    """Whether the Gateway has taken a route as it is."""
    parents = (route.get("status") or {}).get("parents") or ()
    seen = [each.get("observedGeneration", 0) for parent in parents for each in parent.get("conditions") or ()]
    return bool(seen) and min(seen) >= int(route["metadata"]["generation"])


def _service_of(endpoint_slice: Mapping[str, Any]) -> str:
    return str((endpoint_slice["metadata"].get("labels") or {}).get(SERVICE_LABEL, ""))


def _beside(annotations: Mapping[str, str]) -> dict[str, int]:
    """The weights that ingress-nginx makes of the annotations of a canary."""
    if annotations.get(f"{_NGINX}canary") != "true":
        return {"shop": 1}
    weight, total = (int(annotations.get(f"{_NGINX}{name}", 0)) for name in ("canary-weight", "canary-weight-total"))
    total = total if total > _LEAST_TOTAL else _LEAST_TOTAL
    return {"shop": max(total - weight, 0), "shop-canary": min(weight, total)}


@dataclass(frozen=True)
class Truth:
    """Looks at a storage without a copy; nothing it gives may be changed."""

    storage: Storage

    def get(self, plural: str, name: str = "shop") -> Mapping[str, Any] | None:
        """An object as it is now."""
        record = self.storage.record(plural, NAMESPACE, name)
        return record.object if record else None

    def list(self, plural: str) -> list[Mapping[str, Any]]:
        """All objects of a kind in the namespace."""
        return [record.object for record in self.storage.records(plural, NAMESPACE)]

    @property
    def status(self) -> Mapping[str, Any]:
        """The Rollout's status."""
        return (self.get("rollouts") or {}).get("status") or {}

    @property
    def run(self) -> Mapping[str, Any]:
        """The current run in the status, or the last."""
        return self.status.get("run") or {}

    @property
    def weights(self) -> dict[str, int]:
        """The weight of each backend of the route, summed over its rules; without a route all is the Service's."""
        beside = self.get("ingresses", "shop-canary")
        if beside is not None and self.get("ingresses") is not None:
            return _beside(beside["metadata"].get("annotations") or {})
        route = self.get("httproutes")
        found: dict[str, int] = {}
        for rule in route["spec"].get("rules") or () if route else ():
            for ref in rule.get("backendRefs") or ():
                found[ref["name"]] = found.get(ref["name"], 0) + ref.get("weight", 1)
        return found or {"shop": 1}

    @property
    def route(self) -> Mapping[str, Any] | None:
        """The route or the Ingress that people declared."""
        return self.get("httproutes") or self.get("ingresses")

    @property
    def accepted(self) -> bool:
        """Whether the Gateway has accepted the route as it is now, which its proxies follow no earlier."""
        route = self.get("httproutes")
        return route is None or is_accepted(route)

    def ready(self, revision: str) -> int:
        """How many pods of a revision are ready."""
        return sum(is_ready(pod) for pod in self.list("pods") if revision_of(pod) == revision)

    def endpoints(self, service: str) -> int:
        """How many ready endpoints a Service has: what a Gateway can send its traffic to."""
        slices = [each for each in self.list("endpointslices") if _service_of(each) == service]
        found = [endpoint for each in slices for endpoint in each.get("endpoints") or ()]
        return sum(bool((endpoint.get("conditions") or {}).get("ready")) for endpoint in found)

    def shares(self) -> dict[str, float]:
        """The part of the traffic that each revision gets, 0 to 1; NOBODY's is that to Services without ready pods."""
        found: dict[str, float] = {}
        weights = self.weights
        total = sum(weights.values()) or 1
        for service, weight in weights.items():
            for revision, part in self._behind(service):
                found[revision] = found.get(revision, 0.0) + part * weight / total
        return {revision: share for revision, share in found.items() if share > 0}

    def led_to(self, service: str) -> str | None:
        """The revision that a Service is restricted to, None where it is not, or is not there."""
        found = self.get("services", service)
        revision: str | None = ((found or {}).get("spec") or {}).get("selector", {}).get(REVISION_LABEL)
        return revision

    def _behind(self, name: str) -> Iterator[tuple[str, float]]:
        """(revision, part) of those who answer for a Service."""
        service = self.get("services", name)
        if service is None:
            yield NOBODY, 1.0
            return
        wanted = (service["spec"].get("selector") or {}).items()
        chosen = [pod for pod in self.list("pods") if wanted <= (pod["metadata"].get("labels") or {}).items()]
        answering = [revision_of(pod) for pod in chosen if is_ready(pod)]
        if not answering:
            yield NOBODY, 1.0
        for revision in sorted(set(answering)):
            yield revision, answering.count(revision) / len(answering)
