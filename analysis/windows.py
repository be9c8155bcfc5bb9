"""Sums over spans of a history, and what one sample says."""

import math
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import Final

from analysis.checks import Check, Latency, Query, Ratio
from analysis.history import Counts, History, Value

SPAN: Final = timedelta(seconds=60)
_ROUNDING: Final = 1 + 1e-9


class Sample(Enum):
    """What one sample says by itself."""

    PASSES = auto()
    FAILS = auto()
    OPEN = auto()


@dataclass(frozen=True)
class Window:
    """Bad and all requests of one side, from a moment on."""

    start: datetime
    bad: float
    total: float

    @property
    def share(self) -> float | None:
        """The share of bad requests, 0 to 1; None without requests."""
        return self.bad / self.total if self.total else None


def samples(check: Check, history: History, *, after: datetime | None = None) -> Iterator[tuple[datetime, Sample]]:
    """The samples of the history that are newer than `after`, judged as each was when it was the newest."""
    entries: Sequence[Counts] | Sequence[Value] = history.values if isinstance(check, Query) else history.counts
    first = bisect_right(entries, after, key=lambda each: each.at) if after else 0
    for place in range(first, len(entries)):
        if isinstance(check, Query):
            yield history.values[place].at, _value(check, history.values[place].value)
        elif isinstance(check, Ratio | Latency) and (found := window(history.counts, place, check.ceiling)):
            yield history.counts[place].at, _requests(found, check.ceiling)


def window(counts: Sequence[Counts], place: int, ceiling: float) -> Window | None:
    """What the sample at `place` is judged on; None for the entry of zeros that a history begins with."""
    if place < 1:
        return None
    last = counts[place]
    early = bisect_right(counts, last.at - SPAN, 0, place, key=lambda each: each.at)
    enough = bisect_right(counts, (last.total - 1 / ceiling) * _ROUNDING, 0, place, key=lambda each: each.total)
    first = counts[max(0, min(early, enough) - 1)]
    return Window(first.at, last.bad - first.bad, last.total - first.total)


def latest(history: History, ceiling: float) -> Window | None:
    """What the newest sample is judged on; None before there is one."""
    return window(history.counts, len(history.counts) - 1, ceiling)


def after(history: History, start: datetime) -> Window | None:
    """What was counted after the last sample up to `start`, or since the first; None before there are two samples."""
    counts = history.counts
    if len(counts) < 2:
        return None
    first = counts[max(0, bisect_right(counts, start, 0, len(counts) - 1, key=lambda each: each.at) - 1)]
    return Window(first.at, counts[-1].bad - first.bad, counts[-1].total - first.total)


def needed(ceiling: float) -> int:
    """How many requests allow one bad one."""
    return math.ceil(1 / ceiling / _ROUNDING)


def _requests(found: Window, ceiling: float) -> Sample:
    if found.bad > max(1.0, ceiling * found.total) * _ROUNDING:
        return Sample.FAILS
    enough = found.total * _ROUNDING >= 1 / ceiling
    return Sample.PASSES if enough and found.bad <= ceiling * found.total * _ROUNDING else Sample.OPEN


def _value(check: Query, value: float) -> Sample:
    # Written so that a NaN, which is neither above nor below anything, never passes.
    low = -math.inf if check.min is None else check.min
    high = math.inf if check.max is None else check.max
    return Sample.PASSES if low <= value <= high and math.isfinite(value) else Sample.FAILS
