"""Raw cumulative counters, and what they grew by: per scrape, per reporter, across resets, late and vanished series."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

LabelSet = tuple[tuple[str, str], ...]
Target = tuple[str, ...]
"""What was scraped: its job and instance where the series say so, else its pod, else empty."""


class Point(NamedTuple):
    """One scraped value of one series; `at` is the scrape's own time in Unix seconds."""

    at: float
    value: float


class Increment(NamedTuple):
    """How much a reporter's counters grew by the scrape at `at` (Unix seconds)."""

    at: float
    reporter: str
    value: float


@dataclass(frozen=True, slots=True)
class Series:
    """A series as scraped: sorted labels, points in the order of time; `place` tells apart the selectors of a sum."""

    labels: LabelSet
    points: tuple[Point, ...]
    place: int = 0


class Bucket(NamedTuple):
    """So many events up to `upper`, and above the bucket before."""

    upper: float
    events: float


class Distribution(NamedTuple):
    """One scrape of a native histogram; the buckets in the order of their bounds."""

    at: float
    events: float
    buckets: tuple[Bucket, ...]


@dataclass(frozen=True, slots=True)
class Native:
    """A native histogram as scraped: sorted labels, scrapes in the order of time; `place` as of a series."""

    labels: LabelSet
    points: tuple[Distribution, ...]
    place: int = 0


Targets = Mapping[Target, float]
"""For each target the time of one of its scrapes, in Unix seconds."""


@dataclass(frozen=True)
class Samples:
    """What a source answered: finite values only. `heard` are targets that answered, with or without such series.

    `histograms` are native ones, which a source shows where it has them.
    """

    series: tuple[Series, ...]
    heard: Targets = field(default_factory=dict)
    histograms: tuple[Native, ...] = ()


@dataclass(frozen=True)
class Seen:
    """What differences start from: the last point of each series, and the newest scrape counted of each target."""

    last: Mapping[tuple[int, LabelSet], Point] = field(default_factory=dict)
    until: Targets = field(default_factory=dict)


def series(labels: Mapping[str, str], points: Iterable[Point], place: int = 0) -> Series | None:
    """A series without its name and without what is no number (NaN, infinities); None where nothing is left."""
    finite = tuple(sorted(point for point in points if math.isfinite(point.value)))
    kept = tuple(sorted((name, value) for name, value in labels.items()))
    return Series(kept, finite, place) if finite else None


def target(labels: LabelSet) -> Target:
    """What a series was scraped from."""
    named = dict(labels)
    if "instance" in named:
        return (named.get("job", ""), named["instance"])
    return (named["pod"],) if "pod" in named else ()


def reporter(labels: LabelSet) -> str:
    """Whose counters these are, for people and for comparing pods: the pod, else the instance, else empty."""
    named = dict(labels)
    return named.get("pod") or named.get("instance", "")


def newest(samples: Samples) -> dict[Target, float]:
    """The newest scrape of each target in the answer."""
    last = dict(samples.heard)
    for each in samples.series:
        where, at = target(each.labels), each.points[-1].at
        last[where] = max(last.get(where, at), at)
    return last


def covered(samples: Samples, *, delay: float) -> dict[Target, float]:
    """A scrape of each target that a question asked up to `delay` seconds later, reaching as far back, covers too."""
    beginning = min((each.points[0].at for each in samples.series), default=math.inf)
    first: dict[Target, float] = {}
    for each in samples.series:
        inside = next((point.at for point in each.points if point.at > beginning + delay), math.inf)
        where = target(each.labels)
        first[where] = min(first.get(where, math.inf), inside)
    return first


def difference(
    seen: Seen, samples: Samples, *, since: float = -math.inf, examined: Targets, until: Targets | None = None
) -> tuple[Seen, tuple[Increment, ...]]:
    """What every series grew by since it was last seen, one increment for each of its scrapes, in the order of time.

    A value below the one before it is a reset and counts in full. A series never seen before starts at its last point
    up to `since`, if it has one. Else it counts from 0 where a scrape of its target is known that lacked it: one in
    `examined`, one counted before, or one in the same answer. Else its first point is where it starts. A series that
    vanished stays remembered. Points later than `until` of their target wait for the next time.
    """
    last = dict(seen.last)
    beginnings = _beginnings(samples)
    increments: list[Increment] = []
    for each in samples.series:
        where, key = target(each.labels), (each.place, each.labels)
        limit = math.inf if until is None else until.get(where, math.inf)
        points = [point for point in each.points if point.at <= limit]
        if not points:
            continue
        scrapes = (seen.until.get(where, -math.inf), examined.get(where, -math.inf))
        lacking = max(scrapes) if max(scrapes) > -math.inf else beginnings[each.place, where]
        base = last.get(key) or _base(points, since, lacking)
        increments += _grown(base, points, reporter(each.labels))
        last[key] = max(base, points[-1])
    counted = newest(samples) if until is None else until
    return Seen(last, {**seen.until, **counted}), tuple(sorted(increments))


def _beginnings(samples: Samples) -> dict[tuple[int, Target], float]:
    first: dict[tuple[int, Target], float] = {}
    for each in samples.series:
        key, at = (each.place, target(each.labels)), each.points[0].at
        first[key] = min(first.get(key, at), at)
    return first


def _base(points: list[Point], since: float, lacking: float) -> Point:
    before = [point for point in points if point.at <= since]
    if before:
        return before[-1]
    return Point(lacking, 0.0) if lacking < points[0].at else points[0]


def _grown(base: Point, points: list[Point], name: str) -> list[Increment]:
    grown = []
    for point in points:
        if point.at <= base.at:
            continue
        grown.append(Increment(point.at, name, point.value if point.value < base.value else point.value - base.value))
        base = point
    return grown
