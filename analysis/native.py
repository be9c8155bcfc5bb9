"""Native histograms of Prometheus: buckets without fixed bounds, read as if they had some."""

import math
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate

from analysis.samples import Distribution, Native, Point, Samples, Series

_SCHEMA = 3  # eight buckets for each doubling: what client libraries begin with


def classic(found: Sequence[Native], bounds: Sequence[float]) -> Samples:
    """The same as cumulative counters at these bounds, and one of all events, as a classic histogram has them."""
    return Samples(tuple(series for each in found for series in _series(each, bounds)))


def bound(value: float) -> float:
    """The lowest bound of a native histogram that is not below `value`."""
    return math.exp2(math.ceil(round(math.log2(value) * 2**_SCHEMA, 9)) / 2**_SCHEMA)


def uppers(found: Sequence[Native]) -> tuple[float, ...]:
    """All bounds that occur, in order."""
    return tuple(sorted({bucket.upper for each in found for point in each.points for bucket in point.buckets}))


def _series(histogram: Native, bounds: Sequence[float]) -> Iterator[Series]:
    sums = [(point, tuple(accumulate(bucket.events for bucket in point.buckets))) for point in histogram.points]
    for each in (*bounds, math.inf):
        labels = tuple(sorted((*histogram.labels, ("le", "+Inf" if math.isinf(each) else repr(each)))))
        points = tuple(Point(point.at, _up_to(point, added, each)) for point, added in sums)
        yield Series(labels, points, histogram.place)


def _up_to(point: Distribution, added: Sequence[float], limit: float) -> float:
    if math.isinf(limit):
        return point.events
    inside = bisect_right(point.buckets, limit * (1 + 1e-9), key=lambda bucket: bucket.upper)
    return added[inside - 1] if inside else 0.0
