"""What has changed in the storage, and how to follow it."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import TracebackType
from typing import Any, NamedTuple, Self

import msgspec

Object = dict[str, Any]

_decoder = msgspec.json.Decoder()
_encoder = msgspec.json.Encoder()


def encode(obj: Any) -> bytes:
    """Return `obj` as JSON."""
    return _encoder.encode(obj)


def decode(raw: bytes) -> Any:
    """Return what the JSON `raw` says; raises msgspec.DecodeError."""
    return _decoder.decode(raw)


class Event(NamedTuple):
    """One change as a controller of the sandbox sees it; `object` is the reader's own copy."""

    type: str  # ADDED, MODIFIED or DELETED
    plural: str
    object: Object


@dataclass(frozen=True)
class Change:
    """One write. `object` and `previous` belong to the storage: never change them."""

    type: str
    key: str
    namespace: str
    name: str
    version: int
    raw: bytes
    object: Object
    previous: Object | None

    @cached_property
    def line(self) -> bytes:
        """The change as one line of a watch."""
        return watch_line(self.type, self.raw)


def watch_line(type_: str, raw: bytes) -> bytes:
    """Return one line of a watch."""
    return b'{"type":"%b","object":%b}\n' % (type_.encode(), raw)


class Feed:
    """The changes of some kinds, in order, from the moment it was opened until `close`."""

    def __init__(self, backlog: Sequence[Change], closed: Callable[["Feed"], None]) -> None:
        self._changes = deque(backlog)
        self._wake = asyncio.Event()
        self._closed = closed
        self.expired = False

    def push(self, change: Change) -> None:
        """Add a change."""
        self._changes.append(change)
        self._wake.set()

    def expire(self) -> None:
        """Tell the reader that it has fallen out of the history."""
        self.expired = True
        self._wake.set()

    def take(self) -> list[Change]:
        """Return the changes that have arrived, without waiting."""
        changes = list(self._changes)
        self._changes.clear()
        self._wake.clear()
        return changes

    async def wait(self) -> None:
        """Wait until there is something to take, or until the feed has expired."""
        if not self._changes and not self.expired:
            await self._wake.wait()

    async def changed(self) -> None:
        """Wait until there is something to take; for readers inside the process, whom no history concerns."""
        while not self._changes:
            await self._wake.wait()
            if not self._changes:
                self._wake.clear()

    def close(self) -> None:
        """End it."""
        self._closed(self)


class Subscription:
    """An async context manager and iterator of Events; begins with ADDED for everything that exists."""

    def __init__(self, opened: Callable[[], tuple[list[Event], Feed]]) -> None:
        self._open = opened
        self._feed: Feed | None = None
        self._ready: deque[Event] = deque()

    async def __aenter__(self) -> Self:
        """Open it."""
        events, self._feed = self._open()
        self._ready.extend(events)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        if self._feed is not None:
            self._feed.close()

    def __aiter__(self) -> AsyncIterator[Event]:
        """Return itself."""
        return self

    async def __anext__(self) -> Event:
        """Wait for the next event; it does not end by itself."""
        if self._feed is None:
            raise StopAsyncIteration
        while not self._ready:
            await self._feed.changed()
            self._ready.extend(Event(c.type, c.key, decode(c.raw)) for c in self._feed.take())
        return self._ready.popleft()
