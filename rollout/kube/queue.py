"""Keys that want work: each once, at its time, in one worker at a time, and an urgent one before all others."""

import asyncio
import heapq
from collections.abc import Hashable
from dataclasses import dataclass
from itertools import count
from typing import Generic, NamedTuple, TypeVar

from rollout.kube.backoff import Backoff, Jitter, half_to_all

K = TypeVar("K", bound=Hashable)


PATIENT = Backoff(first=0.05, cap=30.0)
URGENT = Backoff(first=0.05, cap=1.0)


class _Wanted(NamedTuple):
    due: float
    urgent: bool
    order: int


@dataclass(eq=False, slots=True)
class _Worker(Generic[K]):
    only_urgent: bool
    given: asyncio.Future[K]


class Queue(Generic[K]):
    """A delaying queue that merges; it belongs to the loop it is made in, and tells the time by that loop's clock.

    A key added several times is worked on once, at the earliest of its times, and stays urgent if it was so once.
    A key added while it is being worked on is given out again after `done`. A failing urgent key is retried at least
    every second.
    """

    def __init__(self, *, jitter: Jitter = half_to_all) -> None:
        self._loop = asyncio.get_running_loop()
        self._jitter = jitter
        self._order = count()
        self._wanted: dict[K, _Wanted] = {}
        self._later: list[tuple[float, int, K]] = []
        self._ready: dict[bool, dict[K, None]] = {True: {}, False: {}}
        self._working: dict[K, bool] = {}
        self._failures: dict[K, int] = {}
        self._workers: list[_Worker[K]] = []
        self._timer: asyncio.Handle | None = None
        self._next: float | None = None  # when the timer rings; not every loop's handle knows

    def add(self, key: K, *, delay: float = 0.0, urgent: bool = False) -> None:
        """Want `key` worked on in `delay` seconds at the latest."""
        due = self._loop.time() + delay
        old = self._wanted.get(key)
        if old is not None:
            due, urgent = min(due, old.due), urgent or old.urgent
            if (due, urgent) == (old.due, old.urgent):
                return
        self._wanted[key] = _Wanted(due, urgent, next(self._order))
        if key not in self._working:
            self._schedule(key)
            self._dispatch()

    async def get(self, *, only_urgent: bool = False) -> K:
        """The next key, which is then in work until `done`; urgent ones come first, in both kinds of worker.

        A cancelled call takes no key. The loop gets a turn even if a key is at hand, so that a long queue of short
        work does not stop everything else.
        """
        await asyncio.sleep(0)
        worker = _Worker(only_urgent, self._loop.create_future())
        self._workers.append(worker)
        self._dispatch()
        try:
            key: K = await worker.given
        except asyncio.CancelledError:
            self._take_back(worker)
            raise
        return key

    def done(self, key: K) -> None:
        """Work on `key` is over; KeyError if it was not in work. If it was added meanwhile, it is due again."""
        del self._working[key]
        if key in self._wanted:
            self._schedule(key)
            self._dispatch()

    def urge(self, key: K) -> None:
        """Work on `key` has turned out to be urgent: a retry is so too; does nothing for a key that is not in work."""
        if key in self._working:
            self._working[key] = True

    def retry(self, key: K, *, at_least: float = 0.0) -> float:
        """Want `key` again after its back-off, in the lane it is in work in; gives the seconds that will be waited."""
        failures = self._failures[key] = self._failures.get(key, 0) + 1
        urgent = self._working.get(key, False)
        backoff = URGENT if urgent else PATIENT
        # Who is urgent waits no longer than it would without being asked to: nothing delays an abort.
        delay = max(min(at_least, backoff.cap), self._jitter(backoff.after(failures)))
        self.add(key, delay=delay, urgent=urgent)
        return delay

    def forget(self, key: K) -> None:
        """Work on `key` succeeded: its next back-off starts anew."""
        self._failures.pop(key, None)

    @property
    def depth(self) -> int:
        """How many keys are due and wait for a worker."""
        return sum(self.depths.values())

    @property
    def depths(self) -> dict[str, int]:
        """The same for each lane."""
        return {"urgent": len(self._ready[True]), "normal": len(self._ready[False])}

    @property
    def delayed(self) -> int:
        """How many keys are not due yet, or in work and wanted again."""
        return len(self._wanted) - self.depth

    @property
    def oldest(self) -> float:
        """How many seconds the longest-waiting key has been due; 0 when none waits."""
        dues = [self._wanted[key].due for ready in self._ready.values() for key in ready]
        return max(self._loop.time() - min(dues), 0.0) if dues else 0.0

    def _schedule(self, key: K) -> None:
        """File a key that is wanted and not in work."""
        wanted = self._wanted[key]
        if wanted.due <= self._loop.time():
            self._ready[not wanted.urgent].pop(key, None)
            self._ready[wanted.urgent][key] = None
        else:
            heapq.heappush(self._later, (wanted.due, wanted.order, key))
            self._prune()

    def _dispatch(self) -> None:
        """Hand out what is due to the workers that wait, and come back when the next key is."""
        self._wake_due()
        for urgent in (True, False):
            while self._ready[urgent] and (worker := self._free_worker(urgent=urgent)):
                key = next(iter(self._ready[urgent]))
                del self._ready[urgent][key]
                self._working[key] = self._wanted.pop(key).urgent
                worker.given.set_result(key)
        self._set_timer()

    def _wake_due(self) -> None:
        now = self._loop.time()
        while self._later and (self._later[0][0] <= now or self._is_stale(self._later[0])):
            entry = heapq.heappop(self._later)
            if not self._is_stale(entry):
                self._schedule(entry[2])

    def _is_stale(self, entry: tuple[float, int, K]) -> bool:
        """Whether a filed time no longer counts: the key was taken, or wanted anew, since."""
        _, order, key = entry
        wanted = self._wanted.get(key)
        return wanted is None or wanted.order != order

    def _prune(self) -> None:
        """Keep the heap in proportion to what is wanted: each reconcile may file a time and outdate the last."""
        if len(self._later) > 2 * len(self._wanted) + 64:
            self._later = [entry for entry in self._later if not self._is_stale(entry)]
            heapq.heapify(self._later)

    def _free_worker(self, *, urgent: bool) -> _Worker[K] | None:
        """A waiting worker for such a key, taken off the list; for urgent ones rather the one that can do no other."""
        fitting = [worker for worker in self._workers if urgent or not worker.only_urgent]
        fitting.sort(key=lambda worker: not worker.only_urgent)
        for worker in fitting:
            self._workers.remove(worker)
            if not worker.given.done():
                return worker
        return None

    def _set_timer(self) -> None:
        due = self._later[0][0] if self._later else None
        if due == self._next:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._next = due
        self._timer = None if due is None else self._loop.call_at(due, self._on_time)

    def _on_time(self) -> None:
        self._timer = self._next = None
        self._dispatch()

    def _take_back(self, worker: _Worker[K]) -> None:
        """Give the key of a cancelled call to another; it may have been handed over in the same turn of the loop."""
        if worker in self._workers:
            self._workers.remove(worker)
        if worker.given.done() and not worker.given.cancelled():
            key = worker.given.result()
            self.add(key, urgent=self._working[key])
            self.done(key)
