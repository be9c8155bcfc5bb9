"""What a comparison sounds like: one plain sentence, both sides with their numbers, and what would change it."""

import math

from analysis.checks import Latency, Ratio, Restarts, Usage
from analysis.course import SUSPICIOUS, Course, allowed, everywhere, exclude, within
from analysis.judge import Evidence, Tail, likelihood
from analysis.judge import Usage as UsageSoFar
from analysis.judge.words import figure
from analysis.sentences import duration, percent

_ROUNDING = 1 + 1e-9
CLEAR = 3.0
"""Evidence below this is what chance brings all the time, and not worth a word."""


def compared(course: Course) -> str:
    """What both sides did so far, and whether it is a reason to worry."""
    evidence, name = course.evidence, course.check.name
    if course.spending is not None and isinstance(course.check, Usage):
        return f"{name}: {_cost(course.spending.usage, course.check)}"
    if evidence is None or not evidence.canary_requests:
        return f"{name}: {_before(course)}"
    if lacking(evidence) > 0:
        said = f"{round(evidence.canary_requests):,} of the {needed(evidence):,} {_events(course)} needed so far"
        return f"{name}: {said}, {round(evidence.canary_bad):,} of them {_bad(course)}"
    if everywhere(course.check, evidence):
        return both(course)
    if evidence.e_value >= SUSPICIOUS:
        return f"{_figures(course, evidence)}{_times(evidence)}: {_chance(evidence)}, too much to go on with"
    return f"{_figures(course, evidence)}: {_open(evidence)}"


def _open(evidence: Evidence | Tail) -> str:
    """What is said as long as nothing is clear."""
    chance = f"{_chance(evidence)}, not enough to act on"
    if not within(evidence):
        above = f"above the {percent(allowed(evidence))} allowed"
        return f"{above}, {chance}" if evidence.e_value >= CLEAR else f"{above}, which chance may do"
    if evidence.advances:
        return "not worse than allowed"
    return chance if evidence.e_value >= CLEAR else "no sign of harm"


def _cost(usage: UsageSoFar, check: Usage) -> str:
    what, (low, high) = "a request" if check.per else "a pod", usage.interval
    if usage.ratio is None or not low:
        return f"what {what} costs is averaged over {duration(check.batch)}, {usage.batches} of them so far"
    told = f"{what} costs {_more(usage.ratio)} on the canary ({_more(low)} to {_more(high)})"
    return f"{told}, {percent(check.margin)} more allowed"


def _more(ratio: float) -> str:
    return f"{percent(ratio - 1)} more" if ratio >= 1 else f"{percent(1 - ratio)} less"


def harm(course: Course) -> str:
    """Why the canary is taken back."""
    evidence = course.evidence
    if course.outage is not None and course.outage.speaks:
        failed, all_ = round(course.canary_bad), round(course.canary)
        return f"{course.check.name}: {failed:,} of the canary's {all_:,} {_events(course)} failed"
    assert evidence is not None, "a proof of harm has evidence"
    return f"{_figures(course, evidence)}{_times(evidence)}: {_chance(evidence)}"


def alone(course: Course) -> str:
    """There is nothing to compare with."""
    return f"{course.check.name}: the stable version answers nothing, so there is nothing to compare with"


def both(course: Course) -> str:
    """Both versions are worse than the limit, which is nothing that the canary did."""
    assert course.evidence is not None, "both were measured"
    limit = percent(course.evidence.rule.ceiling)
    return f"{_figures(course, course.evidence)}: both above the {limit} allowed, so nothing is decided"


def outlook(course: Course) -> str | None:
    """What would change the verdict; None where that is not foreseeable."""
    evidence = course.evidence
    if evidence is None or not evidence.canary_requests:
        return None
    if (more := lacking(evidence)) > 0:
        return f"{more:,} more {_events(course)} on the canary are needed"
    said = math.log(max(evidence.advance_value, 1.0))
    if evidence.advances or said < 0.1:
        return None
    whole = evidence.canary_requests * math.log(1 / evidence.rule.beta) / said
    rest = max(1, round(whole - evidence.canary_requests))
    return f"about {_rough(rest)} more {_events(course)} on the canary prove that it is not worse"


def needed(evidence: Evidence | Tail) -> int:
    """How many requests allow one bad one."""
    return math.ceil(1 / evidence.rule.ceiling / _ROUNDING)


def lacking(evidence: Evidence | Tail) -> int:
    """How many requests of the canary have to be judged before anything is said."""
    return max(0, math.ceil(needed(evidence) - evidence.canary_requests * _ROUNDING))


def _before(course: Course) -> str:
    if course.canary:
        return f"a new pod's first {duration(exclude(course.check))} are left out"
    return "waiting for the canary's first requests"


def _figures(course: Course, evidence: Evidence | Tail) -> str:
    canary, requests = round(evidence.canary_bad), round(evidence.canary_requests)
    counted = f"({canary:,} of {requests:,} {_events(course)})"
    beside = percent(evidence.stable_bad / evidence.stable_requests) if evidence.stable_requests else "nothing"
    share = percent(evidence.canary_bad / evidence.canary_requests)
    return f"{course.check.name}: canary {share} {_bad(course)} {counted}, stable {beside}"


def _times(evidence: Evidence | Tail) -> str:
    ratio, (low, _) = evidence.ratio(), evidence.interval()
    if ratio is None:
        return ""
    least = f", at least {figure(low)}" if 1 < low < ratio else ""
    return f" ({figure(ratio)} times as many{least})"


def _chance(evidence: Evidence | Tail) -> str:
    return f"{likelihood(evidence.e_value)} by chance"


def _events(course: Course) -> str:
    match course.check:
        case Ratio() | Latency():
            return "requests"
        case Restarts():
            return "seconds of its pods"
        case Usage():
            return "batches"


def _bad(course: Course) -> str:
    match course.check:
        case Ratio(good=None):
            return "bad"
        case Ratio():
            return "not good"
        case Latency(below=None):
            return "slow"
        case Latency(below=float(below)):
            return f"slower than {duration(below)}"
        case _:
            return "restarted"


def _rough(number: int) -> str:
    """To one or two digits: nobody knows better."""
    digits = max(0, len(str(number)) - 2)
    return f"{round(number, -digits):,}"
