"""How long each turn of the event loop kept it: asleep in a call that blocks, or at work."""

import asyncio
import gc
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

ASLEEP = 1.0  # seconds in which the loop's thread wanted nothing but the end of a call
AT_WORK = 1.0  # seconds of processor time
_REFRESH = 0.05
_SCHEDULE = Path("/proc/thread-self/schedstat")  # processor time, and nanoseconds spent in waiting for a processor
_ROOT = Path(__file__).parents[2]
# The sandbox starts processes, and on a busy machine a fork takes its time.
_OWN_AFFAIR = (str(_ROOT / "tests"), str(_ROOT / "sandbox"))
_run = asyncio.Handle._run


@dataclass
class Turns:
    """Measures turns, and keeps a line about each that was too long.

    `asyncio`'s own measure counts the time a busy machine takes from us as well; this one leaves that out, so that it
    says the same on every machine. Turns of a test's own coroutine, or of the sandbox, are their own affair, and so is
    the garbage of a process in which thousands of tests ran.
    """

    too_long: list[str] = field(default_factory=list)
    _waited: float = 0.0
    _refreshed: float = 0.0
    _swept: float = 0.0
    _began: float = 0.0

    def sweep(self, phase: str, _info: dict[str, int]) -> None:
        """Be told of each collection of garbage, as `gc.callbacks` are."""
        if phase == "start":
            self._began = time.thread_time()
        else:
            self._swept += time.thread_time() - self._began

    def run(self, handle: asyncio.Handle) -> None:
        """Run the callback of a handle, and look at the clocks."""
        began, worked, swept = time.monotonic(), time.thread_time(), self._swept
        if began - self._refreshed > _REFRESH:
            self._waited, self._refreshed = _waiting(), began
        whose = _code(handle)
        _run(handle)
        lasted, worked = time.monotonic() - began, time.thread_time() - worked
        if lasted < ASLEEP or whose.startswith(_OWN_AFFAIR):
            return
        asleep = lasted - worked - (_waiting() - self._waited)
        worked -= self._swept - swept
        if asleep > ASLEEP or worked > AT_WORK:
            self.too_long.append(f"{whose}: {asleep:.2f} s asleep and {worked:.2f} s at work in one turn of the loop")


def _waiting() -> float:
    """Seconds this thread has waited for a processor so far; endless where the system does not tell."""
    with suppress(OSError):
        return int(_SCHEDULE.read_text().split()[1]) / 1e9
    return float("inf")


def _code(handle: asyncio.Handle) -> str:
    """The file, and the name of the outermost coroutine or the function, that a handle runs."""
    callback: Any = handle._callback  # type: ignore[attr-defined]
    task = getattr(callback, "__self__", None)
    if isinstance(task, asyncio.Task):
        coroutine: Any = task.get_coro()
        code = getattr(coroutine, "cr_code", None)
    else:
        code = getattr(callback, "__code__", None)
    return f"{code.co_filename}:{code.co_name}" if code else repr(callback)


@contextmanager
def measured() -> Iterator[Turns]:
    """Measure every loop until the block ends."""
    turns = Turns()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(asyncio.Handle, "_run", lambda handle: turns.run(handle))  # noqa: PLW0108 (a function becomes a method, a bound one does not)
        gc.callbacks.append(turns.sweep)
        try:
            yield turns
        finally:
            gc.callbacks.remove(turns.sweep)
