"""One check on one side, followed through its answers: what was seen, and the history it adds up to."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import median_low

from analysis.history import History, Value, counted, moment, rounds, troubled, valued
from analysis.readings import Counting
from analysis.samples import Increment, Samples, Seen, Targets, covered, difference, newest, target
from analysis.sources import NoData, Number, ProviderDown, Unsupported


@dataclass(frozen=True, kw_only=True)
class Track:
    """The state of one check on one side. `start` (Unix seconds) is where sums begin where the source reaches back.

    `pace` is the time between two scrapes in seconds, as seen last, `configured` as configured; the history's interval
    is the longer one.
    `examined` holds, for every target heard when the last question was asked, a scrape that its answer covered.
    """

    start: float
    pace: float
    configured: timedelta
    history: History
    total: Seen = field(default_factory=Seen)
    part: Seen = field(default_factory=Seen)
    examined: Targets = field(default_factory=dict)


def begun(*, since: datetime, now: datetime, interval: float) -> Track:
    """A track that has not asked yet."""
    configured = timedelta(seconds=interval)
    history = History(since=now, interval=configured)
    return Track(start=since.timestamp(), pace=interval, configured=configured, history=history)


def failed(track: Track, answer: NoData | ProviderDown | Unsupported, now: datetime) -> Track:
    """The track after an answer without numbers."""
    down = isinstance(answer, ProviderDown)
    return replace(track, history=troubled(track.history, "providerDown" if down else "noData", answer.reason, now))


def asked(track: Track, heard: Targets) -> Track:
    """The track after a question was answered; `heard` is what was known of the targets when it was asked."""
    return replace(track, examined={**track.examined, **heard})


def answered(track: Track, number: Number) -> Track:
    """The track after a query came to a number."""
    return replace(track, history=valued(track.history, Value(moment(number.at), number.value)))


def grown(track: Track, reading: Counting, total: Samples, part: Samples, *, delay: float) -> Track | NoData:
    """The track after its counters were read, the part up to `delay` seconds after the total."""
    if reading.part_is == "good":
        total, part = _both(total, part)
        if not total.series:
            return NoData(reading.missing)
    until = newest(total)
    seen, more = difference(track.total, total, since=track.start, examined=track.examined)
    examined = {**covered(total, delay=delay), **track.examined}
    seen_part, part_more = difference(track.part, part, since=track.start, examined=examined, until=until)
    bad = part_more if reading.part_is == "bad" else _rest(more, part_more)
    start = max(track.start, min(each.points[0].at for each in total.series))
    history = counted(track.history, moment(start), rounds(bad, more))
    return _paced(replace(track, history=history, total=seen, part=seen_part), total)


def _both(total: Samples, part: Samples) -> tuple[Samples, Samples]:
    common = newest(total).keys() & newest(part).keys()
    kept = (tuple(each for each in side.series if target(each.labels) in common) for side in (total, part))
    return Samples(next(kept)), Samples(next(kept))


def _rest(total: tuple[Increment, ...], good: tuple[Increment, ...]) -> tuple[Increment, ...]:
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
