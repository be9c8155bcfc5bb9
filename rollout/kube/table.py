"""One kind in the cache: its objects, the indexes over them, and how far its watch has come."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

from rollout.models.kinds import Key, Manifest

Index: TypeAlias = Callable[[Manifest], Iterable[str]]


class Entry(NamedTuple):
    """One object: its bytes, its version, who else wrote it last, and the (index, value) pairs that lead to it."""

    raw: bytes
    version: int
    writer: str | None
    values: tuple[tuple[str, str], ...]


@dataclass(slots=True)
class Table:
    """Entries by key; `seen` is the newest version up to which a list and its watch have told everything."""

    indexes: Mapping[str, Index]
    entries: dict[Key, Entry] = field(default_factory=dict)
    seen: int = 0
    listing: bool = True
    _by_value: dict[tuple[str, str], set[Key]] = field(default_factory=dict)

    def is_news(self, key: Key, version: int) -> bool:
        """Whether an object of that version adds anything.

        One that is absent although the watch has passed its version was deleted since; a list knows better.
        """
        held = self.entries.get(key)
        if held is not None:
            return version > held.version
        return self.listing or version > self.seen

    def values_of(self, manifest: Manifest) -> tuple[tuple[str, str], ...]:
        """All (index, value) pairs of a manifest, each once."""
        return tuple({(name, value) for name, index in self.indexes.items() for value in index(manifest)})

    def having(self, index: str, value: str) -> tuple[Key, ...]:
        """The keys under one index value, sorted; KeyError when there is no such index."""
        if index not in self.indexes:
            raise KeyError(index)
        return tuple(sorted(self._by_value.get((index, value), ())))

    def put(self, key: Key, entry: Entry) -> Entry | None:
        """Set an entry and give the one it takes the place of."""
        old = self.drop(key)
        self.entries[key] = entry
        for value in entry.values:
            self._by_value.setdefault(value, set()).add(key)
        return old

    def drop(self, key: Key) -> Entry | None:
        """Take an entry out and give it, None if there was none."""
        old = self.entries.pop(key, None)
        for value in old.values if old else ():
            keys = self._by_value[value]
            keys.discard(key)
            if not keys:
                del self._by_value[value]
        return old

    def restart(self) -> None:
        """Expect the first list: nothing has been told yet."""
        self.seen = 0
        self.listing = True

    def begin_list(self, version: int) -> None:
        """Expect a list made at `version`; after one older than what was seen, whatever it holds counts as newer."""
        self.listing = True
        if version < self.seen:
            self.seen = 0
            self.entries = {key: entry._replace(version=-1) for key, entry in self.entries.items()}

    def advance(self, version: int) -> None:
        """Everything up to `version` has been told."""
        self.listing = False
        self.seen = max(self.seen, version)
