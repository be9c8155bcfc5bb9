"""What one reporter counted between two of its scrapes."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from analysis.samples import Increment


class Growth(NamedTuple):
    """What a pod or proxy counted by its scrape at `at` (Unix seconds): all events, and the bad ones among them.

    `bad` has one entry, or where a whole tail is compared one for each bound, of the events above it.
    """

    at: float
    reporter: str
    total: float
    bad: tuple[float, ...]


def growths(total: Sequence[Increment], *bad: Sequence[Increment]) -> tuple[Growth, ...]:
    """Increments of the sums put together, one for each scrape of each reporter, in the order of time."""
    sums: dict[tuple[float, str], list[float]] = {}
    for place, increments in enumerate((total, *bad)):
        for each in increments:
            sums.setdefault(each[:2], [0.0] * (1 + len(bad)))[place] += each.value
    return tuple(Growth(at, name, sums[at, name][0], tuple(sums[at, name][1:])) for at, name in sorted(sums))


def newest(found: Iterable[Growth], known: Mapping[str, float]) -> dict[str, float]:
    """The newest scrape of each reporter, by now."""
    reported = dict(known)
    for each in found:
        reported[each.reporter] = max(reported.get(each.reporter, each.at), each.at)
    return reported
