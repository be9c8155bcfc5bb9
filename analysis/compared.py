"""The state of a check that compares the canary with the stable version, and the sentence that explains it."""

import math
from dataclasses import replace
from datetime import datetime
from typing import Final

from analysis import telling
from analysis.checks import Split
from analysis.course import SUSPICIOUS, Course
from analysis.history import History, moment
from analysis.judge import Evidence, Tail, likelihood
from analysis.judge import Usage as UsageSoFar
from analysis.judgement import Judgement
from analysis.results import CheckResult, State
from analysis.troubles import Hindrance, hindrance

_LONELY: Final = 3


def compared(
    course: Course,
    canary: History,
    stable: History | None,
    now: datetime,
    *,
    split: Split | None = None,
    proved_at: datetime | None = None,
) -> CheckResult:
    """The state of a comparison at `now`; `stable` is None where there is no such side.

    `proved_at` is when all evidence of the run was complete, this check's the most of it: that comes before everything,
    and stays. Then whatever hinders a judgement, a stable version without requests included, and at last what the
    blocks say.
    """
    if proved_at is not None:
        regress = Judgement(State.REGRESS, proved_at, proved_at=proved_at)
        return _result(course, canary, regress, telling.harm(course))
    hindered = hindrance(course.check, canary, stable, now, split) or _alone(course, stable, split)
    if hindered is not None:
        found = Judgement(hindered.state, hindered.since)
        return _result(course, canary, found, hindered.sentence, silent=hindered.silent)
    return _result(course, canary, course.judgement, telling.compared(course))


def _alone(course: Course, stable: History | None, split: Split | None) -> Hindrance | None:
    """Nothing to compare with: the stable version answers nothing while the canary does."""
    owed = stable is not None and split is not None and split.weight < 100
    if not owed or course.lonely < _LONELY:
        return None
    return Hindrance(state=State.NO_DATA, since=moment(course.lonely_since), sentence=telling.alone(course))


def _result(course: Course, canary: History, found: Judgement, sentence: str, *, silent: bool = False) -> CheckResult:
    check = course.check
    result = CheckResult(
        name=check.name,
        state=found.state,
        critical=check.critical,
        warn_only=check.warn_only,
        at=canary.at,
        proved_at=found.proved_at,
        since=found.since,
        silent=silent,
        sentence=sentence,
    )
    if course.spending is not None:
        return _spent(result, course.spending.usage)
    evidence = course.evidence
    counted = evidence is not None and (evidence.canary_requests or evidence.stable_requests)
    return _counted(result, course, evidence) if evidence is not None and counted else result


def _spent(result: CheckResult, usage: UsageSoFar) -> CheckResult:
    low, high = usage.interval
    return replace(
        result,
        ratio=usage.ratio,
        ratio_low=low or None,
        ratio_high=None if math.isinf(high) else high,
        proven=high < 1 + usage.margin,
        holds_only=True,
    )


def _counted(result: CheckResult, course: Course, evidence: Evidence | Tail) -> CheckResult:
    low, high = evidence.interval()
    outlook = telling.outlook(course) if result.state in (State.PASS, State.NOT_ENOUGH_DATA) else None
    return replace(
        result,
        canary=share(evidence.canary_bad, evidence.canary_requests),
        stable=share(evidence.stable_bad, evidence.stable_requests),
        requests=round(evidence.canary_requests),
        bad=round(evidence.canary_bad),
        stable_requests=round(evidence.stable_requests),
        stable_bad=round(evidence.stable_bad),
        ratio=evidence.ratio(),
        ratio_low=low or None,
        ratio_high=None if math.isinf(high) else high,
        evidence=evidence.e_value,
        likelihood=likelihood(evidence.e_value) if evidence.e_value >= telling.CLEAR else None,
        suspicious=evidence.e_value >= SUSPICIOUS,
        proven=evidence.advances and result.state is State.PASS,
        detectable=course.plan.finds if course.plan else None,
        outlook=outlook,
    )


def share(bad: float, requests: float) -> float | None:
    """The share of bad requests, 0 to 1; None without requests."""
    return bad / requests if requests else None
