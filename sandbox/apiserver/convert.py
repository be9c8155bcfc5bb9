"""Between the version an object is stored in and the version it is served in."""

from sandbox.apiserver.registry import Resource
from sandbox.changes import Object, encode
from sandbox.storage import Record

_EVENT_FIELDS = {  # core v1 -> events.k8s.io/v1
    "involvedObject": "regarding",
    "message": "note",
    "source": "deprecatedSource",
    "firstTimestamp": "deprecatedFirstTimestamp",
    "lastTimestamp": "deprecatedLastTimestamp",
    "count": "deprecatedCount",
    "reportingComponent": "reportingController",
}
_EVENT_FIELDS_BACK = {later: core for core, later in _EVENT_FIELDS.items()}


def outward(resource: Resource, obj: Object) -> Object:
    """Return a stored object as `resource` shows it."""
    if obj["apiVersion"] == resource.api_version:
        return obj
    renamed = _EVENT_FIELDS if resource.kind.plural == "events" else {}
    shown = {renamed.get(name, name): value for name, value in obj.items()}
    return {**shown, "apiVersion": resource.api_version}


def inward(resource: Resource, obj: Object, stored: str) -> Object:
    """Return an object given in the version of `resource` as it is stored."""
    if resource.api_version == stored:
        return obj
    renamed = _EVENT_FIELDS_BACK if resource.kind.plural == "events" else {}
    kept = {renamed.get(name, name): value for name, value in obj.items()}
    return {**kept, "apiVersion": stored}


def raw(resource: Resource, record: Record) -> bytes:
    """Return the JSON of a stored object as `resource` shows it."""
    if record.object["apiVersion"] == resource.api_version:
        return record.raw
    return encode(outward(resource, record.object))
