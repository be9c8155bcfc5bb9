"""A release as a Prometheus remembers it, and a collector's work on it without the clock: poll, judge, start anew."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from analysis.checks import Check, Subject, Subscription
from analysis.following import Following
from analysis.history import moment
from analysis.replay import look
from analysis.results import Assessment, CheckResult
from analysis.samples import Point, Samples, Series, series
from analysis.selectors import Selection, matches
from analysis.sources import Counters, NoData
from tests.analysis.builders import START, at

INTERVAL = 10.0
CANARY = Subject(side="canary", revision="v2", namespace="n", service="shop-canary")
STABLE = Subject(side="stable", revision="v1", namespace="n", service="shop")


@dataclass
class Remembered:
    """Cumulative counters by labels; a question sees what was scraped up to `now`."""

    points: dict[tuple[tuple[str, str], ...], list[Point]] = field(default_factory=dict)
    now: float = 0.0
    name: str = "prom"
    interval: float = INTERVAL
    shows_scrapes: bool = True

    def scrape(self, seconds: float, **labels: str | float) -> None:
        """One scraped value, so many seconds after the start."""
        value = float(labels.pop("value"))
        named = {"__name__": str(labels.pop("metric")), **{name: str(each) for name, each in labels.items()}}
        self.points.setdefault(tuple(sorted(named.items())), []).append(Point(START.timestamp() + seconds, value))

    def refusal(self, check: Check) -> str | None:
        return None

    async def value(self, expr: str, *, fresh: float) -> NoData:
        return NoData("nobody asks for an expression here")

    async def close(self) -> None:
        """Nothing is open."""

    async def counters(
        self, selections: Sequence[Selection], subject: Subject, *, reach: float, fresh: float
    ) -> Counters:
        return Counters(tuple(Samples(tuple(self._found(each, reach))) for each in selections))

    def _found(self, selection: Selection, reach: float) -> list[Series]:
        found = []
        for place, chosen in enumerate(selection.selectors):
            for labels, points in self.points.items():
                named = dict(labels)
                inside = [point for point in points if self.now - reach <= point.at <= self.now]
                if named["__name__"] == chosen.name and matches(chosen.matchers, named):
                    each = series(named, inside, place)
                    found += [each] if each else []
        return found


@dataclass
class Reading:
    """A controller's process that measures this release; `looks` at it whenever somebody asks it to."""

    source: Remembered
    subscription: Subscription
    following: Following[str] | None = None

    now: float = 0.0

    def look(self, seconds: float) -> Assessment:
        """Ask every question once, so many seconds after the start."""
        self.now, now = seconds, at(seconds)
        self.source.now = now.timestamp()
        self.following = asyncio.run(look(self.subscription, self.following, self.source, now))
        return self.following.assessment(now)

    def result(self, seconds: float) -> CheckResult:
        """What the first check says after one more look."""
        return self.look(seconds).results[0]

    def anew(self, *, remembering: bool) -> "Reading":
        """Another process, with or without what this one has written down."""
        assert self.following is not None, "it has looked"
        kept = self.following.checkpoint(at(self.now + 3600)) if remembering else None
        return Reading(self.source, replace(self.subscription, checkpoint=kept))


def a_subscription(
    *checks: Check, canary: Sequence[str] = ("c0",), stable: Sequence[str] = ("s0", "s1")
) -> Subscription:
    """What is measured since the start."""
    subjects = (replace(CANARY, pods=tuple(canary)), replace(STABLE, pods=tuple(stable)))
    return Subscription(checks=checks, subjects=subjects, since=START, run=1)


def since(when: datetime) -> float:
    """Seconds after the start."""
    return (when - moment(START.timestamp())).total_seconds()
