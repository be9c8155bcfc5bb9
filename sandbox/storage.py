"""The objects of the sandbox: written atomically, with versions, finalizers and a bounded history, as in Kubernetes."""

import uuid
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from random import Random

from sandbox.changes import Change, Event, Feed, Object, Subscription, decode, encode
from sandbox.errors import ApiError, already_exists, check_fresh, not_found
from sandbox.kinds import BUILTIN, Kind
from sandbox.revisions import held, marked, revised, same, tidied

__all__ = ["ApiError", "Change", "Event", "Feed", "Kind", "Object", "Record", "Storage", "Subscription"]

_SUFFIX_LETTERS = "bcdfghjklmnpqrstvwxz2456789"  # those of generateName: no vowels, so no words


@dataclass(frozen=True)
class Record:
    """One stored object and its JSON. `object` belongs to the storage: never change it."""

    object: Object
    raw: bytes


def utc_now() -> datetime:
    """Return the time, aware."""
    return datetime.now(UTC)


class Storage:
    """Everything is synchronous and so atomic between two awaits. What goes in and comes out is a private copy.

    `seed` makes uids and generated names repeatable; `history` is how many changes a watch may be behind before it is
    told 410 Gone.
    """

    def __init__(
        self, *, seed: int | None = None, history: int = 10_000, now: Callable[[], datetime] = utc_now
    ) -> None:
        self._now = now
        self._random = Random(seed)  # noqa: S311 - names, not secrets
        self._version = 1
        self._compacted = 0
        self._history: deque[Change] = deque(maxlen=history)
        self._kinds: dict[str, Kind] = {}
        self._objects: dict[str, dict[str, dict[str, Record]]] = {}
        self._feeds: dict[str, list[Feed]] = {}
        self._listeners: dict[str, list[Callable[[Change], None]]] = {}
        for kind in BUILTIN:
            self.register(kind)

    # Kinds

    def kind(self, plural: str) -> Kind:
        """Return the kind of that storage key (its plural, save for clashes); raises KeyError."""
        return self._kinds[plural]

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """All kinds, in the order of their registration."""
        return tuple(self._kinds.values())

    def register(self, kind: Kind) -> None:
        """Serve `kind` from now on, or serve it in this form."""
        self._kinds[kind.storage_key] = kind
        self._objects.setdefault(kind.storage_key, {})

    def unregister(self, plural: str) -> None:
        """Remove a kind and all its objects; finalizers do not hold them."""
        for record in self.records(plural):
            meta = record.object["metadata"]
            self.remove(plural, meta.get("namespace"), meta["name"])
        self._objects.pop(plural, None)
        self._kinds.pop(plural, None)

    # Reading

    @property
    def version(self) -> int:
        """The resourceVersion of the last write."""
        return self._version

    def now(self) -> str:
        """Return the time as metadata has it, to the second."""
        return self._now().strftime("%Y-%m-%dT%H:%M:%SZ")

    def record(self, plural: str, namespace: str | None, name: str) -> Record | None:
        """Return the stored object itself, to be read only."""
        return self._objects[plural].get(self._namespace(plural, namespace), {}).get(name)

    def records(self, plural: str, namespace: str | None = None) -> list[Record]:
        """Return the stored objects themselves by namespace and name, to be read only."""
        spaces = self._objects.get(plural, {})
        chosen = sorted(spaces) if namespace is None else [namespace]
        return [space[name] for space in (spaces.get(key, {}) for key in chosen) for name in sorted(space)]

    def records_at(self, plural: str, namespace: str | None, version: int) -> list[Record]:
        """Return the objects as they were at a version, to be read only; 410 Expired if that has left the history."""
        found = {
            (r.object["metadata"].get("namespace", ""), r.object["metadata"]["name"]): r
            for r in self.records(plural, namespace)
        }
        for change in reversed(list(self._after(version, (plural,)))):
            place = (change.namespace, change.name)
            if change.previous is None:
                found.pop(place, None)
            elif namespace in (None, change.namespace):
                found[place] = Record(change.previous, encode(change.previous))
        return [found[place] for place in sorted(found)]

    def get(self, plural: str, namespace: str | None, name: str) -> Object | None:
        """Return a private copy, None if there is none."""
        record = self.record(plural, namespace, name)
        return decode(record.raw) if record else None

    def list(self, plural: str, namespace: str | None = None, labels: Mapping[str, str] | None = None) -> list[Object]:
        """Return private copies, of one namespace or of all, of those that carry all `labels`."""
        wanted = (labels or {}).items()
        return [decode(r.raw) for r in self.records(plural, namespace) if wanted <= labels_of(r.object).items()]

    # Writing

    def create(self, plural: str, obj: Object, *, dry: bool = False) -> Object:
        """Store `obj` as new; 409 AlreadyExists. Sets uid, resourceVersion, creationTimestamp and generation 1.

        `dry` returns what would be stored, without a resourceVersion, and stores nothing.
        """
        kind = self.kind(plural)
        new = decode(encode({"apiVersion": kind.api_version, "kind": kind.kind, **obj}))
        meta = new.setdefault("metadata", {})
        self._name(kind, meta)
        if self.record(plural, meta.get("namespace"), meta["name"]):
            raise already_exists(kind, meta["name"])
        meta["uid"] = str(uuid.UUID(int=self._random.getrandbits(128), version=4))
        meta["creationTimestamp"] = self.now()
        if kind.generation:
            meta["generation"] = 1
        tidied(new)
        if dry:
            return new  # type: ignore[no-any-return] # JSON
        return self._store("ADDED", plural, new, None)

    def update(self, plural: str, obj: Object, *, subresource: str | None = None, dry: bool = False) -> Object:
        """Replace an object, or its status only; what equals the stored object keeps the resourceVersion.

        404 NotFound; 409 Conflict if metadata.resourceVersion or uid is set and not the current one.
        `dry` returns what would be stored, with the old resourceVersion, and stores nothing.
        """
        kind, meta = self.kind(plural), obj["metadata"]
        record = self.record(plural, meta.get("namespace"), meta["name"])
        if record is None:
            raise not_found(kind, meta["name"])
        check_fresh(kind, meta, record.object["metadata"])
        new = tidied(decode(encode(revised(kind, record.object, obj, subresource))))
        if same(record.object, new):
            return decode(record.raw)  # type: ignore[no-any-return] # JSON
        if dry:
            return new
        if "deletionTimestamp" in new["metadata"] and not held(kind, new):
            # What goes is shown as it last was stored, as etcd knows it; the writer sees what it has written.
            gone = self._drop(plural, decode(record.raw), record.object)
            new["metadata"]["resourceVersion"] = gone["metadata"]["resourceVersion"]
            return new
        return self._store("MODIFIED", plural, new, record.object)

    def mutate(
        self,
        plural: str,
        namespace: str | None,
        name: str,
        change: Callable[[Object], None],
        *,
        subresource: str | None = None,
    ) -> Object | None:
        """Let `change` work on a copy and store that; None if the object does not exist."""
        obj = self.get(plural, namespace, name)
        if obj is None:
            return None
        change(obj)
        return self.update(plural, obj, subresource=subresource)

    def delete(
        self,
        plural: str,
        namespace: str | None,
        name: str,
        *,
        propagation: str = "Background",
        grace: int | None = None,
    ) -> Object | None:
        """Ask for the end of an object; missing is no error. Return its state after that, None if it was missing.

        `propagation` is Background, Foreground, Orphan, or Now (gone at once, whatever holds it). Finalizers, and the
        grace period of pods (`grace` seconds instead of their own; 0 = at once), only mark it with a
        deletionTimestamp; namespaces become Terminating and are finished by the garbage collection.
        """
        record = self.record(plural, namespace, name)
        if record is None:
            return None
        if propagation == "Now":
            return self._drop(plural, decode(record.raw), record.object)
        new = marked(decode(record.raw), plural, propagation, grace, self.now())
        if not held(self.kind(plural), new):
            return self._drop(plural, decode(record.raw), record.object)
        if same(record.object, new):
            return new
        return self._store("MODIFIED", plural, new, record.object)

    def remove(self, plural: str, namespace: str | None, name: str) -> None:
        """Make an object vanish at once, as a kubelet does when the pod's processes have ended."""
        self.delete(plural, namespace, name, propagation="Now")

    # Following

    def subscribe(self, *plurals: str) -> Subscription:
        """Follow some kinds: `async with storage.subscribe("pods") as events: async for event in events`."""

        def opened() -> tuple[list[Event], Feed]:
            existing = [Event("ADDED", p, decode(r.raw)) for p in plurals for r in self.records(p)]
            return existing, self.feed(*plurals)

        return Subscription(opened)

    def feed(self, *plurals: str, since: int | None = None) -> Feed:
        """Follow some kinds from the version `since` (None = now); 410 Expired if that has left the history."""
        backlog = [] if since is None else list(self._after(since, plurals))

        def closed(feed: Feed) -> None:
            for plural in plurals:
                self._feeds[plural].remove(feed)

        feed = Feed(backlog, closed)
        for plural in plurals:
            self._feeds.setdefault(plural, []).append(feed)
        return feed

    def listen(self, plural: str, listener: Callable[[Change], None]) -> Callable[[], None]:
        """Call `listener` within every write of a kind; return what ends that."""
        listeners = self._listeners.setdefault(plural, [])
        listeners.append(listener)
        return lambda: listeners.remove(listener)

    def compact(self) -> None:
        """Forget the history, so that every watch that starts before now is told 410."""
        self._history.clear()
        self._compacted = self._version

    def expire(self) -> None:
        """Forget the history and tell every open feed that it has expired."""
        self.compact()
        for feed in {id(feed): feed for feeds in self._feeds.values() for feed in feeds}.values():
            feed.expire()

    def expired(self, version: int) -> bool:
        """Whether changes after `version` may have been forgotten."""
        return version < self._compacted

    def _after(self, since: int, plurals: tuple[str, ...]) -> Iterator[Change]:
        if self.expired(since):
            raise ApiError(410, "Expired", f"too old resource version: {since} ({self._compacted})")
        newer = []
        for change in reversed(self._history):
            if change.version <= since:
                break
            if change.key in plurals:
                newer.append(change)
        return reversed(newer)

    # The writes themselves

    def _namespace(self, plural: str, namespace: str | None) -> str:
        return (namespace or "default") if self._kinds[plural].namespaced else ""

    def _name(self, kind: Kind, meta: Object) -> None:
        if not meta.get("name"):
            prefix = meta.get("generateName")
            if not prefix:
                raise ApiError(
                    422,
                    "Invalid",
                    f'{kind.kind} "" is invalid: metadata.name: Required value: name or generateName is required',
                )
            meta["name"] = prefix[:58] + "".join(self._random.choices(_SUFFIX_LETTERS, k=5))
        if kind.namespaced:
            meta["namespace"] = meta.get("namespace") or "default"
        else:
            meta.pop("namespace", None)

    def _store(self, type_: str, plural: str, new: Object, previous: Object | None) -> Object:
        meta = new["metadata"]
        change = self._emit(type_, plural, new, previous)
        space = self._objects[plural].setdefault(meta.get("namespace", ""), {})
        space[meta["name"]] = Record(new, change.raw)
        self._publish(change)
        return decode(change.raw)  # type: ignore[no-any-return] # JSON

    def _drop(self, plural: str, last: Object, previous: Object) -> Object:
        meta = last["metadata"]
        self._objects[plural][meta.get("namespace", "")].pop(meta["name"], None)
        change = self._emit("DELETED", plural, last, previous)
        self._publish(change)
        return decode(change.raw)  # type: ignore[no-any-return] # JSON

    def _emit(self, type_: str, plural: str, new: Object, previous: Object | None) -> Change:
        self._version += 1
        meta = new["metadata"]
        meta["resourceVersion"] = str(self._version)
        return Change(type_, plural, meta.get("namespace", ""), meta["name"], self._version, encode(new), new, previous)

    def _publish(self, change: Change) -> None:
        if len(self._history) == self._history.maxlen:
            self._compacted = self._history[0].version if self._history else change.version
        self._history.append(change)
        for listener in tuple(self._listeners.get(change.key, ())):
            listener(change)
        for feed in self._feeds.get(change.key, ()):
            feed.push(change)


def labels_of(obj: Object) -> Mapping[str, str]:
    """Return the labels of an object."""
    labels: Mapping[str, str] = obj["metadata"].get("labels") or {}
    return labels
