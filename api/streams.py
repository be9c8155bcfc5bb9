"""Server-sent events: everything as it is, then each change; a slow listener gets the newest state, not every one."""

import asyncio
import json
from collections.abc import AsyncGenerator, Callable

from api.lookup import look_up
from api.ports import Store
from rollout.models.kinds import ROLLOUTS, Key, Manifest, Resource

_SILENT = 5.0  # seconds; the API server is asked every second or two


class Mailbox:
    """The keys one listener has not been told about yet, each once, oldest first."""

    def __init__(self, *, namespace: str | None, name: str | None) -> None:
        self._namespace = namespace
        self._name = name
        self._keys: dict[Key, None] = {}
        self._woken = asyncio.Event()
        self.closed = False

    def wants(self, key: Key) -> bool:
        """Whether the listener asked for this one."""
        return self._namespace in {None, key.namespace} and self._name in {None, key.name}

    def put(self, key: Key) -> None:
        """Have the listener told about the newest state of `key`."""
        self._keys[key] = None
        self._woken.set()

    def close(self) -> None:
        """Have the listener leave."""
        self.closed = True
        self._woken.set()

    async def take(self, *, timeout_seconds: float) -> Key | None:
        """The next key; None when the mailbox was closed, or when nothing happened for that long."""
        try:
            async with asyncio.timeout(timeout_seconds):
                await self._woken.wait()
        except TimeoutError:
            return None
        if self.closed or not self._keys:
            return None
        key = next(iter(self._keys))
        del self._keys[key]
        if not self._keys:
            self._woken.clear()
        return key


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
            yield self._sign() if changed is None else self._frame(changed)

    def _sign(self) -> bytes:
        """That the stream lives, and how long the cluster has been silent: what is told is as old as that."""
        silent = self._silent()
        return _event("silent", json.dumps({"seconds": round(silent)})) if silent > _SILENT else b": keep-alive\n\n"

    def _frame(self, key: Key) -> bytes:
        view = look_up(self._store, key)
        if view is None:
            return _event("deleted", json.dumps(key._asdict()))
        return _event("rollout", view.model_dump_json(by_alias=True))

    def _changed(self, resource: Resource, key: Key, _new: Manifest | None, _old: Manifest | None) -> None:
        if resource != ROLLOUTS:
            return
        for mailbox in self._mailboxes:
            if mailbox.wants(key):
                mailbox.put(key)


def _event(name: str, data: str) -> bytes:
    return f"event: {name}\ndata: {data}\n\n".encode()
