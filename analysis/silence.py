"""Whether the canary answers nothing while the stable's traffic says that it should."""

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from analysis.checks import Split
from analysis.history import History
from analysis.windows import SPAN

REQUESTS: Final = 10
STALE: Final = 3
"""Intervals without anything new after which a side counts as gone."""


@dataclass(frozen=True)
class Silence:
    """Since `since` the canary owes requests: `expected` by its share, while stable answered `stable`."""

    since: datetime
    expected: float
    stable: float


def silence(canary: History, stable: History, now: datetime, split: Split) -> Silence | None:
    """The canary's silence, where at least ten requests were expected of it; None where it answers or none were.

    Only what stable answered since the canary's last request, under the present weight, counts. While the canary's
    counters are read, up to their newest scrape; where they are not, only after a minute, and three intervals, without
    them: metrics of a new pod take their time.
    """
    if not 0 < split.weight < 100 or not stable.counts:
        return None
    start = max(split.since, _last_answer(canary))
    end = canary.counts[-1].at if canary.counts else None
    patience = max(SPAN, STALE * canary.interval)
    if end is None or now - end > patience:
        if now - max(split.since, end or canary.since) <= patience:
            return None
        end = stable.counts[-1].at
    return _owed(stable, start, end, split.weight / (100 - split.weight))


def _last_answer(canary: History) -> datetime:
    """The last scrape at which the canary's requests had grown, else the first one, else when asking began."""
    counts = canary.counts
    for earlier, later in zip(reversed(counts[:-1]), reversed(counts[1:]), strict=True):
        if later.total > earlier.total:
            return later.at
    return counts[0].at if counts else canary.since


def _owed(stable: History, start: datetime, end: datetime, ratio: float) -> Silence | None:
    first = bisect_left(stable.counts, start, key=lambda each: each.at)
    first = max(first, bisect_right(stable.counts, start, key=lambda each: each.at) - 1)  # of several, the last
    counts = stable.counts[first : bisect_right(stable.counts, end, key=lambda each: each.at)]
    enough = next((each for each in counts if (each.total - counts[0].total) * ratio >= REQUESTS), None)
    if enough is None:
        return None
    answered = counts[-1].total - counts[0].total
    return Silence(enough.at, answered * ratio, answered)
