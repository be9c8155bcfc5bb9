"""What the samples of one side say by themselves, however old they are, sample after sample."""

import sys
from dataclasses import dataclass
from datetime import datetime

from analysis.checks import Check, Latency, Query, Ratio, Threshold
from analysis.history import History
from analysis.results import State
from analysis.windows import Sample, samples


@dataclass(frozen=True)
class Judgement:
    """`state` is pass, regress or notEnoughData, and has been since `since`."""

    state: State
    since: datetime
    failing: int = 0
    proved_at: datetime | None = None


@dataclass(frozen=True)
class Judged:
    """How far a history has been judged, so that its next sample costs no more than that sample.

    `settled` is the judgement up to `until`, the sample before the newest: the newest may still gain late scrapes.
    """

    check: Check
    until: datetime | None
    settled: Judgement
    judgement: Judgement


def judged(check: Check, history: History, known: Judged | None = None) -> Judged:
    """The history judged; `known`, if given, is the same history judged when it was shorter."""
    goes_on = known is not None and known.check == check
    current = known.settled if known and goes_on else Judgement(State.NOT_ENOUGH_DATA, history.since)
    until, settled = known.until if known and goes_on else None, current
    newest = history.at
    for at, sample in samples(check, history, after=until):
        current = _next(check, current, at, sample)
        if at != newest:
            until, settled = at, current
    return Judged(check, until, settled, current)


def limit_of(check: Check) -> int:
    """How many samples in a row have to fail; none ever proves anything where a check is judged otherwise."""
    rule = check if isinstance(check, Query) else check.rule if isinstance(check, Ratio | Latency) else None
    return rule.failure_limit if isinstance(rule, Query | Threshold) else sys.maxsize


def _next(check: Check, before: Judgement, at: datetime, sample: Sample) -> Judgement:
    failing = before.failing + 1 if sample is Sample.FAILS else 0
    regress = failing >= limit_of(check)
    otherwise = State.PASS if sample is Sample.PASSES else State.NOT_ENOUGH_DATA
    state = State.REGRESS if regress else otherwise
    proved_at = (before.proved_at or at) if regress else None
    return Judgement(state, before.since if state is before.state else at, failing, proved_at)
