"""What must not be forgotten when the controller is started anew: a compact text, and what it is read back to."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

import msgspec

from analysis.checks import Latency, Subscription
from analysis.comparing import Comparing, begun_comparing
from analysis.course import Course, Reporter
from analysis.history import moment
from analysis.judge import Evidence, Outage, Tail, Usage
from analysis.judgement import Judgement
from analysis.results import State
from analysis.spending import Spending
from analysis.splitting import dump as split_dump
from analysis.splitting import load as split_load

LIMIT: Final = 262_144
"""Characters that a checkpoint may have; with more pods than fit, none is kept."""

_VERSION: Final = 1
_WHOSE: Final = ("version", "run", "revision")


def checkpoint(subscription: Subscription, comparing: Comparing) -> str | None:
    """Everything that was judged of this run; None before the first block, and where it does not fit."""
    courses = {name: _dump(course) for name, course in comparing.courses.items() if course.seconds}
    if not courses:
        return None
    proved = {name: at.timestamp() for name, at in comparing.proved.items()}
    split = split_dump(comparing.splitting)
    whose = dict(zip(_WHOSE, _whose(subscription), strict=True))
    text = msgspec.json.encode(whose | {"courses": courses, "proved": proved, "split": split}).decode()
    return text if len(text) <= LIMIT else None


def restored(text: str, subscription: Subscription, since: datetime) -> Comparing:
    """What an earlier process judged of the same run; nothing where the text is of another run, or cannot be read."""
    new = begun_comparing(subscription, since)
    try:
        data = msgspec.json.decode(text)
        if tuple(data[each] for each in _WHOSE) != _whose(subscription):
            return new
        courses = {name: _load(course, data["courses"].get(name)) for name, course in new.courses.items()}
        proved = {name: moment(at) for name, at in data["proved"].items() if name in courses}
        splitting = split_load(data["split"])
    except (msgspec.MsgspecError, ValueError, KeyError, TypeError, AttributeError, OverflowError, OSError):
        return new  # somebody wrote over it: judging from now on is all that can be done
    return replace(new, courses=courses, proved=proved, splitting=splitting)


def _whose(subscription: Subscription) -> tuple[int, int, str]:
    return _VERSION, subscription.run, subscription.canary.revision


def _dump(course: Course) -> dict[str, Any]:
    return {
        "until": course.until,
        "state": [str(course.judgement.state), course.judgement.since.timestamp()],
        "evidence": course.evidence.dump() if course.evidence else None,
        "outage": course.outage.dump() if course.outage else None,
        "bounds": course.bounds,
        "spending": _spent(course.spending),
        "first": [[*reporter, at] for reporter, at in course.first.items()],
        "lonely": [course.lonely, course.lonely_since],
        "sums": [course.canary, course.canary_bad, course.stable, course.seconds, course.blocks],
    }


def _load(new: Course, data: Mapping[str, Any] | None) -> Course:
    if data is None:
        return new
    canary, bad, stable, seconds, blocks = data["sums"]
    lonely, lonely_since = data["lonely"]
    state, since = data["state"]
    return replace(
        new,
        until=float(data["until"]),
        judgement=Judgement(State(state), moment(since)),
        evidence=_evidence(new, data["evidence"]),
        outage=Outage.load(new.outage.alpha, data["outage"]) if new.outage else None,
        first={_reporter(side, name): float(at) for side, name, at in data["first"]},
        bounds=tuple(map(float, data["bounds"])) if data["bounds"] else None,
        spending=_spending(new.spending, data["spending"]),
        lonely=int(lonely),
        lonely_since=float(lonely_since),
        canary=float(canary),
        canary_bad=float(bad),
        stable=float(stable),
        seconds=float(seconds),
        blocks=int(blocks),
    )


def _spent(spending: Spending | None) -> list[Any] | None:
    return [spending.start, spending.canary, spending.stable, spending.usage.dump()] if spending else None


def _spending(new: Spending | None, data: Any) -> Spending | None:
    if new is None or data is None:
        return new
    start, (used, requests), (beside, others), usage = data
    return Spending(
        start=float(start),
        canary=(float(used), float(requests)),
        stable=(float(beside), float(others)),
        usage=Usage.load(usage, margin=new.usage.margin),
    )


def _evidence(new: Course, data: Mapping[str, Any] | None) -> Evidence | Tail | None:
    if new.rule is None or data is None:
        return None
    wholly = isinstance(new.check, Latency) and new.check.below is None
    return Tail.load(new.rule, data) if wholly else Evidence.load(new.rule, data)


def _reporter(side: object, name: object) -> Reporter:
    return str(side), str(name)
