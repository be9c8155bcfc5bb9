"""The scale subresource."""

from typing import Any

from sandbox.apiserver.backend import Backend
from sandbox.apiserver.bodies import media_type, read_any, read_object
from sandbox.apiserver.call import Call
from sandbox.apiserver.registry import ScalePaths
from sandbox.apiserver.replies import Problem, Reply, bad_request, invalid, reply
from sandbox.apiserver.tables import find
from sandbox.apiserver.writes import patcher, revise
from sandbox.changes import Object, decode
from sandbox.errors import ApiError, conflict, not_found

_COPIED = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")


def scale(backend: Backend, call: Call) -> Reply:
    """Read or write how many replicas an object wants; 404, 409, 422."""
    found = backend.record(call.resource, call.namespace, call.record.name)
    paths = call.resource.scale
    if found is None or paths is None:
        raise not_found(call.resource.kind, call.record.name)
    current = scale_of(found.object, paths)
    if call.record.verb == "get":
        _refuse_absent(call, found.object, paths)
        return reply(current)
    wanted = _wanted(call, current)
    _check(call, wanted, current)
    obj = decode(found.raw)
    _put(obj, paths.replicas, wanted["spec"].get("replicas", 0))
    # Not `shape`d anew: the count is all that changes, whatever an older schema let in.
    revise(backend, call, found.object, obj)
    stored = backend.record(call.resource, call.namespace, call.record.name)
    return reply(scale_of(stored.object if stored and not call.dry else obj, paths))


def _refuse_absent(call: Call, obj: Object, paths: ScalePaths) -> None:
    """As in Kubernetes, where no number of replicas is written there is none to read, though it can be written."""
    if call.resource.kind.custom and _one(obj, paths.replicas) is None:
        why = f'the spec replicas field "{paths.replicas}" does not exist'
        details = {"causes": [{"message": why}]}
        raise ApiError(500, "InternalError", f"Internal error occurred: {why}", details)


def scale_of(obj: Object, paths: ScalePaths) -> Object:
    """Return an autoscaling/v1 Scale."""
    meta = {name: obj["metadata"][name] for name in _COPIED if name in obj["metadata"]}
    selector = _one(obj, paths.selector) if paths.selector else _labels(obj)
    replicas = _one(obj, paths.replicas)  # none is left out, as in Kubernetes
    status: Object = {"replicas": _one(obj, paths.status) or 0}
    return {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": meta,
        "spec": {"replicas": replicas} if replicas else {},
        "status": {**status, "selector": selector} if selector else status,
    }


def _one(obj: Object, path: str) -> Any:
    found = find(obj, path)
    return found[0] if found else None


def _labels(obj: Object) -> str:
    labels = (obj["spec"].get("selector") or {}).get("matchLabels") or {}
    return ",".join(f"{key}={value}" for key, value in sorted(labels.items()))


def _wanted(call: Call, current: Object) -> Object:
    if call.record.verb == "update":
        wanted = read_object(call.record.content_type, call.record.body)
    else:
        change = patcher(call, media_type(call.record.content_type))
        wanted = change(current, read_any(call.record.body))
    if not isinstance(wanted, dict) or not isinstance(wanted.get("spec"), dict):
        raise bad_request("a Scale has a spec")
    return wanted


def _check(call: Call, wanted: Object, current: Object) -> None:
    version = (wanted.get("metadata") or {}).get("resourceVersion")
    if version and version != current["metadata"]["resourceVersion"]:
        why = "the object has been modified; please apply your changes to the latest version and try again"
        raise conflict(call.resource.kind, call.record.name, why)
    replicas = wanted["spec"].get("replicas", 0)
    if not isinstance(replicas, int) or replicas < 0:
        detail = f"Invalid value: {replicas}: should be a non-negative integer"
        raise invalid(call.resource.kind, call.record.name, [Problem("spec.replicas", detail)])


def _put(obj: Object, path: str, value: int) -> None:
    *before, last = path.strip(".").split(".")
    node = obj
    for name in before:
        node = node.setdefault(name, {})
    node[last] = value
