"""One question put to a source, and the track its answer leads to."""

from dataclasses import dataclass

from analysis import pacing
from analysis.checks import Subject
from analysis.history import moment
from analysis.readings import Asking, Counting, Reading
from analysis.samples import Target, newest
from analysis.sources import Counters, NoData, Number, ProviderDown, Source, Unsupported
from analysis.tracks import Track, answered, asked, failed, grown


@dataclass(frozen=True, kw_only=True)
class Question:
    """What to ask; `now` in Unix seconds, `fresh` on the event loop's clock: from when on an answer may be shared."""

    reading: Reading
    subject: Subject
    now: float
    fresh: float


async def poll(source: Source, question: Question, track: Track, heard: dict[Target, float]) -> Track:
    """Ask, and follow. `heard`, the newest scrape of each target known to this rollout, is brought up to date."""
    match question.reading:
        case Asking(expr):
            return _followed(track, await source.value(expr, fresh=question.fresh), question)
        case Counting() as counting:
            before = dict(heard)
            answer = await _counters(source, question, counting, track)
            if not isinstance(answer, Counters):
                return _followed(track, answer, question)
            for samples in answer.samples:
                heard.update(newest(samples))
            known = {**before, **newest(answer.samples[0])}
            return asked(_followed(track, _read(track, counting, answer), question), known)


async def _counters(
    source: Source, question: Question, counting: Counting, track: Track
) -> Counters | NoData | ProviderDown:
    since = max(track.total.until.values(), default=track.start)
    reach = pacing.reach(since=since, interval=track.pace, now=question.now)
    selections = (counting.total, counting.part)
    return await source.counters(selections, question.subject, reach=reach, fresh=question.fresh)


def _read(track: Track, counting: Counting, answer: Counters) -> Track | NoData:
    total, part = answer.samples
    return grown(track, counting, total, part, delay=answer.delay) if total.series else NoData("no series matches")


def _followed(track: Track, answer: Track | Number | NoData | ProviderDown | Unsupported, question: Question) -> Track:
    match answer:
        case Track():
            return answer
        case Number():
            return answered(track, answer)
        case _:
            return failed(track, answer, moment(question.now))
