"""Keys that are due: each is in the queue at most once, now or after a delay, and the earliest time wins."""

import asyncio
import heapq
from collections.abc import Callable
from typing import Generic, TypeVar

import structlog

RETRY_SECONDS = 1.0

Key = TypeVar("Key")
logger = structlog.get_logger()


class Workqueue(Generic[Key]):
    """A queue of keys for one reader; changes to the same key before it is due are one entry."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._due: dict[Key, float] = {}
        self._heap: list[tuple[float, int, Key]] = []
        self._added = asyncio.Event()
        self._order = 0

    def add(self, key: Key, *, after: float = 0.0) -> None:
        """Make `key` due in `after` seconds, unless it is due earlier anyway."""
        due = self._now() + after
        if self._due.get(key, due + 1) <= due:
            return
        self._due[key] = due
        self._order += 1
        heapq.heappush(self._heap, (due, self._order, key))
        self._added.set()

    async def get(self) -> Key:
        """Return the next key, and wait for one to become due if there is none."""
        while True:
            wait = self._wait()
            if wait <= 0:
                key = heapq.heappop(self._heap)[2]
                del self._due[key]
                return key
            self._added.clear()
            await _first(self._added, wait)

    def _wait(self) -> float:
        # An entry that was overtaken by an earlier one for the same key stays in the heap until it comes up here.
        while self._heap and self._due.get(self._heap[0][2]) != self._heap[0][0]:
            heapq.heappop(self._heap)
        return self._heap[0][0] - self._now() if self._heap else float("inf")


async def _first(event: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(None if seconds == float("inf") else seconds):
            await event.wait()
    except TimeoutError:
        return


async def work(queue: Workqueue[Key], reconcile: Callable[[Key], float | None]) -> None:
    """Reconcile keys as they become due, until cancelled; `reconcile` may return in how many seconds again."""
    while True:
        key = await queue.get()
        try:
            again = reconcile(key)
        except Exception:
            # One object that makes no sense must not stop the others; it may make sense after its next edit.
            logger.exception("reconcile failed", key=key)
            again = RETRY_SECONDS
        if again is not None:
            queue.add(key, after=again)
        await asyncio.sleep(0)
