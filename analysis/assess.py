"""From a history to the state of a check that has a limit: a threshold rule, the same at every look.

A sample is one new scrape, or one answer of a query. Requests are looked at over a window: the latest span that covers
at least a minute and as many requests as allow one bad one (1 / ceiling), or everything since the comparison began. A
sample fails where more requests are bad than the ceiling allows, and more than one; it passes where there are requests
enough and no more bad ones than allowed; else it says nothing yet. As many failing samples in a row as the check's
failure limit are a regression. The rule knows nothing of chance, and of the stable side it shows the numbers only.
"""

from datetime import datetime

from analysis import sentences
from analysis.checks import Latency, Query, Ratio, Split
from analysis.history import History
from analysis.judgement import Judged, Judgement, judged
from analysis.results import CheckResult, State
from analysis.troubles import hindrance, stale
from analysis.windows import Window, after, latest, needed

Against = Ratio | Latency | Query
"""What can be held against a limit."""


def assess(
    check: Against,
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
    proved = judgement.state is State.REGRESS and not stale(check, canary, now)
    hindered = None if proved else hindrance(check, canary, stable, now, split)
    if hindered is None:
        return _result(check, canary, stable, judgement, _sentence(check, canary, stable, judgement))
    found = Judgement(hindered.state, hindered.since, judgement.failing)
    return _result(check, canary, stable, found, hindered.sentence, silent=hindered.silent)


def _result(
    check: Against, canary: History, stable: History | None, found: Judgement, sentence: str, *, silent: bool = False
) -> CheckResult:
    seen = _window(check, canary)
    beside = after(stable, seen.start) if stable and seen else None
    return CheckResult(
        name=check.name,
        state=found.state,
        critical=check.critical,
        warn_only=check.warn_only,
        canary=_figure(check, canary, seen),
        stable=_stable_figure(check, stable, seen),
        requests=round(seen.total) if seen else None,
        bad=round(seen.bad) if seen else None,
        stable_requests=round(beside.total) if beside else None,
        stable_bad=round(beside.bad) if beside else None,
        failing=found.failing,
        at=canary.at,
        proved_at=found.proved_at,
        since=found.since,
        silent=silent,
        proven=found.state is State.PASS,
        sentence=sentence,
    )


def _sentence(check: Against, canary: History, stable: History | None, found: Judgement) -> str:
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


def _window(check: Against, history: History) -> Window | None:
    return None if isinstance(check, Query) else latest(history, check.ceiling)


def _figure(check: Against, history: History, seen: Window | None) -> float | None:
    if isinstance(check, Query):
        return history.values[-1].value if history.values else None
    return seen.share if seen else None


def _stable_figure(check: Against, stable: History | None, seen: Window | None) -> float | None:
    if stable is None or isinstance(check, Query):
        return _figure(check, stable, None) if stable else None
    beside = after(stable, seen.start) if seen else None
    return beside.share if beside else None
