"""From two histories to the state of a check: the interim threshold rule, the same at every look.

A sample is one new scrape, or one answer of a query. Requests are looked at over a window: the latest span that covers
at least a minute and as many requests as allow one bad one (1 / ceiling), or everything since the comparison began. A
sample fails where more requests are bad than the ceiling allows, and more than one; it passes where there are requests
enough and no more bad ones than allowed; else it says nothing yet. As many failing samples in a row as the check's
failure limit are a regression. The rule is a threshold: it knows nothing of chance, and shows the stable side only.
"""

from datetime import datetime

from analysis import sentences
from analysis.checks import Check, Query, Split
from analysis.history import History, Trouble
from analysis.judgement import Judged, Judgement, judged
from analysis.results import CheckResult, State
from analysis.silence import STALE, Silence, silence
from analysis.windows import Window, after, latest, needed

__all__ = ["CheckResult", "State", "assess"]


def assess(
    check: Check,
    canary: History,
    stable: History | None,
    now: datetime,
    *,
    split: Split | None = None,
    known: Judged | None = None,
) -> CheckResult:
    """The state of a check at `now`; `stable` is None where there is no such side, `split` where none is configured.

    `known` is the canary's history as it has been judged already, for speed only.
    A regression that fresh samples prove comes before everything; then a source that is down, a silent canary, data
    that is missing or older than three intervals, and at last what the samples say.
    """
    judgement = judged(check, canary, known).judgement
    stale = _stale(check, canary, now)
    if judgement.state is State.REGRESS and not stale:
        return _result(check, canary, stable, judgement, _sentence(check, canary, stable, judgement))
    if down := _down(canary, stable):
        found = Judgement(State.PROVIDER_DOWN, down.since, judgement.failing)
        return _result(check, canary, stable, found, sentences.down(check, down.reason))
    if owed := _silence(check, canary, stable, now, split):
        found = Judgement(State.NO_DATA, owed.since, judgement.failing)
        text = sentences.silent(check, expected=owed.expected, stable=owed.stable)
        return _result(check, canary, stable, found, text, silent=True)
    if gone := stale or _missing(canary, stable, now):
        found = Judgement(State.NO_DATA, gone.since, judgement.failing)
        return _result(check, canary, stable, found, sentences.missing(check, gone.reason))
    return _result(check, canary, stable, judgement, _sentence(check, canary, stable, judgement))


def _stale(check: Check, canary: History, now: datetime) -> Trouble | None:
    """What makes the samples too old to say anything."""
    if isinstance(check, Query) and canary.trouble and canary.trouble.kind == "noData":
        return canary.trouble
    since = canary.at + STALE * canary.interval if canary.at else now
    if now <= since:
        return None
    reason = canary.trouble.reason if canary.trouble else sentences.stopped((STALE * canary.interval).total_seconds())
    return Trouble("noData", reason, since)


def _down(canary: History, stable: History | None) -> Trouble | None:
    troubles = (side.trouble for side in (canary, stable) if side)
    return next((each for each in troubles if each and each.kind == "providerDown"), None)


def _silence(
    check: Check, canary: History, stable: History | None, now: datetime, split: Split | None
) -> Silence | None:
    if isinstance(check, Query) or not stable or not split:
        return None
    return silence(canary, stable, now, split)


def _missing(canary: History, stable: History | None, now: datetime) -> Trouble | None:
    """Why there are no samples at all, where nobody has any, or the canary still has none after three intervals."""
    trouble = canary.trouble
    if canary.at or not trouble:
        return None
    everywhere = stable is None or (stable.at is None and stable.trouble is not None)
    grace_over = trouble.since + STALE * canary.interval
    if everywhere:
        return trouble
    return Trouble("noData", trouble.reason, grace_over) if now > grace_over else None


def _result(
    check: Check, canary: History, stable: History | None, found: Judgement, sentence: str, *, silent: bool = False
) -> CheckResult:
    seen = _window(check, canary)
    return CheckResult(
        name=check.name,
        state=found.state,
        critical=check.critical,
        warn_only=check.warn_only,
        canary=_figure(check, canary, seen),
        stable=_stable_figure(check, stable, seen),
        requests=round(seen.total) if seen else None,
        bad=round(seen.bad) if seen else None,
        failing=found.failing,
        at=canary.at,
        proved_at=found.proved_at,
        since=found.since,
        silent=silent,
        sentence=sentence,
    )


def _sentence(check: Check, canary: History, stable: History | None, found: Judgement) -> str:
    seen = _window(check, canary)
    figures = (_figure(check, canary, seen), _stable_figure(check, stable, seen))
    bad, requests = (round(seen.bad), round(seen.total)) if seen else (0, 0)
    undecided = found.state is State.NOT_ENOUGH_DATA
    if undecided and canary.at is None:
        return sentences.waiting(check)
    if undecided and not isinstance(check, Query) and not found.failing:
        return sentences.unfinished(check, bad=bad, requests=requests, needed=needed(check.ceiling))
    text = sentences.measured(check, *figures, bad=bad, requests=requests)
    return text if not undecided else sentences.suspicious(check, text, failing=found.failing)


def _window(check: Check, history: History) -> Window | None:
    return None if isinstance(check, Query) else latest(history, check.ceiling)


def _figure(check: Check, history: History, seen: Window | None) -> float | None:
    if isinstance(check, Query):
        return history.values[-1].value if history.values else None
    return seen.share if seen else None


def _stable_figure(check: Check, stable: History | None, seen: Window | None) -> float | None:
    if stable is None or isinstance(check, Query):
        return _figure(check, stable, None) if stable else None
    beside = after(stable, seen.start) if seen else None
    return beside.share if beside else None
