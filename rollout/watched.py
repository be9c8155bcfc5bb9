"""A metric source that is timed and counted, and answers as the one behind it."""

from collections.abc import Awaitable, Callable, Sequence
from enum import StrEnum
from time import monotonic
from typing import TypeVar

from analysis.checks import Check, Subject
from analysis.selectors import Selection
from analysis.sources import Answer, Counters, NoData, Number, ProviderDown, Source, Unsupported

A = TypeVar("A", bound=Answer)


class QueryOutcome(StrEnum):
    """What came of a question to a metric source."""

    OK = "ok"
    NO_DATA = "noData"
    DOWN = "down"
    UNSUPPORTED = "unsupported"


Observer = Callable[[str, QueryOutcome, float], None]
"""Told the source's name, what came of a question, and the seconds it took."""


class Watched:
    """Asks `source`, and tells `observer` of each answer."""

    def __init__(self, source: Source, observer: Observer, *, clock: Callable[[], float] = monotonic) -> None:
        self._source = source
        self._observer = observer
        self._clock = clock

    @property
    def name(self) -> str:
        """What checks call it."""
        return self._source.name

    @property
    def interval(self) -> float:
        """Seconds between two scrapes, as configured."""
        return self._source.interval

    @property
    def shows_scrapes(self) -> bool:
        """Whether the samples are scrapes that somebody else takes."""
        return self._source.shows_scrapes

    def refusal(self, check: Check) -> str | None:
        """Why this kind of source can never answer the check."""
        return self._source.refusal(check)

    async def counters(
        self, selections: Sequence[Selection], subject: Subject, *, reach: float, fresh: float
    ) -> Counters | NoData | ProviderDown:
        """The raw counters, as the source has them."""
        return await self._timed(self._source.counters(selections, subject, reach=reach, fresh=fresh))

    async def value(self, expr: str, *, fresh: float) -> Number | NoData | ProviderDown | Unsupported:
        """What an expression comes to, as the source has it."""
        return await self._timed(self._source.value(expr, fresh=fresh))

    async def close(self) -> None:
        """Close the source."""
        await self._source.close()

    async def _timed(self, asking: Awaitable[A]) -> A:
        began = self._clock()
        answer = await asking
        self._observer(self.name, _outcome(answer), self._clock() - began)
        return answer


def _outcome(answer: Answer) -> QueryOutcome:
    match answer:
        case NoData():
            return QueryOutcome.NO_DATA
        case ProviderDown():
            return QueryOutcome.DOWN
        case Unsupported():
            return QueryOutcome.UNSUPPORTED
        case _:
            return QueryOutcome.OK
