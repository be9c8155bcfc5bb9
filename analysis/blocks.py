"""From what single reporters counted to blocks: the same span of time on both sides, complete or not at all."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from analysis.growth import Growth

PATIENCE: Final = 3
"""Scrape intervals that a block waits for a reporter that does not come; then it is closed without it."""

_NEARLY: Final = 0.9
"""The part of an interval after a scrape in which no other of the same reporter is expected."""


@dataclass(frozen=True, kw_only=True)
class Reports:
    """What one side counted since the last block, in the order of time, as was answered at `asked` (Unix seconds).

    `expected` are the reporters a complete block has; a `forsaken` side had none when it was waited for last.
    """

    growths: tuple[Growth, ...]
    asked: float
    expected: frozenset[str] = frozenset()
    forsaken: bool = False


@dataclass(frozen=True)
class Closed:
    """A block from `start` to `end` (Unix seconds); `absent` were waited for in vain."""

    start: float
    end: float
    canary: tuple[Growth, ...]
    stable: tuple[Growth, ...]
    absent: frozenset[tuple[str, str]] = frozenset()


def expected(
    reported: Mapping[str, float], *, pods: Iterable[str], absent: Iterable[str], interval: float
) -> frozenset[str]:
    """Whom a complete block has to hold: the side's pods where pods report, else whoever reported lately.

    Which pods there are comes from the cluster; `absent` are those already waited for in vain.
    """
    names = frozenset(pods)
    if names & reported.keys():
        return names - frozenset(absent)
    last = max(reported.values(), default=0.0)
    lately = (name for name, at in reported.items() if at > last - PATIENCE * interval)
    return frozenset(lately) - frozenset(absent)


def close(start: float, canary: Reports, stable: Reports | None, *, interval: float) -> Closed | None:
    """The next block after `start`, as soon as every expected reporter was scraped once more; None before.

    It ends with the last of these scrapes and holds everything up to there. A reporter that is still not there three
    intervals later is left out; whoever could not be asked since then is waited for.
    """
    sides = {"canary": canary} | ({"stable": stable} if stable is not None else {})
    first, last = _scrapes(sides)
    if not first:
        return None
    awaited = frozenset(_awaited(sides))
    absent = awaited - first.keys()
    patient = PATIENCE * interval
    if any(sides[side].asked <= min(first.values()) + patient for side, _ in absent):
        return None
    end = max(first[each] for each in (awaited & first.keys()) or first)
    behind = (each for each in awaited & first.keys() if last[each] + _NEARLY * interval < end)
    if any(sides[side].asked <= end + patient for side, _ in behind):
        return None
    held = {name: tuple(each for each in side.growths if each.at <= end) for name, side in sides.items()}
    return Closed(start, end, held["canary"], held.get("stable", ()), absent)


def left(growths: tuple[Growth, ...], end: float) -> tuple[Growth, ...]:
    """What is not in a block that ended then; what comes too late for it is in none."""
    return growths[bisect_right(growths, end, key=lambda each: each.at) :]


def _scrapes(sides: Mapping[str, Reports]) -> tuple[dict[tuple[str, str], float], dict[tuple[str, str], float]]:
    first: dict[tuple[str, str], float] = {}
    last: dict[tuple[str, str], float] = {}
    for name, side in sides.items():
        for each in side.growths:
            first.setdefault((name, each.reporter), each.at)
            last[name, each.reporter] = each.at
    return first, last


def _awaited(sides: Mapping[str, Reports]) -> Iterator[tuple[str, str]]:
    for name, side in sides.items():
        yield from ((name, reporter) for reporter in side.expected)
        if not side.expected and not side.growths and not side.forsaken:
            yield name, ""  # somebody of this side
