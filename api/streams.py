"""Server-sent events: everything as it is, then each change; a slow listener gets the newest state, not every one."""

import asyncio
import json
from collections.abc import AsyncGenerator, Callable
from functools import cache, partial
from itertools import islice
from typing import TypeAlias

from api.lookup import look_up
from api.ports import Store
from api.silence import told
from rollout.models.kinds import ROLLOUTS, Key, Manifest, Resource

# What changes together is written together: of a fleet that moves, a write for each page and change would be thousands
# a second, in the loop that aborts.
_PAUSE = 0.05  # seconds
_AT_ONCE = 20

Frame: TypeAlias = Callable[[], bytes]
"""What is told of a change: rendered when the first listener takes it, and once for all of them."""


class Mailbox:
    """What one listener has not been told yet: the newest of each key, oldest first."""

    def __init__(self, *, namespace: str | None, name: str | None) -> None:
        self._namespace = namespace
        self._name = name
        self._frames: dict[Key, Frame] = {}
        self._woken = asyncio.Event()
        self.closed = False

    def wants(self, key: Key) -> bool:
        """Whether the listener asked for this one."""
        return self._namespace in {None, key.namespace} and self._name in {None, key.name}

    def put(self, key: Key, frame: Frame) -> None:
        """Have the listener told this of `key`, and nothing older."""
        self._frames[key] = frame
        self._woken.set()

    def close(self) -> None:
        """Have the listener leave."""
        self.closed = True
        self._woken.set()

    async def take(self, *, timeout_seconds: float) -> tuple[Frame, ...]:
        """The next ones; none when the mailbox was closed, or when nothing happened for that long."""
        try:
            async with asyncio.timeout(timeout_seconds):
                await self._woken.wait()
        except TimeoutError:
            return ()
        if self.closed:
            return ()
        frames = tuple(self._frames.pop(key) for key in tuple(islice(self._frames, _AT_ONCE)))
        if not self._frames:
            self._woken.clear()
        return frames


class Streams:
    """All listeners of one store; a change costs the one who makes it a dictionary entry for each listener."""

    def __init__(
        self, store: Store, *, keep_alive_seconds: float = 5.0, silent: Callable[[], float] = lambda: 0.0
    ) -> None:
        self._store = store
        self._keep_alive_seconds = keep_alive_seconds
        self._silent = silent
        self._mailboxes: set[Mailbox] = set()
        self._closed = False
        self._unsubscribe = store.subscribe(self._changed)

    @property
    def listeners(self) -> int:
        """How many listen now."""
        return len(self._mailboxes)

    def close(self) -> None:
        """End all streams, and any that is opened later. May be called again."""
        if not self._closed:
            self._unsubscribe()
        self._closed = True
        for mailbox in self._mailboxes:
            mailbox.close()

    async def listen(self, *, namespace: str | None = None, name: str | None = None) -> AsyncGenerator[bytes, None]:
        """The frames for one listener, until it leaves or the streams are closed."""
        if self._closed:
            return
        mailbox = Mailbox(namespace=namespace, name=name)
        self._mailboxes.add(mailbox)
        try:
            async for frame in self._frames(mailbox, self._store.keys(ROLLOUTS, namespace)):
                yield frame
        finally:
            self._mailboxes.discard(mailbox)

    async def _frames(self, mailbox: Mailbox, present: tuple[Key, ...]) -> AsyncGenerator[bytes, None]:
        yield b"retry: 2000\n\n"
        for key in present:
            if mailbox.closed:
                return
            if mailbox.wants(key):
                yield self._frame(key)
                await asyncio.sleep(0)  # thousands of Rollouts must not keep the controller from its work
        yield b"event: synced\ndata: {}\n\n"
        while True:
            changed = await mailbox.take(timeout_seconds=self._keep_alive_seconds)
            if mailbox.closed:
                return
            yield b"".join(frame() for frame in changed) or self._sign()
            await asyncio.sleep(_PAUSE)

    def _sign(self) -> bytes:
        """That the stream lives, and how long the cluster has been silent: what is told is as old as that."""
        seconds = told(self._silent())
        return b": keep-alive\n\n" if seconds is None else _event("silent", json.dumps({"seconds": seconds}))

    def _frame(self, key: Key) -> bytes:
        view = look_up(self._store, key)
        if view is None:
            return _event("deleted", json.dumps(key._asdict()))
        return _event("rollout", view.model_dump_json(by_alias=True))

    def _changed(self, resource: Resource, key: Key, _new: Manifest | None, _old: Manifest | None) -> None:
        if resource != ROLLOUTS:
            return
        frame = cache(partial(self._frame, key))  # fifty pages on a screen must not cost fifty renderings
        for mailbox in self._mailboxes:
            if mailbox.wants(key):
                mailbox.put(key, frame)


def _event(name: str, data: str) -> bytes:
    return f"event: {name}\ndata: {data}\n\n".encode()
