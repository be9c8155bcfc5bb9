"""All comparisons of one rollout: the course of each check, one budget for all of them, the split of the traffic."""

from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from analysis.blocks import PATIENCE, Closed, Reports, close, expected, left
from analysis.checks import Check, Comparison, Latency, Query, Ratio, Split, Subject, Subscription, Usage
from analysis.course import Compared, Course, judged, planned, started
from analysis.history import moment
from analysis.judge import several
from analysis.splitting import Splitting, split_seen
from analysis.tracks import Track

_AHEAD: Final = PATIENCE + 2
"""Intervals of samples that are looked at for one block, however many there are."""

_FAILING: Final = 0.5


@dataclass(frozen=True, kw_only=True)
class Comparing:
    """What was judged of a run so far. `proved` is when the evidence against each check's canary was complete."""

    alpha: float
    courses: Mapping[str, Course] = field(default_factory=dict)
    proved: Mapping[str, datetime] = field(default_factory=dict)
    splitting: Splitting = field(default_factory=Splitting)


@dataclass(frozen=True, kw_only=True)
class Side:
    """One side of one check: whom it is asked about, and what was heard."""

    subject: Subject
    track: Track


def begun_comparing(subscription: Subscription, since: datetime) -> Comparing:
    """Nothing judged yet, of any check."""
    alpha, beta = subscription.false_aborts, subscription.false_advances
    checks = [check for check in subscription.checks if not isinstance(check, Query)]
    courses = {
        check.name: started(check, since, part=part_of(check, subscription.checks), alpha=alpha, beta=beta)
        for check in checks
    }
    return Comparing(alpha=alpha, courses=courses)


def carried_on(known: Comparing, subscription: Subscription, since: datetime) -> Comparing:
    """What was judged goes on under another subscription of the same run; a check that changed starts anew."""
    new = begun_comparing(subscription, since)
    courses = {name: _kept(known.courses.get(name), course) for name, course in new.courses.items()}
    proved = {name: at for name, at in known.proved.items() if courses.get(name) is known.courses.get(name)}
    return replace(new, courses=courses, proved=proved, splitting=known.splitting)


def bounded(comparing: Comparing, name: str, bounds: tuple[float, ...]) -> Comparing:
    """Once it is known at which bounds this check compares whole tails."""
    course = replace(comparing.courses[name], bounds=bounds)
    return replace(comparing, courses={**comparing.courses, name: course})


def _kept(known: Course | None, new: Course) -> Course:
    return known if known is not None and (known.check, known.rule) == (new.check, new.rule) else new


def took(
    comparing: Comparing, name: str, canary: Side, stable: Side | None, *, under: Subscription
) -> tuple[Comparing, Side, Side | None]:
    """What is judged after one side of a check was heard, and both sides without what is in blocks now."""
    course = comparing.courses[name]
    canary, stable = _rest(canary, course.until), _rest(stable, course.until) if stable else None
    while closed := _closed(course, canary, stable):
        after = judged(course, closed, divided=under.divided)
        comparing = _added(comparing, after, closed, under.split)
        course = comparing.courses[name]
        canary = _rest(canary, closed.end)
        stable = _rest(stable, closed.end) if stable else None
    return comparing, canary, stable


def part_of(check: Compared, checks: tuple[Check, ...]) -> float:
    """The check's part of the budget; one that only warns has a budget of its own."""
    if isinstance(check, Usage) or not isinstance(check.rule, Comparison) or check.warn_only:
        return 1.0
    others = [each.rule for each in checks if not isinstance(each, Query | Usage) and not each.warn_only]
    return check.rule.weight / sum(rule.weight for rule in others if isinstance(rule, Comparison))


def _closed(course: Course, canary: Side, stable: Side | None) -> Closed | None:
    tracks = [side.track for side in (canary, stable) if side]
    interval = max(track.pace for track in tracks)
    beginning = min((track.fresh[0].at for track in tracks if track.fresh), default=0.0)
    until = beginning + _AHEAD * interval
    reports = _reports(course, canary, "canary", interval, until)
    beside = _reports(course, stable, "stable", interval, until) if stable else None
    return close(course.until, reports, beside, interval=interval)


def _reports(course: Course, side: Side, name: str, interval: float, until: float) -> Reports:
    track = side.track
    absent = [reporter for place, reporter in course.absent if place == name]
    return Reports(
        growths=track.fresh[: bisect_right(track.fresh, until, key=lambda each: each.at)],
        expected=expected(track.reported, pods=side.subject.pods, absent=absent, interval=interval),
        asked=track.asked,
        forsaken="" in absent,
    )


def _rest(side: Side, end: float) -> Side:
    fresh = side.track.fresh
    if not fresh or fresh[0].at > end:
        return side
    return replace(side, track=replace(side.track, fresh=left(fresh, end)))


def _added(comparing: Comparing, course: Course, closed: Closed, split: Split | None) -> Comparing:
    course = planned(course, split)
    courses = {**comparing.courses, course.check.name: course}
    splitting = comparing.splitting
    if course.check.name == _witness(courses):
        splitting = split_seen(splitting, split, closed, alpha=comparing.alpha)
    proved = _proved(courses, comparing, moment(closed.end))
    return Comparing(alpha=comparing.alpha, courses=courses, proved=proved, splitting=splitting)


def _witness(courses: Mapping[str, Course]) -> str | None:
    """The check whose requests tell how the traffic is split."""
    counted = (name for name, course in courses.items() if isinstance(course.check, Ratio | Latency))
    return next(counted, None)


def _proved(courses: Mapping[str, Course], before: Comparing, at: datetime) -> Mapping[str, datetime]:
    """When each check's proof was complete; a proof is never taken back."""
    found = dict.fromkeys((*_culprits(courses, before.alpha), *_failing(courses)), at)
    return {**found, **before.proved} if found.keys() - before.proved.keys() else before.proved


def _culprits(courses: Mapping[str, Course], alpha: float) -> Iterator[str]:
    """The checks against which all evidence together is complete, and those that only warn."""
    compared = [(course.check, course.evidence) for course in courses.values() if course.evidence]
    budget = [(check.name, evidence) for check, evidence in compared if not check.warn_only]
    entries = [(evidence.rule.weight, evidence.e_value, evidence.key) for _, evidence in budget]
    if entries:
        yield from (budget[place][0] for place in several(entries, alpha=alpha).culprits)
    yield from (check.name for check, evidence in compared if check.warn_only and evidence.aborts)


def _failing(courses: Mapping[str, Course]) -> Iterator[str]:
    """The checks by which most of the canary's requests fail, and not most of the stable version's."""
    for name, course in courses.items():
        evidence = course.evidence
        beside = evidence is not None and evidence.stable_bad > _FAILING * evidence.stable_requests
        if course.outage is not None and course.outage.speaks and not beside:
            yield name
