"""Garbage collection: what its owners leave behind goes, foreground and orphan deletions end, namespaces empty."""

from collections.abc import Iterator

from sandbox.changes import Event, Object
from sandbox.settings import Settings
from sandbox.storage import Storage, Subscription

_Key = tuple[str, str, str]  # plural, namespace, name


class _Owners:
    """Who owns what, by uid."""

    def __init__(self) -> None:
        self._uids: dict[str, _Key] = {}
        self._dependents: dict[str, set[_Key]] = {}
        self._owners: dict[_Key, frozenset[str]] = {}

    def note(self, event: Event) -> None:
        """Learn what an event says."""
        meta = event.object["metadata"]
        key = (event.plural, meta.get("namespace", ""), meta["name"])
        gone = event.type == "DELETED"
        if not gone:
            self._uids[meta["uid"]] = key
        elif self._uids.get(meta["uid"]) == key:
            del self._uids[meta["uid"]]
        now = frozenset() if gone else frozenset(each["uid"] for each in meta.get("ownerReferences") or ())
        before = self._owners.pop(key, frozenset())
        for uid in before - now:
            self._dependents[uid].discard(key)
        for uid in now - before:
            self._dependents.setdefault(uid, set()).add(key)
        if now:
            self._owners[key] = now

    def exists(self, uid: str) -> bool:
        """Whether an object with that uid exists."""
        return uid in self._uids

    def dependents(self, uid: str) -> tuple[_Key, ...]:
        """Return what names that uid as an owner, in order."""
        return tuple(sorted(self._dependents.get(uid, ())))

    def owner(self, uid: str) -> _Key | None:
        """Return where the object with that uid is."""
        return self._uids.get(uid)


async def run(storage: Storage, settings: Settings) -> None:  # noqa: ARG001 - every component has this signature
    """Collect until cancelled, each time at once after the change that makes it necessary."""
    while True:
        # A kind that is registered later needs a new subscription.
        kinds = tuple(kind.storage_key for kind in storage.kinds)
        async with storage.subscribe(*kinds) as events:
            await _collect(storage, events, kinds)


async def _collect(storage: Storage, events: Subscription, kinds: tuple[str, ...]) -> None:
    owners = _Owners()
    for event in (event for kind in kinds for event in _existing(storage, kind)):
        owners.note(event)
    async for event in events:
        owners.note(event)
        _react(storage, owners, event)
        if event.plural == "customresourcedefinitions" and tuple(k.storage_key for k in storage.kinds) != kinds:
            return


def _existing(storage: Storage, kind: str) -> Iterator[Event]:
    return (Event("ADDED", kind, record.object) for record in storage.records(kind))


def _react(storage: Storage, owners: _Owners, event: Event) -> None:
    meta = event.object["metadata"]
    if event.type == "DELETED":
        for key in owners.dependents(meta["uid"]):
            _release(storage, owners, key)
    else:
        _release(storage, owners, (event.plural, meta.get("namespace", ""), meta["name"]))
        if "deletionTimestamp" in meta:
            _finish(storage, owners, event)
    _unblock(storage, owners, meta)
    _empty_namespaces(storage, event)


def _release(storage: Storage, owners: _Owners, key: _Key) -> None:
    """Delete an object all of whose owners are gone; take away references to owners that are."""
    record = storage.record(*key)
    references = record.object["metadata"].get("ownerReferences") or [] if record else []
    left = [each for each in references if owners.exists(each["uid"])]
    if record is None or len(left) == len(references) or "deletionTimestamp" in record.object["metadata"]:
        return
    if not left:
        storage.delete(*key)
        return
    storage.mutate(*key, lambda obj: obj["metadata"].update(ownerReferences=left))


def _finish(storage: Storage, owners: _Owners, event: Event) -> None:
    finalizers = event.object["metadata"].get("finalizers") or ()
    key = (event.plural, event.object["metadata"].get("namespace", ""), event.object["metadata"]["name"])
    if "foregroundDeletion" in finalizers:
        _delete_dependents(storage, owners, key)
    elif "orphan" in finalizers:
        for dependent in owners.dependents(event.object["metadata"]["uid"]):
            _disown(storage, dependent, event.object["metadata"]["uid"])
        _drop_finalizer(storage, key, "orphan")


def _delete_dependents(storage: Storage, owners: _Owners, key: _Key) -> None:
    """Delete in the foreground what the object owns; when nothing is left that blocks it, let it go."""
    record = storage.record(*key)
    if record is None:
        return
    uid = record.object["metadata"]["uid"]
    blocking = [each for each in owners.dependents(uid) if _blocks(storage, each, uid)]
    for dependent in owners.dependents(uid):
        found = storage.record(*dependent)
        if found is not None and "deletionTimestamp" not in found.object["metadata"]:
            deeper = owners.dependents(found.object["metadata"]["uid"])
            storage.delete(*dependent, propagation="Foreground" if deeper else "Background")
    if not [each for each in blocking if storage.record(*each) is not None]:
        _drop_finalizer(storage, key, "foregroundDeletion")


def _blocks(storage: Storage, key: _Key, uid: str) -> bool:
    record = storage.record(*key)
    references = record.object["metadata"].get("ownerReferences") or () if record else ()
    return any(each["uid"] == uid and each.get("blockOwnerDeletion") for each in references)


def _disown(storage: Storage, key: _Key, uid: str) -> None:
    def change(obj: Object) -> None:
        left = [each for each in obj["metadata"].get("ownerReferences") or () if each["uid"] != uid]
        obj["metadata"]["ownerReferences"] = left
        if not left:
            del obj["metadata"]["ownerReferences"]

    storage.mutate(*key, change)


def _drop_finalizer(storage: Storage, key: _Key, finalizer: str) -> None:
    def change(obj: Object) -> None:
        left = [each for each in obj["metadata"].get("finalizers") or () if each != finalizer]
        obj["metadata"]["finalizers"] = left
        if not left:
            del obj["metadata"]["finalizers"]

    storage.mutate(*key, change)


def _unblock(storage: Storage, owners: _Owners, meta: Object) -> None:
    """A dependent has gone or changed: its owner may have waited for that."""
    for reference in meta.get("ownerReferences") or ():
        key = owners.owner(reference["uid"])
        record = storage.record(*key) if key else None
        if key and record and "foregroundDeletion" in (record.object["metadata"].get("finalizers") or ()):
            _delete_dependents(storage, owners, key)


def _empty_namespaces(storage: Storage, event: Event) -> None:
    """Delete what a terminating namespace contains; the namespace goes with the last of it."""
    meta = event.object["metadata"]
    name = meta["name"] if event.plural == "namespaces" else meta.get("namespace", "")
    namespace = storage.record("namespaces", None, name) if name else None
    if namespace is None or "deletionTimestamp" not in namespace.object["metadata"]:
        return
    kinds = [kind.storage_key for kind in storage.kinds if kind.namespaced]
    for kind in kinds:
        for record in storage.records(kind, name):
            if "deletionTimestamp" not in record.object["metadata"]:
                storage.delete(kind, name, record.object["metadata"]["name"])
    if any(storage.records(kind, name) for kind in kinds) or namespace.object["metadata"].get("finalizers"):
        return
    storage.remove("namespaces", None, name)
