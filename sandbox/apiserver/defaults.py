"""The defaults of Kubernetes' own kinds: what the API server adds to what people wrote, and nothing else."""

from collections.abc import Callable, Mapping
from typing import Any

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
        if node.get(key) is None:
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
    for port in container.get("ports") or ():
        _set(port, {"protocol": "TCP"})
    for name in ("livenessProbe", "readinessProbe", "startupProbe"):
        if container.get(name):
            _probe(container[name])
    for env in container.get("env") or ():
        reference = (env.get("valueFrom") or {}).get("fieldRef")
        if reference:
            _set(reference, {"apiVersion": "v1"})


def _probe(probe: Object) -> None:
    _set(probe, _PROBE)
    if probe.get("httpGet"):
        _set(probe["httpGet"], {"path": "/", "scheme": "HTTP"})


def _volume(volume: Object) -> None:
    for source in ("secret", "configMap", "projected", "downwardAPI"):
        if volume.get(source):
            _set(volume[source], {"defaultMode": 420})
    if set(volume) == {"name"}:
        volume["emptyDir"] = {}


def _service(obj: Object) -> None:
    spec = obj.setdefault("spec", {})
    _set(spec, {"type": "ClusterIP", "sessionAffinity": "None"})
    if spec["type"] == "ExternalName":
        return
    _set(
        spec,
        {"internalTrafficPolicy": "Cluster", "ipFamilies": ["IPv4"], "ipFamilyPolicy": "SingleStack"},
    )
    for port in spec.get("ports") or ():
        _set(port, {"protocol": "TCP", "targetPort": port.get("port")})


def _namespace(obj: Object) -> None:
    name = obj["metadata"].get("name")
    obj.setdefault("spec", {}).setdefault("finalizers", ["kubernetes"])
    obj.setdefault("status", {}).setdefault("phase", "Active")
    if name:
        labels = obj["metadata"].get("labels") or {}
        obj["metadata"]["labels"] = {**labels, "kubernetes.io/metadata.name": name}


def _secret(obj: Object) -> None:
    _set(obj, {"type": "Opaque"})


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
