"""The defaults of Kubernetes' own kinds: what the API server adds to what people wrote, and nothing else."""

from base64 import b64encode
from collections.abc import Callable, Mapping
from typing import Any

from sandbox.apiserver.quantities import canonical
from sandbox.changes import Object

_POD: Mapping[str, Any] = {
    "restartPolicy": "Always",
    "terminationGracePeriodSeconds": 30,
    "dnsPolicy": "ClusterFirst",
    "schedulerName": "default-scheduler",
}
_PROBE: Mapping[str, Any] = {
    "timeoutSeconds": 1,
    "periodSeconds": 10,
    "successThreshold": 1,
    "failureThreshold": 3,
}


def fill_defaults(plural: str, obj: Object) -> None:
    """Set in place the defaults of a built-in kind; other kinds have theirs in their schema."""
    if plural in _DEFAULTS:
        _DEFAULTS[plural](obj)


def _set(node: Object, defaults: Mapping[str, Any]) -> None:
    for key, value in defaults.items():
        if node.get(key) is None or node[key] == "":
            node[key] = value


def _deployment(obj: Object) -> None:
    spec = obj.setdefault("spec", {})
    _set(spec, {"replicas": 1, "strategy": {}, "revisionHistoryLimit": 10, "progressDeadlineSeconds": 600})
    strategy = spec["strategy"]
    _set(strategy, {"type": "RollingUpdate"})
    if strategy["type"] == "RollingUpdate":
        _set(strategy, {"rollingUpdate": {}})
        _set(strategy["rollingUpdate"], {"maxUnavailable": "25%", "maxSurge": "25%"})
    _template(spec)


def _replica_set(obj: Object) -> None:
    spec = obj.setdefault("spec", {})
    _set(spec, {"replicas": 1})
    _template(spec)
    if not spec.get("selector"):
        labels = spec.get("template", {}).get("metadata", {}).get("labels")
        if labels:
            spec["selector"] = {"matchLabels": dict(labels)}


def _template(spec: Object) -> None:
    template = spec.get("template")
    if isinstance(template, dict):
        template.setdefault("metadata", {})
        _pod_spec(template.setdefault("spec", {}))


def _pod(obj: Object) -> None:
    spec = obj.setdefault("spec", {})
    _pod_spec(spec)
    _set(spec, {"serviceAccountName": "default", "serviceAccount": "default", "enableServiceLinks": True})


def _pod_spec(spec: Object) -> None:
    _set(spec, {**_POD, "securityContext": {}})
    if spec.get("serviceAccountName"):
        _set(spec, {"serviceAccount": spec["serviceAccountName"]})
    for key in ("initContainers", "containers"):
        for container in spec.get(key) or ():
            _container(container)
    for volume in spec.get("volumes") or ():
        _volume(volume)
    _deep(spec)


# Wherever they are in the spec of a pod.
_BY_NAME: Mapping[str, Mapping[str, Any]] = {
    "fieldRef": {"apiVersion": "v1"},
    "grpc": {"service": ""},
    "httpGet": {"path": "/", "scheme": "HTTP"},
    "resourceFieldRef": {"divisor": "0"},
    "serviceAccountToken": {"expirationSeconds": 3600},
}


def _deep(node: Any) -> None:
    if isinstance(node, list):
        for item in node:
            _deep(item)
    elif isinstance(node, dict):
        for name, value in node.items():
            if name in _BY_NAME and isinstance(value, dict):
                _set(value, _BY_NAME[name])
            _deep(value)


def _container(container: Object) -> None:
    image = container.get("image") or ""
    latest = image.endswith(":latest") or ":" not in image.rpartition("/")[2]
    _set(
        container,
        {
            "resources": {},
            "terminationMessagePath": "/dev/termination-log",
            "terminationMessagePolicy": "File",
            "imagePullPolicy": "Always" if latest and "@" not in image else "IfNotPresent",
        },
    )
    for amounts in (container["resources"].get("limits"), container["resources"].get("requests")):
        _canonical(amounts or {})
    for port in container.get("ports") or ():
        _set(port, {"protocol": "TCP"})
    for name in ("livenessProbe", "readinessProbe", "startupProbe"):
        if container.get(name):
            _probe(container[name])


def _canonical(amounts: Object) -> None:
    for name, amount in amounts.items():
        amounts[name] = canonical(amount)


def _probe(probe: Object) -> None:
    _set(probe, _PROBE)


def _volume(volume: Object) -> None:
    for source in ("secret", "configMap", "projected", "downwardAPI"):
        if volume.get(source):
            _set(volume[source], {"defaultMode": 420})
    if set(volume) == {"name"}:
        volume["emptyDir"] = {}


def _service(obj: Object) -> None:
    spec = obj.setdefault("spec", {})
    _set(spec, {"type": "ClusterIP", "sessionAffinity": "None"})
    for port in spec.get("ports") or ():
        _set(port, {"protocol": "TCP", "targetPort": port.get("port")})
    if spec["sessionAffinity"] == "ClientIP":
        _set(spec, {"sessionAffinityConfig": {"clientIP": {"timeoutSeconds": 10800}}})
    if spec["type"] in ("NodePort", "LoadBalancer"):
        _set(spec, {"externalTrafficPolicy": "Cluster"})
    if spec["type"] != "ExternalName":
        _set(spec, {"internalTrafficPolicy": "Cluster", "ipFamilies": ["IPv4"], "ipFamilyPolicy": "SingleStack"})


def _namespace(obj: Object) -> None:
    name = obj["metadata"].get("name")
    obj.setdefault("spec", {}).setdefault("finalizers", ["kubernetes"])
    obj.setdefault("status", {}).setdefault("phase", "Active")
    if name:
        labels = obj["metadata"].get("labels") or {}
        obj["metadata"]["labels"] = {**labels, "kubernetes.io/metadata.name": name}


def _secret(obj: Object) -> None:
    _set(obj, {"type": "Opaque"})
    plain = obj.pop("stringData", None) or {}
    if plain:
        obj["data"] = {**(obj.get("data") or {}), **{k: b64encode(v.encode()).decode() for k, v in plain.items()}}


def _autoscaler(obj: Object) -> None:
    spec = obj.setdefault("spec", {})
    cpu = {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}}}
    _set(spec, {"minReplicas": 1, "metrics": [cpu]})


def _definition(obj: Object) -> None:
    spec = obj.setdefault("spec", {})
    names = spec.get("names") or {}
    if names.get("kind"):
        _set(names, {"singular": names["kind"].lower(), "listKind": f"{names['kind']}List"})
    _set(spec, {"conversion": {"strategy": "None"}})


def _endpoint_slice(obj: Object) -> None:
    for port in obj.get("ports") or ():
        _set(port, {"name": "", "protocol": "TCP"})


_DEFAULTS: Mapping[str, Callable[[Object], None]] = {
    "deployments": _deployment,
    "replicasets": _replica_set,
    "pods": _pod,
    "services": _service,
    "namespaces": _namespace,
    "secrets": _secret,
    "horizontalpodautoscalers": _autoscaler,
    "customresourcedefinitions": _definition,
    "endpointslices": _endpoint_slice,
}
