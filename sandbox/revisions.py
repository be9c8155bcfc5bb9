"""What a write or a deletion makes of an object: pure, as Kubernetes does it."""

from datetime import datetime, timedelta

from sandbox.changes import Object
from sandbox.kinds import Kind

DEFAULT_GRACE = 30
_FINALIZERS = {"Foreground": "foregroundDeletion", "Orphan": "orphan"}
_KEPT = (
    "name",
    "namespace",
    "uid",
    "creationTimestamp",
    "generation",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
)


def revised(kind: Kind, old: Object, obj: Object, subresource: str | None) -> Object:
    """Return what a write of `obj` makes of `old`: its status only, or everything but its status."""
    if subresource == "status":
        new = {**old, "status": obj.get("status")}
        new["metadata"] = dict(old["metadata"])
        if obj["metadata"].get("managedFields"):
            new["metadata"]["managedFields"] = obj["metadata"]["managedFields"]
    else:
        new = {"apiVersion": kind.api_version, "kind": kind.kind, **obj}
        new["metadata"] = _kept_meta(obj["metadata"], old["metadata"])
        if kind.status:
            new["status"] = old.get("status")
    if new.get("status") is None:
        new.pop("status", None)
    if kind.generation and _wanted(kind, new) != _wanted(kind, old):
        new["metadata"]["generation"] = old["metadata"].get("generation", 0) + 1
    return new


def _kept_meta(meta: Object, old: Object) -> Object:
    """Return `meta` with everything only the storage writes taken from `old`."""
    given = {key: value for key, value in meta.items() if key not in _KEPT}
    kept = {key: old[key] for key in _KEPT if key in old}
    return {**kept, **given, "resourceVersion": old["resourceVersion"]}


def tidied(obj: Object) -> Object:
    """Take empty maps and lists out of the metadata, in place: Kubernetes stores none."""
    meta = obj["metadata"]
    for field in ("labels", "annotations", "finalizers", "ownerReferences", "managedFields"):
        if field in meta and not meta[field]:
            del meta[field]
    return obj


def _wanted(kind: Kind, obj: Object) -> Object:
    """Return what the generation counts: everything but metadata and status; of a Deployment its annotations too."""
    body = {key: value for key, value in obj.items() if key not in ("metadata", "status")}
    if kind.plural == "deployments" and not kind.custom:
        return {**body, "annotations": obj["metadata"].get("annotations") or {}}
    return body


def same(old: Object, new: Object) -> bool:
    """Whether a write changes nothing."""
    return _without_times(old) == _without_times(new)


def _without_times(obj: Object) -> Object:
    """When a field was last confirmed says nothing new if neither it nor its owners have changed."""
    meta = obj["metadata"]
    if not meta.get("managedFields"):
        return obj
    entries = [{**entry, "time": None} for entry in meta["managedFields"]]
    return {**obj, "metadata": {**meta, "managedFields": entries}}


def held(kind: Kind, obj: Object) -> bool:
    """Whether an object whose end was asked for has to stay for now."""
    if obj["metadata"].get("finalizers"):
        return True
    if kind.plural == "pods":
        return bool(obj["metadata"].get("deletionGracePeriodSeconds") != 0)
    return kind.plural == "namespaces"


def marked(obj: Object, plural: str, propagation: str, grace: int | None, now: str) -> Object:
    """Return `obj` with what its deletion leaves on it."""
    meta = obj["metadata"]
    first = "deletionTimestamp" not in meta
    if first:
        meta["deletionTimestamp"] = now
        meta["deletionGracePeriodSeconds"] = 0
        if "generation" in meta:
            meta["generation"] += 1
    if plural == "pods":
        own = obj.get("spec", {}).get("terminationGracePeriodSeconds", DEFAULT_GRACE)
        wanted = own if grace is None else grace
        meta["deletionGracePeriodSeconds"] = wanted if first else min(wanted, meta["deletionGracePeriodSeconds"])
        if first:
            over = datetime.fromisoformat(now) + timedelta(seconds=wanted)
            meta["deletionTimestamp"] = over.strftime("%Y-%m-%dT%H:%M:%SZ")
    if plural == "namespaces":
        obj["status"] = {**obj.get("status", {}), "phase": "Terminating"}
    finalizer = _FINALIZERS.get(propagation)
    if finalizer and finalizer not in meta.get("finalizers", ()):
        meta["finalizers"] = [*meta.get("finalizers", ()), finalizer]
    return obj
