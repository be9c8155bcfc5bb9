"""A loop whose clock jumps to the next timer instead of waiting for it."""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

from tests.kube.in_flight import CountingLoop, InFlight

T = TypeVar("T")

_GLANCE = 0.001  # real seconds of one look for what is still on its way
_PATIENCE = 100  # such looks until it counts as lost


class FakeTimeLoop(CountingLoop):
    """Time stands still while there is something to do or on its way, and leaps when there is not."""

    def __init__(self) -> None:
        self.now = 0.0
        in_flight = InFlight()
        super().__init__(_Leaping(self, in_flight), in_flight)

    def time(self) -> float:
        return self.now


class _Leaping(selectors.DefaultSelector):
    def __init__(self, loop: FakeTimeLoop, in_flight: InFlight) -> None:
        super().__init__()
        self._loop = loop
        self._in_flight = in_flight

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        found = super().select(0) or self._arriving()
        if found or timeout == 0:
            return found
        if timeout is None:
            raise RuntimeError("everything waits, and no timer is set")
        self._loop.now += max(timeout, 0.0)
        return super().select(0)

    def _arriving(self) -> list[tuple[selectors.SelectorKey, int]]:
        for _ in range(_PATIENCE):
            if not self._in_flight.anything:
                return []
            if found := super().select(_GLANCE):
                return found
        self._in_flight.forget()
        return []


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine in fake time."""
    with asyncio.Runner(loop_factory=FakeTimeLoop) as runner:
        return runner.run(main)
