"""An event loop for real sockets whose clock leaps to the next timer as soon as nothing is ready."""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

_GRACE = 0.002  # real seconds in which bytes on the loopback interface may still arrive


class LeapingLoop(asyncio.SelectorEventLoop):
    """Time stands still while there is something to do."""

    def __init__(self) -> None:
        self.now = 0.0
        super().__init__(_Leaping(self))

    def time(self) -> float:
        return self.now


class _Leaping(selectors.DefaultSelector):
    def __init__(self, loop: LeapingLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready: list[tuple[selectors.SelectorKey, int]] = super().select(0 if timeout == 0 else _GRACE)
        if not ready and timeout is None:
            raise RuntimeError("everything waits, and no timer is set")
        if not ready and timeout:
            self._loop.now += max(timeout, 0.0)
        return ready


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine in such a loop."""
    with asyncio.Runner(loop_factory=LeapingLoop) as runner:
        return runner.run(main)
