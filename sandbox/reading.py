"""What the controllers of the sandbox read from objects: owners, labels, conditions, times. Nothing here writes."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from sandbox.storage import Object, Storage

ObjectKey = tuple[str, str]  # namespace, name


class Owned:
    """The objects of one kind by the uid of their controller (None for those without), as current as the storage."""

    def __init__(self, storage: Storage, plural: str) -> None:
        self._storage = storage
        self._plural = plural
        self._keys: dict[str | None, dict[ObjectKey, None]] = {}

    def of(self, uid: str | None) -> list[Object]:
        """Return the stored objects, oldest first; they belong to the storage."""
        found = (self._storage.record(self._plural, *key) for key in self._keys.get(uid, ()))
        return [record.object for record in found if record]

    def see(self, obj: Object, previous: Object | None) -> None:
        """Take note of one change."""
        key, owner = key_of(obj), controller_of(obj)
        exists = self._storage.record(self._plural, *key) is not None
        if previous is not None and (not exists or controller_of(previous) != owner):
            self._keys.get(controller_of(previous), {}).pop(key, None)
        if exists:
            self._keys.setdefault(owner, {}).setdefault(key)


def follow(storage: Storage, plural: str, see: Callable[[Object, Object | None], None]) -> Callable[[], None]:
    """Show `see` everything that exists, then every change with the object before it; return what ends that."""
    for record in storage.records(plural):
        see(record.object, None)
    return storage.listen(plural, lambda change: see(change.object, change.previous))


def key_of(obj: Object) -> ObjectKey:
    """Return namespace and name of a namespaced object."""
    return obj["metadata"].get("namespace", "default"), obj["metadata"]["name"]


def controller_of(obj: Object) -> str | None:
    """Return the uid of the owner that controls an object."""
    owners = obj["metadata"].get("ownerReferences") or ()
    return next((owner["uid"] for owner in owners if owner.get("controller")), None)


def owners_of(obj: Object, previous: Object | None) -> list[ObjectKey]:
    """Return the keys of everything that owns an object or did so before this change."""
    both = (obj, previous) if previous else (obj,)
    owners = (owner for version in both for owner in version["metadata"].get("ownerReferences") or ())
    return [(key_of(obj)[0], owner["name"]) for owner in owners]


def owner_reference(owner: Object) -> Object:
    """Return the reference by which `owner` controls an object; a foreground deletion waits for that object."""
    return {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }


def adopted(storage: Storage, plural: str, *, owner: Object, orphans: Iterable[Object]) -> None:
    """Make `owner` the controller of those orphans in its namespace that its selector matches."""

    def adopt(obj: Object) -> None:
        obj["metadata"].setdefault("ownerReferences", []).append(owner_reference(owner))

    for orphan in orphans:
        namespace, name = key_of(orphan)
        if namespace == key_of(owner)[0] and matches(owner["spec"].get("selector"), labels_of(orphan)):
            storage.mutate(plural, namespace, name, adopt)


def labels_of(obj: Object) -> Mapping[str, str]:
    """Return the labels of an object."""
    return obj["metadata"].get("labels") or {}


def annotations_of(obj: Object) -> Mapping[str, str]:
    """Return the annotations of an object."""
    return obj["metadata"].get("annotations") or {}


def matches(selector: Object | None, labels: Mapping[str, str]) -> bool:
    """Whether a LabelSelector selects `labels`; none and an empty one select nothing, as in a workload."""
    if not selector:
        return False
    wanted = (selector.get("matchLabels") or {}).items()
    return wanted <= labels.items() and all(_fulfilled(e, labels) for e in selector.get("matchExpressions") or ())


def _fulfilled(expression: Object, labels: Mapping[str, str]) -> bool:
    key, values = expression["key"], expression.get("values") or ()
    return {
        "In": labels.get(key) in values,
        "NotIn": labels.get(key) not in values,
        "Exists": key in labels,
        "DoesNotExist": key not in labels,
    }[expression["operator"]]


def is_terminating(obj: Object) -> bool:
    """Whether its deletion was asked for."""
    return "deletionTimestamp" in obj["metadata"]


def is_active(pod: Object) -> bool:
    """Whether a pod counts as a replica: neither over nor terminating."""
    return not is_terminating(pod) and pod.get("status", {}).get("phase") not in ("Succeeded", "Failed")


def condition(obj: Object, type_: str) -> Object | None:
    """Return the condition of that type."""
    conditions: Iterable[Object] = obj.get("status", {}).get("conditions") or ()
    return next((c for c in conditions if c["type"] == type_), None)


def is_ready(pod: Object) -> bool:
    """Whether a pod says it is Ready; a terminating one may still say so."""
    ready = condition(pod, "Ready")
    return ready is not None and ready["status"] == "True"


def seconds_until_available(pod: Object, *, minimum: float, now: datetime) -> float | None:
    """Return for how long a pod still has to be ready to be available (at most 0 = it is); None if it is not ready."""
    ready = condition(pod, "Ready")
    if ready is None or ready["status"] != "True":
        return None
    if not minimum:
        return 0.0
    return minimum - (now - moment(ready["lastTransitionTime"])).total_seconds()


def moment(timestamp: str) -> datetime:
    """Return the aware datetime that metadata's notation stands for."""
    return datetime.fromisoformat(timestamp)


def without_zeros(status: Mapping[str, Any]) -> Object:
    """Return a status as Kubernetes serializes it: a count of 0 is left out."""
    return {key: value for key, value in status.items() if value != 0}
