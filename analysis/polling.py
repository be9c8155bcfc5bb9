"""One question put to a source, and the track its answer leads to."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from analysis import pacing
from analysis.checks import Subject
from analysis.history import moment
from analysis.native import bound, classic, uppers
from analysis.readings import Asking, Counting, Reading, Tailing, Using
from analysis.samples import Samples, Target, newest
from analysis.selectors import Selection
from analysis.sources import Counters, NoData, Number, ProviderDown, Source, Unsupported
from analysis.tracks import Track, answered, asked, failed, grown, tailed, used

_NOTHING = "no series matches"


@dataclass(frozen=True, kw_only=True)
class Question:
    """What to ask; `now` in Unix seconds, `fresh` on the event loop's clock: from when on an answer may be shared."""

    reading: Reading
    subject: Subject
    now: float
    fresh: float


async def poll(source: Source, question: Question, track: Track, heard: dict[Target, float]) -> Track:
    """Ask, and follow. `heard`, the newest scrape of each target known to this rollout, is brought up to date."""
    if isinstance(question.reading, Asking):
        return _followed(track, await source.value(question.reading.expr, fresh=question.fresh), question)
    before = dict(heard)
    answer = await _counters(source, question, _selections(question.reading, native=track.native), track)
    if not isinstance(answer, Counters):
        return _followed(track, answer, question)
    if not answer.samples[0].series and not track.native and _natives(question.reading):
        answer = await _counters(source, question, _natives(question.reading), track)
        if not isinstance(answer, Counters):
            return _followed(track, answer, question)
        track = replace(track, native=bool(answer.samples[0].histograms))
    for samples in answer.samples:
        heard.update(newest(samples))
    known = {**before, **newest(answer.samples[0])}
    return asked(_followed(track, _read(track, question.reading, answer), question), known, question.now)


def _selections(reading: Reading, *, native: bool) -> tuple[Selection, ...]:
    """What is asked for, the total first."""
    if native:
        return _natives(reading)
    match reading:
        case Counting():
            return reading.total, reading.part
        case Tailing():
            return (reading.buckets,)
        case Using():
            return (reading.used,) if reading.per is None else (reading.used, reading.per)
        case Asking():
            raise AssertionError("an expression has no counters")


def _natives(reading: Reading) -> tuple[Selection, ...]:
    """What is asked for where the histogram may be a native one; nothing where there is no histogram."""
    match reading:
        case Counting(native=found) if found is not None:
            return (found.histogram,)
        case Tailing():
            return (reading.native,)
        case _:
            return ()


async def _counters(
    source: Source, question: Question, selections: Sequence[Selection], track: Track
) -> Counters | NoData | ProviderDown:
    since = max(track.total.until.values(), default=track.start)
    reach = pacing.reach(since=since, interval=track.pace, now=question.now)
    return await source.counters(selections, question.subject, reach=reach, fresh=question.fresh)


def _read(track: Track, reading: Reading, answer: Counters) -> Track | NoData:
    first = answer.samples[0]
    if not first.series and not first.histograms:
        return NoData(_NOTHING)
    match reading:
        case Counting():
            total, part = _halves(reading, answer, native=track.native)
            return grown(track, reading, total, part, delay=answer.delay)
        case Tailing():
            bounds = track.bounds if track.bounds is not None else uppers(first.histograms)
            return tailed(track, classic(first.histograms, bounds) if track.native else first, reading.missing)
        case Using():
            return used(track, reading, first, *(answer.samples[1:] or (None,)), delay=answer.delay)
        case Asking():
            raise AssertionError("an expression has no counters")


def _halves(reading: Counting, answer: Counters, *, native: bool) -> tuple[Samples, Samples]:
    """The total and its part."""
    if not native or reading.native is None:
        total, part = answer.samples
        return total, part
    limit = bound(reading.native.bound)
    found = classic(answer.samples[0].histograms, (limit,)).series
    halves = [tuple(each for each in found if ("le", spelled) in each.labels) for spelled in ("+Inf", repr(limit))]
    return Samples(halves[0]), Samples(halves[1])


def _followed(track: Track, answer: Track | Number | NoData | ProviderDown | Unsupported, question: Question) -> Track:
    match answer:
        case Track():
            return answer
        case Number():
            return answered(track, answer)
        case _:
            return failed(track, answer, moment(question.now))
