"""The real collector over a Prometheus, and everything it ever said of a rollout."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random

from analysis.checks import Check, Side, Subject, Subscription
from analysis.collector import Collector
from analysis.history import Counts, History
from analysis.results import CheckResult, State
from analysis.sources import PrometheusSource
from analysis.sources.opening import opened

KEY = "rollout"
PATIENCE = 30.0  # seconds until a condition that should come true counts as never


@dataclass
class Watch:
    """What the collector says of one rollout; `said` is what it told and what it said when it was looked at."""

    collector: Collector[str]
    said: list[CheckResult] = field(default_factory=list)

    def subscribe(self, *checks: Check, subjects: tuple[Subject, ...]) -> None:
        """Measure these checks on these sides."""
        self.collector.subscribe(KEY, Subscription(checks=checks, subjects=subjects))

    def note(self) -> None:
        """Keep what is said now."""
        self.said += self.collector.assessment(KEY, datetime.now(UTC)).results

    def result(self, name: str) -> CheckResult:
        """What one check says now."""
        return next(each for each in self.collector.assessment(KEY, datetime.now(UTC)).results if each.name == name)

    def history(self, name: str, side: Side) -> History:
        """All that is known of one check on one side."""
        return self.collector._followings[KEY].places[name, side].track.history

    def counts(self, name: str, side: Side) -> Counts | None:
        """Bad and all requests of one side since the comparison began; None where nothing was ever counted."""
        known = self.history(name, side).counts
        return known[-1] if known else None

    def sums(self, name: str, side: Side) -> tuple[float, float] | None:
        """(bad, all) of `counts`."""
        counts = self.counts(name, side)
        return (counts.bad, counts.total) if counts else None

    def regressed(self) -> list[str]:
        """The sentences of all breaches there have ever been."""
        return [each.sentence for each in self.said if each.state is State.REGRESS]

    def states(self, name: str) -> list[State]:
        """The states a check has been in, one after the other."""
        states = [each.state for each in self.said if each.name == name]
        return [state for place, state in enumerate(states) if place == 0 or states[place - 1] is not state]

    async def until(self, condition: Callable[[], bool], what: str) -> None:
        """Wait until something is so; fails with what the collector says then."""
        try:
            async with asyncio.timeout(PATIENCE):
                while not condition():
                    self.note()
                    await asyncio.sleep(0.02)
                self.note()
        except TimeoutError:
            now = [each.sentence for each in self.collector.assessment(KEY, datetime.now(UTC)).results]
            raise AssertionError(f"never came: {what}; the checks say {now}") from None

    async def comes_to(self, name: str, side: Side, sums: tuple[float, float]) -> None:
        """Wait until one side was counted to be (bad, all)."""
        try:
            await self.until(lambda: self.sums(name, side) == sums, f"{name} on {side}: {sums}")
        except AssertionError:
            assert self.sums(name, side) == sums
            raise

    async def scrapes(self, name: str, side: Side, number: int) -> None:
        """Wait until so many more scrapes of one side were read."""
        known = self.history(name, side).at
        for _ in range(number):
            await self.until(lambda: self.history(name, side).at != known, f"another scrape of {side}")  # noqa: B023
            known = self.history(name, side).at


@asynccontextmanager
async def watching(source: PrometheusSource) -> AsyncIterator[Watch]:
    """The collector beside the block."""
    async with opened((source,)) as sources, asyncio.TaskGroup() as group:
        collector: Collector[str] = Collector(sources, on_samples=lambda _key: watch.note(), random=Random(1))
        watch = Watch(collector)
        task = group.create_task(collector.run())
        try:
            yield watch
        finally:
            task.cancel()
