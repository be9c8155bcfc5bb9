"""The columns of Kubernetes' own kinds; name comes before them and age after."""

from collections.abc import Callable, Mapping
from typing import Any

from sandbox.changes import Object

Cells = Callable[[Object], tuple[Any, ...]]
_Named = tuple[tuple[str, str], ...]


def _pod(obj: Object) -> tuple[Any, ...]:
    statuses = obj.get("status", {}).get("containerStatuses") or []
    wanted = len(obj.get("spec", {}).get("containers") or ())
    ready = sum(bool(each.get("ready")) for each in statuses)
    restarts = sum(each.get("restartCount", 0) for each in statuses)
    return (f"{ready}/{wanted}", _pod_state(obj, statuses), str(restarts))


def _pod_state(obj: Object, statuses: list[Object]) -> str:
    if "deletionTimestamp" in obj["metadata"]:
        return "Terminating"
    for each in statuses:
        for phase in ("waiting", "terminated"):
            reason = (each.get("state") or {}).get(phase, {}).get("reason")
            if reason:
                return str(reason)
    return str(obj.get("status", {}).get("phase", "Unknown"))


def _deployment(obj: Object) -> tuple[Any, ...]:
    status = obj.get("status", {})
    ready = f"{status.get('readyReplicas', 0)}/{obj['spec'].get('replicas', 1)}"
    return (ready, status.get("updatedReplicas", 0), status.get("availableReplicas", 0))


def _replica_set(obj: Object) -> tuple[Any, ...]:
    status = obj.get("status", {})
    return (obj["spec"].get("replicas", 1), status.get("replicas", 0), status.get("readyReplicas", 0))


def _service(obj: Object) -> tuple[Any, ...]:
    spec = obj["spec"]
    ports = ",".join(f"{port['port']}/{port.get('protocol', 'TCP')}" for port in spec.get("ports") or ())
    return (spec.get("type", "ClusterIP"), spec.get("clusterIP") or "<none>", "<none>", ports or "<none>")


def _event(obj: Object) -> tuple[Any, ...]:
    regarding = obj.get("involvedObject", {})
    subject = f"{str(regarding.get('kind', '')).lower()}/{regarding.get('name', '')}"
    return (obj.get("type", ""), obj.get("reason", ""), subject, str(obj.get("message", "")).strip())


def _endpoint_slice(obj: Object) -> tuple[Any, ...]:
    ports = ",".join(str(port.get("port")) for port in obj.get("ports") or ())
    addresses = [address for each in obj.get("endpoints") or () for address in each.get("addresses", ())]
    return (obj.get("addressType", ""), ports or "<unset>", ",".join(addresses) or "<unset>")


def _autoscaler(obj: Object) -> tuple[Any, ...]:
    spec = obj["spec"]
    target = spec.get("scaleTargetRef", {})
    reference = f"{target.get('kind')}/{target.get('name')}"
    current = obj.get("status", {}).get("currentReplicas", 0)
    return (reference, spec.get("minReplicas", 1), spec.get("maxReplicas"), current)


def _ingress(obj: Object) -> tuple[Any, ...]:
    spec = obj.get("spec") or {}
    hosts = ",".join(rule.get("host", "*") for rule in spec.get("rules") or ()) or "*"
    return (spec.get("ingressClassName") or "<none>", hosts)


def _named(*names: str) -> _Named:
    return tuple((name, "string") for name in (*names, "Age"))


BUILTIN_COLUMNS: Mapping[str, tuple[_Named, Cells]] = {
    "namespaces": (_named("Status"), lambda obj: (obj.get("status", {}).get("phase", ""),)),
    "pods": (_named("Ready", "Status", "Restarts"), _pod),
    "services": (_named("Type", "Cluster-IP", "External-IP", "Port(s)"), _service),
    "configmaps": (_named("Data"), lambda obj: (len(obj.get("data") or {}) + len(obj.get("binaryData") or {}),)),
    "secrets": (_named("Type", "Data"), lambda obj: (obj.get("type", ""), len(obj.get("data") or {}))),
    "serviceaccounts": (_named(), lambda _: ()),
    "events": (_named("Type", "Reason", "Object", "Message"), _event),
    "endpointslices": (_named("AddressType", "Ports", "Endpoints"), _endpoint_slice),
    "deployments": (_named("Ready", "Up-to-date", "Available"), _deployment),
    "replicasets": (_named("Desired", "Current", "Ready"), _replica_set),
    "horizontalpodautoscalers": (_named("Reference", "MinPods", "MaxPods", "Replicas"), _autoscaler),
    "leases": (_named("Holder"), lambda obj: (obj.get("spec", {}).get("holderIdentity", ""),)),
    "ingresses": (_named("Class", "Hosts"), _ingress),
}
