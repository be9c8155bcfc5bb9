"""One check on one side, followed through its answers: what was seen, and the history it adds up to."""

import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import median_low

from analysis.growth import Growth, growths
from analysis.growth import newest as newest_scrapes
from analysis.history import History, Value, counted, moment, rounds, troubled, valued
from analysis.readings import Counting, Using
from analysis.samples import Increment, Samples, Seen, Series, Targets, covered, difference, newest, reporter, target
from analysis.sources import NoData, Number, ProviderDown, Unsupported


@dataclass(frozen=True, kw_only=True)
class Track:
    """The state of one check on one side. `start` (Unix seconds) is where sums begin where the source reaches back.

    `pace` is the time between two scrapes in seconds, as seen last, `configured` as configured; the history's interval
    is the longer one.
    `examined` holds, for every target heard when the last question was asked, a scrape that its answer covered.
    `fresh` is what was counted and not yet put into a block, `reported` the newest scrape of each reporter, as was
    answered at `asked` (Unix seconds).

    Where a whole tail is compared, `distribution` is the share of events above each bound of the histogram, and
    `bounds` those that were chosen; `native` means that its histogram has no buckets of its own.
    """

    start: float
    pace: float
    configured: timedelta
    history: History
    total: Seen = field(default_factory=Seen)
    parts: tuple[Seen, ...] = ()
    examined: Targets = field(default_factory=dict)
    fresh: tuple[Growth, ...] = ()
    reported: Mapping[str, float] = field(default_factory=dict)
    asked: float = 0.0
    distribution: Mapping[float, float] = field(default_factory=dict)
    bounds: tuple[float, ...] | None = None
    native: bool = False


def begun(*, since: datetime, now: datetime, interval: float) -> Track:
    """A track that has not asked yet."""
    configured = timedelta(seconds=interval)
    history = History(since=now, interval=configured)
    return Track(start=since.timestamp(), pace=interval, configured=configured, history=history)


def failed(track: Track, answer: NoData | ProviderDown | Unsupported, now: datetime) -> Track:
    """The track after an answer without numbers."""
    down = isinstance(answer, ProviderDown)
    history = troubled(track.history, "providerDown" if down else "noData", answer.reason, now)
    return replace(track, history=history, asked=track.asked if down else now.timestamp())


def asked(track: Track, heard: Targets, now: float) -> Track:
    """The track after a question was answered `now`; `heard` is what was known of the targets when it was asked."""
    return replace(track, examined={**track.examined, **heard}, asked=now)


def answered(track: Track, number: Number) -> Track:
    """The track after a query came to a number."""
    return replace(track, history=valued(track.history, Value(moment(number.at), number.value)))


def grown(track: Track, reading: Counting, total: Samples, part: Samples, *, delay: float) -> Track | NoData:
    """The track after its counters were read, the part up to `delay` seconds after the total."""
    if reading.part_is == "good":
        total, part = _both(total, part)
        if not total.series:
            return NoData(reading.missing)
    track, more, parts = _differences(track, total, [part], delay=delay)
    return _added(track, total, more, parts if reading.part_is == "bad" else [_rest(more, each) for each in parts])


def tailed(track: Track, buckets: Samples, missing: str) -> Track | NoData:
    """The track after all buckets of a histogram were read, at once.

    Before its bounds are chosen, it only takes note of the whole distribution.
    """
    by_bound = _by_bound(buckets)
    total = by_bound.pop(math.inf, Samples(()))
    if not total.series:
        return NoData(missing)
    if track.bounds is None:
        return replace(track, distribution=_distribution(total, by_bound))
    lacking = next((bound for bound in track.bounds if bound not in by_bound), None)
    if lacking is not None:
        return NoData(f"its histogram has no bucket bound at {lacking:g}, which the stable version's has")
    track, more, parts = _differences(track, total, [by_bound[bound] for bound in track.bounds], delay=0.0)
    return _added(track, total, more, [_rest(more, each) for each in parts])


