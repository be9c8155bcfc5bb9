"""Histories and checks for tests, from as few words as the test is about."""

from datetime import UTC, datetime, timedelta

from analysis.checks import Comparison, Latency, Query, Ratio, Threshold
from analysis.history import Counts, History, Trouble, Value

START = datetime(2026, 11, 1, 12, tzinfo=UTC)


def at(seconds: float) -> datetime:
    """A moment after the start of the comparison."""
    return START + timedelta(seconds=seconds)


def a_ratio(*, limit: int = 1, ceiling: float = 0.01, **changes: object) -> Ratio:
    """A ratio against a threshold; `limit` failing samples in a row prove harm."""
    rule = Threshold(ceiling=ceiling, failure_limit=limit)
    return Ratio(**{"name": "errors", "bad": "bad", "total": "all", "rule": rule, **changes})


def a_comparison(*, name: str = "errors", critical: bool = True, warn_only: bool = False, **rule: object) -> Ratio:
    """A ratio compared with the stable version's."""
    found = Comparison(**{"ceiling": 0.01, "exclude": 0.0, **rule})
    return Ratio(name=name, bad="bad", total="all", rule=found, critical=critical, warn_only=warn_only)


def a_latency(*, limit: int = 1, ceiling: float = 0.01, **changes: object) -> Latency:
    """A latency against a threshold."""
    rule = Threshold(ceiling=ceiling, failure_limit=limit)
    return Latency(**{"name": "p99", "histogram": "d_seconds", "below": 0.5, "rule": rule, **changes})


def a_query(**changes: object) -> Query:
    return Query(**{"name": "queue", "expr": "depth", "max": 10, **changes})


def counts(*sums: tuple[float, float], every: float = 15) -> History:
    """A history of (bad, total) since the start, one for each scrape; the first is where the sums start."""
    entries = tuple(Counts(at(place * every), bad, total) for place, (bad, total) in enumerate(sums))
    return History(since=START, interval=timedelta(seconds=15), counts=entries)


def steady(bad: float, total: float, scrapes: int, *, every: float = 15) -> History:
    """A history that grows by the same at every scrape."""
    return counts(*((bad * place, total * place) for place in range(scrapes + 1)), every=every)


def values(*numbers: float, trouble: Trouble | None = None) -> History:
    found = tuple(Value(at(15 * place), number) for place, number in enumerate(numbers))
    return History(since=START, interval=timedelta(seconds=15), values=found, trouble=trouble)


def nothing(kind: str = "noData", reason: str = "no series matches", since: float = 0) -> History:
    """A history without samples, and why."""
    trouble = Trouble("providerDown" if kind == "providerDown" else "noData", reason, at(since))
    return History(since=START, interval=timedelta(seconds=15), trouble=trouble)
