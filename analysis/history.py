"""What is known of one check on one side: sums over the rounds of scrapes, or values, and what went wrong last."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final, Literal

from analysis.growth import Growth

KEPT: Final = 512
"""Entries of a history; when there are more, the oldest lose their resolution, never their counts."""


@dataclass(frozen=True, slots=True)
class Counts:
    """Bad and all requests since the comparison began, as of one round of scrapes, the newest of them at `at`."""

    at: datetime
    bad: float
    total: float


@dataclass(frozen=True, slots=True)
class Value:
    """What an expression came to at `at`."""

    at: datetime
    value: float


@dataclass(frozen=True, slots=True)
class Trouble:
    """What the last question came back with instead of numbers, and since when all have."""

    kind: Literal["noData", "providerDown"]
    reason: str
    since: datetime


@dataclass(frozen=True, kw_only=True)
class History:
    """One check on one side. `since` is when it was first asked for, `interval` the time between two samples.

    `counts` begin with an entry of zeros, the scrape that all sums start from; `values` are those of a query.
    """

    since: datetime
    interval: timedelta
    counts: tuple[Counts, ...] = ()
    values: tuple[Value, ...] = ()
    trouble: Trouble | None = None

    @property
    def at(self) -> datetime | None:
        """When the newest sample was taken; None before the first."""
        if self.values:
            return self.values[-1].at
        return self.counts[-1].at if self.counts else None


def troubled(history: History, kind: Literal["noData", "providerDown"], reason: str, now: datetime) -> History:
    """The history after a question that brought no numbers; trouble of the same kind goes on since it began."""
    before = history.trouble
    since = before.since if before and before.kind == kind else now
    return replace(history, trouble=Trouble(kind, reason, since))


def counted(history: History, start: datetime, scrapes: Sequence["Round"]) -> History:
    """The history after more rounds of scrapes; `start` is the scrape that the sums of a new history start from."""
    counts = list(history.counts) or [Counts(start, 0.0, 0.0)]
    for each in scrapes:
        last = counts[-1]
        added = Counts(max(last.at, each.at), last.bad + each.bad, last.total + each.total)
        # A scrape that became visible late belongs to the sample it is as old as.
        counts[len(counts) - (len(counts) > 1 and added.at == last.at) :] = [added]
    return replace(history, counts=_thinned(tuple(counts)), trouble=None)


def valued(history: History, value: Value) -> History:
    """The history after one more answer of a query; an answer that is not newer than the last is none."""
    known = history.at
    if known and value.at <= known:
        return replace(history, trouble=None)
    return replace(history, values=(*history.values, value)[-KEPT:], trouble=None)


@dataclass(frozen=True)
class Round:
    """One scrape of every reporter that answered: what all of them counted since their last one."""

    at: datetime
    bad: float
    total: float


def rounds(found: Sequence[Growth]) -> tuple[Round, ...]:
    """Growths, in the order of time, scrape by scrape: a round ends where a reporter comes with another one."""
    ended: list[Round] = []
    now: dict[str, Growth] = {}
    for each in found:
        if each.reporter in now:
            ended.append(_round(now.values()))
            now = {}
        now[each.reporter] = each
    return (*ended, _round(now.values())) if now else tuple(ended)


def _round(scrapes: Iterable[Growth]) -> Round:
    found = tuple(scrapes)
    return Round(moment(found[-1].at), sum(each.bad[0] for each in found), sum(each.total for each in found))


def moment(seconds: float) -> datetime:
    """Unix seconds as an aware time."""
    return datetime.fromtimestamp(seconds, UTC)


def utc_now() -> datetime:
    """The time it is."""
    return datetime.now(UTC)


def _thinned(counts: tuple[Counts, ...]) -> tuple[Counts, ...]:
    return counts if len(counts) <= KEPT else (counts[0], *counts[1 - KEPT :])
