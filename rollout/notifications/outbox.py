"""What one target is still to be told: in order, again until it is taken or too old, and no other target waits."""

import asyncio
from collections import deque
from collections.abc import Callable
from datetime import datetime
from enum import StrEnum
from typing import NoReturn

import structlog

from rollout.kube.backoff import Backoff, Jitter, half_to_all
from rollout.notifications.notice import Notice
from rollout.notifications.owed import PATIENCE
from rollout.notifications.sending import NotSent, Send

CAPACITY = 2000
_BACKOFF = Backoff(first=1.0, cap=60.0)
_log = structlog.get_logger()


class Fate(StrEnum):
    """What became of one notice at one target."""

    SENT = "sent"
    GIVEN_UP = "givenUp"  # too old, or the target will never take it
    DROPPED = "dropped"  # too many were waiting


class Outbox:
    """Call `put` at any time and keep `run` running; `settled` is told once for each notice what became of it."""

    def __init__(
        self,
        name: str,
        send: Send,
        *,
        now: Callable[[], datetime],
        settled: Callable[[Notice, str, Fate], None],
        capacity: int = CAPACITY,
        jitter: Jitter = half_to_all,
    ) -> None:
        self.name = name
        self._send = send
        self._now = now
        self._settled = settled
        self._capacity = capacity
        self._jitter = jitter
        self._waiting: deque[tuple[datetime, Notice]] = deque()
        self._more = asyncio.Event()

    def put(self, notice: Notice) -> None:
        """Tell this after all that waits; never waits itself. Where too much waits, the oldest is dropped."""
        if len(self._waiting) >= self._capacity:
            self._settle(Fate.DROPPED)
        self._waiting.append((self._now(), notice))
        self._more.set()

    @property
    def waiting(self) -> int:
        """How many notices were not sent yet."""
        return len(self._waiting)

    @property
    def age(self) -> float:
        """Seconds that the oldest of them waits."""
        return (self._now() - self._waiting[0][0]).total_seconds() if self._waiting else 0.0

    def clear(self) -> None:
        """Forget everything that waits: it is somebody else's now."""
        self._waiting.clear()

    async def run(self) -> NoReturn:
        """Send what waits, one after another, until cancelled."""
        failures = 0
        while True:
            await self._next()
            pause = await self._attempt(self._waiting[0][1], failures)
            failures = 0 if pause is None else failures + 1
            if pause is not None:
                await asyncio.sleep(pause)

    async def _next(self) -> None:
        while not self._waiting:
            self._more.clear()
            await self._more.wait()

    async def _attempt(self, notice: Notice, failures: int) -> float | None:
        """One try; the seconds to wait before the next one, None where this notice is done with."""
        answer = await self._try(notice)
        if answer is not None:
            _log.warning("notification not taken", target=self.name, why=str(answer))
            if not answer.final and self.age <= PATIENCE.total_seconds():
                return max(answer.after or 0.0, self._jitter(_BACKOFF.after(failures + 1)))
        if self._waiting and self._waiting[0][1] is notice:  # it may have been dropped meanwhile
            self._settle(Fate.SENT if answer is None else Fate.GIVEN_UP)
        return None

    async def _try(self, notice: Notice) -> NotSent | None:
        try:
            await self._send(notice)
        except NotSent as answer:
            return answer
        except Exception as fault:  # noqa: BLE001 (a boundary: no fault in what notifies may end what releases)
            return NotSent(f"failed ({type(fault).__name__})")
        return None

    def _settle(self, fate: Fate) -> None:
        _since, notice = self._waiting.popleft()
        if fate is not Fate.SENT:
            about = f"{notice.subject.namespace}/{notice.subject.name}"
            _log.warning("notification lost", target=self.name, kind=notice.kind, rollout=about, outcome=str(fate))
        self._settled(notice, self.name, fate)
