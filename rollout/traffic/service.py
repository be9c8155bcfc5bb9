"""The Services themselves as a place where traffic is moved: pins to a revision, and the owned Service of a canary."""

import copy
from typing import Any

from rollout.models.kinds import Manifest
from rollout.models.rollout import REVISION_LABEL, ROLLOUT_LABEL
from rollout.models.split import Backend
from rollout.traffic.copied import copied

# How a Service leads to its pods; everything else in its spec is an address of its own or a way in from outside.
_LIKE_THE_USERS = (
    "internalTrafficPolicy",
    "ipFamilies",
    "ipFamilyPolicy",
    "publishNotReadyAddresses",
    "sessionAffinity",
    "sessionAffinityConfig",
    "trafficDistribution",
)


def pin(service: Manifest, revision: str | None) -> Manifest:
    """The Service restricted to the pods of one revision; with None, as people declared it."""
    spec = dict(service.get("spec") or {})
    selector = {name: value for name, value in (spec.pop("selector", None) or {}).items() if name != REVISION_LABEL}
    if revision is not None:
        selector[REVISION_LABEL] = revision
    return {**service, "spec": {**spec, "selector": selector} if selector else spec}


def pinned(service: Manifest) -> str | None:
    """The revision the Service is restricted to, if it is."""
    value = _selector(service).get(REVISION_LABEL)
    return str(value) if value else None


def canary_service(service: Manifest, *, backend: Backend, revision: str, rollout: str) -> Manifest:
    """The Service that leads to the canary's pods on the same ports and in the same way as the one people have.

    It has no address from outside, and no cluster IP where that has none. It has no ownerReference: a foreground delete
    of the Rollout would remove it while routes still name it.
    """
    metadata: Manifest = {
        "name": backend.canary,
        "namespace": backend.namespace,
        "labels": {**copied(service, "labels"), ROLLOUT_LABEL: rollout},
    }
    if annotations := copied(service, "annotations"):
        metadata["annotations"] = annotations
    spec = _spec_like(service) | {"selector": {**_selector(service), REVISION_LABEL: revision}}
    return copy.deepcopy({"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec})


def problem(service: Manifest) -> str | None:
    """Why this Service cannot be pinned to a revision, as a sentence with the remedy; None when it can."""
    metadata = service["metadata"]
    name = f"Service {metadata.get('namespace', '')}/{metadata['name']}"
    if (service.get("spec") or {}).get("type") == "ExternalName":
        return f"{name} is of type ExternalName and leads to no pods: name a Service with a selector in spec.services"
    if not _selector(service):
        return f"{name} has no selector: select the workload's pods in its spec.selector"
    return None


def replica_share(stable: int, canary: int) -> float:
    """The canary's share in per cent, with one decimal, where traffic follows the number of ready pods.

    0.0 means none at all and 100.0 everything, however many pods there are.
    """
    if canary == 0:
        return 0.0
    if stable == 0:
        return 100.0
    return min(99.9, max(0.1, round(100 * canary / (stable + canary), 1)))


def _selector(service: Manifest) -> dict[str, Any]:
    return dict((service.get("spec") or {}).get("selector") or {})


def _spec_like(service: Manifest) -> Manifest:
    declared = service.get("spec") or {}
    spec: Manifest = {field: declared[field] for field in _LIKE_THE_USERS if field in declared}
    if declared.get("clusterIP") == "None":
        spec["clusterIP"] = "None"
    ports = [
        {field: value for field, value in port.items() if field != "nodePort"} for port in declared.get("ports") or ()
    ]
    return {**spec, "type": "ClusterIP", "ports": ports}
