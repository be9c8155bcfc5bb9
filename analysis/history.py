"""What is known of one check on one side: sums over the rounds of scrapes, or values, and what went wrong last."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final, Literal, NamedTuple

from analysis.samples import Increment

KEPT: Final = 512
"""Entries of a history; when there are more, the oldest lose their resolution, never their counts."""


class Reporter(NamedTuple):
    """The sums of one pod or proxy."""

    name: str
    bad: float
    total: float


@dataclass(frozen=True, slots=True)
class Counts:
    """Bad and all requests since the comparison began, as of one round of scrapes, the newest of them at `at`."""

    at: datetime
    bad: float
    total: float
    reporters: tuple[Reporter, ...] = ()


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
        added = _added(counts[-1], each)
        # A scrape that became visible late belongs to the sample it is as old as.
        counts[len(counts) - (len(counts) > 1 and added.at == counts[-1].at) :] = [added]
    return replace(history, counts=_thinned(tuple(counts)), trouble=None)


def valued(history: History, value: Value) -> History:
    """The history after one more answer of a query; an answer that is not newer than the last is none."""
    known = history.at
    if known and value.at <= known:
        return replace(history, trouble=None)
    return replace(history, values=(*history.values, value)[-KEPT:], trouble=None)


@dataclass(frozen=True)
class Round:
    """One scrape of every reporter that answered: what each counted since its last one, as (bad, total)."""

    at: datetime
    grown: Mapping[str, tuple[float, float]]


def rounds(bad: Sequence[Increment], total: Sequence[Increment]) -> tuple[Round, ...]:
    """Increments put together scrape by scrape: a round ends where a reporter comes with another scrape."""
    grown: dict[tuple[float, str], tuple[float, float]] = {}
    for increment, is_bad in (*((each, True) for each in bad), *((each, False) for each in total)):
        b, t = grown.get(increment[:2], (0.0, 0.0))
        grown[increment[:2]] = (b + increment.value, t) if is_bad else (b, t + increment.value)
    found: list[Round] = []
    open_round: dict[str, tuple[float, float]] = {}
    newest = 0.0
    for at, name in sorted(grown):
        if name in open_round:
            found.append(Round(moment(newest), open_round))
            open_round = {}
        open_round[name] = grown[at, name]
        newest = at
    return (*found, Round(moment(newest), open_round)) if open_round else tuple(found)


def moment(seconds: float) -> datetime:
    """Unix seconds as an aware time."""
    return datetime.fromtimestamp(seconds, UTC)


def utc_now() -> datetime:
    """The time it is."""
    return datetime.now(UTC)


def _added(before: Counts, grown: Round) -> Counts:
    sums = {each.name: each for each in before.reporters}
    for name, (bad, total) in grown.grown.items():
        known = sums.get(name, Reporter(name, 0.0, 0.0))
        sums[name] = Reporter(name, known.bad + bad, known.total + total)
    reporters = tuple(sums[name] for name in sorted(sums))
    bad, total = (sum(each[place] for each in grown.grown.values()) for place in (0, 1))
    return Counts(max(before.at, grown.at), before.bad + bad, before.total + total, reporters)


def _thinned(counts: tuple[Counts, ...]) -> tuple[Counts, ...]:
    return counts if len(counts) <= KEPT else (counts[0], *counts[1 - KEPT :])