def used(track: Track, reading: Using, found: Samples, per: Samples | None, *, delay: float) -> Track:
    """The track after what is used was read, and the requests it is divided by."""
    if not reading.cumulative:
        return _gauged(track, found, per)
    assert per is not None, "what is counted is divided by requests"
    track, spent, parts = _differences(track, found, [per], delay=delay)
    return _added(track, found, parts[0], [spent])


def _gauged(track: Track, found: Samples, per: Samples | None) -> Track:
    """Every scrape of a gauge counts, and is a request of its own where there is nothing else to divide by."""
    values = [
        Increment(point.at, name, point.value)
        for each in found.series
        for point in each.points
        if point.at > track.reported.get(name := reporter(each.labels), track.start)
    ]
    if per is None:
        return _added(track, found, [Increment(each.at, each.reporter, 1.0) for each in values], [values])
    track, requests, _ = _differences(track, per, [], delay=0.0)
    return _added(track, found, requests, [values])


def _differences(
    track: Track, total: Samples, parts: Sequence[Samples], *, delay: float
) -> tuple[Track, tuple[Increment, ...], list[tuple[Increment, ...]]]:
    """What the total and each part of it grew by, no further than the total."""
    until = newest(total)
    seen, more = difference(track.total, total, since=track.start, examined=track.examined)
    examined = {**covered(total, delay=delay), **track.examined}
    known = track.parts or (Seen(),) * len(parts)
    found = [
        difference(before, part, since=track.start, examined=examined, until=until)
        for before, part in zip(known, parts, strict=True)
    ]
    after = replace(track, total=seen, parts=tuple(each for each, _ in found))
    return after, more, [grown for _, grown in found]


def _added(track: Track, read: Samples, total: Sequence[Increment], bad: Sequence[Sequence[Increment]]) -> Track:
    start = max(track.start, min(each.points[0].at for each in read.series))
    found = growths(total, *bad)
    track = replace(
        track,
        history=counted(track.history, moment(start), rounds(found)),
        fresh=tuple(sorted((*track.fresh, *found))),
        reported=newest_scrapes(found, track.reported),
    )
    return _paced(track, read)


def _by_bound(buckets: Samples) -> dict[float, Samples]:
    found: dict[float, list[Series]] = {}
    for each in buckets.series:
        bound = dict(each.labels).get("le", "")
        with suppress(ValueError):
            found.setdefault(float(bound), []).append(each)
    return {bound: Samples(tuple(series), buckets.heard) for bound, series in found.items()}


def _distribution(total: Samples, by_bound: Mapping[float, Samples]) -> dict[float, float]:
    """The share of all events so far that were above each bound, by what was counted first."""
    whole = sum(each.points[0].value for each in total.series) or 1.0
    sums = {bound: sum(each.points[0].value for each in found.series) for bound, found in by_bound.items()}
    return {bound: 1 - below / whole for bound, below in sorted(sums.items())}


def _both(total: Samples, part: Samples) -> tuple[Samples, Samples]:
    common = newest(total).keys() & newest(part).keys()
    kept = (tuple(each for each in side.series if target(each.labels) in common) for side in (total, part))
    return Samples(next(kept)), Samples(next(kept))


def _rest(total: Sequence[Increment], good: Sequence[Increment]) -> tuple[Increment, ...]:
    sums: dict[tuple[float, str], float] = {}
    for sign, increments in ((1, total), (-1, good)):
        for each in increments:
            sums[each[:2]] = sums.get(each[:2], 0.0) + sign * each.value
    # Never below nothing: a scrape in the middle of an update may show the bucket before the count.
    return tuple(Increment(at, name, max(0.0, value)) for (at, name), value in sorted(sums.items()))


def _paced(track: Track, total: Samples) -> Track:
    gaps = [later.at - earlier.at for each in total.series for earlier, later in pairwise(each.points)]
    if not gaps:
        return track
    # The lower one of two: while the source is away there are no scrapes, which makes a gap longer and none shorter.
    pace = median_low(gaps)
    interval = max(track.configured, timedelta(seconds=pace))
    return replace(track, pace=pace, history=replace(track.history, interval=interval))
