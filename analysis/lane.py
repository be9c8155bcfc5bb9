"""The questions to one source: each asked when it is due, a few at a time, and only one while the source is down."""

import asyncio
import heapq
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from itertools import count
from random import Random
from typing import Final, Generic, TypeVar

from analysis import pacing

AT_ONCE: Final = 4
TRIES: Final = 3
"""Failures in a row after which the source is taken to be down, whatever it is asked."""

Item = TypeVar("Item")


@dataclass(frozen=True)
class Outcome:
    """What came of a question: when it is due again, in seconds, and why the source is down, None where it is not."""

    delay: float
    down: str | None = None


class Lane(Generic[Item]):
    """A schedule of its own, so that no source waits for another.

    `ask(item, due)` asks what was due then, on the event loop's clock; None where nobody wants to know any more.
    `skip(item, reason)` is told of what was not asked because the source is down, and says whether to keep it.
    """

    def __init__(
        self,
        ask: Callable[[Item, float], Awaitable[Outcome | None]],
        skip: Callable[[Item, str], bool],
        *,
        interval: float,
        random: Random,
    ) -> None:
        self._ask, self._skip = ask, skip
        self._interval, self._random = interval, random
        self._due: list[tuple[float, int, Item]] = []
        self._number = count()
        self._wake = asyncio.Event()
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._failures = 0
        self._reason = ""
        self._trying = False
        self._next_try = 0.0

    def add(self, item: Item, *, delay: float = 0.0) -> None:
        """Ask the item after so many seconds."""
        heapq.heappush(self._due, (_now() + delay, next(self._number), item))
        self._wake.set()

    async def run(self) -> None:
        """Ask until cancelled."""
        async with asyncio.TaskGroup() as group:
            while True:
                await self._until_due()
                due, _, item = heapq.heappop(self._due)
                if self._closed():
                    self._put_off(item)
                    continue
                await self._slots.acquire()
                self._trying = True
                group.create_task(self._one(item, due))

    async def _until_due(self) -> None:
        while not self._due or self._due[0][0] > _now():
            self._wake.clear()
            try:
                async with asyncio.timeout_at(self._due[0][0] if self._due else None):
                    await self._wake.wait()
            except TimeoutError:
                return

    def _put_off(self, item: Item) -> None:
        if self._skip(item, self._reason):
            self.add(item, delay=max(self._next_try - _now(), pacing.SLACK) + self._chance() * pacing.SLACK)

    async def _one(self, item: Item, due: float) -> None:
        try:
            outcome = await self._ask(item, due)
        finally:
            self._trying = False
            self._slots.release()
        if outcome is None:
            return
        if outcome.down is None:
            self._answered()
        else:
            self._failed(outcome.down)
        self.add(item, delay=outcome.delay)

    def _closed(self) -> bool:
        return self._failures >= TRIES and (self._trying or _now() < self._next_try)

    def _failed(self, reason: str) -> None:
        self._failures, self._reason = self._failures + 1, reason
        delay = pacing.back_off(failures=self._failures, interval=self._interval, chance=self._chance())
        self._next_try = _now() + delay

    def _answered(self) -> None:
        was_down, self._failures = self._failures >= TRIES, 0
        if was_down:
            self._everything_soon()

    def _everything_soon(self) -> None:
        # Spread, so that a source that has just come back is not thrown over by everybody who waited for it.
        now, spread = _now(), min(1.0, self._interval)
        soon = [(min(due, now + self._chance() * spread), number, item) for due, number, item in self._due]
        heapq.heapify(soon)
        self._due = soon
        self._wake.set()

    def _chance(self) -> float:
        return self._random.random()


def _now() -> float:
    return asyncio.get_running_loop().time()
