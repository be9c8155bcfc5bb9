"""Three judges of the same blocks: ours, and two that count failed samples as their documentation says."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from analysis.judge import Block, Outage, Rule, begun
from analysis.judge.interval import Interval
from bench.judge.scenario import SECONDS

_WINDOW = 6  # blocks: one sample a minute
_BOUND = 0.99  # of requests that have to succeed
_FOR_PEOPLE_ONLY = Interval(higher=(), lower=())  # the range of the ratio: no verdict needs it


@dataclass
class Outcome:
    """When each judge spoke, in seconds, and how many of the canary's requests had failed by then."""

    aborted: float | None = None
    failed: float = 0.0
    advanced: float | None = None
    by_samples: float | None = None
    failed_by_samples: float = 0.0
    by_checks: float | None = None


def judged(found: Iterator[Block], rule: Rule, *, all_judges: bool) -> Outcome:
    """One release as the judges see it; the first ends with its own abort where the others are not asked for."""
    evidence, outage, outcome = replace(begun(rule), ranges=_FOR_PEOPLE_ONLY), Outage(rule.alpha), Outcome()
    window: list[tuple[float, float]] = []
    samples = checks = 0
    for number, block in enumerate(found):
        now = (number + 1) * SECONDS
        sums = block.sums()
        if outcome.aborted is None:
            evidence, outage = evidence.after(block), outage.after(sums.canary, sums.canary_bad)
            outcome.failed += sums.canary_bad
            if evidence.aborts or outage.speaks:
                outcome.aborted = now
            elif outcome.advanced is None and evidence.advances:
                outcome.advanced = now
        if not all_judges:
            if outcome.aborted is not None:
                break
            continue
        window.append((sums.canary, sums.canary_bad))
        outcome.failed_by_samples += sums.canary_bad if outcome.by_samples is None else 0
        if len(window) == _WINDOW:
            failed = _fails(window)
            window = []
            if checks >= 5 and outcome.by_checks is None:
                outcome.by_checks = now  # the fifth failure is acted on at the next look
            samples, checks = samples + failed, checks + failed
            if samples > 3 and outcome.by_samples is None:
                outcome.by_samples = now
    return outcome


def _fails(window: list[tuple[float, float]]) -> bool:
    requests, bad = (sum(each[place] for each in window) for place in (0, 1))
    return bool(requests) and 1 - bad / requests < _BOUND
