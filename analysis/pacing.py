"""When to ask again and how far back: just after the next scrape, or in step with everybody else. Times in seconds."""

from collections.abc import Iterable
from typing import Final

SLACK: Final = 0.1
"""What a scrape may take until it is readable."""

AHEAD: Final = 0.05
"""How much before it is due a question may have been asked to count as the same."""

LONGEST: Final = 3600.0
"""The furthest back a question reaches."""

_STEADY: Final = 4


def after_scrape(*, scrapes: Iterable[float], interval: float, now: float) -> float:
    """The delay until all targets that still report, last scraped at `scrapes`, have been scraped once more."""
    newest = max(scrapes, default=None)
    return interval if newest is None else _within(newest + interval + SLACK - now, interval)


def after_nothing(*, misses: int, interval: float) -> float:
    """The delay where a scrape was expected and is not there, for the `misses`th time in a row (from 1)."""
    return min(interval, SLACK * 2.0 ** min(misses - 1, 20))


def in_step(*, interval: float, now: float) -> float:
    """The delay until the next multiple of the interval, so that who asks the same asks at the same moment."""
    delay = interval - now % interval
    return delay if delay >= interval / 2 else delay + interval


def reach(*, since: float, interval: float, now: float) -> float:
    """How far back to ask for all scrapes after `since` and the one before: few different lengths, so as to share."""
    found = _STEADY * interval
    while found < min(now - since + 2 * interval, LONGEST):
        found *= 2
    return min(found, max(LONGEST, _STEADY * interval))


def back_off(*, failures: int, interval: float, chance: float) -> float:
    """The delay before the next try at a source that is down; `chance`, 0 to 1, spreads those who wait."""
    longest = max(1.0, min(interval, 15.0))
    return min(longest, min(1.0, interval) * 2.0 ** min(failures - 1, 10)) * (0.5 + chance / 2)


def _within(delay: float, interval: float) -> float:
    return min(max(delay, SLACK), interval)
