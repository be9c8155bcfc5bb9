"""What the steps of a Rollout can find in their time, at the traffic that its stable version has now."""

import math
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from analysis.checks import FALSE_ABORTS, FALSE_ADVANCES, Comparison, Latency, Ratio, Subject, Subscription
from analysis.comparing import part_of
from analysis.course import rule_of
from analysis.judge import detectable
from analysis.replay import look
from analysis.sources import NoData, ProviderDown
from analysis.sources.prometheus import Prometheus
from rollout.core.checks import to_asked
from rollout.core.subjects import chances
from rollout.declared import Declared
from rollout.models.base import format_duration
from rollout.models.spec import Step
from rollout.models.steps import compile_steps, pods

_BACK = timedelta(minutes=15)
_SPAN = timedelta(hours=1)


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """What one check can find in one step: the smallest ratio of the two bad shares, None where it finds none.

    `problem` is why nothing can be said of the check at all.
    """

    check: str
    step: str = ""
    requests: float = 0.0
    bad: float = 0.0
    finds: float | None = None
    problem: str | None = None

    @property
    def sentence(self) -> str:
        """It as one sentence."""
        if self.problem is not None:
            return f"{self.check}: {self.problem}"
        traffic = f"at {self.requests:.3g} requests a second, {100 * self.bad:.2g} % of them bad"
        if self.finds is None:
            remedy = "hold it longer, or give it more of the traffic"
            return f"{self.check}: {traffic}, step {self.step} cannot reach a verdict in its time: {remedy}"
        return f"{self.check}: {traffic}, step {self.step} finds {self.finds:g} times the stable version's bad share"


class Unreachable(Exception):  # noqa: N818 - it says what is the matter
    """The Prometheus cannot be asked; the message says why."""


async def forecasts(rollout: Declared, source: Prometheus, now: datetime) -> AsyncIterator[Forecast]:
    """For every comparison and every step with a time and a share; `now` is when the traffic is looked at.

    Raises Unreachable where nobody answers.
    """
    names = await source.pods(f"{re.escape(rollout.workload)}-.*", start=(now - _BACK).timestamp(), end=now.timestamp())
    if isinstance(names, ProviderDown):
        raise Unreachable(f"the Prometheus cannot be asked: {names.reason}")
    if isinstance(names, NoData):
        yield Forecast(check=rollout.name, problem=names.reason)
        return
    for declared in rollout.checks:
        check = to_asked(declared)
        if isinstance(check, Latency) and check.below is None:
            yield Forecast(check=check.name, problem="what a whole distribution can show is not foretold")
        elif isinstance(check, Ratio | Latency) and isinstance(check.rule, Comparison):
            async for each in _of(rollout, check, source, names, now):
                yield each


async def _of(
    rollout: Declared, check: Ratio | Latency, source: Prometheus, names: tuple[str, ...], now: datetime
) -> AsyncIterator[Forecast]:
    subject = Subject(
        side="canary", revision="", namespace=rollout.namespace, service=rollout.service, pods=names
    )  # asked like a canary: who answers now is all there is
    start = now - _SPAN
    following = await look(Subscription(checks=(check,), subjects=(subject,), since=start), None, source, now)
    track = following.places[check.name, "canary"].track
    counts = track.history.counts
    seconds = (counts[-1].at - counts[0].at).total_seconds() if counts else 0.0
    if not seconds or not counts[-1].total:
        reason = track.history.trouble.reason if track.history.trouble else "no requests in the last hour"
        yield Forecast(check=check.name, problem=f"nothing can be said before there is data: {reason}")
        return
    requests, bad = counts[-1].total / seconds, max(counts[-1].bad, 0.5) / counts[-1].total
    for step in compile_steps(rollout.spec.strategy):
        lasts = _lasts(step)
        if lasts is not None and 0 < (step.weight or 0) < 100:
            finds = _finds(rollout, check, step, lasts, requests=requests, bad=bad, stable_pods=len(track.reported))
            named = f"{step.name} ({step.weight:g} %, {format_duration(lasts)})"
            yield Forecast(
                check=check.name, step=named, requests=requests, bad=counts[-1].bad / counts[-1].total, finds=finds
            )


def _lasts(step: Step) -> timedelta | None:
    return (step.hold.at_most or step.hold.for_) if step.hold is not None else None


def _finds(
    rollout: Declared,
    check: Ratio | Latency,
    step: Step,
    lasts: timedelta,
    *,
    requests: float,
    bad: float,
    stable_pods: int,
) -> float | None:
    assert isinstance(check.rule, Comparison), "asked of comparisons"
    asked = tuple(found for each in rollout.checks if (found := to_asked(each)) is not None)
    declared = chances(rollout.spec.analysis)
    return detectable(
        requests=requests,
        share=(step.weight or 0) / 100,
        stable_bad=min(1.0, bad),
        seconds=lasts.total_seconds(),
        rule=rule_of(
            check.rule,
            part=part_of(check, asked),
            alpha=declared.get("false_aborts", FALSE_ABORTS),
            beta=declared.get("false_advances", FALSE_ADVANCES),
        ),
        canary_pods=max(1, math.ceil(pods(step, rollout.spec.replicas or stable_pods))),
        stable_pods=max(1, stable_pods),
    )
