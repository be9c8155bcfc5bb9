"""Many runs of one row, spread over processes, each run from a seed of its own."""

import math
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from random import Random
from statistics import fmean, median

from analysis.judge import Rule
from bench.judge.judges import Outcome, judged
from bench.judge.limits import limits
from bench.judge.rows import ROWS, Row, Want
from bench.judge.scenario import blocks

_CHUNKS = 16


@dataclass(frozen=True, kw_only=True)
class Result:
    """What came of a row: how many runs ended how, and what they cost. Times are medians of those that ended."""

    row: Row
    runs: int
    aborted: int
    after: float | None
    failed: float
    advanced_after: float | None
    by_samples: int
    samples_after: float | None
    failed_by_samples: float
    by_checks: int
    checks_after: float | None

    @property
    def rate(self) -> tuple[float, float, float]:
        """How often the canary was taken back, with 95 % limits."""
        return self.aborted / self.runs, *limits(self.aborted, self.runs)

    @property
    def missed(self) -> str | None:
        """What was asked for and is not reached; what the limits do not exclude counts as reached."""
        return None if self.row.want is None else next(self._missed(self.row.want), None)

    def _missed(self, want: Want) -> Iterator[str]:
        _, low, high = self.rate
        if want.false_aborts is not None and low > want.false_aborts:
            yield f"more than {100 * want.false_aborts:g} % of equal versions are taken back"
        if want.found is not None and high < want.found:
            yield f"less than {100 * want.found:g} % are found"
        if want.within is not None and (self.after is None or self.after > want.within):
            yield f"it takes longer than {want.within:g} s"
        if want.failed is not None and self.failed > want.failed:
            yield f"more than {want.failed:g} requests fail"
        if want.advanced_within is not None and (self.advanced_after or math.inf) > want.advanced_within:
            yield f"going on takes longer than {want.advanced_within:g} s"


def simulate(pool: ProcessPoolExecutor, place: int, row: Row, *, runs: int, seed: int) -> Result:
    """All runs of the row at this place of the table; the same seed gives the same result."""
    starts = range(0, runs, -(-runs // _CHUNKS))
    parts = [(place, start, min(starts.step, runs - start), seed) for start in starts]
    outcomes = [outcome for part in pool.map(_part, parts) for outcome in part]
    return _result(row, outcomes)


def _part(part: tuple[int, int, int, int]) -> list[Outcome]:
    place, start, count, seed = part
    row = ROWS[place]
    rule = Rule(ceiling=row.scenario.ceiling)
    return [_run(row, rule, Random(f"{seed}/{row.group}/{row.name}/{run}")) for run in range(start, start + count)]


def _run(row: Row, rule: Rule, random: Random) -> Outcome:
    return judged(blocks(row.scenario, random), rule, all_judges=True)


def _result(row: Row, outcomes: list[Outcome]) -> Result:
    by_samples = [each.by_samples for each in outcomes if each.by_samples is not None]
    by_checks = [each.by_checks for each in outcomes if each.by_checks is not None]
    return Result(
        row=row,
        runs=len(outcomes),
        aborted=sum(each.aborted is not None for each in outcomes),
        after=_median(each.aborted for each in outcomes),
        failed=fmean(each.failed for each in outcomes),
        advanced_after=_median(each.advanced for each in outcomes),
        by_samples=len(by_samples),
        samples_after=_median(by_samples),
        failed_by_samples=fmean(each.failed_by_samples for each in outcomes),
        by_checks=len(by_checks),
        checks_after=_median(by_checks),
    )


def _median(times: Iterable[float | None]) -> float | None:
    found = [time for time in times if time is not None]
    return median(found) if found else None
