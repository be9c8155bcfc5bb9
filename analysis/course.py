"""How far a comparison has come: block after block, for as long as its run goes on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final, NamedTuple

from analysis.blocks import Closed
from analysis.checks import CEILING, Comparison, Latency, Ratio, Restarts, Split, Usage
from analysis.growth import Growth
from analysis.history import moment
from analysis.judge import Block, Evidence, Outage, Rule, Tail, begun, detectable
from analysis.judge import Usage as UsageSoFar
from analysis.judgement import Judgement
from analysis.results import State
from analysis.spending import Spending

Compared = Ratio | Latency | Restarts | Usage

Reporter = tuple[str, str]
"""A side and the name of a pod or proxy there."""

SUSPICIOUS: Final = 20.0
"""Evidence above which nobody should send more traffic to the canary, though it is not enough to take it back."""

_EXCLUDED: Final = 30.0
_EXCLUDED_SLOW: Final = 60.0  # a cold process answers slowly for longer than it answers wrongly
_ROUNDING: Final = 1 + 1e-9
_PLANNED: Final = 6
_SLACK: Final = 1.5


class Plan(NamedTuple):
    """The smallest ratio that the rest of a step with this weight can find; None where it finds none."""

    weight: float
    finds: float | None


@dataclass(frozen=True, kw_only=True)
class Course:
    """One check between two sides. Everything up to `until` (Unix seconds) is judged, and never again.

    `rule` is None for a check against a threshold, `evidence` before the first block. `first` is when each reporter
    first counted a request, 0 for those that were there before; `absent` was waited for in vain. `lonely` blocks in a
    row had requests on the canary and none on the stable side, since `lonely_since`. `canary`, `canary_bad` and
    `stable` are all requests, also those that are left out of the comparison, over `seconds` and so many `blocks`. A
    whole tail is compared at `bounds`; what requests cost is in `spending`. `plan` is what the rest of the step can
    find.
    """

    check: Compared
    rule: Rule | None
    until: float
    judgement: Judgement
    evidence: Evidence | Tail | None = None
    outage: Outage | None = None
    first: Mapping[Reporter, float] = field(default_factory=dict)
    absent: frozenset[Reporter] = frozenset()
    lonely: int = 0
    lonely_since: float = 0.0
    canary: float = 0.0
    canary_bad: float = 0.0
    stable: float = 0.0
    seconds: float = 0.0
    bounds: tuple[float, ...] | None = None
    spending: Spending | None = None
    blocks: int = 0
    plan: Plan | None = None

    @property
    def compares(self) -> bool:
        """Whether the two sides are compared, and not one of them held against a limit."""
        return self.rule is not None or self.spending is not None


def started(check: Compared, since: datetime, *, part: float, alpha: float, beta: float) -> Course:
    """A course that has judged nothing yet; `part` is what the check has of the budget `alpha`."""
    declared = None if isinstance(check, Usage) else check.rule
    rule = rule_of(declared, part=part, alpha=alpha, beta=beta) if isinstance(declared, Comparison) else None
    failing = isinstance(check, Ratio) and check.bad is not None  # where more is better, most may be bad always
    return Course(
        check=check,
        rule=rule,
        until=since.timestamp(),
        judgement=Judgement(State.NOT_ENOUGH_DATA, since),
        outage=Outage(alpha=alpha * part) if rule and failing else None,
        spending=_spending(check, since) if isinstance(check, Usage) else None,
    )


def judged(course: Course, closed: Closed, *, divided: bool = True) -> Course:
    """The course after one more block; before the traffic is divided, only an outage is looked for in it."""
    first = _first(course.first, closed) if divided else course.first
    seen = {(side, each.reporter) for side, growths in _sides(closed) for each in growths}
    canary, stable = (sum(each.total for each in growths) for _, growths in _sides(closed))
    evidence = _weighed(course, closed, first) if divided else course.evidence
    spending = _spent(course, closed) if divided else course.spending
    before = course.judgement
    state = _state(course.check, evidence, spending, passed=before.state is State.PASS)
    lonely = course.lonely + 1 if canary and not stable else 0
    return replace(
        course,
        until=closed.end,
        judgement=before if state is before.state else Judgement(state, moment(closed.end)),
        evidence=evidence,
        outage=_watched(course.outage, closed.canary),
        first=first,
        absent=(course.absent | closed.absent) - seen,
        lonely=lonely,
        lonely_since=course.lonely_since if course.lonely else closed.end,
        canary=course.canary + canary,
        canary_bad=course.canary_bad + sum(each.bad[0] for each in closed.canary),
        stable=course.stable + stable,
        seconds=course.seconds + closed.end - closed.start,
        spending=spending,
        blocks=course.blocks + 1,
    )


def planned(course: Course, split: Split | None) -> Course:
    """The course with what the rest of the step can still find, at the traffic so far and the step's share.

    It changes slowly, so it is not computed after every block.
    """
    if split is None or split.until is None or not 0 < split.weight < 100:
        return course if course.plan is None else replace(course, plan=None)
    weight = course.plan.weight if course.plan else None
    if split.weight == weight and course.blocks % _PLANNED:
        return course
    return replace(course, plan=Plan(split.weight, _detectable(course, split, split.until.timestamp() - course.until)))


def _detectable(course: Course, split: Split, seconds: float) -> float | None:
    evidence = course.evidence
    if not isinstance(evidence, Evidence) or not evidence.stable_requests:
        return None
    return detectable(
        requests=(course.canary + course.stable) / course.seconds,
        share=split.weight / 100,
        stable_bad=max(evidence.stable_bad, 0.5) / evidence.stable_requests,  # none seen yet is not none
        seconds=seconds,
        rule=evidence.rule,
        canary_pods=len(evidence.canary.pods),
        stable_pods=len(evidence.stable.pods),
        block=course.seconds / course.blocks,
    )


def _spending(check: Usage, since: datetime) -> Spending:
    return Spending(start=since.timestamp(), usage=UsageSoFar.begun(margin=check.margin))


def _spent(course: Course, closed: Closed) -> Spending | None:
    if course.spending is None or not isinstance(course.check, Usage):
        return None
    return course.spending.after(closed, batch=course.check.batch)


def rule_of(comparison: Comparison, *, part: float, alpha: float, beta: float) -> Rule:
    """The settings of the test that a check declares; `part` is what it has of the budget `alpha`."""
    return Rule(
        tolerance=comparison.tolerance,
        not_worse_than=comparison.not_worse_than,
        ceiling=CEILING if comparison.ceiling is None else comparison.ceiling,
        spread=comparison.spread,
        weight=part,
        alpha=alpha,
        beta=beta,
    )


def _sides(closed: Closed) -> tuple[tuple[str, Sequence[Growth]], ...]:
    return ("canary", closed.canary), ("stable", closed.stable)


def _first(known: Mapping[Reporter, float], closed: Closed) -> Mapping[Reporter, float]:
    """When each reporter began; the stable ones of the first block were there before."""
    first = dict(known)
    began = not any(side == "stable" for side, _ in known)
    for side, growths in _sides(closed):
        for each in growths:
            if side == "stable" and began:
                first[side, each.reporter] = 0.0
            elif each.total:
                first.setdefault((side, each.reporter), each.at)
    return first if len(first) > len(known) else known


def _weighed(course: Course, closed: Closed, first: Mapping[Reporter, float]) -> Evidence | Tail | None:
    if course.rule is None:
        return None
    new = exclude(course.check)
    canary, stable = (
        [each for each in growths if each.at >= first.get((side, each.reporter), 0.0) + new]
        for side, growths in _sides(closed)
    )
    bounds = len(closed.canary[0].bad) if closed.canary else len(closed.stable[0].bad)
    blocks = [Block(_counts(canary, bound), _counts(stable, bound)) for bound in range(bounds)]
    if isinstance(course.check, Latency) and course.check.below is None:
        tail = course.evidence if isinstance(course.evidence, Tail) else Tail.begun(course.rule, bounds)
        return tail.after(blocks)
    evidence = course.evidence if isinstance(course.evidence, Evidence) else begun(course.rule)
    return evidence.after(blocks[0])


def _counts(growths: Sequence[Growth], bound: int) -> Mapping[str, tuple[float, float]]:
    counts: dict[str, tuple[float, float]] = {}
    for each in growths:
        total, bad = counts.get(each.reporter, (0.0, 0.0))
        # Two sums are read one after the other: what is bad may be seen before it is among all.
        counts[each.reporter] = (total + each.total, min(bad + each.bad[bound], total + each.total))
    return counts


def exclude(check: Compared) -> float:
    """How many seconds of a new pod are left out of the comparison."""
    if not isinstance(check, Usage) and isinstance(check.rule, Comparison) and check.rule.exclude is not None:
        return check.rule.exclude
    match check:
        case Ratio():
            return _EXCLUDED
        case Latency():
            return _EXCLUDED_SLOW
        case Usage():
            return _EXCLUDED_SLOW  # whoever starts computes
        case Restarts():
            return 0.0  # a crash at the start is no less of one


def _watched(outage: Outage | None, growths: Sequence[Growth]) -> Outage | None:
    total = sum(each.total for each in growths)
    if outage is None or not total:
        return outage
    return outage.after(total, min(total, sum(each.bad[0] for each in growths)))


def allowed(evidence: Evidence | Tail) -> float:
    """The share of the canary's requests that may be bad: the ceiling, or what is tolerated beside the stable's."""
    rule = evidence.rule
    if not evidence.stable_requests:
        return rule.ceiling
    return max(rule.ceiling, rule.tolerance * evidence.stable_bad / evidence.stable_requests)


def within(evidence: Evidence | Tail, *, slack: float = 1.0) -> bool:
    """Whether no more of the canary's requests are bad than is allowed, or `slack` times as many."""
    return evidence.canary_bad <= slack * allowed(evidence) * evidence.canary_requests * _ROUNDING


def everywhere(check: Compared, evidence: Evidence | Tail | None) -> bool:
    """Whether both versions are above a ceiling that somebody declared."""
    declared = None if isinstance(check, Usage) else check.rule.ceiling
    if declared is None or evidence is None or not evidence.stable_requests:
        return False
    canary = evidence.canary_bad > declared * evidence.canary_requests * _ROUNDING
    return canary and evidence.stable_bad > declared * evidence.stable_requests * _ROUNDING


def _state(check: Compared, evidence: Evidence | Tail | None, spending: Spending | None, *, passed: bool) -> State:
    """Whether enough was judged to say that there is no sign of harm; a proof of harm takes all checks together.

    What has passed is not doubted again for a few bad requests more: evidence alone, or many more, do that.
    """
    if spending is not None:
        return spending.state
    if evidence is None or evidence.canary_requests * _ROUNDING < 1 / evidence.rule.ceiling:
        return State.NOT_ENOUGH_DATA
    calm = evidence.e_value < SUSPICIOUS and within(evidence, slack=_SLACK if passed else 1.0)
    return State.PASS if calm and not everywhere(check, evidence) else State.NOT_ENOUGH_DATA
