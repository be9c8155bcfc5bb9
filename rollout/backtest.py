"""A Rollout's checks over the past: when it would have been taken back, or let on, by the code that judges live."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from analysis.checks import Subject, Subscription
from analysis.replay import replay
from analysis.results import CheckResult, State
from analysis.sources import NoData, PrometheusSource, ProviderDown
from analysis.sources.prometheus import Prometheus
from rollout.core.checks import to_asked
from rollout.core.subjects import chances
from rollout.declared import Declared


@dataclass(frozen=True, kw_only=True)
class Side:
    """One version in the past: a regular expression of its pods, and what the placeholders stand for."""

    pods: str
    service: str | None = None
    revision: str = ""


@dataclass(frozen=True, kw_only=True)
class Past:
    """What to look at: a Rollout's checks on both sides, from one moment to another."""

    rollout: Declared
    canary: Side
    stable: Side
    start: datetime
    end: datetime
    every: timedelta


@dataclass(frozen=True)
class Moment:
    """What was to be said at one look."""

    at: datetime
    results: tuple[CheckResult, ...]
    provable: frozenset[str] = frozenset()

    @property
    def harm(self) -> CheckResult | None:
        """The check that takes the canary back, if one does."""
        proved = (each for each in self.results if each.state is State.REGRESS)
        return next((each for each in proved if not each.warn_only and not each.holds_only), None)

    @property
    def proven(self) -> bool:
        """Whether a step that ends on evidence would be left: what can be proved is, and all else passes."""
        counted = [each for each in self.results if each.critical and not each.warn_only]
        fine = all(each.proven if each.name in self.provable else each.state is State.PASS for each in counted)
        return bool(counted) and fine


class NothingThere(Exception):  # noqa: N818 - it says what is the matter
    """There is nothing to judge; the message says what, and what would help."""


async def past(asked: Past, source: PrometheusSource) -> AsyncIterator[Moment]:
    """Each look, in the order of time, up to the one that proves harm. Raises NothingThere."""
    clock = [asked.end.timestamp()]
    prometheus = Prometheus(source, clock=lambda: clock[0])
    try:
        checks = tuple(found for check in asked.rollout.checks if (found := to_asked(check)) is not None)
        if not checks:
            raise NothingThere(f"{asked.rollout.name} has no check that a metric source is asked")
        subscription = Subscription(
            checks=checks,
            subjects=(
                await _subject("canary", asked.canary, asked, prometheus),
                await _subject("stable", asked.stable, asked, prometheus),
            ),
            since=asked.start,
            **chances(asked.rollout.spec.analysis),
        )
        provable = frozenset(check.name for check in asked.rollout.checks if check.provable)
        moments = replay(subscription, prometheus, start=asked.start, end=asked.end, every=asked.every, clock=clock)
        async for at, assessment in moments:
            moment = Moment(at, assessment.results, provable)
            yield moment
            if moment.harm is not None:
                return
    finally:
        await prometheus.close()


async def _subject(name: Literal["canary", "stable"], side: Side, asked: Past, prometheus: Prometheus) -> Subject:
    pods = await prometheus.pods(side.pods, start=asked.start.timestamp(), end=asked.end.timestamp())
    if isinstance(pods, ProviderDown | NoData):
        raise NothingThere(f"the Prometheus cannot be asked: {pods.reason}")
    if not pods:
        raise NothingThere(f"no pod matches --{name} {side.pods!r} in that time: correct the expression or the times")
    return Subject(
        side=name, revision=side.revision, namespace=asked.rollout.namespace, service=side.service, pods=pods
    )
