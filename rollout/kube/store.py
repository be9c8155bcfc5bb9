"""The cache of the cluster: newest known bytes per object, decoded on demand, never older than our own last write."""

from collections.abc import Callable, Iterable, Mapping
from typing import TypeAlias

from rollout.kube import ingest
from rollout.kube.table import Entry, Index, Table
from rollout.kube.wire import head_of
from rollout.models.kinds import Key, Manifest, Resource

Subscriber: TypeAlias = Callable[[Resource, Key, Manifest | None, Manifest | None], None]
"""Called with (resource, key, new, old) after a change; new is None for a removal, old for an addition."""


class Store:
    """Holds the kinds named in `indexes`, each with its index functions (a manifest -> the values it is found by).

    The answers of our own writes go in through `put` as well, so a decision never sees a state older than what it
    wrote. An answer that arrives after the watch has already told of the object's deletion does not bring it back.
    Subscribers run inside the call that made the change and must only enqueue.
    """

    def __init__(self, indexes: Mapping[Resource, Mapping[str, Index]]) -> None:
        self._tables = {resource: Table(indexes[resource]) for resource in indexes}
        self._subscribers: list[Subscriber] = []

    def subscribe(self, subscriber: Subscriber) -> Callable[[], None]:
        """Have `subscriber` called after every change; call what is returned to end that."""
        self._subscribers.append(subscriber)
        return lambda: self._subscribers.remove(subscriber)

    def get(self, resource: Resource, key: Key) -> Manifest | None:
        """A fresh copy of the object, always with `kind` and `apiVersion`, never with `managedFields`."""
        entry = self._tables[resource].entries.get(key)
        return entry and ingest.manifest_of(entry.raw)

    def raw(self, resource: Resource, key: Key) -> bytes | None:
        """The object as JSON bytes, for views that decode a few fields."""
        entry = self._tables[resource].entries.get(key)
        return entry and entry.raw

    def keys(self, resource: Resource, namespace: str | None = None) -> tuple[Key, ...]:
        """The keys of a kind, sorted; of all namespaces without `namespace`."""
        return tuple(sorted(key for key in self._tables[resource].entries if namespace in {None, key.namespace}))

    def list(self, resource: Resource, namespace: str | None = None) -> tuple[Manifest, ...]:
        """The objects of a kind, sorted by key; decodes every one of them."""
        entries = self._tables[resource].entries
        return tuple(ingest.manifest_of(entries[key].raw) for key in self.keys(resource, namespace))

    def keys_by_index(self, resource: Resource, index: str, value: str) -> tuple[Key, ...]:
        """The keys of the objects for which the index function gave `value`, sorted; KeyError for an unknown index."""
        return self._tables[resource].having(index, value)

    def by_index(self, resource: Resource, index: str, value: str) -> tuple[Manifest, ...]:
        """The objects for which the index function gave `value`, sorted by key."""
        table = self._tables[resource]
        return tuple(ingest.manifest_of(table.entries[key].raw) for key in table.having(index, value))

    def last_writer(self, resource: Resource, key: Key) -> str | None:
        """Who else wrote the object last, status aside: the newest manager in managedFields that is not ours."""
        entry = self._tables[resource].entries.get(key)
        return entry and entry.writer

    def size(self, resource: Resource) -> int:
        """How many objects of a kind are held."""
        return len(self._tables[resource].entries)

    def put(self, resource: Resource, raw: bytes) -> bool:
        """Take an object from a watch or from the answer to a write; False, and silent, if it tells nothing new.

        Kinds the store does not hold are left out: nothing would ever take them away again.
        """
        table = self._tables.get(resource)
        if table is None:
            return False
        key, version = head_of(raw)
        if not table.is_news(key, version):
            return False
        manifest, writer = ingest.opened(raw, resource)
        old = table.put(key, Entry(ingest.encoded(manifest), version, writer, table.values_of(manifest)))
        self._notify(resource, key, manifest, old)
        return True

    def remove(self, resource: Resource, key: Key, *, resource_version: str | None = None) -> bool:
        """Forget what was deleted at `resource_version` (None: just now, by us); False if none, or a newer, is held."""
        table = self._tables.get(resource)
        if table is None:
            return False
        entry = table.entries.get(key)
        if entry is None or (resource_version is not None and entry.version > int(resource_version)):
            return False
        table.drop(key)
        self._notify(resource, key, None, entry)
        return True

    def advance(self, resource: Resource, resource_version: str) -> None:
        """Note that the watch has told everything up to `resource_version`: what is absent now, was deleted."""
        self._tables[resource].advance(int(resource_version))

    def replace(self, resource: Resource, items: Iterable[bytes], resource_version: str) -> None:
        """Take a whole list, as `replacement` does page by page."""
        replacement = self.replacement(resource, resource_version)
        replacement.add(items)
        replacement.finish()

    def replacement(self, resource: Resource, resource_version: str) -> "Replacement":
        """Begin to take a list made at `resource_version`; nothing is removed before its `finish`.

        A list older than what the watch has told means that the cluster was restored from a backup: then the list is
        right, whatever its versions.
        """
        table = self._tables[resource]
        version = int(resource_version)
        table.begin_list(version)
        return Replacement(self, resource, version)

    def clear(self, resource: Resource) -> None:
        """Forget a whole kind, for instance because it was uninstalled; each object is notified as removed."""
        table = self._tables[resource]
        for key in self.keys(resource):
            self.remove(resource, key)
        table.restart()

    def absent(self, resource: Resource, listed: set[Key], version: int) -> tuple[Key, ...]:
        """The keys held which a complete list of `listed`, made at `version`, proves to be deleted."""
        entries = self._tables[resource].entries
        return tuple(key for key, entry in entries.items() if key not in listed and entry.version <= version)

    def _notify(self, resource: Resource, key: Key, new: Manifest | None, old: Entry | None) -> None:
        before = None if old is None else ingest.manifest_of(old.raw)
        for subscriber in tuple(self._subscribers):
            subscriber(resource, key, new, before)


class Replacement:
    """A list on its way into the store, page by page, so that no more than a page is in memory twice."""

    def __init__(self, store: Store, resource: Resource, version: int) -> None:
        self._store = store
        self._resource = resource
        self._version = version
        self._listed: set[Key] = set()

    def add(self, items: Iterable[bytes]) -> None:
        """Put the objects of one page."""
        for raw in items:
            self._listed.add(head_of(raw).key)
            self._store.put(self._resource, raw)

    def finish(self) -> None:
        """Remove what was not listed, except what we created after the list was made."""
        for key in self._store.absent(self._resource, self._listed, self._version):
            self._store.remove(self._resource, key)
        self._store.advance(self._resource, str(self._version))
